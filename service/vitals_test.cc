// SPDX-License-Identifier: Apache-2.0

#include "service/vitals.h"

#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "periodic/fake_clock.h"

namespace bergen {
namespace {

TEST(VitalsTest, WorkIsOverdueAtItsLimitUntilItEnds) {
  periodic::FakeClock clock;
  Vitals vitals(clock);
  EXPECT_FALSE(vitals.overdue());
  std::optional<Vitals::Work> slow(vitals.BeginWork(absl::Seconds(2)));
  const Vitals::Work slower = vitals.BeginWork(absl::Seconds(5));
  clock.Advance(absl::Seconds(2) - absl::Nanoseconds(1));
  EXPECT_FALSE(vitals.overdue());
  clock.Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(vitals.overdue());
  slow.reset();
  EXPECT_FALSE(vitals.overdue());
  clock.Advance(absl::Seconds(3));
  EXPECT_TRUE(vitals.overdue());
}

TEST(VitalsTest, WorkWithoutALimitIsNeverOverdue) {
  periodic::FakeClock clock;
  Vitals vitals(clock);
  const Vitals::Work work = vitals.BeginWork(absl::InfiniteDuration());
  clock.Advance(absl::Hours(1000));
  EXPECT_FALSE(vitals.overdue());
}

TEST(VitalsTest, MovedWorkEndsOnce) {
  periodic::FakeClock clock;
  Vitals vitals(clock);
  {
    Vitals::Work work = vitals.BeginWork(absl::ZeroDuration());
    const Vitals::Work moved = std::move(work);
    EXPECT_TRUE(vitals.overdue());
  }
  EXPECT_FALSE(vitals.overdue());
}

TEST(VitalsTest, CountsRequests) {
  periodic::FakeClock clock;
  Vitals vitals(clock);
  vitals.CountRequest();
  vitals.CountRequest();
  EXPECT_EQ(vitals.requests(), 2u);
}

}  // namespace
}  // namespace bergen
