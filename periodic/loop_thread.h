// SPDX-License-Identifier: Apache-2.0
//
// What the kinds of looping call have in common: a thread that runs a step,
// sleeps until the step says, and runs it again.

#ifndef PERIODIC_LOOP_THREAD_H_
#define PERIODIC_LOOP_THREAD_H_

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

// Thread-safe.
class LoopThread {
 public:
  struct Step {
    // Set to end the loop.
    std::optional<absl::StatusOr<bool>> outcome;
    absl::Time next;  // Meaningless if `outcome` is set.
  };

  LoopThread(absl::string_view name, Clock& clock, spdlog::logger& log);
  // Stops, and waits for a step in progress. Aborts when called by a step.
  ~LoopThread();

  // The first step is `initial_delay` from now. FailedPrecondition while
  // running, ResourceExhausted without a thread.
  absl::Status Start(absl::Duration initial_delay, std::function<Step()> step);

  // Wakes a sleeping loop; a step in progress is completed. Does nothing when
  // not running.
  void Stop();

  // Blocks until the loop has ended. FailedPrecondition when it was never
  // started, or when called by a step.
  absl::StatusOr<bool> Wait();

  bool running() const;
  const std::string& name() const { return name_; }

 private:
  void Run(absl::Duration initial_delay, const std::function<Step()>& step);
  absl::StatusOr<bool> RunSteps(absl::Duration initial_delay,
                                const std::function<Step()>& step);

  const std::string name_;
  Clock* const clock_;
  spdlog::logger* const log_;
  Event stop_;
  mutable absl::Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<bool> outcome_ ABSL_GUARDED_BY(mutex_);
  // Joinable from the first `Start` on, also after the loop has ended.
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LOOP_THREAD_H_
