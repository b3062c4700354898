// SPDX-License-Identifier: Apache-2.0

#include "wsgi/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace bergen::wsgi {
namespace {

// Jobs are functions here.
class FunctionRunner : public WorkerPool::Runner {
 public:
  class FunctionThread : public WorkerPool::Thread {
   public:
    void Run(WorkerPool::Job job) override {
      (*static_cast<std::function<void()>*>(job))();
    }
  };

  std::unique_ptr<WorkerPool::Thread> NewThread() override {
    ++threads;
    return std::make_unique<FunctionThread>();
  }

  std::atomic<int> threads = 0;
};

TEST(WorkerPoolTest, JobsThatBlockGetAThreadEachUpToTheLimit) {
  FunctionRunner runner;
  WorkerPool pool(4, runner);
  // Passed only if all four run at once.
  absl::Barrier* barrier = new absl::Barrier(4);
  std::function<void()> job = [barrier] {
    if (barrier->Block()) delete barrier;
  };
  pool.Submit({&job, &job, &job, &job});
  pool.Join();
  EXPECT_EQ(runner.threads, 4);
}

TEST(WorkerPoolTest, JobsThatWaitCanBeTakenBack) {
  FunctionRunner runner;
  WorkerPool pool(1, runner);
  absl::Notification begun;
  absl::Notification release;
  std::atomic<int> done = 0;
  std::function<void()> blocks = [&] {
    begun.Notify();
    release.WaitForNotification();
  };
  std::function<void()> first = [&] { done += 1; };
  std::function<void()> second = [&] { done += 10; };
  pool.Submit({&blocks}, absl::Seconds(1));
  begun.WaitForNotification();
  pool.Submit({&first}, absl::Seconds(2));
  pool.Submit({&second}, absl::Seconds(4));
  WorkerPool::Waiting waiting = pool.TakeWaiting(absl::Seconds(1));
  EXPECT_TRUE(waiting.taken.empty());
  EXPECT_EQ(waiting.oldest, absl::Seconds(2));
  waiting = pool.TakeWaiting(absl::Seconds(3));
  EXPECT_EQ(waiting.taken, std::vector<WorkerPool::Job>{&first});
  EXPECT_EQ(waiting.oldest, absl::Seconds(4));
  release.Notify();
  pool.Join();
  EXPECT_EQ(done, 10);
  EXPECT_EQ(pool.TakeWaiting(absl::Seconds(9)).oldest,
            absl::InfiniteDuration());
}

TEST(WorkerPoolTest, JobsBeyondTheLimitWaitTheirTurn) {
  FunctionRunner runner;
  WorkerPool pool(2, runner);
  absl::Notification release;
  std::atomic<int> done = 0;
  std::function<void()> blocks = [&] {
    release.WaitForNotification();
    ++done;
  };
  std::function<void()> counts = [&] { ++done; };
  pool.Submit({&blocks, &blocks, &counts});
  pool.Submit({&counts});
  release.Notify();
  pool.Join();
  EXPECT_EQ(done, 4);
  EXPECT_LE(runner.threads, 2);
}

TEST(WorkerPoolTest, JobsBeginInOrder) {
  FunctionRunner runner;
  WorkerPool pool(1, runner);
  std::vector<int> order;
  std::vector<std::function<void()>> jobs;
  for (int i = 0; i < 100; ++i) {
    jobs.push_back([&order, i] { order.push_back(i); });
  }
  for (std::function<void()>& job : jobs) pool.Submit({&job});
  pool.Join();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(WorkerPoolTest, NoJobIsLostHoweverTheyCome) {
  FunctionRunner runner;
  WorkerPool pool(8, runner);
  std::atomic<int> done = 0;
  std::function<void()> job = [&done] { ++done; };
  std::vector<std::thread> submitters;
  for (int i = 0; i < 3; ++i) {
    submitters.emplace_back([&] {
      for (int k = 0; k < 2000; ++k) pool.Submit({&job});
    });
  }
  for (std::thread& submitter : submitters) submitter.join();
  pool.Join();
  EXPECT_EQ(done, 6000);
}

TEST(WorkerPoolTest, WithoutJobsThereAreNoThreads) {
  FunctionRunner runner;
  WorkerPool pool(8, runner);
  pool.Join();
  EXPECT_EQ(runner.threads, 0);
}

}  // namespace
}  // namespace bergen::wsgi
