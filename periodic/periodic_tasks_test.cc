// SPDX-License-Identifier: Apache-2.0

#include "periodic/periodic_tasks.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/clock.h"
#include "periodic/executor.h"
#include "periodic/fake_clock.h"
#include "periodic/fake_random.h"
#include "periodic/leadership.h"
#include "periodic/run_control.h"
#include "periodic/scheduler.h"
#include "periodic/thread_pool.h"
#include "periodic/timer_queue.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TaskOptions Every(const std::string& name, int seconds) {
  return {.name = name, .timing = {.spacing = absl::Seconds(seconds)}};
}

class PeriodicTasksTest : public ::testing::Test {
 protected:
  PeriodicTasksTest() { log_.set_level(spdlog::level::trace); }

  // A task that writes its name and the time down.
  void Add(const TaskOptions& options) {
    ASSERT_THAT(tasks_.Add(options,
                           [this, name = options.name](const TaskRun&) {
                             Trace(name);
                             return absl::OkStatus();
                           }),
                IsOk());
  }

  void Trace(const std::string& what) {
    trace_.push_back(
        absl::StrCat(what, "@", absl::ToInt64Seconds(clock_.Now() - start_)));
  }

  TaskInfo Info(const std::string& name) const {
    for (const TaskInfo& info : tasks_.List()) {
      if (info.name == name) return info;
    }
    ADD_FAILURE() << "no task " << name;
    return {};
  }

  double NextIn(const std::string& name) const {
    return absl::ToDoubleSeconds(Info(name).next - clock_.WallNow());
  }

  absl::Duration Pass() {
    const absl::StatusOr<absl::Duration> idle = tasks_.RunPeriodicTasks();
    EXPECT_THAT(idle, IsOk());
    return idle.value_or(-absl::InfiniteDuration());
  }

  // Lets the scheduler do all that is due in `seconds` from now.
  void RunFor(int seconds) {
    const absl::Time end = clock_.Now() + absl::Seconds(seconds);
    while (timers_.NextDue() <= end) {
      clock_.Advance(
          std::max(timers_.NextDue() - clock_.Now(), absl::ZeroDuration()));
      timers_.RunDue();
    }
    clock_.Advance(end - clock_.Now());
  }

  FakeClock clock_;
  const absl::Time start_ = clock_.Now();
  FakeRandom random_{0};
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  bool runs_external_ = true;
  std::vector<std::string> trace_;
  TimerQueue timers_{clock_};
  InlineExecutor inline_;
  const Scheduler scheduler_{clock_, timers_, inline_};
  PeriodicTasks tasks_{
      {.host = "host", .runs_external = [this] { return runs_external_; }},
      clock_,
      random_,
      log_};
};

// A pass.

TEST_F(PeriodicTasksTest, APassRunsWhatIsDueAndSaysWhenToComeAgain) {
  Add(Every("ten", 10));
  Add(Every("four", 4));
  EXPECT_EQ(Pass(), absl::Seconds(4));
  clock_.Advance(absl::Seconds(9));
  EXPECT_EQ(Pass(), absl::Seconds(1));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Pass(), absl::Seconds(2));
  EXPECT_THAT(trace_, ElementsAre("four@9", "ten@10"));
}

TEST_F(PeriodicTasksTest, WithoutTasksAPassIdlesAMinute) {
  EXPECT_EQ(Pass(), absl::Seconds(60));
  Add(Every("rare", 200));
  EXPECT_EQ(Pass(), absl::Seconds(60));
}

TEST_F(PeriodicTasksTest, TheTimeThatTasksTakeIsNotIdle) {
  ASSERT_THAT(tasks_.Add(Every("slow", 10),
                         [this](const TaskRun&) {
                           clock_.Advance(absl::Seconds(3));
                           return absl::OkStatus();
                         }),
              IsOk());
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Pass(), absl::Seconds(7));
}

