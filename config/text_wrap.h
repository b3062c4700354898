// SPDX-License-Identifier: Apache-2.0
//
// Breaks a line of text into lines of a given width.
//
//   for (const std::string& line : WrapText(help, "# ", 70)) Print(line);
//
// Source: textwrap.wrap of Python with break_long_words=False and
// replace_whitespace=False, which gives oslo.config's samples their shape.
// Differences: every character that is not ASCII counts as a letter.

#ifndef CONFIG_TEXT_WRAP_H_
#define CONFIG_TEXT_WRAP_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace bergen::config {

// Lines that begin with `prefix`, which is ASCII, and have at most `width`
// characters with it, unless a single word is longer. A line may also end after
// a hyphen between letters and around dashes. Blanks are kept, except around a
// break; tabs reach to the next multiple of 8. `text` holds no newlines;
// without words there are no lines.
std::vector<std::string> WrapText(absl::string_view text,
                                  absl::string_view prefix, int width);

}  // namespace bergen::config

#endif  // CONFIG_TEXT_WRAP_H_
