// SPDX-License-Identifier: Apache-2.0
//
// A day of everything that has a time, on the fake clock: the day on which
// Berlin puts its clocks back, which has 25 hours.

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/executor.h"
#include "periodic/fake_clock.h"
#include "periodic/fake_random.h"
#include "periodic/looping_call.h"
#include "periodic/periodic_tasks.h"
#include "periodic/scheduler.h"
#include "periodic/timer_queue.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::ElementsAreArray;

TEST(SimulatedDayTest, EveryCallComesAtItsTime) {
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  FakeClock clock(absl::FromCivil(absl::CivilDay(2024, 10, 27), berlin));
  const absl::Time end = absl::FromCivil(absl::CivilDay(2024, 10, 28), berlin);
  FakeRandom random(0.75);
  std::ostringstream text;
  spdlog::logger log("test",
                     std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
  TimerQueue timers(clock);
  InlineExecutor executor;
  const Scheduler scheduler{clock, timers, executor};
  std::vector<std::string> trace;
  const auto add = [&](const std::string& what) {
    trace.push_back(absl::StrCat(
        absl::FormatTime("%H:%M:%S%Ez ", clock.Now(), berlin), what));
  };

  PeriodicTasks tasks({}, clock, random, log);
  const auto add_task = [&](const TaskOptions& options,
                            absl::Duration duration) {
    return tasks.Add(options,
                     [&, name = options.name, duration](const TaskRun&) {
                       add(name);
                       clock.Advance(duration);
                       return absl::OkStatus();
                     });
  };
  const absl::Duration nothing = absl::ZeroDuration();
  ASSERT_THAT(add_task({.name = "backup",
                        .timing = {.cron = "30 2 * * *", .zone = berlin}},
                       absl::Minutes(50)),
              IsOk());
  ASSERT_THAT(add_task({.name = "hourly",
                        .timing = {.cron = "45 * * * *", .zone = berlin},
                        .overrun = Overrun::kSkip},
                       nothing),
              IsOk());
  ASSERT_THAT(add_task({.name = "report",
                        .timing = {.cron = "0 0 */6 * * SUN", .zone = berlin}},
                       nothing),
              IsOk());
  ASSERT_THAT(add_task({.name = "sweep",
                        .timing = {.spacing = absl::Hours(7), .jitter = 0}},
                       nothing),
              IsOk());

  // Fails four times, and waits 1.5 times as long after each failure.
  int syncs = 0;
  BackOffLoopingCall sync(
      "sync",
      [&]() -> LoopResult {
        add("sync");
        if (++syncs < 5) return absl::UnavailableError("not yet");
        return syncs == 6 ? LoopResult::Done() : absl::OkStatus();
      },
      random, scheduler, log);
  ASSERT_THAT(sync.Start({.backoff = {.starting_interval = absl::Minutes(20),
                                      .timeout = absl::Hours(12),
                                      .max_interval = absl::Hours(4)}}),
              IsOk());

  // Twice as long each time.
  absl::Duration delay = absl::Hours(1);
  DynamicLoopingCall poll(
      "poll",
      [&] {
        add("poll");
        delay *= 2;
        return LoopResult::After(delay / 2);
      },
      scheduler, log);
  ASSERT_THAT(poll.Start({}), IsOk());

  ASSERT_THAT(tasks.Start(scheduler), IsOk());
  while (timers.NextDue() < end) {
    clock.Advance(
        std::max(timers.NextDue() - clock.Now(), absl::ZeroDuration()));
    timers.RunDue();
  }
  poll.Stop();
  tasks.Stop(/*graceful=*/true);
  tasks.Wait();

  EXPECT_THAT(sync.Wait(), IsOkAndHolds(true));
  EXPECT_THAT(
      trace,
      ElementsAreArray(
          {"00:00:00+02:00 sync", "00:00:00+02:00 poll", "00:30:00+02:00 sync",
           "00:45:00+02:00 hourly", "01:00:00+02:00 poll",
           "01:15:00+02:00 sync", "01:45:00+02:00 hourly",
           "02:22:30+02:00 sync", "02:30:00+02:00 backup",
           // Late: the backup took 50 minutes of the only thread there is.
           "02:20:00+01:00 hourly", "02:20:00+01:00 poll",
           // Shown for the second time.
           "02:45:00+01:00 hourly", "03:03:45+01:00 sync",
           "03:18:45+01:00 sync", "03:45:00+01:00 hourly",
           "04:45:00+01:00 hourly", "05:45:00+01:00 hourly",
           "06:00:00+01:00 sweep", "06:00:00+01:00 report",
           "06:20:00+01:00 poll", "06:45:00+01:00 hourly",
           "07:45:00+01:00 hourly", "08:45:00+01:00 hourly",
           "09:45:00+01:00 hourly", "10:45:00+01:00 hourly",
           "11:45:00+01:00 hourly", "12:00:00+01:00 report",
           "12:45:00+01:00 hourly", "13:00:00+01:00 sweep",
           "13:45:00+01:00 hourly", "14:20:00+01:00 poll",
           "14:45:00+01:00 hourly", "15:45:00+01:00 hourly",
           "16:45:00+01:00 hourly", "17:45:00+01:00 hourly",
           "18:00:00+01:00 report", "18:45:00+01:00 hourly",
           "19:45:00+01:00 hourly", "20:00:00+01:00 sweep",
           "20:45:00+01:00 hourly", "21:45:00+01:00 hourly",
           "22:45:00+01:00 hourly", "23:45:00+01:00 hourly"}));
}

}  // namespace
}  // namespace bergen::periodic
