// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/call_stats.h"
#include "backdoor/pstats.h"

using bergen::backdoor::CallStats;
using bergen::backdoor::DecodePstats;
using bergen::backdoor::EncodePstats;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<CallStats> stats = DecodePstats(bytes);
  // What was read can be written and read again.
  if (stats.ok() && !DecodePstats(EncodePstats(*stats)).ok()) std::abort();
  return 0;
}
