// SPDX-License-Identifier: Apache-2.0

#include "backdoor/command_threads.h"

#include <atomic>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

TEST(CommandThreadsTest, AsManyRunAtOnceAsAllowed) {
  CommandThreads threads({.running = 3, .threads = 3});
  ASSERT_THAT(threads.Start(), IsOk());
  auto* const together = new absl::Barrier(3);
  for (int i = 0; i < 3; ++i) {
    threads.Run([together] {
      if (together->Block()) delete together;
    });
  }
  threads.Stop();
}

TEST(CommandThreadsTest, OneMoreWaitsForItsTurn) {
  CommandThreads threads({.running = 1, .threads = 4});
  ASSERT_THAT(threads.Start(), IsOk());
  std::atomic<int> running{0}, most{0}, done{0};
  for (int i = 0; i < 100; ++i) {
    threads.Run([&] {
      const int now = ++running;
      if (now > most) most = now;
      --running;
      ++done;
    });
  }
  threads.Stop();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(done, 100);
}

TEST(CommandThreadsTest, AJobThatWaitsForItsClientHoldsUpNoOther) {
  CommandThreads threads({.running = 1, .threads = 3});
  ASSERT_THAT(threads.Start(), IsOk());
  absl::Notification other_ran;
  absl::BlockingCounter waited(2);
  for (int i = 0; i < 2; ++i) {
    threads.Run([&] {
      const CommandThreads::Waiting waiting(&threads);
      other_ran.WaitForNotification();
      waited.DecrementCount();
    });
  }
  threads.Run([&] { other_ran.Notify(); });
  waited.Wait();
  threads.Stop();
}

TEST(CommandThreadsTest, StopRunsWhatWaits) {
  CommandThreads threads({.running = 1, .threads = 1});
  ASSERT_THAT(threads.Start(), IsOk());
  absl::Notification begun, leave;
  std::atomic<int> done{0};
  threads.Run([&] {
    begun.Notify();
    leave.WaitForNotification();
    ++done;
  });
  begun.WaitForNotification();
  threads.Run([&] { ++done; });
  leave.Notify();
  threads.Stop();
  EXPECT_EQ(done, 2);
  threads.Run([&] { ++done; });
  threads.Stop();
  EXPECT_EQ(done, 2);
}

}  // namespace
}  // namespace bergen::backdoor
