// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/pprof.h"
#include "backdoor/profile.h"

using bergen::backdoor::DecodePprof;
using bergen::backdoor::EncodePprof;
using bergen::backdoor::Profile;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<Profile> profile = DecodePprof(bytes);
  if (!profile.ok()) return 0;
  for (const auto& stack : profile->stacks) {
    for (const size_t function : stack.functions) {
      if (function >= profile->functions.size()) std::abort();
    }
  }
  // What was read can be written and read again.
  if (!DecodePprof(EncodePprof(*profile, 0)).ok()) std::abort();
  return 0;
}
