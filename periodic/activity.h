// SPDX-License-Identifier: Apache-2.0
//
// What one thread, timer or task is doing, for people who look into a running
// process. Whoever has such things lists them on request; nobody keeps a list
// of all.
//
//   for (const Activity& one : thread_group.List()) Print(one);
//
// Source: the greenlets that `pgt()` of oslo.service's backdoor prints.

#ifndef PERIODIC_ACTIVITY_H_
#define PERIODIC_ACTIVITY_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace bergen::periodic {

// As it was at one moment.
struct Activity {
  enum class State {
    kRunning,  // Its function is being called.
    kWaiting,  // For the next call.
    kEnded,    // Or never started.
  };

  std::string name;
  // In words: `thread`, `Fixed interval looping call`.
  std::string kind;
  State state = State::kEnded;
  // How long it has been in `state`; infinite if unknown.
  absl::Duration age = absl::InfiniteDuration();
  // From now to the next call; infinite if there is none, or nobody knows.
  absl::Duration next = absl::InfiniteDuration();
  // The kernel's number of the thread that it runs on; 0 if unknown, or not
  // running.
  pid_t thread = 0;
  // Of its function, the one in progress included.
  int64_t calls = 0;
  int64_t errors = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_ACTIVITY_H_
