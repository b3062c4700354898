// SPDX-License-Identifier: Apache-2.0

#include "service/service_group.h"

#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/service.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What happened, in order. Thread-safe.
class Diary {
 public:
  void Write(std::string entry) {
    const absl::MutexLock lock(&mutex_);
    entries_.push_back(std::move(entry));
  }
  std::vector<std::string> Take() {
    const absl::MutexLock lock(&mutex_);
    return std::exchange(entries_, {});
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> entries_;
};

struct Behaviour {
  std::function<absl::Status()> start = [] { return absl::OkStatus(); };
  std::function<void()> stop = [] {};
  absl::Status finished;
  absl::Status reset;
  // Finishes by itself, without `Stop`.
  bool short_lived = false;
};

class ScriptedService : public Service {
 public:
  ScriptedService(std::string name, Diary& diary, Behaviour behaviour)
      : name_(std::move(name)),
        diary_(&diary),
        behaviour_(std::move(behaviour)) {}
  ~ScriptedService() override { diary_->Write("destroy " + name_); }

  absl::string_view name() const override { return name_; }
  absl::Status Start() override {
    diary_->Write("start " + name_);
    return behaviour_.start();
  }
  void Stop() override {
    diary_->Write("stop " + name_);
    behaviour_.stop();
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  absl::Status Wait() override {
    const absl::MutexLock lock(&mutex_);
    if (!behaviour_.short_lived) mutex_.Await(absl::Condition(&stopped_));
    return behaviour_.finished;
  }
  absl::Status Reset() override {
    diary_->Write("reset " + name_);
    return behaviour_.reset;
  }

 private:
  const std::string name_;
  Diary* const diary_;
  const Behaviour behaviour_;
  absl::Mutex mutex_;
  bool stopped_ = false;
};

class ServiceGroupTest : public ::testing::Test {
 protected:
  void Add(const std::string& name, Behaviour behaviour = {}) {
    group_->Add(
        std::make_unique<ScriptedService>(name, diary_, std::move(behaviour)));
  }

