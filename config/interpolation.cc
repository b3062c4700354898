// SPDX-License-Identifier: Apache-2.0

#include "config/interpolation.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace bergen::config {
namespace {

bool IsFirst(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_';
}

absl::Status TooLong() {
  return absl::InvalidArgumentError(
      absl::StrCat("becomes longer than ", kMaxExpandedSize, " bytes"));
}

// Length of the name at the start of `text`; 0 if there is none.
size_t NameLength(absl::string_view text, bool dots) {
  if (text.empty() || !IsFirst(text[0])) return 0;
  size_t length = 1;
  while (length < text.size() &&
         (IsFirst(text[length]) ||
          absl::ascii_isdigit(static_cast<unsigned char>(text[length])) ||
          (dots && text[length] == '.'))) {
    ++length;
  }
  return length;
}

}  // namespace

absl::StatusOr<std::string> Expand(
    absl::string_view text,
    absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view name)>
        lookup) {
  if (text.size() > kMaxExpandedSize) return TooLong();
  std::string expanded;
  while (!text.empty()) {
    if (text[0] != '$' && text[0] != '\\') {
      const size_t plain = text.find_first_of("$\\");
      absl::StrAppend(&expanded, text.substr(0, plain));
      text.remove_prefix(plain == text.npos ? text.size() : plain);
      continue;
    }
    if (text.substr(0, 2) == "$$" || text.substr(0, 2) == "\\$") {
      expanded += '$';
      text.remove_prefix(2);
      continue;
    }
    const bool braces = text.substr(0, 2) == "${";
    const size_t begin = braces ? 2 : 1;
    const size_t length =
        text[0] == '$' ? NameLength(text.substr(begin), braces) : 0;
    const size_t end = begin + length;
    if (length == 0 || (braces && text.substr(end, 1) != "}")) {
      expanded += text[0];
      text.remove_prefix(1);
      continue;
    }
    const absl::StatusOr<std::string> value =
        lookup(text.substr(begin, length));
    if (!value.ok()) return value.status();
    expanded += *value;
    text.remove_prefix(end + (braces ? 1 : 0));
    if (expanded.size() + text.size() > kMaxExpandedSize) return TooLong();
  }
  return expanded;
}

}  // namespace bergen::config
