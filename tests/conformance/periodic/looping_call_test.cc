// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.service's looping calls (checks.txt) against ours. All
// happens on one thread: what a call sleeps is how far the clock is moved.

#include "periodic/looping_call.h"

#include <algorithm>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/executor.h"
#include "periodic/fake_clock.h"
#include "periodic/fake_random.h"
#include "periodic/scheduler.h"
#include "periodic/timer_queue.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

class LoopingCallConformance : public ::testing::Test {
 protected:
  // Until the call ends, which it must.
  void RunToEnd(const LoopingCall& call) {
    while (call.running()) {
      const absl::Duration sleep =
          std::max(timers_.NextDue() - clock_.Now(), absl::ZeroDuration());
      ASSERT_NE(sleep, absl::InfiniteDuration());
      sleeps_.push_back(absl::ToDoubleSeconds(sleep));
      clock_.Advance(sleep);
      timers_.RunDue();
    }
  }

  static LoopResult Throw() { throw std::runtime_error("thrown"); }

  FakeClock clock_;
  FakeRandom random_{0.8};
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  TimerQueue timers_{clock_};
  InlineExecutor executor_;
  const Scheduler scheduler_{clock_, timers_, executor_};
  // The first is the initial delay.
  std::vector<double> sleeps_;
};

class FixedConformance : public LoopingCallConformance {
 protected:
  void Start(LoopingCall::Function function,
             const FixedIntervalOptions& options = {
                 .interval = absl::Seconds(1)}) {
    call_ = std::make_unique<FixedIntervalLoopingCall>("f", std::move(function),
                                                       scheduler_, log_);
    ASSERT_THAT(call_->Start(options), IsOk());
  }

  std::unique_ptr<FixedIntervalLoopingCall> call_;
};

TEST_F(FixedConformance, Os037ReturnsTrue) {
  Start([] { return LoopResult::Done(true); });
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(true));
}

TEST_F(FixedConformance, Os038FollowsTheMonotonicClock) {
  int calls = 0;
  Start([&] {
    clock_.StepWall(calls == 0 ? absl::Hours(5) : -absl::Hours(10));
    return ++calls == 3 ? LoopResult::Done() : absl::OkStatus();
  });
  RunToEnd(*call_);
  EXPECT_THAT(sleeps_, ElementsAre(0, 1, 1));
}

TEST_F(FixedConformance, Os040ReturnsFalse) {
  Start([] { return LoopResult::Done(false); });
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
}

TEST_F(FixedConformance, Os041EndsWhenItThrows) {
  Start(Throw);
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("thrown")));
}

TEST_F(FixedConformance, Os042GoesOnAfterErrors) {
  int calls = 0;
  Start([&] { return ++calls == 3 ? LoopResult::Done(false) : Throw(); },
        {.interval = absl::Seconds(1), .stop_on_error = false});
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
  EXPECT_EQ(calls, 3);
}

TEST_F(FixedConformance, Os043IsNotStartedTwice) {
  int calls = 0;
  Start([&]() -> LoopResult {
    if (++calls == 3) return LoopResult::Done();
    return absl::OkStatus();
  });
  EXPECT_THAT(call_->Start({.interval = absl::Seconds(1)}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(true));
  EXPECT_EQ(calls, 3);
}

TEST_F(FixedConformance, Os044IsStoppedTwice) {
  Start([] { return absl::OkStatus(); });
  call_->Stop();
  call_->Stop();
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(true));
}

TEST_F(FixedConformance, Os045Repeats) {
  int left = 2;
  Start([&]() -> LoopResult {
    if (left == 0) return LoopResult::Done(false);
    --left;
    return absl::OkStatus();
  });
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
  EXPECT_EQ(left, 0);
}

