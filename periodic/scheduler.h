// SPDX-License-Identifier: Apache-2.0
//
// What calls need to be made at their time: a clock, timers, and threads.
//
//   absl::StatusOr<std::unique_ptr<SchedulerThreads>> threads =
//       SchedulerThreads::Start("tasks", {.max_threads = 8}, clock);
//   if (!threads.ok()) return threads.status();
//   FixedIntervalLoopingCall beat("beat", [&] { return Beat(); },
//                                 (*threads)->scheduler(), log);
//
// Start it in the process that runs the calls: threads do not survive fork().

#ifndef PERIODIC_SCHEDULER_H_
#define PERIODIC_SCHEDULER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "periodic/clock.h"
#include "periodic/executor.h"
#include "periodic/thread_pool.h"
#include "periodic/timer_queue.h"
#include "periodic/timer_thread.h"

namespace bergen::periodic {

// `timers` says when, `executor` where. All three must outlive who is given
// this. A value. A test makes one with a fake clock and an InlineExecutor, and
// then everything happens on its own thread, in an order that is always the
// same.
struct Scheduler {
  Clock& clock;
  TimerQueue& timers;
  Executor& executor;
};

// A timer thread, and a pool for what it calls.
class SchedulerThreads {
 public:
  // ResourceExhausted if the system has no thread left. `name` is the pool's;
  // the timer thread's is `name` and "-timer".
  static absl::StatusOr<std::unique_ptr<SchedulerThreads>> Start(
      absl::string_view name, const ThreadPoolOptions& options, Clock& clock);

  // What was scheduled must have ended.
  ~SchedulerThreads() = default;

  const Scheduler& scheduler() const { return scheduler_; }

 private:
  SchedulerThreads(absl::string_view name, const ThreadPoolOptions& options,
                   Clock& clock)
      : timers_(clock),
        pool_(name, options),
        scheduler_{clock, timers_, pool_} {}

  TimerQueue timers_;
  ThreadPool pool_;
  const Scheduler scheduler_;
  // Ends first: it hands work to the pool.
  std::unique_ptr<TimerThread> thread_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_SCHEDULER_H_
