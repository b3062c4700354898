// SPDX-License-Identifier: Apache-2.0
//
// Where a door runs commands that may block: a few threads, begun as they are
// needed.
//
//   CommandThreads threads({.running = 4, .threads = 16});
//   absl::Status started = threads.Start();
//   threads.Run([...] { reply->Finish(Dispatch(...)); });
//   ...
//   // In a job that has to wait for its client:
//   CommandThreads::Waiting waiting(&threads);
//   client.WaitUntilItReads();

#ifndef BACKDOOR_COMMAND_THREADS_H_
#define BACKDOOR_COMMAND_THREADS_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace bergen::backdoor {

struct CommandThreadsOptions {
  // Jobs that run at once; others wait for their turn. At least 1.
  int running = 4;
  // Threads in all: more than `running`, so that jobs which wait for their
  // clients hold up no others.
  int threads = 16;
};

// Thread-safe.
class CommandThreads {
 public:
  explicit CommandThreads(const CommandThreadsOptions& options);
  // `Stop`.
  ~CommandThreads();

  // ResourceExhausted if not even one thread can be made. Without the others
  // jobs wait.
  absl::Status Start();

  // Runs `job` on one of the threads. After `Stop` it is not run.
  void Run(std::function<void()> job);

  // Waits for all jobs, those that had not begun too. Harmless if repeated.
  void Stop();

  // While it lives, the job of this thread is not counted as running.
  class Waiting {
   public:
    explicit Waiting(CommandThreads* threads);
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    // Does not wait for a turn: for a moment more jobs than allowed may run.
    ~Waiting();

   private:
    CommandThreads* const threads_;
  };

 private:
  void Serve();
  // Begins a thread if a job could run and none is free for it.
  void AddThreadIfNeeded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CanBegin() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !jobs_.empty() && running_ < options_.running;
  }

  const CommandThreadsOptions options_;
  absl::Mutex mutex_;
  // A job can begin, or `Stop` was called.
  absl::CondVar changed_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_COMMAND_THREADS_H_
