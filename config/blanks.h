// SPDX-License-Identifier: Apache-2.0
//
// Takes blanks off the ends of texts: those of Unicode, in UTF-8.
//
// Source: str.strip of Python, by which oslo.config reads files and values.

#ifndef CONFIG_BLANKS_H_
#define CONFIG_BLANKS_H_

#include "absl/strings/string_view.h"

namespace bergen::config {

// Whether it is a blank of ASCII: `\t` to `\r`, `\x1c` to space.
constexpr bool IsAsciiBlank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}

namespace internal {

// The same, for texts that begin or end with a byte beyond ASCII.
absl::string_view StripWideStart(absl::string_view text);
absl::string_view StripWideEnd(absl::string_view text);

}  // namespace internal

inline absl::string_view StripBlanksAtStart(absl::string_view text) {
  while (!text.empty() && IsAsciiBlank(text.front())) text.remove_prefix(1);
  const bool is_wide = !text.empty() && (text.front() & 0x80) != 0;
  return is_wide ? internal::StripWideStart(text) : text;
}

inline absl::string_view StripBlanksAtEnd(absl::string_view text) {
  while (!text.empty() && IsAsciiBlank(text.back())) text.remove_suffix(1);
  const bool is_wide = !text.empty() && (text.back() & 0x80) != 0;
  return is_wide ? internal::StripWideEnd(text) : text;
}

inline absl::string_view StripBlanks(absl::string_view text) {
  return StripBlanksAtStart(StripBlanksAtEnd(text));
}

}  // namespace bergen::config

#endif  // CONFIG_BLANKS_H_
