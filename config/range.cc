// SPDX-License-Identifier: Apache-2.0

#include "config/range.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace bergen::config {
namespace {

bool IsNumber(absl::string_view text) {
  if (text == "0") return true;
  absl::ConsumePrefix(&text, "-");
  return !text.empty() && text.front() != '0' &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

absl::StatusOr<int64_t> ParseNumber(absl::string_view text) {
  if (!IsNumber(text)) {
    return absl::InvalidArgumentError("not a range (N or N-N)");
  }
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number)) return number;
  return absl::InvalidArgumentError("beyond the range of a 64-bit integer");
}

}  // namespace

absl::StatusOr<Range> ValueType<Range>::Parse(absl::string_view text,
                                              const Rules& rules) {
  // The first character may be a sign.
  const size_t dash = text.find('-', 1);
  const absl::StatusOr<int64_t> first = ParseNumber(text.substr(0, dash));
  if (!first.ok()) return first.status();
  Range value = {.first = *first, .last = *first, .inclusive = rules.inclusive};
  if (dash != text.npos) {
    const absl::StatusOr<int64_t> last = ParseNumber(text.substr(dash + 1));
    if (!last.ok()) return last.status();
    value.last = *last;
  }
  const absl::Status status = Check(value, rules);
  if (!status.ok()) return status;
  return value;
}

absl::Status ValueType<Range>::Check(const Range& value, const Rules& rules) {
  if (value.inclusive != rules.inclusive) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be ", rules.inclusive ? "inclusive" : "exclusive"));
  }
  if (value.empty() && value.inclusive) {
    return absl::InvalidArgumentError("must have fewer than 2^64 numbers");
  }
  return absl::OkStatus();
}

std::vector<std::string> ValueType<Range>::FormLines(const Rules& rules) {
  if (rules.inclusive) return {};
  return {"the last number is no part of the range"};
}

std::string ValueType<Range>::Print(const Range& value) {
  if (value.first == value.last) return absl::StrCat(value.first);
  return absl::StrCat(value.first, "-", value.last);
}

}  // namespace bergen::config
