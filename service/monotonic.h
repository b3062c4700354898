// SPDX-License-Identifier: Apache-2.0
//
// The system's monotonic clock, for the deadlines of a poll loop.
//
//   const absl::Time deadline = MonotonicNow() + timeout;

#ifndef SERVICE_MONOTONIC_H_
#define SERVICE_MONOTONIC_H_

#include <time.h>

#include "absl/time/time.h"

namespace bergen {

// Only differences mean anything. Not moved by setting the system's time.
inline absl::Time MonotonicNow() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::UnixEpoch() + absl::DurationFromTimespec(now);
}

}  // namespace bergen

#endif  // SERVICE_MONOTONIC_H_