TEST_F(PeriodicTasksTest, RunImmediatelyRunsInTheFirstPass) {
  TaskOptions options = Every("now", 10);
  options.run_immediately = true;
  Add(options);
  EXPECT_EQ(Pass(), absl::Seconds(10));
  EXPECT_THAT(trace_, ElementsAre("now@0"));
}

TEST_F(PeriodicTasksTest, AFailureIsLoggedAndTheNextTaskRuns) {
  ASSERT_THAT(
      tasks_.Add(Every("bad", 1),
                 [](const TaskRun&) { return absl::DataLossError("lost"); }),
      IsOk());
  ASSERT_THAT(tasks_.Add(Every("worse", 1),
                         [](const TaskRun&) -> absl::Status {
                           throw std::runtime_error("thrown");
                         }),
              IsOk());
  Add(Every("good", 1));
  clock_.Advance(absl::Seconds(1));
  Pass();
  EXPECT_THAT(trace_, ElementsAre("good@1"));
  EXPECT_THAT(text_.str(),
              AllOf(HasSubstr("Error during periodic task bad: DATA_LOSS"),
                    HasSubstr("thrown")));
  EXPECT_EQ(Info("bad").errors, 1);
  EXPECT_THAT(Info("bad").last_result, StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(PeriodicTasksTest, AFailureCanBeRaised) {
  ASSERT_THAT(
      tasks_.Add(Every("bad", 1),
                 [](const TaskRun&) { return absl::DataLossError("lost"); }),
      IsOk());
  Add(Every("good", 1));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(tasks_.RunPeriodicTasks(/*raise_on_error=*/true),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(trace_, ElementsAre());
  Pass();
  EXPECT_THAT(trace_, ElementsAre("good@1"));
}

TEST_F(PeriodicTasksTest, DisabledTasksAreNotThereAndTheLogSaysWhy) {
  TaskOptions negative = Every("negative", -1);
  negative.enabled = false;  // Comes second.
  Add(negative);
  TaskOptions disabled = Every("disabled", 1);
  disabled.enabled = false;
  Add(disabled);
  EXPECT_THAT(tasks_.List(), ElementsAre());
  EXPECT_EQ(Pass(), absl::Seconds(60));
  EXPECT_THAT(text_.str(), AllOf(HasSubstr("negative: not run, its spacing is"),
                                 HasSubstr("disabled: not run, it is")));
}

TEST_F(PeriodicTasksTest, ExternalTasksRunOnlyWhereTheyMay) {
  TaskOptions options = Every("external", 10);
  options.external_process_ok = true;
  Add(options);
  runs_external_ = false;
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Pass(), absl::Seconds(60));
  EXPECT_THAT(trace_, ElementsAre());
  EXPECT_TRUE(Info("external").external);
  runs_external_ = true;
  EXPECT_EQ(Pass(), absl::Seconds(10));
  EXPECT_THAT(trace_, ElementsAre("external@10"));
}

TEST_F(PeriodicTasksTest, OneNameIsOneTask) {
  Add(Every("one", 10));
  EXPECT_THAT(tasks_.Add(Every("one", 20),
                         [](const TaskRun&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("one")));
  EXPECT_THAT(tasks_.Add(Every("", 20),
                         [](const TaskRun&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      tasks_.Add({.name = "two", .timing = {.cron = "never"}},
                 [](const TaskRun&) { return absl::OkStatus(); }),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("periodic task two: cron expression 'never'")));
}

TEST_F(PeriodicTasksTest, TasksMayBeAddedAndRemovedByTasks) {
  ASSERT_THAT(tasks_.Add(Every("adder", 1),
                         [this](const TaskRun&) {
                           Add(Every("added", 1));
                           return tasks_.Remove("adder");
                         }),
              IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Pass(), absl::Seconds(60));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Pass(), absl::Seconds(1));
  EXPECT_THAT(trace_, ElementsAre("added@2"));
  EXPECT_THAT(tasks_.Remove("adder"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PeriodicTasksTest, ATaskThatIsRemovedInThePassDoesNotRunAnyMore) {
  ASSERT_THAT(
      tasks_.Add(Every("remover", 1),
                 [this](const TaskRun&) { return tasks_.Remove("removed"); }),
      IsOk());
  Add(Every("removed", 1));
  clock_.Advance(absl::Seconds(1));
  Pass();
  EXPECT_THAT(trace_, ElementsAre());
}

// A pass on several threads.

TEST_F(PeriodicTasksTest, AParallelPassWithNothingDueUsesNoThread) {
  ThreadPool pool("pool", {});
  Add(Every("ten", 10));
  EXPECT_THAT(tasks_.RunPeriodicTasksInParallel(pool),
              IsOkAndHolds(absl::Seconds(10)));
  EXPECT_EQ(pool.thread_count(), 0);
}

TEST_F(PeriodicTasksTest, AParallelPassRunsTasksAtTheSameTime) {
  ThreadPool pool("pool", {});
  absl::Notification first_runs;
  absl::Notification second_runs;
  ASSERT_THAT(tasks_.Add(Every("first", 1),
                         [&](const TaskRun&) {
                           first_runs.Notify();
                           second_runs.WaitForNotification();
                           return absl::DataLossError("lost");
                         }),
              IsOk());
  ASSERT_THAT(tasks_.Add(Every("second", 1),
                         [&](const TaskRun&) {
                           second_runs.Notify();
                           first_runs.WaitForNotification();
                           return absl::OkStatus();
                         }),
              IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(tasks_.RunPeriodicTasksInParallel(pool, /*raise_on_error=*/true),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(Info("second").runs, 1);
}

class RefusingExecutor : public Executor {
 public:
  absl::Status Execute(Work) override {
    return absl::ResourceExhaustedError("no thread");
  }
};

TEST_F(PeriodicTasksTest, ATaskThatNoThreadTakesStaysDue) {
  RefusingExecutor refusing;
  Add(Every("one", 10));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(tasks_.RunPeriodicTasksInParallel(refusing),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(NextIn("one"), 0);
  EXPECT_FALSE(Info("one").running);
  Pass();
  EXPECT_THAT(trace_, ElementsAre("one@10"));
}

// A scheduler.

TEST_F(PeriodicTasksTest, ASchedulerRunsTasksWhenTheyAreDue) {
  Add(Every("ten", 10));
  TaskOptions now = Every("now", 7);
  now.run_immediately = true;
  Add(now);
  ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
  RunFor(21);
  tasks_.Stop(/*graceful=*/true);
  tasks_.Wait();
  RunFor(100);
  EXPECT_THAT(trace_, ElementsAre("now@0", "now@7", "ten@10", "now@14",
                                  "ten@20", "now@21"));
}

TEST_F(PeriodicTasksTest, CalendarTimesFollowTheTimeOfDay) {
  Add({.name = "hourly", .timing = {.cron = "@hourly"}});  // In 800 s.
  ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
  RunFor(100);
  clock_.StepWall(absl::Seconds(695));  // 5 s before the hour.
  RunFor(60);
  // It was seen only at the next look.
  EXPECT_THAT(trace_, ElementsAre("hourly@120"));
  EXPECT_EQ(Info("hourly").last_lateness, absl::Seconds(15));
  EXPECT_EQ(Info("hourly").timing, "cron '@hourly' UTC");
}

TEST_F(PeriodicTasksTest, AStoppedOneCanBeStartedAgainAndPassesDoNotInterfere) {
  Add(Every("ten", 10));
  ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
  EXPECT_THAT(tasks_.Start(scheduler_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(tasks_.RunPeriodicTasks(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(tasks_.RunPeriodicTasksInParallel(inline_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  tasks_.Stop(/*graceful=*/false);
  tasks_.Stop(/*graceful=*/false);
  tasks_.Wait();
  EXPECT_EQ(Pass(), absl::Seconds(10));
  ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
  RunFor(10);
  EXPECT_THAT(trace_, ElementsAre("ten@10"));
}

TEST_F(PeriodicTasksTest, TasksMayBeAddedAndRemovedWhileTheSchedulerRuns) {
  ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
  RunFor(5);
  Add(Every("ten", 10));
  RunFor(10);
  EXPECT_THAT(tasks_.Remove("ten"), IsOk());
  RunFor(100);
  EXPECT_THAT(trace_, ElementsAre("ten@15"));
}

TEST_F(PeriodicTasksTest, AnOverrunIsCountedAndFollowsThePolicy) {
  for (const Overrun overrun :
       {Overrun::kSkip, Overrun::kRunOnce, Overrun::kCatchUp}) {
    const std::string name = absl::StrCat("policy ", static_cast<int>(overrun));
    TaskOptions options = Every(name, 10);
    options.overrun = overrun;
    int runs = 0;
    trace_.clear();
    const absl::Time begin = clock_.Now();
    ASSERT_THAT(tasks_.Add(options,
                           [&](const TaskRun&) {
                             trace_.push_back(absl::StrCat(
                                 absl::ToInt64Seconds(clock_.Now() - begin)));
                             if (++runs == 1) clock_.Advance(absl::Seconds(25));
                             return absl::OkStatus();
                           }),
                IsOk());
    ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
    RunFor(50);
    EXPECT_EQ(Info(name).overruns, 1);
    switch (overrun) {
      case Overrun::kSkip:
        EXPECT_THAT(trace_, ElementsAre("10", "40", "50"));
        EXPECT_EQ(Info(name).missed, 2);
        break;
      case Overrun::kRunOnce:
        EXPECT_THAT(trace_, ElementsAre("10", "35", "40", "50"));
        EXPECT_EQ(Info(name).missed, 1);
        EXPECT_EQ(Info(name).max_lateness, absl::Seconds(5));
        break;
      case Overrun::kCatchUp:
        EXPECT_THAT(trace_, ElementsAre("10", "35", "35", "40", "50"));
        EXPECT_EQ(Info(name).missed, 0);
        EXPECT_EQ(Info(name).max_lateness, absl::Seconds(15));
        break;
    }
    tasks_.Stop(/*graceful=*/true);
    ASSERT_THAT(tasks_.Remove(name), IsOk());
  }
}

TEST_F(PeriodicTasksTest, ARefusedRunIsMissedAndTheNextOneIsTried) {
  RefusingExecutor refusing;
  Add(Every("ten", 10));
  ASSERT_THAT(tasks_.Start({clock_, timers_, refusing}), IsOk());
  RunFor(25);
  EXPECT_EQ(Info("ten").missed, 2);
  EXPECT_EQ(NextIn("ten"), 5);
  EXPECT_THAT(text_.str(), HasSubstr("ten: not run: RESOURCE_EXHAUSTED"));
}

// Control.

TEST_F(PeriodicTasksTest, TheListTellsWhatATaskHasDone) {
  ASSERT_THAT(tasks_.Add(Every("ten", 10),
                         [this](const TaskRun&) {
                           clock_.Advance(absl::Seconds(2));
                           return absl::OkStatus();
                         }),
              IsOk());
  EXPECT_EQ(Info("ten").last, absl::InfinitePast());
  clock_.Advance(absl::Seconds(11));
  Pass();
  const TaskInfo info = Info("ten");
  EXPECT_EQ(info.timing, "every 10s");
  EXPECT_EQ(info.last, start_ + absl::Seconds(11));
  EXPECT_EQ(info.next, start_ + absl::Seconds(20));
  EXPECT_EQ(info.runs, 1);
  EXPECT_EQ(info.errors, 0);
  EXPECT_EQ(info.last_lateness, absl::Seconds(1));
  EXPECT_EQ(info.durations.total(), 1);
  EXPECT_GE(info.durations.UpperBoundOf(1), absl::Seconds(2));
  EXPECT_FALSE(info.running);
}

TEST_F(PeriodicTasksTest, RunNowIsBesidesTheTimesATaskHas) {
  Add(Every("ten", 10));
  ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
  RunFor(3);
  ASSERT_THAT(tasks_.RunNow("ten"), IsOk());
  RunFor(7);
  EXPECT_THAT(trace_, ElementsAre("ten@3", "ten@10"));
  EXPECT_EQ(Info("ten").missed, 0);
  tasks_.Stop(/*graceful=*/true);
  ASSERT_THAT(tasks_.RunNow("ten"), IsOk());
  EXPECT_EQ(NextIn("ten"), 0);
  EXPECT_EQ(Pass(), absl::Seconds(10));
  EXPECT_THAT(trace_, ElementsAre("ten@3", "ten@10", "ten@10"));
}

TEST_F(PeriodicTasksTest, ARunningTaskIsNotRunNow) {
  ASSERT_THAT(
      tasks_.Add(Every("self", 10),
                 [this](const TaskRun&) { return tasks_.RunNow("self"); }),
      IsOk());
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(tasks_.RunPeriodicTasks(/*raise_on_error=*/true),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("self: is running")));
}

TEST_F(PeriodicTasksTest, APausedTaskRunsOnlyWhenItIsTold) {
  for (const bool scheduled : {false, true}) {
    trace_.clear();
    const std::string name = scheduled ? "scheduled" : "passed";
    Add(Every(name, 10));
    if (scheduled) {
      ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
    }
    const absl::Time begin = clock_.Now();
    const auto run_for = [&](int seconds) {
      if (scheduled) {
        RunFor(seconds);
      } else {
        clock_.Advance(absl::Seconds(seconds));
        Pass();
      }
    };
    ASSERT_THAT(tasks_.Pause(name), IsOk());
    ASSERT_THAT(tasks_.Pause(name), IsOk());
    EXPECT_EQ(Info(name).next, absl::InfiniteFuture());
    EXPECT_TRUE(Info(name).paused);
    run_for(25);
    EXPECT_THAT(trace_, ElementsAre());
    ASSERT_THAT(tasks_.RunNow(name), IsOk());
    run_for(0);
    EXPECT_EQ(Info(name).runs, 1);
    ASSERT_THAT(tasks_.Resume(name), IsOk());
    ASSERT_THAT(tasks_.Resume(name), IsOk());
    EXPECT_EQ(NextIn(name), 5);
    run_for(5);
    EXPECT_EQ(Info(name).runs, 2);
    EXPECT_EQ(Info(name).missed, 0);
    EXPECT_EQ(clock_.Now() - begin, absl::Seconds(30));
    ASSERT_THAT(tasks_.Remove(name), IsOk());
  }
}

TEST_F(PeriodicTasksTest, ARescheduledTaskHasItsNewTimesAtOnce) {
  Add(Every("one", 1000));
  ASSERT_THAT(tasks_.Start(scheduler_), IsOk());
  RunFor(5);
  ASSERT_THAT(tasks_.Reschedule("one", {.spacing = absl::Seconds(10)}), IsOk());
  RunFor(15);
  EXPECT_THAT(trace_, ElementsAre("one@15"));
  EXPECT_THAT(tasks_.Reschedule("one", {.cron = "* *"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("periodic task one: cron")));
  RunFor(5);
  EXPECT_THAT(trace_, ElementsAre("one@15", "one@25"));
}

TEST_F(PeriodicTasksTest, ControlOfATaskThatThereIsNotFails) {
  const absl::StatusCode not_found = absl::StatusCode::kNotFound;
  RunControl& control = tasks_;
  EXPECT_THAT(control.RunNow("x"), StatusIs(not_found, HasSubstr("task x")));
  EXPECT_THAT(control.Pause("x"), StatusIs(not_found));
  EXPECT_THAT(control.Resume("x"), StatusIs(not_found));
  EXPECT_THAT(control.Reschedule("x", {}), StatusIs(not_found));
}

// Stopping.

// Tasks on real threads, which block until they are told.
class PeriodicTasksStopTest : public PeriodicTasksTest {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<SchedulerThreads>> threads =
        SchedulerThreads::Start("test", {}, clock_);
    ASSERT_THAT(threads, IsOk());
    threads_ = *std::move(threads);
    TaskOptions options = Every("task", 10);
    options.run_immediately = true;
    tasks_.emplace(PeriodicTasksOptions(), clock_, random_, log_);
    ASSERT_THAT(tasks_->Add(options,
                            [this](const TaskRun& run) {
                              running_.Notify();
                              if (waits_for_stop_) {
                                absl::Notification stopped;
                                const std::stop_callback on_stop(
                                    run.stop, [&] { stopped.Notify(); });
                                stopped.WaitForNotification();
                              } else {
                                may_end_.WaitForNotification();
                                asked_to_end_ = run.stop.stop_requested();
                              }
                              return absl::OkStatus();
                            }),
                IsOk());
  }

  void StartAndRun() {
    ASSERT_THAT(tasks_->Start(threads_->scheduler()), IsOk());
    running_.WaitForNotification();
  }

  std::unique_ptr<SchedulerThreads> threads_;
  absl::Notification running_;
  absl::Notification may_end_;
  bool waits_for_stop_ = false;
  bool asked_to_end_ = false;
  std::optional<PeriodicTasks> tasks_;  // Ends first.
};

TEST_F(PeriodicTasksStopTest, AGracefulStopWaitsForARunWithoutAskingIt) {
  StartAndRun();
  tasks_->Stop(/*graceful=*/true);
  EXPECT_THAT(tasks_->Start(threads_->scheduler()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("have not ended")));
  may_end_.Notify();
  tasks_->Wait();
  EXPECT_FALSE(asked_to_end_);
  EXPECT_EQ(tasks_->List()[0].runs, 1);
}

TEST_F(PeriodicTasksStopTest, AStopAsksARunToEnd) {
  waits_for_stop_ = true;
  StartAndRun();
  tasks_->Stop(/*graceful=*/false);
  tasks_->Wait();
  EXPECT_EQ(tasks_->List()[0].runs, 1);
}

TEST_F(PeriodicTasksStopTest, RemovingATaskAsksItToEndAndWaits) {
  waits_for_stop_ = true;
  StartAndRun();
  EXPECT_THAT(tasks_->Remove("task"), IsOk());
  tasks_.reset();
}

TEST_F(PeriodicTasksStopTest, ATaskDoesNotOverlapItself) {
  StartAndRun();
  EXPECT_TRUE(tasks_->List()[0].running);
  EXPECT_THAT(tasks_->RunNow("task"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  clock_.Advance(absl::Seconds(100));
  // Before the run ends, or the one that is overdue might begin.
  tasks_->Stop(/*graceful=*/true);
  may_end_.Notify();
  tasks_->Wait();
  EXPECT_EQ(tasks_->List()[0].runs, 1);
  EXPECT_EQ(tasks_->List()[0].overruns, 1);
}

// All that can be done, by several threads at once, while tasks are started and
// stopped: no task overlaps itself, and none runs once it was stopped.
TEST(PeriodicTasksStormTest, SurvivesEverythingAtOnce) {
  RealClock clock;
  FakeRandom random(0);
  std::ostringstream text;
  spdlog::logger log("test",
                     std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
  log.set_level(spdlog::level::err);
  const absl::StatusOr<std::unique_ptr<SchedulerThreads>> threads =
      SchedulerThreads::Start("storm", {.max_threads = 4}, clock);
  ASSERT_THAT(threads, IsOk());
  PeriodicTasks tasks({}, clock, random, log);
  constexpr int kTasks = 4;
  std::atomic<int> running[kTasks] = {};
  std::atomic<int64_t> runs = 0;
  std::atomic<bool> overlapped = false;
  const auto add = [&](int i) {
    return tasks.Add({.name = absl::StrCat(i),
                      .timing = {.spacing = absl::Milliseconds(1)},
                      .run_immediately = true},
                     [&, i](const TaskRun&) {
                       if (running[i].fetch_add(1) > 0) overlapped = true;
                       runs.fetch_add(1);
                       running[i].fetch_sub(1);
                       return absl::OkStatus();
                     });
  };
  for (int i = 0; i < kTasks; ++i) ASSERT_THAT(add(i), IsOk());

  std::atomic<bool> end = false;
  std::vector<std::thread> users;
  users.reserve(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    // The first two are added and removed, the others controlled.
    users.emplace_back([&, i, name = absl::StrCat(i)] {
      while (!end) {
        if (i < 2) {
          EXPECT_THAT(tasks.Remove(name), IsOk());
          EXPECT_THAT(add(i), IsOk());
        } else {
          EXPECT_THAT(tasks.Pause(name), IsOk());
          tasks.RunNow(name).IgnoreError();  // It may be running.
          EXPECT_THAT(tasks.Resume(name), IsOk());
          EXPECT_THAT(
              tasks.Reschedule(name, {.spacing = absl::Milliseconds(i)}),
              IsOk());
        }
        EXPECT_GE(tasks.List().size(), 2u);
      }
    });
  }
  int64_t last_runs = -1;
  for (int round = 0; round < 50; ++round) {
    ASSERT_THAT(tasks.Start((*threads)->scheduler()), IsOk());
    // Until something has run.
    while (runs == last_runs) std::this_thread::yield();
    tasks.Stop(/*graceful=*/round % 2 == 0);
    tasks.Wait();
    last_runs = runs;
  }
  EXPECT_EQ(runs, last_runs);
  end = true;
  for (std::thread& user : users) user.join();
  EXPECT_EQ(runs, last_runs);
  EXPECT_FALSE(overlapped);
}

// One of many.

class FakeLeadership : public Leadership {
 public:
  std::optional<Term> Lead() override {
    if (!leads) return std::nullopt;
    return Term{.fencing_token = 7, .ends = ends.get_token()};
  }

  bool leads = true;
  std::stop_source ends;
};

TEST_F(PeriodicTasksTest, OneOfManyRunsOnlyWhereItLeads) {
  FakeLeadership leadership;
  TaskOptions options = Every("one", 10);
  options.leadership = &leadership;
  std::vector<int64_t> tokens;
  bool asked_before = true;
  bool asked_after = false;
  ASSERT_THAT(tasks_.Add(options,
                         [&](const TaskRun& run) {
                           tokens.push_back(run.fencing_token);
                           asked_before = run.stop.stop_requested();
                           leadership.ends.request_stop();
                           asked_after = run.stop.stop_requested();
                           return absl::OkStatus();
                         }),
              IsOk());
  EXPECT_TRUE(Info("one").one_of_many);
  leadership.leads = false;
  clock_.Advance(absl::Seconds(10));
  Pass();
  EXPECT_EQ(Info("one").elsewhere, 1);
  EXPECT_EQ(Info("one").runs, 0);
  leadership.leads = true;
  clock_.Advance(absl::Seconds(10));
  Pass();
  EXPECT_THAT(tokens, ElementsAre(7));
  EXPECT_FALSE(asked_before);
  EXPECT_TRUE(asked_after);
}

TEST_F(PeriodicTasksTest, TwoObjectsDoNotKnowEachOthersTasks) {
  PeriodicTasks other({}, clock_, random_, log_);
  Add(Every("one", 10));
  EXPECT_THAT(other.List(), ElementsAre());
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(other.RunPeriodicTasks(), IsOkAndHolds(absl::Seconds(60)));
}

}  // namespace
}  // namespace bergen::periodic
