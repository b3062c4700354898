// SPDX-License-Identifier: Apache-2.0
//
// Says how long to wait before trying again: longer after each failure, by a
// random factor.
//
//   Backoff backoff({}, random);
//   while (!SyncOnce().ok()) {
//     absl::StatusOr<absl::Duration> wait = backoff.OnError();
//     if (!wait.ok()) return wait.status();
//     clock.SleepUntil(clock.Now() + *wait);
//   }
//
// Source: BackOffLoopingCall of oslo.service, with all its numbers.

#ifndef PERIODIC_BACKOFF_H_
#define PERIODIC_BACKOFF_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "periodic/random.h"

namespace bergen::periodic {

struct BackoffOptions {
  absl::Duration starting_interval = absl::Seconds(1);
  // Of waiting since the last success, not counting the time of the tries
  // themselves. `absl::InfiniteDuration()` never gives up.
  absl::Duration timeout = absl::Seconds(300);
  absl::Duration max_interval = absl::Seconds(300);
  // The mean of the random factor, whose deviation is 0.1. After a failure
  // the interval grows by twice this: below 0.5 it shrinks.
  double jitter = 0.75;
  // Of a wait; keeps a small interval from becoming a busy loop.
  absl::Duration min_interval = absl::Milliseconds(1);
};

// Not thread-safe.
class Backoff {
 public:
  Backoff(const BackoffOptions& options, Random& random);

  // InvalidArgument unless all durations are positive, and the longest
  // interval is not less than the shortest, nor jitter negative.
  static absl::Status Check(const BackoffOptions& options);

  // How long to wait after a success: about the starting interval.
  absl::Duration OnSuccess();

  // How long to wait after a failure, or DeadlineExceeded if that would be more
  // than the timeout in all.
  absl::StatusOr<absl::Duration> OnError();

 private:
  double Factor();

  const BackoffOptions options_;
  Random* const random_;
  // Grows by the mean of the random factor, not by the factor itself.
  absl::Duration interval_;
  absl::Duration waited_;  // Since the last success.
};

}  // namespace bergen::periodic

#endif  // PERIODIC_BACKOFF_H_
