// SPDX-License-Identifier: Apache-2.0
//
// Writes a profile as `go tool pprof` reads it: profile.proto, compressed.
//
//   std::string bytes = EncodePprof(profile, /*worker=*/0);
//
// Source: github.com/google/pprof.

#ifndef BACKDOOR_PPROF_H_
#define BACKDOOR_PPROF_H_

#include <string>

#include "backdoor/profile.h"

namespace bergen::backdoor {

// Each sample has two values, its count and its time in nanoseconds, and the
// labels `thread`, if known, and `worker`. Reproducible: equal profiles give
// equal bytes. Cost: linear in the frames of all stacks.
std::string EncodePprof(const Profile& profile, int worker);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PPROF_H_
