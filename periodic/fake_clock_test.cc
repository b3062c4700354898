// SPDX-License-Identifier: Apache-2.0

#include "periodic/fake_clock.h"

#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "periodic/clock.h"

namespace bergen::periodic {
namespace {

TEST(FakeClockTest, MovesOnlyWhenAdvanced) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(3));
}

TEST(FakeClockTest, AWaitEndsExactlyAtItsDeadline) {
  FakeClock clock;
  Event never;
  bool set = true;
  absl::Time woken;
  std::thread sleeper([&] {
    set = clock.WaitUntil(never, clock.Now() + absl::Seconds(2));
    woken = clock.Now();
  });
  clock.WaitForSleepers(1);
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.NextDeadline(), start + absl::Seconds(2));
  clock.Advance(absl::Seconds(1));
  clock.WaitForSleepers(1);
  clock.Advance(absl::Seconds(1));
  sleeper.join();
  EXPECT_FALSE(set);
  EXPECT_EQ(woken, start + absl::Seconds(2));
  EXPECT_EQ(clock.NextDeadline(), absl::InfiniteFuture());
}

TEST(FakeClockTest, AnEventEndsAWaitWithoutTimePassing) {
  FakeClock clock;
  Event event;
  bool set = false;
  std::thread sleeper(
      [&] { set = clock.WaitUntil(event, absl::InfiniteFuture()); });
  clock.WaitForSleepers(1);
  event.Set();
  sleeper.join();
  EXPECT_TRUE(set);
}

TEST(FakeClockTest, ThreadsCanShareAnEvent) {
  FakeClock clock;
  Event event;
  std::thread early(
      [&] { clock.WaitUntil(event, clock.Now() + absl::Seconds(1)); });
  clock.WaitForSleepers(1);
  std::thread late(
      [&] { clock.WaitUntil(event, clock.Now() + absl::Seconds(2)); });
  clock.WaitForSleepers(2);
  clock.Advance(absl::Seconds(1));
  early.join();
  clock.WaitForSleepers(1);
  clock.Advance(absl::Seconds(1));
  late.join();
}

TEST(FakeClockDeathTest, TimeDoesNotGoBack) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FakeClock clock;
  EXPECT_DEATH(clock.Advance(-absl::Seconds(1)), "does not go back");
}

}  // namespace
}  // namespace bergen::periodic
