// SPDX-License-Identifier: Apache-2.0

#include "backdoor/address.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bergen::backdoor {
namespace {

constexpr int kMaxPort = 65535;
constexpr int kMaxWidth = 20;
// Longest part of a bad value that an error repeats.
constexpr size_t kMaxQuoted = 64;

absl::Status BadPorts(absl::string_view text, absl::string_view what) {
  const absl::string_view more = text.size() > kMaxQuoted ? "..." : "";
  return absl::InvalidArgumentError(absl::StrCat(
      "backdoor_port '", absl::CHexEscape(text.substr(0, kMaxQuoted)), more,
      "': ", what,
      "; expected PORT or START:END, decimal numbers from 0 to 65535 with END "
      "not below START; 0 lets the system choose"));
}

// Digits only: the library's reader would also take a sign.
std::optional<int> ParsePort(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return std::nullopt;
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      return std::nullopt;
    }
  }
  int port = 0;
  if (!absl::SimpleAtoi(text, &port)) return kMaxPort + 1;
  return port;
}

// The number for the inside of `{...}`, or nothing if it is not understood.
std::optional<std::string> ExpandField(absl::string_view field, int pid,
                                       int worker) {
  const size_t colon = field.find(':');
  const absl::string_view name = field.substr(0, colon);
  int number = 0;
  if (name == "pid") {
    number = pid;
  } else if (name == "worker") {
    number = worker;
  } else {
    return std::nullopt;
  }
  std::string digits = absl::StrCat(number);
  if (colon == absl::string_view::npos) return digits;

  absl::string_view format = field.substr(colon + 1);
  if (!format.empty() && format.back() == 'd') format.remove_suffix(1);
  if (format.empty()) return digits;
  const char fill = format[0] == '0' ? '0' : ' ';
  const std::optional<int> width = ParsePort(format);
  if (!width.has_value() || *width > kMaxWidth ||
      format != absl::StripAsciiWhitespace(format)) {
    return std::nullopt;
  }
  const size_t wanted = static_cast<size_t>(*width);
  if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), fill);
  return digits;
}

}  // namespace

absl::StatusOr<PortRange> ParsePorts(absl::string_view text) {
  const size_t colon = text.find(':');
  const std::optional<int> first = ParsePort(text.substr(0, colon));
  if (!first.has_value()) return BadPorts(text, "not a number");
  PortRange ports = {.first = *first, .last = *first};
  if (colon != absl::string_view::npos) {
    const std::optional<int> last = ParsePort(text.substr(colon + 1));
    if (!last.has_value()) return BadPorts(text, "END is not a number");
    ports.last = *last;
  }
  if (ports.first > kMaxPort || ports.last > kMaxPort) {
    return BadPorts(text, "out of range");
  }
  if (ports.last < ports.first) return BadPorts(text, "END is below START");
  return ports;
}

std::string FormatPorts(const PortRange& ports) {
  if (ports.first == ports.last) return absl::StrCat(ports.first);
  return absl::StrCat(ports.first, ":", ports.last);
}

absl::StatusOr<std::optional<Address>> ParseAddress(
    std::optional<absl::string_view> port,
    std::optional<absl::string_view> socket) {
  if (socket.has_value()) {
    if (socket->empty()) {
      return absl::InvalidArgumentError("backdoor_socket: the path is empty");
    }
    return std::optional<Address>(SocketTemplate{std::string(*socket)});
  }
  if (!port.has_value()) return std::optional<Address>();
  absl::StatusOr<PortRange> ports = ParsePorts(*port);
  if (!ports.ok()) return ports.status();
  return std::optional<Address>(*ports);
}

SocketPath ExpandSocketTemplate(absl::string_view text, int pid, int worker) {
  const SocketPath literal = {.path = std::string(text), .literal = true};
  SocketPath result;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      result.path.push_back(c);
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == c) {
      result.path.push_back(c);
      ++i;
      continue;
    }
    const size_t end = c == '{' ? text.find('}', i) : absl::string_view::npos;
    if (end == absl::string_view::npos) return literal;
    std::optional<std::string> number =
        ExpandField(text.substr(i + 1, end - i - 1), pid, worker);
    if (!number.has_value()) return literal;
    result.path += *number;
    result.per_worker = true;
    i = end;
  }
  return result;
}

}  // namespace bergen::backdoor
