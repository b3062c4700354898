// SPDX-License-Identifier: Apache-2.0

#include "periodic/thread_pool.h"

#include <atomic>
#include <functional>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

TEST(ThreadPoolTest, ASlowOneDelaysNoOtherUpToTheLimit) {
  absl::Notification release;
  absl::BlockingCounter begun(3);
  ThreadPool pool("pool", {.max_threads = 3});
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(pool.Execute([&] {
      begun.DecrementCount();
      release.WaitForNotification();
    }),
                IsOk());
  }
  begun.Wait();
  EXPECT_EQ(pool.thread_count(), 3);
  // The fourth waits for its turn.
  std::atomic<bool> ran = false;
  ASSERT_THAT(pool.Execute([&] { ran = true; }), IsOk());
  EXPECT_EQ(pool.thread_count(), 3);
  EXPECT_FALSE(ran);
  release.Notify();
}

TEST(ThreadPoolTest, RunsWhatItAcceptedBeforeItEnds) {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool("pool", {.max_threads = 2});
    for (int i = 0; i < 100; ++i) {
      ASSERT_THAT(pool.Execute([&] {
        ++ran;
        // Work may add work.
        pool.Execute([&] { ++ran; }).IgnoreError();
      }),
                  IsOk());
    }
  }
  EXPECT_EQ(ran, 200);
}

TEST(ThreadPoolTest, AnIdleThreadIsUsedAgain) {
  ThreadPool pool("pool", {.max_threads = 1});
  for (int i = 0; i < 3; ++i) {
    absl::Notification ran;
    ASSERT_THAT(pool.Execute([&] { ran.Notify(); }), IsOk());
    ran.WaitForNotification();
  }
  EXPECT_EQ(pool.thread_count(), 1);
}

}  // namespace
}  // namespace bergen::periodic
