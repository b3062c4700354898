// SPDX-License-Identifier: Apache-2.0

#include "config/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace bergen::config {
namespace {

bool IsDecimal(absl::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    text.remove_prefix(1);
  }
  return !text.empty() &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

}  // namespace

absl::StatusOr<bool> ValueType<bool>::Parse(absl::string_view text) {
  for (absl::string_view word : {"true", "1", "on", "yes"}) {
    if (absl::EqualsIgnoreCase(text, word)) return true;
  }
  for (absl::string_view word : {"false", "0", "off", "no"}) {
    if (absl::EqualsIgnoreCase(text, word)) return false;
  }
  return absl::InvalidArgumentError("not a boolean (true or false)");
}

absl::StatusOr<int64_t> ValueType<int64_t>::Parse(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  int64_t value = 0;
  if (absl::SimpleAtoi(text, &value)) return value;
  return absl::InvalidArgumentError(IsDecimal(text)
                                        ? "beyond the range of a 64-bit integer"
                                        : "not an integer");
}

absl::StatusOr<double> ValueType<double>::Parse(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  double value = 0;
  if (!absl::SimpleAtod(text, &value)) {
    return absl::InvalidArgumentError("not a number");
  }
  const bool has_digits =
      std::any_of(text.begin(), text.end(),
                  [](unsigned char c) { return absl::ascii_isdigit(c); });
  if (std::isinf(value) && has_digits) {
    return absl::InvalidArgumentError("beyond the range of a double");
  }
  return value;
}

std::string ValueType<double>::Print(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // Sign, 17 digits, point, and an exponent of 5 characters, or 16 digits
  // before the point.
  char buffer[64];
  const double magnitude = std::fabs(value);
  const bool plain = value == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const std::to_chars_result end = std::to_chars(
      buffer, buffer + sizeof(buffer), value,
      plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (plain && !absl::StrContains(text, '.')) text += ".0";
  return text;
}

absl::StatusOr<Port> ValueType<Port>::Parse(absl::string_view text) {
  const absl::StatusOr<int64_t> number = ValueType<int64_t>::Parse(text);
  if (!number.ok()) return number.status();
  constexpr int64_t kMax = std::numeric_limits<uint16_t>::max();
  if (*number < 0 || *number > kMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a port (0 to ", kMax, ")"));
  }
  return Port{static_cast<uint16_t>(*number)};
}

}  // namespace bergen::config
