// SPDX-License-Identifier: Apache-2.0
//
// Says when a worker that ended by itself is replaced.
//
//   RestartBudget budget({.free_restarts = 3}, random);
//   const absl::Time restart_at = budget.Spend(clock.Now());
//   if (budget.exhausted()) ...
//
// Source: "Forking too fast" in oslo.service. There the clock was the wall's,
// a reload counted, and a hopeless service was restarted once a second for
// ever.

#ifndef LAUNCHER_RESTART_BUDGET_H_
#define LAUNCHER_RESTART_BUDGET_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "launcher/launcher.h"
#include "periodic/random.h"

namespace bergen::launcher {

// OK if `limits` can be used; InvalidArgument names the one that cannot.
absl::Status CheckRestartLimits(const RestartLimits& limits);

// Not thread-safe.
class RestartBudget {
 public:
  // `limits` must have been checked; a negative `free_restarts` is 0 here.
  // `random` must outlive it.
  RestartBudget(const RestartLimits& limits, periodic::Random& random)
      : limits_(limits), random_(&random) {}

  // Records that a worker has ended. Returns when to replace it, not before
  // `now`.
  absl::Time Spend(absl::Time now);

  // Restarts with no quiet period between them.
  int spent() const { return spent_; }

  // True once more restarts were asked for than `give_up_after` allows.
  bool exhausted() const;

  // Forgets what was recorded: the cause may be gone.
  void Refill() { spent_ = 0; }

 private:
  RestartLimits limits_;
  periodic::Random* random_;
  int spent_ = 0;  // Restarts with no quiet period between them.
  absl::Time last_ = absl::InfinitePast();
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_RESTART_BUDGET_H_
