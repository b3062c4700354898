// SPDX-License-Identifier: Apache-2.0

#include "periodic/clock.h"

#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace bergen::periodic {
namespace {

TEST(EventTest, StaysSetUntilReset) {
  Event event;
  EXPECT_FALSE(event.IsSet());
  event.Set();
  event.Set();
  EXPECT_TRUE(event.IsSet());
  event.Reset();
  EXPECT_FALSE(event.IsSet());
}

TEST(RealClockTest, NeverGoesBack) {
  const RealClock clock;
  absl::Time last = clock.Now();
  for (int i = 0; i < 1000; ++i) {
    const absl::Time now = clock.Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(RealClockTest, AWaitEndsNoEarlierThanItsDeadline) {
  RealClock clock;
  Event never;
  const absl::Time deadline = clock.Now() + absl::Milliseconds(1);
  EXPECT_FALSE(clock.WaitUntil(never, deadline));
  EXPECT_GE(clock.Now(), deadline);
}

TEST(RealClockTest, ADeadlineInThePastReturnsAtOnce) {
  RealClock clock;
  Event event;
  EXPECT_FALSE(clock.WaitUntil(event, absl::InfinitePast()));
  event.Set();
  EXPECT_TRUE(clock.WaitUntil(event, absl::InfinitePast()));
}

TEST(RealClockTest, AnEventEndsAWaitWithoutDeadline) {
  RealClock clock;
  Event event;
  std::thread setter([&event] { event.Set(); });
  EXPECT_TRUE(clock.WaitUntil(event, absl::InfiniteFuture()));
  setter.join();
}

TEST(RealClockTest, AnEventEndsAWaitWithAFarDeadline) {
  RealClock clock;
  Event event;
  std::thread setter([&event] { event.Set(); });
  EXPECT_TRUE(clock.WaitUntil(event, clock.Now() + absl::Hours(1)));
  setter.join();
}

}  // namespace
}  // namespace bergen::periodic
