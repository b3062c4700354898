// SPDX-License-Identifier: Apache-2.0
//
// A URI with a host, kept as text that is known to be one.
//
//   const Option<Uri> kEndpoint = {
//       .name = "endpoint", .default_value = Uri{"https://127.0.0.1:9696/v2"},
//       .type = {.schemes = {"http", "https"}}};
//
// Source: oslo_config.types.URI, RFC 3986, RFC 6874. Differences: the whole
// text is checked, so that a port above 65535, a blank or another character
// that must be percent-encoded is an error; a host must not be empty; schemes
// are compared without case, as the RFC says; no largest length is 0.

#ifndef CONFIG_URI_H_
#define CONFIG_URI_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/value.h"

namespace bergen::config {

// `scheme://[user@]host[:port][/path][?query][#fragment]` as it was written.
// Two ways to write a URI are different values.
struct Uri {
  std::string text;

  friend bool operator==(const Uri&, const Uri&) = default;
  friend bool operator<(const Uri& a, const Uri& b) { return a.text < b.text; }
};

template <>
struct TypeRules<Uri> {
  // In characters; 0 is any.
  size_t max_length = 0;
  // The only ones allowed, in any case; if empty, all are.
  std::vector<std::string> schemes;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

template <>
struct ValueType<Uri> {
  using Rules = TypeRules<Uri>;
  static constexpr absl::string_view kName = "uri value";
  static constexpr TypeKind kKind = TypeKind::kUri;
  static absl::StatusOr<Uri> Parse(absl::string_view text, const Rules& rules);
  static absl::Status Check(const Uri& value, const Rules& rules);
  static absl::Status CheckRules(const Rules& rules);
  static std::vector<std::string> RuleLines(const Rules& rules);
  static std::string Print(const Uri& value) { return value.text; }
  static const std::string& Text(const Uri& value) { return value.text; }
};

}  // namespace bergen::config

#endif  // CONFIG_URI_H_
