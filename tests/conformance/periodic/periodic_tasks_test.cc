// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.service's periodic tasks (checks.txt) against ours. Where
// the original looks at the last run, this looks at the next.

#include "periodic/periodic_tasks.h"

#include <cstdint>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/executor.h"
#include "periodic/fake_clock.h"
#include "periodic/fake_random.h"
#include "periodic/run_control.h"
#include "periodic/thread_pool.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

class PeriodicTasksConformance : public ::testing::Test {
 protected:
  void SetUp() override { Begin(0); }

  // From an empty object at this time.
  void Begin(int64_t seconds) {
    tasks_.reset();
    clock_ = std::make_unique<FakeClock>(At(seconds));
    tasks_ = std::make_unique<PeriodicTasks>(PeriodicTasksOptions(), *clock_,
                                             random_, log_);
    runs_.clear();
  }

  void Add(const std::string& name, double spacing, bool immediately = false) {
    ASSERT_THAT(tasks_->Add({.name = name,
                             .timing = {.spacing = absl::Seconds(spacing)},
                             .run_immediately = immediately},
                            [this, name](const TaskRun&) {
                              ++runs_[name];
                              return absl::OkStatus();
                            }),
                IsOk());
  }

  void AddFailing(const std::string& name, double spacing) {
    ASSERT_THAT(tasks_->Add({.name = name,
                             .timing = {.spacing = absl::Seconds(spacing)}},
                            [this, name](const TaskRun&) {
                              ++runs_[name];
                              return absl::DataLossError("urg");
                            }),
                IsOk());
  }

  // Passes at this time, and returns the idle seconds.
  double PassAt(int64_t seconds) {
    clock_->Advance(At(seconds) - clock_->Now());
    const absl::StatusOr<absl::Duration> idle = tasks_->RunPeriodicTasks();
    EXPECT_THAT(idle, IsOk());
    return absl::ToDoubleSeconds(idle.value_or(-absl::InfiniteDuration()));
  }

  absl::Time Next(const std::string& name) const {
    for (const TaskInfo& info : tasks_->List()) {
      if (info.name == name) return info.next;
    }
    return absl::InfinitePast();
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const TaskInfo& info : tasks_->List()) names.push_back(info.name);
    return names;
  }

  FakeRandom random_{0};
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  std::unique_ptr<FakeClock> clock_;
  std::map<std::string, int> runs_;
  std::unique_ptr<PeriodicTasks> tasks_;
};

TEST_F(PeriodicTasksConformance, Os069EachRunsAsOftenAsItShould) {
  Begin(340);
  Add("default", 0);
  AddFailing("crashing", 0);
  Add("seventy", 70);
  Add("seventy immediately", 70, true);
  Add("added sixty", 60);
  Add("added seventy", 70);
  PassAt(340);
  EXPECT_EQ(runs_, (std::map<std::string, int>{{"seventy immediately", 1}}));
  PassAt(400);
  EXPECT_EQ(runs_, (std::map<std::string, int>{{"default", 1},
                                               {"crashing", 1},
                                               {"seventy immediately", 1},
                                               {"added sixty", 1}}));
  PassAt(430);
  EXPECT_EQ(runs_, (std::map<std::string, int>{{"default", 1},
                                               {"crashing", 1},
                                               {"seventy", 1},
                                               {"seventy immediately", 2},
                                               {"added sixty", 1},
                                               {"added seventy", 1}}));
  PassAt(490);
  EXPECT_EQ(runs_, (std::map<std::string, int>{{"default", 2},
                                               {"crashing", 2},
                                               {"seventy", 2},
                                               {"seventy immediately", 3},
                                               {"added sixty", 2},
                                               {"added seventy", 2}}));
}

TEST_F(PeriodicTasksConformance, Os070RunsEachNinthSecond) {
  Begin(360444);
  Add("nine", 9);
  for (int i = 0; i < 200; ++i) {
    PassAt(360444 + i);
    ASSERT_EQ(runs_["nine"], i / 9);
  }
}

