// SPDX-License-Identifier: Apache-2.0
//
// Where the backdoor listens, as written in the options. Reads and prints;
// backdoor/listen.h opens.
//
//   absl::StatusOr<std::optional<Address>> address =
//       ParseAddress("8002:8033", std::nullopt);
//   if (!address.ok()) return address.status();
//
// Source: the options `backdoor_port` and `backdoor_socket` of oslo.service.
// Differences: ports beyond 65535 are refused here and not when bound, and
// `{worker}` exists.

#ifndef BACKDOOR_ADDRESS_H_
#define BACKDOOR_ADDRESS_H_

#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::backdoor {

// TCP ports to try upwards from `first` to `last`. `first` 0 lets the kernel
// choose. Always 0 <= first <= last <= 65535.
struct PortRange {
  int first = 0;
  int last = 0;

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Path of a unix socket, in which `{pid}` and `{worker}` stand for numbers.
struct SocketTemplate {
  std::string text;

  friend bool operator==(const SocketTemplate&,
                         const SocketTemplate&) = default;
};

using Address = std::variant<PortRange, SocketTemplate>;

// Reads `PORT` or `START:END`: decimal, blanks around the numbers tolerated,
// parted at the first colon, END not below START, 0 for a port that the kernel
// chooses. InvalidArgument with the value and this grammar.
absl::StatusOr<PortRange> ParsePorts(absl::string_view text);

// `8002` or `8002:8033`.
std::string FormatPorts(const PortRange& ports);

// The address that the two options give: none if both are unset; the socket if
// both are set. InvalidArgument for a bad port, or an empty socket path.
absl::StatusOr<std::optional<Address>> ParseAddress(
    std::optional<absl::string_view> port,
    std::optional<absl::string_view> socket);

struct SocketPath {
  std::string path;
  // The text is no well-formed template, so `path` is the text as it is.
  bool literal = false;
  // The path differs between workers.
  bool per_worker = false;
};

// Replaces `{pid}` and `{worker}`, each optionally with a width as in
// `{pid:6d}` or `{pid:06d}` (at most 20), and `{{` and `}}` by a brace.
SocketPath ExpandSocketTemplate(absl::string_view text, int pid, int worker);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_ADDRESS_H_
