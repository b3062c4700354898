// SPDX-License-Identifier: Apache-2.0

#include "launcher/restart_budget.h"

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/launcher.h"
#include "periodic/fake_random.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::HasSubstr;

constexpr absl::Time kStart = absl::UnixEpoch();

TEST(RestartBudgetTest, TheFirstAreFreeAndLaterOnesDoubleUpToTheLongest) {
  periodic::FakeRandom random(0);
  RestartBudget budget({.free_restarts = 3,
                        .first_delay = absl::Seconds(1),
                        .longest_delay = absl::Seconds(5)},
                       random);
  absl::Time now = kStart;
  for (int seconds : {0, 0, 0, 1, 2, 4, 5, 5}) {
    const absl::Time restart_at = budget.Spend(now);
    EXPECT_EQ(restart_at - now, absl::Seconds(seconds));
    now = restart_at;
  }
}

TEST(RestartBudgetTest, AQuietPeriodAfterTheLastRestartRefillsIt) {
  periodic::FakeRandom random(0);
  RestartBudget budget({.free_restarts = 0,
                        .first_delay = absl::Seconds(1),
                        .longest_delay = absl::Seconds(8),
                        .quiet_period = absl::Seconds(60)},
                       random);
  absl::Time now = budget.Spend(kStart);
  now = budget.Spend(now + absl::Seconds(60));
  EXPECT_EQ(now, kStart + absl::Seconds(1 + 60 + 2));
  now += absl::Seconds(61);
  EXPECT_EQ(budget.Spend(now) - now, absl::Seconds(1));
}

TEST(RestartBudgetTest, IsNotRefilledByTheWallClock) {
  // Going back, which a monotonic clock never does, is not quiet either.
  periodic::FakeRandom random(0);
  RestartBudget budget({.free_restarts = 0}, random);
  budget.Spend(kStart);
  EXPECT_EQ(budget.Spend(kStart), kStart + absl::Seconds(2));
}

TEST(RestartBudgetTest, AddsARandomPartToADelayAndNothingToNone) {
  periodic::FakeRandom random(0.5);
  RestartBudget budget({.free_restarts = 1,
                        .first_delay = absl::Seconds(10),
                        .longest_delay = absl::Seconds(10),
                        .jitter = 0.2},
                       random);
  EXPECT_EQ(budget.Spend(kStart), kStart);
  EXPECT_EQ(budget.Spend(kStart), kStart + absl::Seconds(11));
  random.Set(0);
  EXPECT_EQ(budget.Spend(kStart), kStart + absl::Seconds(10));
}

TEST(RestartBudgetTest, RefillForgets) {
  periodic::FakeRandom random(0);
  RestartBudget budget({.free_restarts = 1}, random);
  budget.Spend(kStart);
  budget.Spend(kStart);
  budget.Refill();
  EXPECT_EQ(budget.Spend(kStart), kStart);
}

TEST(RestartBudgetTest, GivesUpOnlyWhenAskedTo) {
  periodic::FakeRandom random(0);
  RestartBudget never({.free_restarts = 0}, random);
  RestartBudget twice({.free_restarts = 0, .give_up_after = 2}, random);
  for (bool exhausted : {false, false, true}) {
    never.Spend(kStart);
    twice.Spend(kStart);
    EXPECT_EQ(twice.exhausted(), exhausted);
  }
  EXPECT_FALSE(never.exhausted());
}

TEST(RestartBudgetTest, ManyRestartsDoNotOverflow) {
  periodic::FakeRandom random(0);
  RestartBudget budget({.free_restarts = 0}, random);
  absl::Time now = kStart;
  for (int i = 0; i < 1000; ++i) now = budget.Spend(now);
  EXPECT_EQ(budget.Spend(now) - now, absl::Seconds(30));
}

TEST(RestartBudgetTest, NamesTheLimitThatCannotBe) {
  const auto names = [](const char* text) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text));
  };
  EXPECT_THAT(CheckRestartLimits({}), IsOk());
  EXPECT_THAT(CheckRestartLimits({.free_restarts = -2}),
              names("free_restarts"));
  EXPECT_THAT(CheckRestartLimits({.first_delay = absl::ZeroDuration()}),
              names("first_delay"));
  EXPECT_THAT(CheckRestartLimits({.longest_delay = absl::Milliseconds(1)}),
              names("longest_delay"));
  EXPECT_THAT(CheckRestartLimits({.quiet_period = absl::Seconds(29)}),
              names("quiet_period"));
  EXPECT_THAT(CheckRestartLimits({.give_up_after = -1}),
              names("give_up_after"));
}

}  // namespace
}  // namespace bergen::launcher
