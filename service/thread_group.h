// SPDX-License-Identifier: Apache-2.0
//
// The threads and timers of one service.
//
//   bergen::ThreadGroup threads("replicator", {}, clock, log);
//   absl::StatusOr<std::shared_ptr<bergen::ThreadGroup::Thread>> reader =
//       threads.AddThread("reader", [&](std::stop_token stop) {
//         return ReadUntil(stop);
//       });
//   if (!reader.ok()) return reader.status();
//   ...
//   threads.Stop(/*graceful=*/true);
//   threads.Wait();
//
// Source: oslo_service.threadgroup. Differences: a thread is not killed but
// asked through its stop token; the group keeps track of it until it has ended;
// results are kept; nothing waits under a lock, so callbacks may use the group
// while it is being stopped; and timers share threads.

#ifndef SERVICE_THREAD_GROUP_H_
#define SERVICE_THREAD_GROUP_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/activity.h"
#include "periodic/clock.h"
#include "periodic/looping_call.h"
#include "periodic/scheduler.h"
#include "spdlog/fwd.h"

namespace bergen {

struct ThreadGroupOptions {
  // Threads at a time; timers are not counted.
  int max_threads = 1000;
  // At least 1. So many callbacks of timers run at the same time; those beyond
  // wait for their turn.
  int max_timer_threads = 16;
};

// Thread-safe.
class ThreadGroup {
 public:
  // Its function is called on the group's threads, and never while it is still
  // running. Not to be started again by hand.
  using Timer = periodic::LoopingCall;
  // Ends soon after `stop` was requested. An exception counts as an Internal
  // error.
  using Function = std::function<absl::Status(std::stop_token stop)>;

  // A thread's handle; may outlive the group. Thread-safe.
  class Thread {
   public:
    Thread(absl::string_view name, absl::Time begin)
        : name_(name), begin_(begin) {}

    const std::string& name() const { return name_; }
    // Asks this thread to end.
    void Stop() { stop_.request_stop(); }
    // Blocks until it has ended; returns the function's result, as often as it
    // is called. FailedPrecondition when called by the thread itself.
    absl::Status Wait() const;

   private:
    friend class ThreadGroup;
    void Finish(absl::Status result);

    const std::string name_;
    const absl::Time begin_;  // Of the clock of its group.
    std::stop_source stop_;
    mutable absl::Mutex mutex_;
    std::thread::id id_ ABSL_GUARDED_BY(mutex_);
    pid_t kernel_id_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: has not begun.
    bool finished_ ABSL_GUARDED_BY(mutex_) = false;
    absl::Status result_ ABSL_GUARDED_BY(mutex_);
  };

  // `name` precedes those of threads and timers in logs.
  ThreadGroup(absl::string_view name, const ThreadGroupOptions& options,
              periodic::Clock& clock, spdlog::logger& log);
  // Stops, not gracefully, and waits. Aborts when called by one of its threads.
  ~ThreadGroup();

  // Runs `function` on a new thread. ResourceExhausted at `max_threads` or when
  // the system has no thread left.
  absl::StatusOr<std::shared_ptr<Thread>> AddThread(absl::string_view name,
                                                    Function function);

  // A started FixedIntervalLoopingCall or DynamicLoopingCall, which can also be
  // stopped alone; it stays in the group until `RemoveTimer` or `StopTimers`.
  // While the group is being stopped, the timer is returned stopped and never
  // calls. Else fails as the looping call's `Start`, or with ResourceExhausted
  // when the system has no thread left.
  absl::StatusOr<std::shared_ptr<Timer>> AddTimer(
      absl::string_view name, Timer::Function function,
      const periodic::FixedIntervalOptions& options);
  absl::StatusOr<std::shared_ptr<Timer>> AddDynamicTimer(
      absl::string_view name, Timer::Function function,
      const periodic::DynamicOptions& options);

  // Stops and forgets a timer, without waiting. Unknown ones are ignored.
  void RemoveTimer(const std::shared_ptr<Timer>& timer);

  // Stops all timers and, with `wait`, waits for callbacks in progress, other
  // than the caller's own. Then forgets them.
  void StopTimers(bool wait);

  // Stops all timers. `graceful`: waits for callbacks in progress and for all
  // threads, which are not asked to end. Otherwise asks all threads to end
  // and does not wait; `Wait` does. The calling thread is neither asked nor
  // waited for by its own group; of two that both stop it gracefully, each
  // would wait for the other. The group can be used again afterwards.
  void Stop(bool graceful);

  // Blocks until all timers and threads, but the calling one, have ended.
  // Timers must have been stopped. Errors were logged when they happened.
  void Wait();

  // Those that have not ended, and those not forgotten.
  int thread_count() const;
  int timer_count() const;
  // The same, threads first, and what each is doing.
  std::vector<periodic::Activity> List() const;

  const std::string& name() const { return name_; }

 private:
  // What threads share with the group; none of them needs the group itself.
  struct Running {
    absl::Mutex mutex;
    std::vector<std::shared_ptr<Thread>> threads ABSL_GUARDED_BY(mutex);
  };

  static void RunThread(Running& running, const std::shared_ptr<Thread>& thread,
                        Function function, const std::string& group,
                        spdlog::logger& log);
  template <typename Call, typename Options>
  absl::StatusOr<std::shared_ptr<Timer>> StartTimer(absl::string_view name,
                                                    Timer::Function function,
                                                    const Options& options);
  // All but the calling one.
  std::vector<std::shared_ptr<Thread>> OtherThreads() const;
  void WaitForThreads();
  void WaitForTimers();
  // Destroys retired timers that have ended.
  void Prune();

  const std::string name_;
  const ThreadGroupOptions options_;
  periodic::Clock* const clock_;
  spdlog::logger* const log_;
  const std::shared_ptr<Running> running_ = std::make_shared<Running>();
  mutable absl::Mutex mutex_;
  // Of the timers, since the first of them. Ends after all of them.
  std::unique_ptr<periodic::SchedulerThreads> scheduler_
      ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Timer>> timers_ ABSL_GUARDED_BY(mutex_);
  // Forgotten timers whose callback may still be in progress: destroying
  // them would wait for it, perhaps on its own thread.
  std::vector<std::shared_ptr<Timer>> retired_ ABSL_GUARDED_BY(mutex_);
  int stopping_ ABSL_GUARDED_BY(mutex_) = 0;  // Calls of `Stop` in progress.
};

}  // namespace bergen

#endif  // SERVICE_THREAD_GROUP_H_