TEST_F(FixedConformance, Os046SubtractsTheRunTime) {
  const std::vector<double> run_times = {0.99, 2, 1.01, 0};
  size_t calls = 0;
  Start(
      [&]() -> LoopResult {
        clock_.Advance(absl::Seconds(run_times[calls]));
        if (++calls == run_times.size()) return LoopResult::Done();
        return absl::OkStatus();
      },
      {.interval = absl::Milliseconds(1010)});
  RunToEnd(*call_);
  EXPECT_THAT(sleeps_,
              Pointwise(DoubleNear(1e-9), std::vector<double>{0, 0.02, 0, 0}));
}

TEST_F(FixedConformance, Os047TimesOut) {
  Start([] { return absl::OkStatus(); }, {.interval = absl::Milliseconds(100),
                                          .timeout = absl::Milliseconds(300)});
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(call_->stats().calls, 5);  // The last at 0.4 s.
}

TEST_F(FixedConformance, Ox021AnIntervalBelow5MillisecondsIsNoBusyLoop) {
  Start([] { return absl::OkStatus(); }, {.interval = absl::Milliseconds(4),
                                          .timeout = absl::Milliseconds(300)});
  RunToEnd(*call_);
  EXPECT_EQ(call_->stats().calls, 300 / 4 + 2);
}

class DynamicConformance : public LoopingCallConformance {
 protected:
  void Start(LoopingCall::Function function,
             const DynamicOptions& options = {}) {
    call_ = std::make_unique<DynamicLoopingCall>("f", std::move(function),
                                                 scheduler_, log_);
    ASSERT_THAT(call_->Start(options), IsOk());
  }

  // Returns these delays, then ends.
  LoopingCall::Function Delays(std::vector<int> seconds) {
    return [seconds, calls = size_t{0}]() mutable {
      return calls == seconds.size()
                 ? LoopResult::Done()
                 : LoopResult::After(absl::Seconds(seconds[calls++]));
    };
  }

  std::unique_ptr<DynamicLoopingCall> call_;
};

TEST_F(DynamicConformance, Os048ReturnsTrue) {
  Start([] { return LoopResult::Done(true); });
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(true));
}

TEST_F(DynamicConformance, Os049FollowsTheMonotonicClock) {
  int calls = 0;
  Start([&] {
    clock_.StepWall(calls == 0 ? absl::Hours(5) : -absl::Hours(10));
    return ++calls == 3 ? LoopResult::Done()
                        : LoopResult::After(absl::Seconds(2));
  });
  RunToEnd(*call_);
  EXPECT_THAT(sleeps_, ElementsAre(0, 2, 2));
}

TEST_F(DynamicConformance, Os050IsNotStartedTwice) {
  Start(Delays({1, 1}));
  EXPECT_THAT(call_->Start({}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(true));
}

TEST_F(DynamicConformance, Os051ReturnsFalse) {
  Start([] { return LoopResult::Done(false); });
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
}

TEST_F(DynamicConformance, Os052EndsWhenItThrows) {
  Start(Throw);
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("thrown")));
}

TEST_F(DynamicConformance, Os053GoesOnAfterErrors) {
  int calls = 0;
  Start([&] { return ++calls == 3 ? LoopResult::Done(false) : Throw(); },
        {.stop_on_error = false});
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
}

TEST_F(DynamicConformance, Os054Repeats) {
  int left = 3;
  Start([&] {
    if (left == 0) return LoopResult::Done(false);
    return LoopResult::After(absl::Seconds(left--));
  });
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
  EXPECT_THAT(sleeps_, ElementsAre(0, 3, 2, 1));
}

TEST_F(DynamicConformance, Os055NeedsADelayOrAMaximum) {
  Start([] { return absl::OkStatus(); });
  RunToEnd(*call_);
  EXPECT_THAT(call_->Wait(), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("no longest interval")));
}

TEST_F(DynamicConformance, Os056SleepsForTheMaximumIfItNamesNoDelay) {
  int calls = 0;
  Start(
      [&]() -> LoopResult {
        if (++calls == 2) return LoopResult::Done();
        return absl::OkStatus();
      },
      {.periodic_interval_max = absl::Seconds(5)});
  RunToEnd(*call_);
  EXPECT_THAT(sleeps_, ElementsAre(0, 5));
}

