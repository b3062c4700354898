// SPDX-License-Identifier: Apache-2.0

#include "periodic/timer_wheel.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace bergen::periodic {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kHour = 3600 * 1000 * kMillisecond;
constexpr int64_t kStart = 1'000'000'000'000'000'000;

class TimerWheelTest : public ::testing::Test {
 protected:
  uint32_t Add(int64_t due) {
    if (free_.empty()) {
      free_.push_back(arena_.Grow(1));
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    arena_.at(index).due = due;
    wheel_.Add(index);
    return index;
  }

  std::vector<uint32_t> Advance(int64_t now) {
    std::vector<TimerWheel::Due> due;
    wheel_.Advance(now, due);
    std::vector<uint32_t> indices;
    for (const TimerWheel::Due& entry : due) {
      EXPECT_TRUE(TimerWheel::IsSame(arena_.at(entry.index), entry));
      TimerWheel::Forget(arena_.at(entry.index));
      indices.push_back(entry.index);
    }
    return indices;
  }

  TimerArena arena_{"timers"};
  TimerWheel wheel_{arena_};
  std::vector<uint32_t> free_;
};

TEST_F(TimerWheelTest, ComesOutExactlyWhenDueFromEveryLevel) {
  Advance(kStart);
  for (int64_t distance = 1; distance < int64_t{1} << 61; distance *= 3) {
    const int64_t due = kStart + distance;
    TimerArena arena("timers");
    TimerWheel wheel(arena);
    const uint32_t index = arena.Grow(1);
    arena.at(index).due = due;
    std::vector<TimerWheel::Due> out;
    wheel.Advance(kStart, out);
    wheel.Add(index);
    EXPECT_EQ(wheel.NextDue(), due);
    wheel.Advance(due - 1, out);
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(wheel.NextDue(), due);
    wheel.Advance(due, out);
    EXPECT_EQ(out.size(), 1u);
    EXPECT_EQ(wheel.NextDue(), TimerWheel::kNever);
  }
}

TEST_F(TimerWheelTest, NeverDoesNotCome) {
  Add(TimerWheel::kNever);
  EXPECT_EQ(wheel_.NextDue(), TimerWheel::kNever);
  EXPECT_TRUE(Advance(kStart).empty());
}

TEST_F(TimerWheelTest, WhatHasPassedComesFirstInOrder) {
  Advance(kStart);
  const uint32_t second = Add(kStart - 1);
  const uint32_t first = Add(kStart - kHour);
  EXPECT_EQ(Advance(kStart), (std::vector<uint32_t>{first, second}));
}

TEST_F(TimerWheelTest, TheNextDueIsExactAfterARemoval) {
  Advance(kStart);
  const uint32_t earlier = Add(kStart + kHour);
  Add(kStart + kHour + 5);
  wheel_.Remove(earlier);
  EXPECT_EQ(wheel_.NextDue(), kStart + kHour + 5);
}

// Against the simplest model: a list sorted by time, then by order of addition.
TEST_F(TimerWheelTest, BehavesAsASortedList) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](int64_t bound) {
      return static_cast<int64_t>(random() % static_cast<uint64_t>(bound));
    };
    // From a nanosecond to a year, each magnitude as likely.
    const auto distance = [&] { return below(int64_t{1} << (1 + below(55))); };
    int64_t now = kStart + seed * kHour;
    Advance(now);
    std::map<std::pair<int64_t, uint64_t>, uint32_t> model;
    uint64_t added = 0;
    for (int step = 0; step < 3000; ++step) {
      switch (below(8)) {
        case 0:
        case 1:
        case 2:
        case 3: {
          // Some at the same time as another.
          const int64_t due = !model.empty() && below(4) == 0
                                  ? model.begin()->first.first
                                  : now + distance() - below(1000);
          model[{due, added++}] = Add(due);
          break;
        }
        case 4:
        case 5: {
          if (model.empty()) break;
          auto victim = model.begin();
          std::advance(victim, below(static_cast<int64_t>(model.size())));
          wheel_.Remove(victim->second);
          free_.push_back(victim->second);
          model.erase(victim);
          break;
        }
        default: {
          // To just before, to, or beyond the next.
          int64_t next = now + distance() / 8;
          if (!model.empty() && below(2) == 0) {
            next = std::max(now, model.begin()->first.first - below(2));
          }
          now = next;
          std::vector<uint32_t> expected;
          while (!model.empty() && model.begin()->first.first <= now) {
            expected.push_back(model.begin()->second);
            model.erase(model.begin());
          }
          ASSERT_EQ(Advance(now), expected);
          for (uint32_t index : expected) free_.push_back(index);
        }
      }
      // No slot of this test is crowded enough to be inexact.
      const int64_t next =
          model.empty() ? TimerWheel::kNever : model.begin()->first.first;
      ASSERT_EQ(wheel_.NextDue(), next);
    }
    for (const auto& [key, index] : model) {
      wheel_.Remove(index);
      free_.push_back(index);
    }
  }
}

