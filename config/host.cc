// SPDX-License-Identifier: Apache-2.0

#include "config/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bergen::config {
namespace {

constexpr size_t kMaxName = 253;
constexpr size_t kMaxLabel = 63;

enum class Underscore { kForbidden, kAllowed };

bool IsAddress(absl::string_view text, int family) {
  // The call below would stop at it.
  if (text.find('\0') != text.npos) return false;
  in6_addr address{};  // The larger one.
  return inet_pton(family, std::string(text).c_str(), &address) == 1;
}

absl::Status CheckAddress(absl::string_view text, IpVersion version) {
  if (version != IpVersion::k6 && IsAddress(text, AF_INET)) {
    return absl::OkStatus();
  }
  if (version != IpVersion::k4 && IsAddress(text, AF_INET6)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      version == IpVersion::k4   ? "not an IPv4 address"
      : version == IpVersion::k6 ? "not an IPv6 address"
                                 : "not an IPv4 or IPv6 address");
}

bool IsLabel(absl::string_view label, Underscore underscore) {
  if (label.empty() || label.size() > kMaxLabel) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [&](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' ||
           (c == '_' && underscore == Underscore::kAllowed);
  });
}

absl::Status TooLong() {
  return absl::InvalidArgumentError(
      absl::StrCat("a hostname must have at most ", kMaxName, " characters"));
}

absl::Status CheckName(absl::string_view name, Underscore underscore) {
  if (name.empty()) {
    return absl::InvalidArgumentError("a hostname must not be empty");
  }
  if (name.size() > kMaxName) return TooLong();
  absl::string_view last;
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    if (!IsLabel(label, underscore)) {
      return absl::InvalidArgumentError(
          absl::StrCat("not a hostname: a label must be 1 to ", kMaxLabel,
                       " letters, digits and -",
                       underscore == Underscore::kAllowed ? " and _" : "",
                       ", with - neither first nor last"));
    }
    last = label;
  }
  const bool may_be_address = std::none_of(
      last.begin(), last.end(),
      [](unsigned char c) { return absl::ascii_isalpha(c) || c == '-'; });
  if (may_be_address) {
    return absl::InvalidArgumentError(
        "not a hostname: its last label must have a letter or -");
  }
  return absl::OkStatus();
}

absl::Status CheckHost(absl::string_view text, IpVersion version,
                       Underscore underscore) {
  if (CheckAddress(text, version).ok()) return absl::OkStatus();
  const absl::Status name = CheckName(text, underscore);
  if (name.ok()) return name;
  return absl::InvalidArgumentError(
      absl::StrCat("neither an ",
                   version == IpVersion::k4   ? "IPv4"
                   : version == IpVersion::k6 ? "IPv6"
                                              : "IP",
                   " address nor a hostname"));
}

// Of a name, or a name or address. As in the original the dot at the end counts
// among the characters of a name, and an address has none.
template <typename T>
absl::StatusOr<T> ParseHost(absl::string_view text, const TypeRules<T>& rules) {
  if (text.size() > kMaxName) return TooLong();
  const absl::string_view name = absl::StripSuffix(text, ".");
  const bool is_address = CheckAddress(name, IpVersion::kAny).ok();
  T value{std::string(is_address ? text : name)};
  const absl::Status status = ValueType<T>::Check(value, rules);
  if (!status.ok()) return status;
  return value;
}

std::vector<std::string> VersionLines(IpVersion version) {
  switch (version) {
    case IpVersion::kAny:
      return {};
    case IpVersion::k4:
      return {"addresses of IPv4 only"};
    case IpVersion::k6:
      return {"addresses of IPv6 only"};
  }
  return {};
}

}  // namespace

absl::StatusOr<IpAddress> ValueType<IpAddress>::Parse(absl::string_view text,
                                                      const Rules& rules) {
  const absl::Status status = CheckAddress(text, rules.version);
  if (!status.ok()) return status;
  return IpAddress{std::string(text)};
}

absl::Status ValueType<IpAddress>::Check(const IpAddress& value,
                                         const Rules& rules) {
  return CheckAddress(value.text, rules.version);
}

std::vector<std::string> ValueType<IpAddress>::RuleLines(const Rules& rules) {
  return VersionLines(rules.version);
}

absl::StatusOr<Hostname> ValueType<Hostname>::Parse(absl::string_view text) {
  return ParseHost<Hostname>(text, {});
}

absl::Status ValueType<Hostname>::Check(const Hostname& value, const Rules&) {
  return CheckName(value.text, Underscore::kForbidden);
}

absl::StatusOr<HostAddress> ValueType<HostAddress>::Parse(
    absl::string_view text, const Rules& rules) {
  return ParseHost<HostAddress>(text, rules);
}

absl::Status ValueType<HostAddress>::Check(const HostAddress& value,
                                           const Rules& rules) {
  return CheckHost(value.text, rules.version, Underscore::kForbidden);
}

std::vector<std::string> ValueType<HostAddress>::RuleLines(const Rules& rules) {
  return VersionLines(rules.version);
}

absl::StatusOr<HostDomain> ValueType<HostDomain>::Parse(absl::string_view text,
                                                        const Rules& rules) {
  return ParseHost<HostDomain>(text, rules);
}

absl::Status ValueType<HostDomain>::Check(const HostDomain& value,
                                          const Rules& rules) {
  return CheckHost(value.text, rules.version, Underscore::kAllowed);
}

std::vector<std::string> ValueType<HostDomain>::RuleLines(const Rules& rules) {
  return VersionLines(rules.version);
}

}  // namespace bergen::config
