// SPDX-License-Identifier: Apache-2.0
//
// The grammar of configuration files: sections, assignments, and the lines they
// stand on.
//
//   absl::StatusOr<std::vector<IniAssignment>> parsed = ParseIni(text,
//   "demo.conf"); if (!parsed.ok()) return parsed.status();  // "demo.conf:3:
//   ..."
//
// Source: oslo_config.iniparser. Differences: UTF-8 with or without a
// byte-order mark, every mistake is reported, and quotes are taken off only if
// they are a pair around the whole value: `"a", "b"` keeps its quotes.

#ifndef CONFIG_INI_H_
#define CONFIG_INI_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::config {

struct IniAssignment {
  // As written, blanks inside the brackets included.
  std::string section;
  std::string key;
  // Continuation lines are joined by newlines.
  std::string value;
  // Of the key, counted from 1.
  int line = 0;

  friend bool operator==(const IniAssignment&, const IniAssignment&) = default;
};

// The assignments of `text` in their order; a key may occur more than once.
// `file` is how messages call it. InvalidArgument has one line for each
// mistake, without the values that were read.
//
// Line by line, blanks at the end ignored: `[section]`; `# comment` or
// `; comment`, only at the beginning of a line; `key = value` or `key: value`;
// a line that begins with a blank continues the value of the line before. A
// comment or an empty line ends a value.
absl::StatusOr<std::vector<IniAssignment>> ParseIni(absl::string_view text,
                                                    absl::string_view file);

}  // namespace bergen::config

#endif  // CONFIG_INI_H_
