// SPDX-License-Identifier: Apache-2.0
//
// Writes call statistics as Python's `pstats.Stats(path)` reads them, and reads
// what was so written.
//
//   std::string bytes = EncodePstats(Summarize(profile));
//   absl::StatusOr<CallStats> again = DecodePstats(bytes);
//
// Source: the files of oslo.service's `prof('NAME')`; the format is Python's
// marshal. Only its oldest types are written, which Python 2.7 and 3 all read.

#ifndef BACKDOOR_PSTATS_H_
#define BACKDOOR_PSTATS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/call_stats.h"

namespace bergen::backdoor {

// Without any function there is one named `<no samples>`, since pstats refuses
// an empty file. Bytes in names that are not ASCII become `?`.
std::string EncodePstats(const CallStats& stats);

// Of files that EncodePstats wrote, not of Python's own. InvalidArgument says
// at which byte it is another.
absl::StatusOr<CallStats> DecodePstats(absl::string_view bytes);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PSTATS_H_
