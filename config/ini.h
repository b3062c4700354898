// SPDX-License-Identifier: Apache-2.0
//
// The grammar of configuration files: sections, assignments, and the lines they
// stand on.
//
//   absl::StatusOr<Document> parsed = ParseIni(text, "demo.conf");
//   if (!parsed.ok()) return parsed.status();  // "demo.conf:3: ..."
//   for (const RawValue& value : parsed->values()) ...
//
// Source: oslo_config.iniparser. Differences: UTF-8 with or without a
// byte-order mark, every mistake is reported with the line on which it stands,
// and quotes are taken off only if they are a pair around the whole value:
// `"a", "b"` keeps its quotes.

#ifndef CONFIG_INI_H_
#define CONFIG_INI_H_

#include <string>

#include "absl/status/statusor.h"
#include "config/source.h"

namespace bergen::config {

// The assignments of `text` in their order; a key may occur more than once. A
// value's group is the section as written, blanks inside the brackets included.
// The values are views of the text, which the document keeps. `file` is how
// messages call it.
//
// InvalidArgument has one line for each mistake: the place, the reason, and the
// line itself, without whatever may be a value, since a value may be a secret:
// `****` stands for it, or there is no line at all.
//
// Line by line, blanks at the end ignored: `[section]`; `# comment` or
// `; comment`, only at the beginning of a line; `key = value` or `key: value`,
// whichever separator comes first; a line that begins with a blank continues
// the value of the line before, after a newline. A comment or an empty line
// ends a value.
absl::StatusOr<Document> ParseIni(std::string text, std::string file);

}  // namespace bergen::config

#endif  // CONFIG_INI_H_