  Diary diary_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  std::unique_ptr<ServiceGroup> group_ =
      std::make_unique<ServiceGroup>("group", log_);
};

TEST_F(ServiceGroupTest, StartsInOrderAndStopsAndDestroysInReverse) {
  Add("a");
  Add("b");
  ASSERT_THAT(group_->Start(), IsOk());
  group_->Stop();
  EXPECT_THAT(group_->Wait(), IsOk());
  group_.reset();
  EXPECT_THAT(diary_.Take(), ElementsAre("start a", "start b", "stop b",
                                         "stop a", "destroy b", "destroy a"));
}

TEST_F(ServiceGroupTest, AnEmptyGroupStartsAndFinishes) {
  EXPECT_THAT(group_->Start(), IsOk());
  EXPECT_THAT(group_->Wait(), IsOk());
}

TEST_F(ServiceGroupTest, AFailedStartStopsThoseBeforeInReverse) {
  Add("a");
  Add("b");
  Add("c", {.start = [] { return absl::UnavailableError("no port"); }});
  Add("d");
  EXPECT_THAT(group_->Start(),
              StatusIs(absl::StatusCode::kUnavailable, "c: no port"));
  EXPECT_THAT(diary_.Take(),
              ElementsAre("start a", "start b", "start c", "stop b", "stop a"));
  // Nothing is left running.
  EXPECT_THAT(group_->Wait(), IsOk());
}

TEST_F(ServiceGroupTest, AnErrorOfTheRollbackIsLogged) {
  Add("a", {.finished = absl::DataLossError("lost")});
  Add("b", {.start = [] { return absl::UnavailableError("no port"); }});
  EXPECT_THAT(group_->Start(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(text_.str(), HasSubstr("a: lost"));
}

TEST_F(ServiceGroupTest, AnExceptionOfAStartIsAnError) {
  Add("a",
      {.start = []() -> absl::Status { throw std::runtime_error("thrown"); }});
  EXPECT_THAT(group_->Start(),
              StatusIs(absl::StatusCode::kInternal, "a: exception: thrown"));
}

TEST_F(ServiceGroupTest, AThrowingStopDoesNotKeepTheOthersFromStopping) {
  Add("a");
  Add("b", {.stop = [] { throw 1; }, .short_lived = true});
  ASSERT_THAT(group_->Start(), IsOk());
  group_->Stop();
  EXPECT_THAT(group_->Wait(), IsOk());
  EXPECT_THAT(diary_.Take(),
              ElementsAre("start a", "start b", "stop b", "stop a"));
  EXPECT_THAT(text_.str(), HasSubstr("stop: "));
}

TEST_F(ServiceGroupTest, AFailureWhileRunningStopsTheOthers) {
  Add("first");
  Add("failing",
      {.finished = absl::DataLossError("lost"), .short_lived = true});
  Add("last");
  ASSERT_THAT(group_->Start(), IsOk());
  EXPECT_THAT(group_->Wait(),
              StatusIs(absl::StatusCode::kDataLoss, "failing: lost"));
}

TEST_F(ServiceGroupTest, AServiceThatFinishesByItselfLeavesTheOthersRunning) {
  Add("short", {.short_lived = true});
  Add("long");
  ASSERT_THAT(group_->Start(), IsOk());
  absl::Notification waited;
  std::thread waiter([&] {
    EXPECT_THAT(group_->Wait(), IsOk());
    waited.Notify();
  });
  EXPECT_FALSE(waited.HasBeenNotified());
  group_->Stop();
  waiter.join();
}

TEST_F(ServiceGroupTest, StopDuringAStartBeginsNothingMore) {
  absl::Notification starting;
  Add("slow", {.start = [&] {
        starting.Notify();
        // Ends when `Stop` reaches this service.
        return absl::OkStatus();
      }});
  Add("next");
  group_->Stop();
  EXPECT_THAT(group_->Start(), IsOk());
  EXPECT_THAT(group_->Wait(), IsOk());
  EXPECT_FALSE(starting.HasBeenNotified());
  EXPECT_THAT(diary_.Take(), ElementsAre("stop next", "stop slow"));
}

TEST_F(ServiceGroupTest, StopReachesAServiceWhoseStartIsBlocked) {
  absl::Notification starting;
  absl::Notification stopped;
  Add("slow", {.start =
                   [&] {
                     starting.Notify();
                     stopped.WaitForNotification();
                     return absl::OkStatus();
                   },
               .stop = [&] { stopped.Notify(); }});
  Add("next");
  std::thread runner([&] {
    EXPECT_THAT(group_->Start(), IsOk());
    EXPECT_THAT(group_->Wait(), IsOk());
  });
  starting.WaitForNotification();
  group_->Stop();
  runner.join();
  EXPECT_THAT(diary_.Take(),
              ElementsAre("start slow", "stop next", "stop slow"));
}

TEST_F(ServiceGroupTest, ResetReachesAllAndReturnsTheFirstError) {
  Add("a", {.reset = absl::InvalidArgumentError("bad a")});
  Add("b", {.reset = absl::InvalidArgumentError("bad b")});
  EXPECT_THAT(group_->Reset(), IsOk());  // None has been started.
  ASSERT_THAT(group_->Start(), IsOk());
  diary_.Take();
  EXPECT_THAT(group_->Reset(),
              StatusIs(absl::StatusCode::kInvalidArgument, "a: bad a"));
  EXPECT_THAT(diary_.Take(), ElementsAre("reset a", "reset b"));
  EXPECT_THAT(text_.str(), HasSubstr("b: bad b"));
  group_->Stop();
  EXPECT_THAT(group_->Wait(), IsOk());
}

TEST_F(ServiceGroupTest, WhatIsKeptOutlivesTheServicesAddedAfterIt) {
  struct Noted {
    explicit Noted(Diary* to) : diary(to) {}
    Diary* diary;
    ~Noted() { diary->Write("destroy kept"); }
  };
  Noted& kept = group_->Keep(std::make_unique<Noted>(&diary_));
  EXPECT_EQ(kept.diary, &diary_);
  Add("user");
  group_.reset();
  EXPECT_THAT(diary_.Take(), ElementsAre("destroy user", "destroy kept"));
}

// OX-019.
TEST_F(ServiceGroupTest, ManyServicesHaveNoHiddenLimit) {
  for (int i = 0; i < 64; ++i) Add(absl::StrCat("s", i));
  ASSERT_THAT(group_->Start(), IsOk());
  group_->Stop();
  EXPECT_THAT(group_->Wait(), IsOk());
}

}  // namespace
}  // namespace bergen