// As above, with so many in so few slots that holes are filled and slots are
// compacted; those are then not searched for the next.
TEST_F(TimerWheelTest, CrowdedSlotsBehaveAsASortedList) {
  using Pending = std::tuple<int64_t, uint64_t, uint32_t>;  // Sorted so.
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](int64_t bound) {
      return static_cast<int64_t>(random() % static_cast<uint64_t>(bound));
    };
    int64_t now = kStart + seed * kHour;
    Advance(now);
    std::vector<Pending> pending;
    uint64_t added = 0;
    for (int phase = 0; phase < 40; ++phase) {
      // Now and then all are removed.
      const auto keep = static_cast<size_t>(below(4) == 0 ? 0 : below(600));
      while (pending.size() > keep) {
        const auto victim = pending.begin() + below(pending.size());
        std::swap(*victim, pending.back());
        wheel_.Remove(std::get<2>(pending.back()));
        free_.push_back(std::get<2>(pending.back()));
        pending.pop_back();
      }
      std::sort(pending.begin(), pending.end());
      if (pending.empty()) {
        ASSERT_EQ(wheel_.NextDue(), TimerWheel::kNever);
      } else {
        ASSERT_LE(wheel_.NextDue(), std::get<0>(pending.front()));
      }
      // A few slots of the first level, and some of the second.
      for (int64_t i = below(1000); i > 0; --i) {
        const int64_t due = now + below(3) * kMillisecond + below(1000) +
                            (below(4) == 0 ? 6000 * kMillisecond : 0);
        pending.emplace_back(due, added++, Add(due));
      }
      now += below(2 * kMillisecond) * (below(8) == 0 ? 3000 : 1);
      std::sort(pending.begin(), pending.end());
      std::vector<uint32_t> expected;
      for (const auto& [due, order, index] : pending) {
        if (due <= now) expected.push_back(index);
      }
      ASSERT_EQ(Advance(now), expected);
      pending.erase(pending.begin(),
                    pending.begin() + static_cast<int64_t>(expected.size()));
      free_.insert(free_.end(), expected.begin(), expected.end());
    }
    for (const auto& [due, order, index] : pending) {
      wheel_.Remove(index);
      free_.push_back(index);
    }
  }
}

TEST_F(TimerWheelTest, TimersThatWanderThroughAllSlotsReuseTheirMemory) {
  std::mt19937_64 random(1);
  int64_t now = kStart;
  Advance(now);
  constexpr int kTimers = 1000;
  const auto add = [&] {
    Add(now + 1 + static_cast<int64_t>(random() % 4000) * kMillisecond);
  };
  for (int i = 0; i < kTimers; ++i) add();
  while (now < kStart + kHour / 60) {
    now += kMillisecond;
    for (uint32_t index : Advance(now)) {
      free_.push_back(index);
      add();
    }
  }
  // A chunk for each, and those of slots that are being emptied.
  EXPECT_LE(wheel_.EntriesForTest(), 16u * (kTimers + 100));
}

TEST_F(TimerWheelTest, RemovedTimersTakeNoMemory) {
  Advance(kStart);
  constexpr int kSlots = 200;
  constexpr int kEach = 2000;
  for (int slot = 1; slot <= kSlots; ++slot) {
    const int64_t due = kStart + 2 * slot * kMillisecond;
    std::vector<uint32_t> added;
    added.reserve(kEach);
    for (int i = 0; i < kEach; ++i) added.push_back(Add(due));
    // All but one.
    while (added.size() > 1) {
      wheel_.Remove(added.back());
      free_.push_back(added.back());
      added.pop_back();
    }
  }
  EXPECT_LE(wheel_.EntriesForTest(), 2u * kEach + 100u * kSlots);
}

}  // namespace
}  // namespace bergen::periodic
