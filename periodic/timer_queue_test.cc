// SPDX-License-Identifier: Apache-2.0

#include "periodic/timer_queue.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/clock.h"
#include "periodic/fake_clock.h"
#include "periodic/timer_thread.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::ElementsAre;

constexpr absl::Duration kSecond = absl::Seconds(1);

class TimerQueueTest : public ::testing::Test {
 protected:
  TimerQueue::Id Add(absl::Duration delay, int number) {
    return timers_.Add(clock_.Now() + delay,
                       [this, number] { called_.push_back(number); });
  }

  FakeClock clock_;
  TimerQueue timers_{clock_};
  std::vector<int> called_;
};

TEST_F(TimerQueueTest, CallsInOrderOfTimeThenOfAddition) {
  Add(2 * kSecond, 3);
  Add(kSecond, 1);
  Add(kSecond, 2);
  Add(-kSecond, 0);
  EXPECT_EQ(timers_.RunDue(), 1);
  EXPECT_EQ(timers_.NextDue(), clock_.Now() + kSecond);
  clock_.Advance(3 * kSecond);
  EXPECT_EQ(timers_.RunDue(), 3);
  EXPECT_THAT(called_, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(timers_.NextDue(), absl::InfiniteFuture());
}

TEST_F(TimerQueueTest, IsNeverEarlyEvenByAFractionOfANanosecond) {
  Add(absl::Nanoseconds(5) / 2, 1);
  clock_.Advance(absl::Nanoseconds(2));
  EXPECT_EQ(timers_.RunDue(), 0);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(timers_.RunDue(), 1);
}

TEST_F(TimerQueueTest, ACancelledTimerIsNotCalled) {
  const TimerQueue::Id id = Add(kSecond, 1);
  EXPECT_TRUE(timers_.Cancel(id));
  EXPECT_FALSE(timers_.Cancel(id));
  EXPECT_FALSE(timers_.Cancel(TimerQueue::Id()));
  EXPECT_EQ(timers_.NextDue(), absl::InfiniteFuture());
  clock_.Advance(kSecond);
  EXPECT_EQ(timers_.RunDue(), 0);
}

TEST_F(TimerQueueTest, AnOldIdDoesNotCancelALaterTimer) {
  const TimerQueue::Id old = Add(kSecond, 1);
  clock_.Advance(kSecond);
  timers_.RunDue();
  for (int i = 0; i < 200; ++i) Add(kSecond, 2);
  EXPECT_FALSE(timers_.Cancel(old));
  clock_.Advance(kSecond);
  EXPECT_EQ(timers_.RunDue(), 200);
}

TEST_F(TimerQueueTest, CancellingDestroysTheCallback) {
  auto held = std::make_shared<int>();
  const TimerQueue::Id id =
      timers_.Add(clock_.Now() + kSecond, [held, pad = std::vector<int>()] {});
  EXPECT_EQ(held.use_count(), 2);
  EXPECT_TRUE(timers_.Cancel(id));
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(TimerQueueTest, ACallbackMayCancelOthersThatAreDueAndNotItself) {
  TimerQueue::Id self, other;
  self = timers_.Add(clock_.Now() + kSecond, [&] {
    EXPECT_FALSE(timers_.Cancel(self));
    EXPECT_TRUE(timers_.Cancel(other));
    // Takes the place of the cancelled one, and is not called in its stead.
    timers_.Add(clock_.Now(), [&] { called_.push_back(2); });
  });
  other = Add(kSecond, 1);
  clock_.Advance(kSecond);
  EXPECT_EQ(timers_.RunDue(), 1);
  EXPECT_THAT(called_, ElementsAre());
  EXPECT_EQ(timers_.RunDue(), 1);
  EXPECT_THAT(called_, ElementsAre(2));
}

TEST_F(TimerQueueTest,
       WhatAnotherThreadAddsMeanwhileTakesNoCancelledTimersTurn) {
  TimerQueue::Id other;
  const auto add_elsewhere = [&](absl::Duration delay) {
    TimerQueue::Id id;
    std::thread([&] { id = Add(delay, 2); }).join();
    return id;
  };
  timers_.Add(clock_.Now() + kSecond, [&] {
    EXPECT_TRUE(timers_.Cancel(other));
    // Has what was cancelled given back to other threads.
    EXPECT_TRUE(timers_.Cancel(add_elsewhere(kSecond)));
    add_elsewhere(kSecond);
    add_elsewhere(kSecond);
  });
  other = Add(kSecond, 1);
  clock_.Advance(kSecond);
  EXPECT_EQ(timers_.RunDue(), 1);
  EXPECT_THAT(called_, ElementsAre());
  clock_.Advance(kSecond);
  EXPECT_EQ(timers_.RunDue(), 2);
  EXPECT_THAT(called_, ElementsAre(2, 2));
}

TEST_F(TimerQueueTest, ATimerAddedForNowByACallbackWaitsForTheNextTime) {
  int calls = 0;
  std::function<void()> again = [&] {
    ++calls;
    timers_.Add(clock_.Now(), again);
  };
  timers_.Add(clock_.Now(), again);
  EXPECT_EQ(timers_.RunDue(), 1);
  EXPECT_EQ(timers_.RunDue(), 1);
  EXPECT_EQ(calls, 2);
}

// Against the simplest model: a list sorted by time, then by order of addition.
class TimerQueueModelTest : public TimerQueueTest {
 protected:
  using Key = std::pair<absl::Time, int>;

  int Below(int bound) {
    return static_cast<int>(random_() % static_cast<uint32_t>(bound));
  }

  // Each magnitude as likely.
  absl::Duration AnyBelow(int magnitudes) {
    return absl::Nanoseconds(random_() % (uint64_t{1} << Below(magnitudes)));
  }

  void Act() {
    if (Below(3) == 0) {
      CancelOne();
    } else {
      AddOne();
    }
  }

  // Up to days ahead; some have passed, and some are at the same time as
  // another.
  void AddOne() {
    absl::Time due = clock_.Now() - absl::Nanoseconds(Below(3)) + AnyBelow(50);
    if (!pending_.empty() && Below(4) == 0) due = pending_.begin()->first;
    const Key key(due, static_cast<int>(keys_.size()));
    keys_.push_back(key);
    pending_.insert(key);
    ids_.push_back(timers_.Add(due, [this, key] { OnCall(key); }));
  }

  // Also what has been called or cancelled long ago.
  void CancelOne() {
    if (ids_.empty()) return;
    const int count = static_cast<int>(ids_.size());
    const int number =
        count - 1 - Below(Below(2) == 0 ? count : std::min(count, 50));
    EXPECT_EQ(timers_.Cancel(ids_[number]), pending_.erase(keys_[number]) == 1);
  }

  // Those that callbacks have added wait for the next time.
  Key NextOfThisTime() const {
    const auto next = std::find_if(
        pending_.begin(), pending_.end(),
        [this](const Key& key) { return key.second < first_of_next_time_; });
    return next == pending_.end() ? Key(absl::InfiniteFuture(), 0) : *next;
  }

  void OnCall(const Key& key) {
    EXPECT_EQ(NextOfThisTime(), key);
    EXPECT_LE(key.first, clock_.Now());
    pending_.erase(key);
    ++calls_;
    for (int i = Below(3); i > 0; --i) Act();
  }

  std::mt19937_64 random_;
  std::set<Key> pending_;
  std::vector<Key> keys_;
  std::vector<TimerQueue::Id> ids_;
  int first_of_next_time_ = 0;
  int calls_ = 0;
};

// What callbacks add and cancel takes another way than what others do.
TEST_F(TimerQueueModelTest, BehavesAsASortedListForCallbacksAndOthers) {
  for (int step = 0; step < 20000; ++step) {
    Act();
    if (Below(4) != 0) continue;
    const absl::Time next =
        pending_.empty() ? absl::InfiniteFuture() : pending_.begin()->first;
    // No slot of this test is crowded enough to be inexact.
    ASSERT_EQ(timers_.NextDue(), next);
    absl::Duration advance = AnyBelow(45);
    if (Below(2) == 0 && !pending_.empty()) {
      advance = std::max(next - clock_.Now(), absl::ZeroDuration());
    }
    clock_.Advance(advance);
    first_of_next_time_ = static_cast<int>(keys_.size());
    const int before = calls_;
    const int called = timers_.RunDue();
    ASSERT_EQ(called, calls_ - before);
    ASSERT_GT(NextOfThisTime().first, clock_.Now());
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(calls_, 5000);
}

// Counts how often somebody waits.
class CountingClock : public FakeClock {
 public:
  bool WaitUntil(Event& event, absl::Time deadline) override {
    ++waits;
    return FakeClock::WaitUntil(event, deadline);
  }
  std::atomic<int> waits = 0;
};

TEST(TimerThreadTest, SleepsUntilSomethingIsDue) {
  CountingClock clock;
  TimerQueue timers(clock);
  const absl::Time start = clock.Now();
  absl::Notification called;
  timers.Add(start + absl::Hours(30), [&] { called.Notify(); });
  // Later ones, and cancelled ones, wake nobody.
  for (int i = 0; i < 100; ++i) {
    timers.Cancel(timers.Add(start + absl::Hours(40 + i), [] {}));
  }
  absl::StatusOr<std::unique_ptr<TimerThread>> thread =
      TimerThread::Start("timers", timers);
  ASSERT_THAT(thread, IsOk());
  clock.WaitForDeadline(start + absl::Hours(30));
  for (int i = 0; i < 100; ++i) timers.Add(start + absl::Hours(31), [] {});
  clock.Advance(absl::Hours(29));
  clock.Advance(absl::Hours(1));
  called.WaitForNotification();
  clock.WaitForDeadline(start + absl::Hours(31));
  EXPECT_EQ(clock.waits, 2);
}

TEST(TimerThreadTest, AnEarlierTimerFromAnotherThreadWakesIt) {
  FakeClock clock;
  TimerQueue timers(clock);
  absl::StatusOr<std::unique_ptr<TimerThread>> thread =
      TimerThread::Start("timers", timers);
  ASSERT_THAT(thread, IsOk());
  const absl::Time start = clock.Now();
  for (int hours : {5, 3, 1}) {
    timers.Add(start + absl::Hours(hours), [] {});
    clock.WaitForDeadline(start + absl::Hours(hours));
  }
  absl::Notification called;
  timers.Add(start, [&] { called.Notify(); });
  called.WaitForNotification();
}

// For the thread sanitizer, and the accounts: each timer is either called or
// cancelled, once.
TEST(TimerThreadTest, ManyThreadsAddAndCancel) {
  RealClock clock;
  TimerQueue timers(clock);
  std::atomic<int> called = 0;
  std::atomic<int> cancelled = 0;
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  {
    absl::StatusOr<std::unique_ptr<TimerThread>> timer_thread =
        TimerThread::Start("timers", timers);
    ASSERT_THAT(timer_thread, IsOk());
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(t);
        std::vector<TimerQueue::Id> ids;
        for (int i = 0; i < kEach; ++i) {
          const absl::Time due =
              clock.Now() + absl::Microseconds(random() % 3000);
          // Some are added and cancelled by callbacks.
          ids.push_back(timers.Add(due, [&timers, &called, due, i] {
            ++called;
            if (i % 2 == 0) timers.Cancel(timers.Add(due, [] {}));
          }));
          if (random() % 2 == 0) {
            cancelled += timers.Cancel(ids[random() % ids.size()]);
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    absl::Notification last;
    timers.Add(clock.Now() + absl::Milliseconds(4), [&] { last.Notify(); });
    last.WaitForNotification();
  }
  EXPECT_EQ(called + cancelled, kThreads * kEach);
  EXPECT_GT(cancelled, 0);
}

TEST(TimerThreadTest, StartAndStopInAStorm) {
  RealClock clock;
  TimerQueue timers(clock);
  std::atomic<bool> end = false;
  std::thread other([&] {
    while (!end) timers.Cancel(timers.Add(clock.Now(), [] {}));
  });
  for (int i = 0; i < 200; ++i) {
    absl::StatusOr<std::unique_ptr<TimerThread>> thread =
        TimerThread::Start("timers", timers);
    ASSERT_THAT(thread, IsOk());
    timers.Add(clock.Now(), [] {});
  }
  end = true;
  other.join();
}

}  // namespace
}  // namespace bergen::periodic
