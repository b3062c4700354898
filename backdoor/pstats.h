// SPDX-License-Identifier: Apache-2.0
//
// Writes call statistics as Python's `pstats.Stats(path)` reads them.
//
//   absl::StatusOr<std::string> bytes = EncodePstats(Summarize(profile));
//   if (!bytes.ok()) return bytes.status();
//
// Source: the files of oslo.service's `prof('NAME')`; the format is Python's
// marshal. Only its oldest types are written, which Python 2.7 and 3 all read.

#ifndef BACKDOOR_PSTATS_H_
#define BACKDOOR_PSTATS_H_

#include <string>

#include "absl/status/statusor.h"
#include "backdoor/call_stats.h"

namespace bergen::backdoor {

// FailedPrecondition `nothing was recorded` if `stats` are empty: pstats
// refuses such a file. Bytes in names that are not ASCII become `?`.
absl::StatusOr<std::string> EncodePstats(const CallStats& stats);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PSTATS_H_
