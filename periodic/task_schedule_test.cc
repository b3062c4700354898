// SPDX-License-Identifier: Apache-2.0

#include "periodic/task_schedule.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/cron.h"
#include "periodic/fake_clock.h"
#include "periodic/fake_random.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TaskScheduleTest : public ::testing::Test {
 protected:
  TaskSchedule Make(const TaskTiming& timing,
                    Overrun overrun = Overrun::kRunOnce,
                    bool immediately = false) {
    absl::StatusOr<TaskSchedule> schedule = TaskSchedule::Create(
        timing, overrun, "host", "task", random_, Now(), immediately);
    EXPECT_THAT(schedule, IsOk());
    return *schedule;
  }

  Moment Now() const { return Moment::Of(clock_); }

  // Seconds from now on until it is due.
  double DueIn(TaskSchedule& schedule) {
    return absl::ToDoubleSeconds(schedule.Due(Now()) - clock_.Now());
  }

  // Begins and ends a run.
  TaskSchedule::Ended Run(TaskSchedule& schedule, absl::Duration duration) {
    const Moment began = Now();
    begun_ = schedule.Begin(began);
    clock_.Advance(duration);
    return schedule.End(began, Now());
  }

  const TaskTiming ten_seconds_ = {.spacing = absl::Seconds(10)};
  FakeClock clock_;
  FakeRandom random_{0};
  TaskSchedule::Begun begun_;
};

TEST_F(TaskScheduleTest, IsDueOneSpacingAfterItsCreation) {
  TaskSchedule schedule = Make(ten_seconds_);
  EXPECT_EQ(DueIn(schedule), 10);
  clock_.Advance(absl::Seconds(9.5));
  EXPECT_FALSE(schedule.IsDue(Now()));
  clock_.Advance(absl::Seconds(0.5));
  EXPECT_TRUE(schedule.IsDue(Now()));
}

TEST_F(TaskScheduleTest, ImmediatelyIsDueAtOnceAndCountsFromTheFirstRun) {
  TaskSchedule schedule = Make(ten_seconds_, Overrun::kRunOnce, true);
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(DueIn(schedule), 0);
  Run(schedule, absl::Seconds(1));
  EXPECT_EQ(begun_.lateness, absl::ZeroDuration());
  EXPECT_EQ(DueIn(schedule), 9);
}

TEST_F(TaskScheduleTest, ALateRunIsForTheNewestSlotAndDelaysNone) {
  TaskSchedule schedule = Make(ten_seconds_);
  clock_.Advance(absl::Seconds(12));
  Run(schedule, absl::ZeroDuration());
  EXPECT_EQ(begun_.lateness, absl::Seconds(2));
  EXPECT_EQ(begun_.missed, 0);
  EXPECT_EQ(DueIn(schedule), 8);
  clock_.Advance(absl::Seconds(29));  // Now at 41 s: slots 20, 30 and 40.
  Run(schedule, absl::ZeroDuration());
  EXPECT_EQ(begun_.lateness, absl::Seconds(1));
  EXPECT_EQ(begun_.missed, 2);
  EXPECT_EQ(DueIn(schedule), 9);
}

TEST_F(TaskScheduleTest, RunOnceRunsOnceMoreAfterAnOverrun) {
  TaskSchedule schedule = Make(ten_seconds_, Overrun::kRunOnce);
  clock_.Advance(absl::Seconds(10));
  const TaskSchedule::Ended ended = Run(schedule, absl::Seconds(35));
  EXPECT_TRUE(ended.overran);
  EXPECT_EQ(ended.missed, 0);
  EXPECT_TRUE(schedule.IsDue(Now()));
  EXPECT_FALSE(Run(schedule, absl::ZeroDuration()).overran);
  EXPECT_EQ(begun_.missed, 2);
  EXPECT_EQ(DueIn(schedule), 5);
}

TEST_F(TaskScheduleTest, SkipWaitsForTheNextSlotAfterAnOverrun) {
  TaskSchedule schedule = Make(ten_seconds_, Overrun::kSkip);
  clock_.Advance(absl::Seconds(10));
  const TaskSchedule::Ended ended = Run(schedule, absl::Seconds(35));
  EXPECT_TRUE(ended.overran);
  EXPECT_EQ(ended.missed, 3);
  EXPECT_EQ(DueIn(schedule), 5);
  clock_.Advance(absl::Seconds(5));
  EXPECT_FALSE(Run(schedule, absl::Seconds(9)).overran);
  EXPECT_EQ(begun_.missed, 0);
  EXPECT_EQ(DueIn(schedule), 1);
}

