// SPDX-License-Identifier: Apache-2.0
//
// Times and calls of each function, and of each pair of caller and callee: what
// a profile comes down to in the pstats format.
//
//   const CallStats stats = Summarize(profile);
//
// Source: the statistics of Python's profilers, where calls are counted. Here
// samples are: a function's "calls" are the samples it was found in.

#ifndef BACKDOOR_CALL_STATS_H_
#define BACKDOOR_CALL_STATS_H_

#include <cstdint>
#include <map>

#include "absl/time/time.h"
#include "backdoor/profile.h"

namespace bergen::backdoor {

struct CallCounts {
  // Calls that were not entered through recursion.
  int64_t primitive_calls = 0;
  // All calls; at least `primitive_calls`.
  int64_t calls = 0;
  // In the function itself.
  absl::Duration own_time;
  // In the function and in what it called, each moment counted once.
  absl::Duration total_time;
};

struct FunctionStats {
  CallCounts counts;
  // The part of `counts` by who called. A function that calls itself is
  // among its callers.
  std::map<Function, CallCounts> callers;
};

using CallStats = std::map<Function, FunctionStats>;

// A function that is several times in a stack counts once; so does a pair of
// caller and callee. Calls from itself are never primitive.
CallStats Summarize(const Profile& profile);

// Adds what another process, or the same one at another time, has called.
void AddCallStats(const CallStats& more, CallStats& to);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_CALL_STATS_H_
