// SPDX-License-Identifier: Apache-2.0
//
// What drives a looping call: runs a step, sleeps until the step says, and runs
// it again.

#ifndef PERIODIC_LOOP_H_
#define PERIODIC_LOOP_H_

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bergen::periodic {

// Thread-safe. Destroying it stops it and waits for a step in progress; a step
// that does so aborts the process.
class Loop {
 public:
  struct Step {
    // Set to end the loop.
    std::optional<absl::StatusOr<bool>> outcome;
    absl::Time next;  // Meaningless if `outcome` is set.
  };
  using StepFunction = std::function<Step()>;

  virtual ~Loop() = default;

  // The first step is `initial_delay` from now. FailedPrecondition while
  // running, ResourceExhausted without a thread.
  virtual absl::Status Start(absl::Duration initial_delay,
                             StepFunction step) = 0;

  // Wakes a sleeping loop; a step in progress is completed. Does nothing when
  // not running.
  virtual void Stop() = 0;

  // Blocks until the loop has ended. FailedPrecondition when it was never
  // started, or when called by a step; DeadlineExceeded at `deadline`.
  virtual absl::StatusOr<bool> Wait(absl::Time deadline) = 0;

  virtual bool running() const = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LOOP_H_