TEST_F(TaskScheduleTest, CatchUpRunsOnceMoreForEachSlot) {
  TaskSchedule schedule = Make(ten_seconds_, Overrun::kCatchUp);
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(Run(schedule, absl::Seconds(35)).overran);
  std::vector<absl::Duration> lateness;
  while (schedule.IsDue(Now())) {
    EXPECT_FALSE(Run(schedule, absl::ZeroDuration()).overran);
    lateness.push_back(begun_.lateness);
    EXPECT_EQ(begun_.missed, 0);
  }
  EXPECT_THAT(lateness, ElementsAre(absl::Seconds(25), absl::Seconds(15),
                                    absl::Seconds(5)));
  EXPECT_EQ(DueIn(schedule), 5);
}

TEST_F(TaskScheduleTest, CatchUpHasALimit) {
  TaskSchedule schedule = Make(ten_seconds_, Overrun::kCatchUp);
  clock_.Advance(absl::Seconds(10) * (TaskSchedule::kMostCaughtUp + 8));
  int runs = 0;
  int64_t missed = 0;
  for (; schedule.IsDue(Now()); ++runs) {
    Run(schedule, absl::ZeroDuration());
    missed += begun_.missed;
  }
  EXPECT_EQ(missed, 7);
  EXPECT_EQ(runs, TaskSchedule::kMostCaughtUp + 1);
}

TEST_F(TaskScheduleTest, JitterPutsOffOneRunAndNotThoseAfterIt) {
  random_.Set(0.99);
  TaskSchedule schedule = Make({.spacing = absl::Seconds(200)});
  const absl::Time begin = clock_.Now();
  for (int run = 1; run <= 1000; ++run) {
    ASSERT_EQ(schedule.Due(Now()) - begin,
              run * absl::Seconds(200) + absl::Seconds(9));
    clock_.Advance(schedule.Due(Now()) - clock_.Now());
    Run(schedule, absl::ZeroDuration());
    EXPECT_EQ(begun_.lateness, absl::ZeroDuration());
  }
}

TEST_F(TaskScheduleTest, JitterIsWholeSecondsSoAShortSpacingHasNone) {
  random_.Set(0.999999);
  TaskSchedule nineteen = Make({.spacing = absl::Seconds(19)});
  EXPECT_EQ(DueIn(nineteen), 19);
  TaskSchedule none = Make({.spacing = absl::Seconds(200), .jitter = 0});
  EXPECT_EQ(DueIn(none), 200);
}

TEST_F(TaskScheduleTest, ZeroIsTheDefaultSpacingAndTinyOnesAreNotABusyLoop) {
  TaskSchedule zero = Make({});
  EXPECT_EQ(DueIn(zero), 60);
  TaskSchedule tiny = Make({.spacing = absl::Nanoseconds(1)});
  EXPECT_EQ(DueIn(tiny), 0.001);
}

TEST_F(TaskScheduleTest, SkippedSlotsAreNotCounted) {
  TaskSchedule schedule = Make(ten_seconds_);
  clock_.Advance(absl::Seconds(34));
  schedule.Skip(Now());
  EXPECT_EQ(DueIn(schedule), 6);
  schedule.Skip(Now());
  EXPECT_EQ(DueIn(schedule), 6);
}

TEST_F(TaskScheduleTest, SettingTheTimeOfDayDoesNotMoveASpacing) {
  TaskSchedule schedule = Make(ten_seconds_);
  clock_.StepWall(absl::Hours(5));
  EXPECT_EQ(DueIn(schedule), 10);
  clock_.StepWall(-absl::Hours(10));
  EXPECT_EQ(DueIn(schedule), 10);
}

// It is 2001-09-09 01:46:40, 800 s before the next hour.
class CronTaskScheduleTest : public TaskScheduleTest {
 protected:
  const TaskTiming hourly_ = {.cron = "@hourly"};
};

TEST_F(CronTaskScheduleTest, IsDueAtCalendarTimesOfItsZone) {
  TaskSchedule hourly = Make(hourly_);
  EXPECT_EQ(DueIn(hourly), 800);
  TaskSchedule berlin =
      Make({.cron = "0 4 * * *", .zone = absl::FixedTimeZone(2 * 60 * 60)});
  EXPECT_EQ(DueIn(berlin), 800);
  clock_.Advance(absl::Seconds(800));
  EXPECT_TRUE(berlin.IsDue(Now()));
  Run(berlin, absl::Seconds(60));
  EXPECT_EQ(DueIn(berlin), 24 * 60 * 60 - 60);
}