TEST_F(PeriodicTasksConformance, Os071RaisesAnError) {
  AddFailing("failing", 1);
  clock_->Advance(absl::Seconds(1));
  EXPECT_THAT(tasks_->RunPeriodicTasks(/*raise_on_error=*/true),
              StatusIs(absl::StatusCode::kDataLoss, "urg"));
}

TEST_F(PeriodicTasksConformance, Os072TasksAreKnownByName) {
  Add("foo", 4);
  Add("bar", 4);
  PassAt(0);
  Add("added", 4);
  EXPECT_THAT(Names(), ElementsAre("foo", "bar", "added"));
}

TEST_F(PeriodicTasksConformance, Os073DisabledTasksAreNotThere) {
  Add("default", 0);
  Add("four", 4);
  ASSERT_THAT(tasks_->Add({.name = "disabled", .enabled = false},
                          [](const TaskRun&) { return absl::OkStatus(); }),
              IsOk());
  EXPECT_THAT(Names(), ElementsAre("default", "four"));
  EXPECT_EQ(Next("default"), At(60));
  EXPECT_EQ(Next("four"), At(4));
  Add("added", 0);
  EXPECT_THAT(Names(), ElementsAre("default", "four", "added"));
  EXPECT_EQ(Next("added"), At(60));
}

TEST_F(PeriodicTasksConformance, Os074IdlesAMinuteAtMost) {
  Add("rare", 200);
  EXPECT_EQ(PassAt(0), 60);
}

TEST_F(PeriodicTasksConformance, Os075NoSpacingIsAMinute) {
  Add("constant", 0);
  EXPECT_EQ(PassAt(0), 60);
}

TEST_F(PeriodicTasksConformance, Os076IdlesUntilTheNextRun) {
  Add("ten", 10);
  EXPECT_EQ(PassAt(5), 5);
  EXPECT_EQ(runs_["ten"], 0);
  EXPECT_EQ(Next("ten"), At(10));
  EXPECT_EQ(PassAt(10), 10);
  EXPECT_EQ(runs_["ten"], 1);
  EXPECT_EQ(Next("ten"), At(20));
}

TEST_F(PeriodicTasksConformance, Os077ImmediatelyIsInTheFirstPass) {
  Add("ten", 10, true);
  EXPECT_EQ(PassAt(0), 10);
  EXPECT_EQ(runs_["ten"], 1);
  EXPECT_EQ(Next("ten"), At(10));
  EXPECT_EQ(PassAt(5), 5);
  EXPECT_EQ(runs_["ten"], 1);
}

