// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/address.h"

using bergen::backdoor::ExpandSocketTemplate;
using bergen::backdoor::FormatPorts;
using bergen::backdoor::ParsePorts;
using bergen::backdoor::PortRange;
using bergen::backdoor::SocketPath;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<PortRange> ports = ParsePorts(text);
  if (ports.ok()) {
    if (ports->first < 0 || ports->last < ports->first || ports->last > 65535) {
      std::abort();
    }
    // What was read can be printed and read again.
    const absl::StatusOr<PortRange> again = ParsePorts(FormatPorts(*ports));
    if (!again.ok() || again->first != ports->first ||
        again->last != ports->last) {
      std::abort();
    }
  }
  const SocketPath path = ExpandSocketTemplate(text, 4194304, 12);
  if (path.literal && path.path != text) std::abort();
  return 0;
}
