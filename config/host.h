// SPDX-License-Identifier: Apache-2.0
//
// Values that say which host: addresses and names, kept as text that is known
// to be one.
//
//   const Option<IpAddress> kMyIp = {
//       .name = "my_ip", .default_value = IpAddress{"127.0.0.1"},
//       .type = {.version = IpVersion::k4}};
//   const Option<HostAddress> kHost = {.name = "host"};
//
// Source: oslo_config.types.IPAddress, Hostname, HostAddress, HostDomain.
// Differences: a line break at the end is refused, letters are those of ASCII,
// the version counts when options are compared, and what is checked is checked
// for values from code too.

#ifndef CONFIG_HOST_H_
#define CONFIG_HOST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/value.h"

namespace bergen::config {

// An IP address as inet_pton(3) reads it, so without blanks, leading zeros,
// brackets, zone or length of a prefix: `10.0.0.1`, `::1`, `::ffff:10.0.0.1`.
// Two ways to write an address are different values.
struct IpAddress {
  std::string text;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend bool operator<(const IpAddress& a, const IpAddress& b) {
    return a.text < b.text;
  }
};

// The name of a host: labels of letters, digits and `-` with dots between. A
// label has 1 to 63 of them, with `-` neither first nor last; the name has at
// most 253, and in its last label one that is no digit, so that it cannot be
// taken for an address. One dot at the end of the text is no part of the value.
struct Hostname {
  std::string text;

  friend bool operator==(const Hostname&, const Hostname&) = default;
  friend bool operator<(const Hostname& a, const Hostname& b) {
    return a.text < b.text;
  }
};

// An IP address or a hostname.
struct HostAddress {
  std::string text;

  friend bool operator==(const HostAddress&, const HostAddress&) = default;
  friend bool operator<(const HostAddress& a, const HostAddress& b) {
    return a.text < b.text;
  }
};

// The same, where labels of the name may have `_` too.
struct HostDomain {
  std::string text;

  friend bool operator==(const HostDomain&, const HostDomain&) = default;
  friend bool operator<(const HostDomain& a, const HostDomain& b) {
    return a.text < b.text;
  }
};

enum class IpVersion { kAny, k4, k6 };

template <>
struct TypeRules<IpAddress> {
  IpVersion version = IpVersion::kAny;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

// An address of another version is an error, not a name.
template <>
struct TypeRules<HostAddress> {
  IpVersion version = IpVersion::kAny;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

template <>
struct TypeRules<HostDomain> {
  IpVersion version = IpVersion::kAny;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

namespace internal {

// What the types here have in common.
template <typename T>
struct HostType {
  using Rules = TypeRules<T>;
  static constexpr bool kMayHoldCommas = false;
  static std::string Print(const T& value) { return value.text; }
  static const std::string& Text(const T& value) { return value.text; }
};

}  // namespace internal

template <>
struct ValueType<IpAddress> : internal::HostType<IpAddress> {
  static constexpr absl::string_view kName = "IP address value";
  static constexpr TypeKind kKind = TypeKind::kIpAddress;
  static absl::StatusOr<IpAddress> Parse(absl::string_view text,
                                         const Rules& rules);
  static absl::Status Check(const IpAddress& value, const Rules& rules);
  static std::vector<std::string> RuleLines(const Rules& rules);
};

template <>
struct ValueType<Hostname> : internal::HostType<Hostname> {
  static constexpr absl::string_view kName = "hostname value";
  static constexpr TypeKind kKind = TypeKind::kHostname;
  static absl::StatusOr<Hostname> Parse(absl::string_view text);
  static absl::Status Check(const Hostname& value, const Rules& rules);
};

template <>
struct ValueType<HostAddress> : internal::HostType<HostAddress> {
  static constexpr absl::string_view kName = "host address value";
  static constexpr TypeKind kKind = TypeKind::kHostAddress;
  static absl::StatusOr<HostAddress> Parse(absl::string_view text,
                                           const Rules& rules);
  static absl::Status Check(const HostAddress& value, const Rules& rules);
  static std::vector<std::string> RuleLines(const Rules& rules);
};

template <>
struct ValueType<HostDomain> : internal::HostType<HostDomain> {
  static constexpr absl::string_view kName = "host domain value";
  static constexpr TypeKind kKind = TypeKind::kHostDomain;
  static absl::StatusOr<HostDomain> Parse(absl::string_view text,
                                          const Rules& rules);
  static absl::Status Check(const HostDomain& value, const Rules& rules);
  static std::vector<std::string> RuleLines(const Rules& rules);
};

}  // namespace bergen::config

#endif  // CONFIG_HOST_H_