TEST_F(DynamicConformance, Os057TheMaximumBoundsTheDelay) {
  Start(Delays({11, 1}), {.periodic_interval_max = absl::Seconds(5)});
  RunToEnd(*call_);
  EXPECT_THAT(sleeps_, ElementsAre(0, 5, 1));
}

TEST_F(DynamicConformance, Os058HasAnInitialDelay) {
  Start(Delays({1}), {.initial_delay = absl::Seconds(3)});
  RunToEnd(*call_);
  EXPECT_THAT(sleeps_, ElementsAre(3, 1));
}

TEST_F(DynamicConformance, Ox022AFailureIsNotRetriedAtOnce) {
  int calls = 0;
  Start([&] { return ++calls == 3 ? LoopResult::Done() : Throw(); },
        {.periodic_interval_max = absl::Seconds(5), .stop_on_error = false});
  RunToEnd(*call_);
  Start([&] { return ++calls == 6 ? LoopResult::Done() : Throw(); },
        {.stop_on_error = false});
  RunToEnd(*call_);
  EXPECT_THAT(sleeps_, ElementsAre(0, 5, 5, 0, 1, 1));
}

class BackOffConformance : public LoopingCallConformance {
 protected:
  void Start(LoopingCall::Function function,
             const BackOffOptions& options = {}) {
    call_ = std::make_unique<BackOffLoopingCall>("f", std::move(function),
                                                 random_, scheduler_, log_);
    ASSERT_THAT(call_->Start(options), IsOk());
  }

  // Without the initial delay.
  std::vector<double> Sleeps() const {
    return {sleeps_.begin() + 1, sleeps_.end()};
  }

  std::unique_ptr<BackOffLoopingCall> call_;
};

const double kSeries[] = {1.6,      2.4,       3.6,       5.4,
                          8.1,      12.15,     18.225,    27.3375,
                          41.00625, 61.509375, 92.2640625};

TEST_F(BackOffConformance, Os059BacksOffExponentially) {
  Start([] { return absl::UnavailableError("no"); });
  RunToEnd(*call_);
  EXPECT_THAT(Sleeps(), Pointwise(DoubleNear(1e-6), kSeries));
  EXPECT_THAT(call_->Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                      HasSubstr("411.99")));
}

TEST_F(BackOffConformance, Os060ANegativeFactorIsTakenAsPositive) {
  random_.Set(-0.8);
  Start([] { return absl::UnavailableError("no"); });
  RunToEnd(*call_);
  EXPECT_THAT(Sleeps(), Pointwise(DoubleNear(1e-6), kSeries));
  EXPECT_THAT(call_->Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(BackOffConformance, Os061DoesNotBackOffAfterSuccess) {
  random_.Set(1);
  int calls = 0;
  Start([&]() -> LoopResult {
    if (++calls == 4) return LoopResult::Done(false);
    return absl::OkStatus();
  });
  RunToEnd(*call_);
  EXPECT_THAT(Sleeps(), ElementsAre(1, 1, 1));
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
}

TEST_F(BackOffConformance, Os062DoesNotSleepIfDoneAtOnce) {
  Start([] { return LoopResult::Done(false); });
  RunToEnd(*call_);
  EXPECT_THAT(Sleeps(), ElementsAre());
  EXPECT_THAT(call_->Wait(), IsOkAndHolds(false));
}

TEST_F(BackOffConformance, Os063HasALongestInterval) {
  Start([] { return absl::UnavailableError("no"); },
        {.backoff = {.max_interval = absl::Seconds(60)}});
  RunToEnd(*call_);
  EXPECT_THAT(Sleeps(), Pointwise(DoubleNear(1e-6),
                                  {1.6, 2.4, 3.6, 5.4, 8.1, 12.15, 18.225,
                                   27.3375, 41.00625, 60.0, 60.0, 60.0}));
  EXPECT_THAT(call_->Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace bergen::periodic
