// SPDX-License-Identifier: Apache-2.0
//
// Writes call statistics as Python's `pstats.Stats(path)` reads them.
//
//   std::string bytes = EncodePstats(Summarize(profile));
//
// Source: the files of oslo.service's `prof('NAME')`; the format is Python's
// marshal. Only its oldest types are written, which Python 2.7 and 3 all read.

#ifndef BACKDOOR_PSTATS_H_
#define BACKDOOR_PSTATS_H_

#include <string>

#include "backdoor/call_stats.h"

namespace bergen::backdoor {

// Without any function there is one named `<no samples>`, since pstats refuses
// an empty file. Bytes in names that are not ASCII become `?`.
std::string EncodePstats(const CallStats& stats);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PSTATS_H_
