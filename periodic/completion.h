// SPDX-License-Identifier: Apache-2.0
//
// Whether something runs, and how it ended.
//
//   if (!completion.Begin()) return AlreadyRunning();
//   ...
//   completion.Finish(true);

#ifndef PERIODIC_COMPLETION_H_
#define PERIODIC_COMPLETION_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/clock.h"

namespace bergen::periodic {

// Thread-safe.
class Completion {
 public:
  // `subject` precedes the text of errors.
  explicit Completion(absl::string_view subject);

  // FailedPrecondition if it is running.
  absl::Status Begin();
  // Must not be touched by the caller afterwards: whoever has waited may
  // destroy it.
  void Finish(absl::StatusOr<bool> outcome);

  // Between these two, the calling thread cannot wait.
  void EnterStep();
  void LeaveStep();
  // For whoever is about to destroy what runs: aborts the process within a
  // step, which would wait for itself.
  void AbortInOwnStep() const;

  // Blocks until it does not run, and returns how it ended, as often as it is
  // called. FailedPrecondition when it has never begun, or within a step;
  // DeadlineExceeded at `deadline`.
  absl::StatusOr<bool> Wait(Clock& clock, absl::Time deadline);

  bool running() const;

 private:
  bool InOwnStep() const;

  const std::string subject_;
  mutable absl::Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id in_step_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<bool> outcome_ ABSL_GUARDED_BY(mutex_);
  Event finished_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_COMPLETION_H_
