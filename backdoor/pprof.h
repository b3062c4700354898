// SPDX-License-Identifier: Apache-2.0
//
// Writes a profile as `go tool pprof` reads it: profile.proto, compressed. And
// reads what was so written.
//
//   std::string bytes = EncodePprof(profile, /*worker=*/0);
//   absl::StatusOr<Profile> again = DecodePprof(bytes);
//
// Source: github.com/google/pprof.

#ifndef BACKDOOR_PPROF_H_
#define BACKDOOR_PPROF_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/profile.h"

namespace bergen::backdoor {

// Each sample has two values, its count and its time in nanoseconds, and the
// labels `thread`, if known, and `worker`: the stack's, else this one.
// Reproducible: equal profiles give equal bytes. Cost: linear in the frames of
// all stacks.
std::string EncodePprof(const Profile& profile, int worker);

// Each stack with its worker. InvalidArgument for what EncodePprof would not
// have written, or is larger than kMaxPprofSize when it is not compressed.
absl::StatusOr<Profile> DecodePprof(absl::string_view bytes);

inline constexpr size_t kMaxPprofSize = size_t{256} << 20;

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PPROF_H_