TEST_F(PeriodicTasksConformance, Os078NegativeSpacingIsNoTask) {
  Add("negative", -1);
  EXPECT_EQ(PassAt(0), 60);
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(PeriodicTasksConformance, Os079ExternalTasksAreListed) {
  ASSERT_THAT(tasks_->Add({.name = "external", .external_process_ok = true},
                          [](const TaskRun&) { return absl::OkStatus(); }),
              IsOk());
  EXPECT_THAT(Names(), ElementsAre("external"));
}

// The original's last run is our next one, less the spacing. Ours is jitter for
// one run only.
TEST_F(PeriodicTasksConformance, Os080RunsCountAsOfTheNearestBoundary) {
  struct Example {
    int last, spacing, now;
    double jitter;
    int nearest;
  };
  for (const Example& example :
       std::vector<Example>{{10, 7, 19, 0, 17},
                            {13, 7, 28, 0, 27},
                            {781, 88, 1841, 0, 1837},
                            {1000, 200, 1300, 0, 1200},
                            {1000, 200, 1300, 0.9999, 1209},
                            {1000, 200, 1300, 0.5, 1205}}) {
    random_.Set(0);
    Begin(example.last);
    Add("task", example.spacing);
    random_.Set(example.jitter);
    PassAt(example.now);
    EXPECT_EQ(runs_["task"], 1);
    EXPECT_EQ(Next("task"), At(example.nearest + example.spacing));
  }
  // Without a last run, from now.
  Begin(1000);
  random_.Set(0);
  Add("task", 88, true);
  PassAt(1835);
  EXPECT_EQ(Next("task"), At(1835 + 88));
}

TEST_F(PeriodicTasksConformance, Os081NothingDueUsesNoPool) {
  ThreadPool pool("pool", {});
  Add("ten", 10);
  EXPECT_THAT(tasks_->RunPeriodicTasksInParallel(pool),
              IsOkAndHolds(absl::Seconds(10)));
  EXPECT_EQ(pool.thread_count(), 0);
}

TEST_F(PeriodicTasksConformance, Os082DueTasksUseThePool) {
  ThreadPool pool("pool", {});
  std::thread::id ran_on;
  ASSERT_THAT(tasks_->Add({.name = "task", .run_immediately = true},
                          [&](const TaskRun&) {
                            ran_on = std::this_thread::get_id();
                            return absl::OkStatus();
                          }),
              IsOk());
  EXPECT_THAT(tasks_->RunPeriodicTasksInParallel(pool), IsOk());
  EXPECT_EQ(pool.thread_count(), 1);
  EXPECT_NE(ran_on, std::this_thread::get_id());
  EXPECT_NE(ran_on, std::thread::id());
}

// Runs two pieces of work, the second first.
class ReversingExecutor : public Executor {
 public:
  absl::Status Execute(Work work) override {
    if (first_ == nullptr) {
      first_ = std::move(work);
    } else {
      work();
      first_();
    }
    return absl::OkStatus();
  }

 private:
  Work first_;
};

TEST_F(PeriodicTasksConformance, Os083ResultsAreTakenAsTheyCome) {
  ReversingExecutor executor;
  for (const std::string name : {"first", "second"}) {
    ASSERT_THAT(tasks_->Add({.name = name, .run_immediately = true},
                            [name](const TaskRun&) {
                              return absl::DataLossError(name);
                            }),
                IsOk());
  }
  EXPECT_THAT(
      tasks_->RunPeriodicTasksInParallel(executor, /*raise_on_error=*/true),
      StatusIs(absl::StatusCode::kDataLoss, "second"));
}

TEST_F(PeriodicTasksConformance, Os084EndsAlthoughAThreadHoldsALock) {
  ThreadPool pool("pool", {.max_threads = 4});
  absl::Mutex mutex;
  absl::Notification locked;
  absl::Notification done;
  std::thread holder([&] {
    const absl::MutexLock lock(&mutex);
    locked.Notify();
    done.WaitForNotification();
  });
  locked.WaitForNotification();
  for (int i = 0; i < 10; ++i) Add(absl::StrCat("task ", i), 1000, true);
  EXPECT_THAT(tasks_->RunPeriodicTasksInParallel(pool), IsOk());
  done.Notify();
  holder.join();
  EXPECT_LE(pool.thread_count(), 4);
  for (const TaskInfo& info : tasks_->List()) EXPECT_EQ(info.runs, 1);
}

class RefusingExecutor : public Executor {
 public:
  absl::Status Execute(Work) override {
    return absl::ResourceExhaustedError("no thread");
  }
};

TEST_F(PeriodicTasksConformance, Os085WhatIsNotHandedOverHasNotRun) {
  RefusingExecutor refusing;
  Add("ten", 10);
  clock_->Advance(absl::Seconds(10));
  EXPECT_THAT(tasks_->RunPeriodicTasksInParallel(refusing),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(text_.str(), HasSubstr("periodic task ten: not run"));
  EXPECT_EQ(Next("ten"), At(10));
}

TEST_F(PeriodicTasksConformance, Ox024ATaskBelongsToOneObject) {
  PeriodicTasks other(PeriodicTasksOptions(), *clock_, random_, log_);
  Add("ten", 10);
  clock_->Advance(absl::Seconds(10));
  EXPECT_THAT(other.RunPeriodicTasks(), IsOkAndHolds(absl::Seconds(60)));
  EXPECT_EQ(PassAt(10), 10);
  EXPECT_EQ(runs_["ten"], 1);
}

}  // namespace
}  // namespace bergen::periodic
