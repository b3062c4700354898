// SPDX-License-Identifier: Apache-2.0

#include "periodic/looping_call.h"

#include <unistd.h>

#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/activity.h"
#include "periodic/clock.h"
#include "periodic/fake_clock.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kSecond = absl::Seconds(1);

class FixedIntervalLoopingCallTest : public ::testing::Test {
 protected:
  // Ends the wait of the loop, which must be the only sleeper.
  void Tick(absl::Duration duration) {
    clock_.WaitForSleepers(1);
    clock_.Advance(duration);
  }

  FakeClock clock_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
};

TEST_F(FixedIntervalLoopingCallTest, ReturnsTheValueThatEndedTheLoop) {
  for (bool value : {true, false}) {
    FixedIntervalLoopingCall call(
        "f", [value] { return LoopResult::Done(value); }, clock_, log_);
    ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
    EXPECT_THAT(call.Wait(), IsOkAndHolds(value));
    EXPECT_THAT(call.Wait(), IsOkAndHolds(value));
  }
}

TEST_F(FixedIntervalLoopingCallTest, RepeatsUntilDone) {
  int left = 2;
  FixedIntervalLoopingCall call(
      "f",
      [&left]() -> LoopResult {
        if (left == 0) return LoopResult::Done(false);
        --left;
        return absl::OkStatus();
      },
      clock_, log_);
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  Tick(kSecond);
  Tick(kSecond);
  EXPECT_THAT(call.Wait(), IsOkAndHolds(false));
  EXPECT_EQ(left, 0);
}

