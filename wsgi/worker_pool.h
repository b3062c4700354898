// SPDX-License-Identifier: Apache-2.0
//
// Threads that run applications. They are created when needed, up to a limit.
//
//   WorkerPool pool(100, runner);  // runner.NewThread()->Run(job) does a job.
//   pool.Submit({job, other_job});
//   ...
//   pool.Join();
//
// At most one thread is being woken at any time: it wakes the next one if there
// is more to do when it gets going. A burst of short jobs is therefore done by
// the few threads that the machine can run, without a wake-up for each, while
// jobs that block bring up as many threads as they need.

#ifndef WSGI_WORKER_POOL_H_
#define WSGI_WORKER_POOL_H_

#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace bergen::wsgi {

// Thread-safe, except that `Join` is called once, at the end.
class WorkerPool {
 public:
  using Job = void*;

  // What one thread keeps from job to job.
  class Thread {
   public:
    virtual ~Thread() = default;
    virtual void Run(Job job) = 0;
  };
  class Runner {
   public:
    virtual ~Runner() = default;
    // Called on each thread when it begins.
    virtual std::unique_ptr<Thread> NewThread() = 0;
  };

  // `size` is the most threads, at least 1. `runner` must outlive it.
  WorkerPool(int size, Runner& runner);
  // Requires `Join`, if `Submit` was called.
  ~WorkerPool();

  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Jobs begin in this order. If the system refuses more threads those that
  // there are do all; if there is none, aborts. `now` is for `TakeWaiting`, by
  // any clock that does not go back.
  void Submit(absl::Span<const Job> jobs,
              absl::Duration now = absl::ZeroDuration());

  struct Waiting {
    std::vector<Job> taken;
    // When the oldest of the rest was submitted; infinite if there is none.
    absl::Duration oldest = absl::InfiniteDuration();
  };
  // Takes back the jobs submitted at `until` or before that did not begin.
  Waiting TakeWaiting(absl::Duration until);

  // Blocks until all jobs are done and ends the threads.
  void Join();

 private:
  void Run();
  // Returns whether the caller must call `WakeOne` after unlocking.
  bool WantsWake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeOne() ABSL_LOCKS_EXCLUDED(mutex_);

  const int size_;
  Runner* const runner_;

  absl::Mutex mutex_;
  absl::CondVar changed_;
  // In the order of their times.
  std::deque<std::pair<Job, absl::Duration>> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);  // To be joined.
  int thread_count_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;  // Waiting for `changed_`.
  // A thread was woken or created and did not look for a job yet.
  bool waking_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace bergen::wsgi

#endif  // WSGI_WORKER_POOL_H_
