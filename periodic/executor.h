// SPDX-License-Identifier: Apache-2.0
//
// Where work runs.
//
//   absl::Status accepted = executor.Execute([] { Work(); });

#ifndef PERIODIC_EXECUTOR_H_
#define PERIODIC_EXECUTOR_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace bergen::periodic {

// Thread-safe.
class Executor {
 public:
  using Work = absl::AnyInvocable<void()>;

  virtual ~Executor() = default;

  // Has `work` run once, now or later, or returns an error. Work must not
  // throw. ResourceExhausted if there is no thread to run it, ever.
  virtual absl::Status Execute(Work work) = 0;
};

// Runs work in place: for work that takes no time, and for tests in which
// everything happens on one thread.
class InlineExecutor : public Executor {
 public:
  absl::Status Execute(Work work) override {
    work();
    return absl::OkStatus();
  }
};

}  // namespace bergen::periodic

#endif  // PERIODIC_EXECUTOR_H_
