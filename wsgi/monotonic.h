// SPDX-License-Identifier: Apache-2.0
//
// Time that nobody can set, for measuring waits.
//
//   const absl::Duration end = MonotonicNow() + timeout;
//
// `CoarseNow` is the same time, some milliseconds old, at a fifth of the price.

#ifndef WSGI_MONOTONIC_H_
#define WSGI_MONOTONIC_H_

#include <ctime>

#include "absl/time/time.h"

namespace bergen::wsgi {

// Since an arbitrary moment. Thread-safe.
inline absl::Duration MonotonicNow() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

inline absl::Duration CoarseNow() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace bergen::wsgi

#endif  // WSGI_MONOTONIC_H_
