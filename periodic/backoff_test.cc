// SPDX-License-Identifier: Apache-2.0

#include "periodic/backoff.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/fake_random.h"
#include "periodic/random.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::HasSubstr;

TEST(BackoffTest, WaitsGrowUntilTheNextWouldPassTheTimeout) {
  for (double factor : {0.8, -0.8}) {
    FakeRandom random(factor);
    Backoff backoff({}, random);
    for (double seconds : {1.6, 2.4, 3.6, 5.4, 8.1, 12.15, 18.225, 27.3375,
                           41.00625, 61.509375, 92.2640625}) {
      const absl::StatusOr<absl::Duration> wait = backoff.OnError();
      ASSERT_THAT(wait, IsOk());
      EXPECT_NEAR(absl::ToDoubleSeconds(*wait), seconds, 1e-6);
    }
    EXPECT_THAT(backoff.OnError(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                            HasSubstr("after 411.99 seconds")));
  }
}

TEST(BackoffTest, ASuccessBeginsAnew) {
  FakeRandom random(1);
  Backoff backoff({}, random);
  EXPECT_THAT(backoff.OnError(), IsOkAndHolds(absl::Seconds(2)));
  EXPECT_THAT(backoff.OnError(), IsOkAndHolds(absl::Seconds(3)));
  EXPECT_EQ(backoff.OnSuccess(), absl::Seconds(1));
  EXPECT_THAT(backoff.OnError(), IsOkAndHolds(absl::Seconds(2)));
}

TEST(BackoffTest, NeverWaitsLessThanTheShortestInterval) {
  FakeRandom random(0);
  Backoff backoff({.timeout = absl::InfiniteDuration()}, random);
  EXPECT_EQ(backoff.OnSuccess(), absl::Milliseconds(1));
  for (int i = 0; i < 5000; ++i) {
    EXPECT_THAT(backoff.OnError(), IsOkAndHolds(absl::Milliseconds(1)));
  }
}

TEST(BackoffTest, BadOptionsAreRefused) {
  EXPECT_THAT(Backoff::Check({}), IsOk());
  EXPECT_THAT(Backoff::Check({.timeout = absl::InfiniteDuration()}), IsOk());
  for (const BackoffOptions& bad :
       {BackoffOptions{.starting_interval = absl::ZeroDuration()},
        BackoffOptions{.timeout = absl::ZeroDuration()},
        BackoffOptions{.max_interval = absl::ZeroDuration()},
        BackoffOptions{.jitter = -1},
        BackoffOptions{.min_interval = absl::ZeroDuration()}}) {
    EXPECT_THAT(Backoff::Check(bad),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(SystemRandomTest, HasTheMeansItWasAskedFor) {
  SystemRandom random;
  double uniform = 0, gaussian = 0;
  constexpr int kTimes = 20'000;
  for (int i = 0; i < kTimes; ++i) {
    const double u = random.Uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    uniform += u / kTimes;
    gaussian += random.Gaussian(0.75, 0.1) / kTimes;
  }
  EXPECT_NEAR(uniform, 0.5, 0.02);
  EXPECT_NEAR(gaussian, 0.75, 0.01);
}

}  // namespace
}  // namespace bergen::periodic
