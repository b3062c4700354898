// SPDX-License-Identifier: Apache-2.0
//
// Threads that run work, started when they are needed.
//
//   ThreadPool pool("tasks", {.max_threads = 8});
//   absl::Status accepted = pool.Execute([] { Work(); });

#ifndef PERIODIC_THREAD_POOL_H_
#define PERIODIC_THREAD_POOL_H_

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "periodic/executor.h"

namespace bergen::periodic {

struct ThreadPoolOptions {
  // At least 1. Work beyond that many waits for its turn, in order.
  int max_threads = 16;
};

// Thread-safe. Starts a thread whenever work arrives and none is idle, up to
// the limit, and keeps it.
class ThreadPool : public Executor {
 public:
  // `name` is that of the threads.
  ThreadPool(absl::string_view name, const ThreadPoolOptions& options);

  // Runs all work that was accepted, also what it adds, then ends the threads.
  // Must not be called by work.
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // ResourceExhausted if the system has no thread left and this pool has none.
  absl::Status Execute(Work work) override;

  // Those that were started.
  int thread_count() const;

 private:
  bool HasWorkOrEnds() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() || ending_;
  }
  void RunThread();

  const std::string name_;
  const ThreadPoolOptions options_;
  mutable absl::Mutex mutex_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_THREAD_POOL_H_