TEST_F(CronTaskScheduleTest, MissedTimesAreCountedAsForASpacing) {
  TaskSchedule once = Make(hourly_, Overrun::kRunOnce);
  TaskSchedule skip = Make(hourly_, Overrun::kSkip);
  TaskSchedule catch_up = Make(hourly_, Overrun::kCatchUp);
  clock_.Advance(absl::Hours(3));
  EXPECT_EQ(once.Begin(Now()).missed, 2);
  EXPECT_EQ(once.Due(Now()), skip.Due(Now()) + absl::Hours(3));
  EXPECT_EQ(skip.Begin(Now()).missed, 2);
  EXPECT_EQ(catch_up.Begin(Now()).missed, 0);
  const Moment began = Now();
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(skip.End(began, Now()).missed, 2);
  EXPECT_FALSE(skip.IsDue(Now()));
  EXPECT_EQ(once.End(began, Now()).missed, 0);
  EXPECT_TRUE(once.IsDue(Now()));
  EXPECT_TRUE(catch_up.IsDue(Now()));
}

TEST_F(CronTaskScheduleTest, FollowsTheTimeOfDayWhenThatIsSet) {
  TaskSchedule hourly = Make(hourly_);
  clock_.StepWall(absl::Minutes(10));
  EXPECT_EQ(DueIn(hourly), 3 * 60 + 20);
  clock_.StepWall(-absl::Hours(10));
  EXPECT_EQ(DueIn(hourly), 3 * 60 + 20);
}

TEST_F(CronTaskScheduleTest, ATimeThatHasBeenIsNotRepeatedForASmallSetBack) {
  TaskSchedule hourly = Make(hourly_);
  clock_.Advance(absl::Seconds(800));  // 02:00
  Run(hourly, absl::ZeroDuration());
  clock_.StepWall(-absl::Minutes(5));
  EXPECT_EQ(DueIn(hourly), 65 * 60);
  clock_.StepWall(-absl::Hours(24));
  EXPECT_EQ(DueIn(hourly), 5 * 60);
}

TEST_F(CronTaskScheduleTest, HostJitterIsTheSameEachTime) {
  const absl::Duration jitter = StableJitter("host", "task", absl::Minutes(10));
  TaskTiming timing = hourly_;
  timing.host_jitter = absl::Minutes(10);
  TaskSchedule hourly = Make(timing);
  for (int run = 0; run < 3; ++run) {
    const absl::Time due = hourly.Due(Now());
    EXPECT_EQ((due - absl::UnixEpoch() - jitter) % absl::Hours(1),
              absl::ZeroDuration());
    clock_.Advance(due - clock_.Now());
    Run(hourly, absl::ZeroDuration());
  }
}

TEST_F(TaskScheduleTest, SaysWhenInWords) {
  EXPECT_EQ(Make(ten_seconds_).ToString(), "every 10s");
  EXPECT_EQ(Make({.cron = "@daily"}).ToString(), "cron '@daily' UTC");
}

TEST_F(TaskScheduleTest, RefusesWhatMakesNoSense) {
  const auto error = [this](const TaskTiming& timing, const char* host = "h") {
    return TaskSchedule::Create(timing, Overrun::kSkip, host, "task", random_,
                                Now())
        .status();
  };
  const absl::StatusCode invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(error({.spacing = -absl::Seconds(1)}),
              StatusIs(invalid, HasSubstr("-1s")));
  EXPECT_THAT(error({.jitter = 1}), StatusIs(invalid, HasSubstr("[0, 1)")));
  EXPECT_THAT(error({.jitter = -0.1}), StatusIs(invalid));
  EXPECT_THAT(error({.spacing = absl::Seconds(1), .cron = "@daily"}),
              StatusIs(invalid, HasSubstr("both")));
  EXPECT_THAT(error({.cron = "daily"}), StatusIs(invalid, HasSubstr("daily")));
  EXPECT_THAT(error({.cron = "@daily", .host_jitter = -absl::Seconds(1)}),
              StatusIs(invalid, HasSubstr("host jitter")));
  EXPECT_THAT(error({.cron = "@daily", .host_jitter = absl::Seconds(1)}, ""),
              StatusIs(invalid, HasSubstr("name of the host")));
}

}  // namespace
}  // namespace bergen::periodic
