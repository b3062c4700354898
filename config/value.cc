// SPDX-License-Identifier: Apache-2.0

#include "config/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "config/blanks.h"

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

// Of UTF-8; what is no part of it counts like ASCII.
size_t CodePoints(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(),
                    [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

// Reads most numbers, and those fast: for others, which may be good as well,
// there is nothing.
template <typename Number>
std::optional<Number> ParsePlainNumber(absl::string_view text) {
  const size_t first_digit = text.empty() || text[0] != '-' ? 0 : 1;
  if (text.size() <= first_digit ||
      !absl::ascii_isdigit(static_cast<unsigned char>(text[first_digit]))) {
    return std::nullopt;
  }
  Number number = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result result =
      std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

bool IsQuote(char c) { return c == '\'' || c == '"'; }

}  // namespace

absl::StatusOr<std::string> ValueType<std::string>::ParseByRules(
    absl::string_view text, const Rules& rules) {
  if (rules.quotes && !text.empty() && IsQuote(text.front())) {
    if (text.size() < 2 || text.back() != text.front()) {
      return absl::InvalidArgumentError("its quote is not closed");
    }
    text = text.substr(1, text.size() - 2);
  }
  std::string value(text);
  absl::Status status = Check(value, rules);
  if (!status.ok()) return status;
  return value;
}

absl::Status ValueType<std::string>::Check(const std::string& value,
                                           const Rules& rules) {
  if (rules.max_length > 0 && value.size() > rules.max_length &&
      CodePoints(value) > rules.max_length) {
    return absl::InvalidArgumentError(
        absl::StrCat("longer than ", rules.max_length, " characters"));
  }
  if (!rules.regex.empty() && !rules.regex.Search(value, rules.ignore_case)) {
    return absl::InvalidArgumentError(
        absl::StrCat("does not match the regex ", rules.regex.pattern()));
  }
  return absl::OkStatus();
}

absl::Status ValueType<std::string>::CheckRules(const Rules& rules) {
  return rules.regex.Check();
}

std::vector<std::string> ValueType<std::string>::RuleLines(const Rules& rules) {
  std::vector<std::string> lines;
  if (rules.max_length > 0) {
    lines.push_back(absl::StrCat("at most ", rules.max_length, " characters"));
  }
  if (!rules.regex.empty()) {
    lines.push_back(absl::StrCat("matches the regex ", rules.regex.pattern()));
  }
  return lines;
}

std::vector<std::string> ValueType<std::string>::FormLines(const Rules& rules) {
  std::vector<std::string> lines;
  if (rules.ignore_case) lines.push_back("upper and lower case are the same");
  if (rules.quotes) lines.push_back("may stand in quotes");
  return lines;
}

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
  if (const auto number = ParsePlainNumber<int64_t>(text)) return *number;
  text = StripBlanks(text);
  int64_t value = 0;
  if (absl::SimpleAtoi(text, &value)) return value;
  return absl::InvalidArgumentError(IsDecimal(text)
                                        ? "beyond the range of a 64-bit integer"
                                        : "not an integer");
}

absl::StatusOr<double> ValueType<double>::Parse(absl::string_view text) {
  if (const auto number = ParsePlainNumber<double>(text)) return *number;
  text = StripBlanks(text);
  double value = 0;
  // Abseil reads nan(...) and hexadecimal numbers too.
  if (text.find_first_of("(xX") != text.npos ||
      !absl::SimpleAtod(text, &value)) {
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

namespace internal {

std::string Quoted(absl::string_view text) {
  constexpr size_t kMaxQuoted = 200;
  const absl::string_view shown = text.substr(0, kMaxQuoted);
  std::string quoted = "\"";
  for (const char c : shown) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppend(&quoted, absl::CHexEscape(absl::string_view(&c, 1)));
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  if (shown.size() < text.size()) {
    absl::StrAppend(&quoted, "... (", text.size(), " bytes)");
  }
  return quoted;
}

absl::Status TextError(absl::string_view what, absl::string_view text,
                       bool hide) {
  if (hide) return absl::InvalidArgumentError(what);
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", Quoted(text)));
}

absl::Status Within(absl::string_view part, const absl::Status& error) {
  return absl::InvalidArgumentError(absl::StrCat(part, ": ", error.message()));
}

bool CommaSplitter::Extend() {
  if (end_ == rest_.size() || commas_ == kMaxItemCommas) return false;
  ++commas_;
  end_ = FindEnd(end_ + 1);
  return true;
}

void CommaSplitter::Accept() {
  done_ = end_ == rest_.size();
  if (done_) return;
  rest_.remove_prefix(end_ + 1);
  end_ = FindEnd(0);
  commas_ = 0;
}

size_t CommaSplitter::FindEnd(size_t from) const {
  return static_cast<size_t>(std::find(rest_.begin() + from, rest_.end(), ',') -
                             rest_.begin());
}

size_t MostItems(absl::string_view list) {
  constexpr size_t kMany = 64;  // What is not used stays allocated.
  if (list.empty()) return 0;
  const auto commas =
      static_cast<size_t>(std::count(list.begin(), list.end(), ','));
  return std::min(commas + 1, kMany);
}

absl::Status StripBounds(char open, char close, absl::string_view& text) {
  if (text.empty() || text.front() != open) {
    return absl::InvalidArgumentError(
        absl::StrCat("must start with ", absl::string_view(&open, 1)));
  }
  if (text.back() != close) {
    return absl::InvalidArgumentError(
        absl::StrCat("must end with ", absl::string_view(&close, 1)));
  }
  text = text.substr(1, text.size() - 2);
  return absl::OkStatus();
}

void AppendLines(absl::string_view what,
                 const std::vector<std::string>& item_lines,
                 std::vector<std::string>& lines) {
  lines.reserve(lines.size() + item_lines.size());
  for (const std::string& line : item_lines) {
    lines.push_back(absl::StrCat("each ", what, ": ", line));
  }
}

std::vector<std::string> LengthLines(size_t min_length) {
  if (min_length == 0) return {};
  return {absl::StrCat("at least ", min_length, " items")};
}

absl::Status CheckLength(size_t length, size_t min_length) {
  if (length >= min_length) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("must have at least ", min_length, " items, has ", length));
}

absl::Status CheckSeparator(absl::string_view separator) {
  if (!separator.empty() && !absl::StrContains(separator, ',')) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "its key_value_separator must not be empty or hold a comma");
}

}  // namespace internal

bool operator==(const NativeValue& a, const NativeValue& b) {
  return a.value == b.value;
}

}  // namespace bergen::config
