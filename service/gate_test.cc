// SPDX-License-Identifier: Apache-2.0

#include "service/gate.h"

#include <optional>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "periodic/fake_clock.h"

namespace bergen {
namespace {

TEST(GateTest, AdmitsUntilClosed) {
  Gate gate;
  std::optional<Gate::Pass> pass = gate.Enter();
  EXPECT_TRUE(pass.has_value());
  EXPECT_EQ(gate.inside(), 1);
  gate.Close();
  gate.Close();
  EXPECT_FALSE(gate.Enter().has_value());
  pass.reset();
  EXPECT_EQ(gate.inside(), 0);
}

TEST(GateTest, IsEmptyOnceClosedAndTheLastHasLeft) {
  periodic::FakeClock clock;
  Gate gate;
  EXPECT_FALSE(gate.WaitUntilEmpty(clock, absl::InfinitePast()));
  std::optional<Gate::Pass> first = gate.Enter();
  std::optional<Gate::Pass> second = gate.Enter();
  gate.Close();
  first.reset();
  EXPECT_FALSE(gate.WaitUntilEmpty(clock, absl::InfinitePast()));
  std::thread waiter(
      [&] { EXPECT_TRUE(gate.WaitUntilEmpty(clock, absl::InfiniteFuture())); });
  clock.WaitForSleepers(1);
  second.reset();
  waiter.join();
}

TEST(GateTest, TheDeadlineEndsTheWait) {
  periodic::FakeClock clock;
  Gate gate;
  const std::optional<Gate::Pass> pass = gate.Enter();
  gate.Close();
  std::thread waiter([&] {
    EXPECT_FALSE(gate.WaitUntilEmpty(clock, clock.Now() + absl::Seconds(5)));
  });
  clock.WaitForSleepers(1);
  clock.Advance(absl::Seconds(5));
  waiter.join();
}

TEST(GateTest, APassLeavesOnceWhereverItIsMoved) {
  Gate gate;
  std::optional<Gate::Pass> pass = gate.Enter();
  {
    const Gate::Pass moved = *std::move(pass);
    pass.reset();
    EXPECT_EQ(gate.inside(), 1);
  }
  EXPECT_EQ(gate.inside(), 0);
}

TEST(GateDeathTest, IsNotDestroyedWithWorkInside) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto* gate = new Gate;
        const std::optional<Gate::Pass> pass = gate->Enter();
        delete gate;
      },
      "destroyed with 1 inside");
}

}  // namespace
}  // namespace bergen
