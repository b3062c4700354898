// SPDX-License-Identifier: Apache-2.0

#include "config/blanks.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/strip.h"

namespace bergen::config::internal {
namespace {

constexpr absl::string_view kWideBlanks[] = {
    "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
    "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
    "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
};

// Takes one off; false if there is none.
bool ConsumeAtStart(absl::string_view& text) {
  if (text.empty()) return false;
  if (IsAsciiBlank(text.front())) return text.remove_prefix(1), true;
  return std::any_of(std::begin(kWideBlanks), std::end(kWideBlanks),
                     [&](absl::string_view blank) {
                       return absl::ConsumePrefix(&text, blank);
                     });
}

bool ConsumeAtEnd(absl::string_view& text) {
  if (text.empty()) return false;
  if (IsAsciiBlank(text.back())) return text.remove_suffix(1), true;
  return std::any_of(std::begin(kWideBlanks), std::end(kWideBlanks),
                     [&](absl::string_view blank) {
                       return absl::ConsumeSuffix(&text, blank);
                     });
}

}  // namespace

absl::string_view StripWideStart(absl::string_view text) {
  while (ConsumeAtStart(text)) {
  }
  return text;
}

absl::string_view StripWideEnd(absl::string_view text) {
  while (ConsumeAtEnd(text)) {
  }
  return text;
}

}  // namespace bergen::config::internal
