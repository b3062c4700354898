// SPDX-License-Identifier: Apache-2.0
//
// The thread of a timer queue.
//
//   absl::StatusOr<std::unique_ptr<TimerThread>> thread =
//       TimerThread::Start("timers", timers);
//   if (!thread.ok()) return thread.status();

#ifndef PERIODIC_TIMER_THREAD_H_
#define PERIODIC_TIMER_THREAD_H_

#include <memory>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "periodic/timer_queue.h"

namespace bergen::periodic {

// Runs a queue while it lives, woken by the system as exactly as it can.
class TimerThread {
 public:
  // ResourceExhausted if the system has no thread left. `name` is the thread's.
  static absl::StatusOr<std::unique_ptr<TimerThread>> Start(
      absl::string_view name, TimerQueue& timers);

  // Waits for a callback in progress. Must not be called by one.
  ~TimerThread();
  TimerThread(const TimerThread&) = delete;
  TimerThread& operator=(const TimerThread&) = delete;

 private:
  TimerThread(TimerQueue& timers, std::thread thread)
      : timers_(&timers), thread_(std::move(thread)) {}

  TimerQueue* const timers_;
  std::thread thread_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_TIMER_THREAD_H_