TEST_F(FixedIntervalLoopingCallTest, AnErrorEndsTheLoopAndIsLogged) {
  FixedIntervalLoopingCall call(
      "sync", [] { return absl::UnavailableError("no route"); }, clock_, log_);
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  EXPECT_THAT(call.Wait(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no route")));
  EXPECT_THAT(text_.str(),
              HasSubstr("Fixed interval looping call 'sync' failed"));
}

TEST_F(FixedIntervalLoopingCallTest, AnExceptionCountsAsAnError) {
  FixedIntervalLoopingCall call(
      "f", []() -> LoopResult { throw std::runtime_error("thrown"); }, clock_,
      log_);
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  EXPECT_THAT(call.Wait(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("thrown")));
}

TEST_F(FixedIntervalLoopingCallTest, CanGoOnAfterErrors) {
  int failures = 0;
  FixedIntervalLoopingCall call(
      "f",
      [&failures]() -> LoopResult {
        if (failures == 2) return LoopResult::Done(false);
        ++failures;
        return absl::UnavailableError("again");
      },
      clock_, log_);
  ASSERT_THAT(call.Start({.interval = kSecond, .stop_on_error = false}),
              IsOk());
  Tick(kSecond);
  Tick(kSecond);
  EXPECT_THAT(call.Wait(), IsOkAndHolds(false));
}

TEST_F(FixedIntervalLoopingCallTest, IsNotStartedWhileRunning) {
  FixedIntervalLoopingCall call(
      "f", [] { return absl::OkStatus(); }, clock_, log_);
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  EXPECT_THAT(call.Start({.interval = kSecond}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("already running")));
  call.Stop();
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
}

TEST_F(FixedIntervalLoopingCallTest, CanBeStartedAgainAfterTheEnd) {
  int calls = 0;
  FixedIntervalLoopingCall call(
      "f",
      [&calls] {
        ++calls;
        return LoopResult::Done();
      },
      clock_, log_);
  for (int round = 0; round < 3; ++round) {
    ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
    EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  }
  EXPECT_EQ(calls, 3);
}

TEST_F(FixedIntervalLoopingCallTest, StopWakesTheSleepAndMayBeRepeated) {
  int calls = 0;
  FixedIntervalLoopingCall call(
      "f",
      [&calls] {
        ++calls;
        return absl::OkStatus();
      },
      clock_, log_);
  ASSERT_THAT(call.Start({.interval = absl::InfiniteDuration()}), IsOk());
  clock_.WaitForSleepers(1);
  call.Stop();
  call.Stop();
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  EXPECT_EQ(calls, 1);
}

TEST_F(FixedIntervalLoopingCallTest, StopDuringTheInitialDelayPreventsAnyCall) {
  bool called = false;
  FixedIntervalLoopingCall call(
      "f",
      [&called] {
        called = true;
        return absl::OkStatus();
      },
      clock_, log_);
  ASSERT_THAT(call.Start({.interval = kSecond, .initial_delay = kSecond}),
              IsOk());
  clock_.WaitForSleepers(1);
  call.Stop();
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  EXPECT_FALSE(called);
}

TEST_F(FixedIntervalLoopingCallTest, TheFunctionMayStopItsOwnLoop) {
  FixedIntervalLoopingCall* self = nullptr;
  FixedIntervalLoopingCall call(
      "f",
      [&self] {
        self->Stop();
        return absl::OkStatus();
      },
      clock_, log_);
  self = &call;
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
}

TEST_F(FixedIntervalLoopingCallTest, StopBeforeTheFirstStartDoesNothing) {
  FixedIntervalLoopingCall call(
      "f", [] { return LoopResult::Done(false); }, clock_, log_);
  call.Stop();
  EXPECT_THAT(call.Wait(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                    HasSubstr("never started")));
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  EXPECT_THAT(call.Wait(), IsOkAndHolds(false));
}

TEST_F(FixedIntervalLoopingCallTest, TheFunctionCannotWaitForItself) {
  FixedIntervalLoopingCall* self = nullptr;
  FixedIntervalLoopingCall call(
      "f", [&self]() -> LoopResult { return self->Wait().status(); }, clock_,
      log_);
  self = &call;
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  EXPECT_THAT(call.Wait(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                    HasSubstr("waits for itself")));
}

TEST_F(FixedIntervalLoopingCallTest, TheDestructorStopsTheLoop) {
  FixedIntervalLoopingCall call(
      "f", [] { return absl::OkStatus(); }, clock_, log_);
  ASSERT_THAT(call.Start({.interval = absl::Hours(1)}), IsOk());
}

TEST_F(FixedIntervalLoopingCallTest, CountsTheRunTimeTowardsTheInterval) {
  // The series of oslo.service's own test: sleeps of 0.02, 0 and 0 seconds.
  const std::vector<absl::Duration> run_times = {
      absl::Milliseconds(990), absl::Milliseconds(2000),
      absl::Milliseconds(1010), absl::ZeroDuration()};
  const absl::Time start = clock_.Now();
  std::vector<absl::Duration> starts;
  FixedIntervalLoopingCall call(
      "f",
      [&]() -> LoopResult {
        starts.push_back(clock_.Now() - start);
        if (starts.size() == run_times.size()) return LoopResult::Done();
        clock_.Advance(run_times[starts.size() - 1]);
        return absl::OkStatus();
      },
      clock_, log_);
  ASSERT_THAT(call.Start({.interval = absl::Milliseconds(1010)}), IsOk());
  Tick(absl::Milliseconds(20));
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  EXPECT_THAT(starts,
              ElementsAre(absl::ZeroDuration(), absl::Milliseconds(1010),
                          absl::Milliseconds(3010), absl::Milliseconds(4020)));
  EXPECT_THAT(text_.str(),
              HasSubstr("Function 'f' run outlasted interval by 0.99 sec"));
}

TEST_F(FixedIntervalLoopingCallTest, AnOverrunUnderFiveMillisecondsIsSilent) {
  int calls = 0;
  FixedIntervalLoopingCall call(
      "f",
      [&]() -> LoopResult {
        if (++calls == 2) return LoopResult::Done();
        clock_.Advance(kSecond + absl::Milliseconds(4));
        return absl::OkStatus();
      },
      clock_, log_);
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  EXPECT_THAT(text_.str(), Not(HasSubstr("outlasted")));
}

TEST_F(FixedIntervalLoopingCallTest, ALateWakeUpDoesNotDelayLaterCalls) {
  const absl::Time start = clock_.Now();
  std::vector<absl::Duration> starts;
  FixedIntervalLoopingCall call(
      "f",
      [&]() -> LoopResult {
        starts.push_back(clock_.Now() - start);
        if (starts.size() == 3) return LoopResult::Done();
        return absl::OkStatus();
      },
      clock_, log_);
  ASSERT_THAT(call.Start({.interval = kSecond}), IsOk());
  Tick(absl::Milliseconds(1300));
  Tick(absl::Milliseconds(700));
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  EXPECT_THAT(starts,
              ElementsAre(absl::ZeroDuration(), absl::Milliseconds(1300),
                          absl::Milliseconds(2000)));
}

TEST_F(FixedIntervalLoopingCallTest, ATinyOrZeroIntervalIsNotABusyLoop) {
  for (absl::Duration interval :
       {absl::ZeroDuration(), absl::Microseconds(1), absl::Milliseconds(1)}) {
    int calls = 0;
    FixedIntervalLoopingCall call(
        "f",
        [&calls]() -> LoopResult {
          if (++calls == 2) return LoopResult::Done();
          return absl::OkStatus();
        },
        clock_, log_);
    ASSERT_THAT(call.Start({.interval = interval}), IsOk());
    Tick(FixedIntervalLoopingCall::kShortestInterval);
    EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  }
}

TEST_F(FixedIntervalLoopingCallTest, TellsWhatItIsDoing) {
  absl::Notification called;
  absl::Notification may_return;
  FixedIntervalLoopingCall call(
      "f",
      [&]() -> LoopResult {
        if (!called.HasBeenNotified()) {
          called.Notify();
          may_return.WaitForNotification();
          return absl::UnavailableError("no");
        }
        return absl::OkStatus();
      },
      clock_, log_);
  EXPECT_EQ(call.activity().state, Activity::State::kEnded);
  ASSERT_THAT(call.Start({.interval = 10 * kSecond,
                          .initial_delay = 5 * kSecond,
                          .stop_on_error = false}),
              IsOk());
  Tick(kSecond);
  Activity now = call.activity();
  EXPECT_EQ(now.name, "f");
  EXPECT_EQ(now.state, Activity::State::kWaiting);
  EXPECT_EQ(now.age, kSecond);
  EXPECT_EQ(now.next, 4 * kSecond);
  EXPECT_EQ(now.calls, 0);
  EXPECT_EQ(now.thread, 0);

  Tick(4 * kSecond);
  called.WaitForNotification();
  clock_.Advance(2 * kSecond);
  now = call.activity();
  EXPECT_EQ(now.state, Activity::State::kRunning);
  EXPECT_EQ(now.age, 2 * kSecond);
  EXPECT_EQ(now.next, absl::InfiniteDuration());
  EXPECT_EQ(now.calls, 1);
  EXPECT_GT(now.thread, 0);
  EXPECT_NE(now.thread, ::gettid());

  may_return.Notify();
  clock_.WaitForSleepers(1);
  now = call.activity();
  EXPECT_EQ(now.state, Activity::State::kWaiting);
  EXPECT_EQ(now.age, absl::ZeroDuration());
  EXPECT_EQ(now.next, 8 * kSecond);
  EXPECT_EQ(now.errors, 1);

  call.Stop();
  EXPECT_THAT(call.Wait(), IsOkAndHolds(true));
  EXPECT_EQ(call.activity().state, Activity::State::kEnded);
}

TEST_F(FixedIntervalLoopingCallTest, RejectsNegativeDurations) {
  FixedIntervalLoopingCall call(
      "f", [] { return absl::OkStatus(); }, clock_, log_);
  EXPECT_THAT(call.Start({.interval = -kSecond}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-1s")));
  EXPECT_THAT(call.Start({.interval = kSecond, .initial_delay = -kSecond}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-1s")));
}

}  // namespace
}  // namespace bergen::periodic
