// SPDX-License-Identifier: Apache-2.0
//
// The grammar of paste-deploy's files, which is that of Python's ConfigParser:
// sections, options, `[DEFAULT]` and `%(name)s`.
//
//   absl::StatusOr<PasteIni> ini = ParsePasteIni(text, "api-paste.ini");
//   if (!ini.ok()) return ini.status();  // "api-paste.ini:3: ..."
//   absl::StatusOr<std::string> value =
//       Interpolate(section, ini->defaults, section.options[0]);
//
// Source: configparser of Python 3.11 with the settings of paste.deploy.
// Differences: a byte-order mark is skipped, every mistake has its line, and
// interpolation has a limit besides that of depth.

#ifndef WSGI_PASTE_INI_H_
#define WSGI_PASTE_INI_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::wsgi {

struct PasteOption {
  std::string name;
  std::string text;  // Before interpolation; lines end with `\n`.
  int line = 0;      // 0 if it stands in no file.
};

struct PasteSection {
  std::string name;
  int line = 0;
  std::vector<PasteOption> options;  // In the order of the file, each once.

  // Null if there is none of that name.
  const PasteOption* Find(absl::string_view name) const;
  PasteOption* Find(absl::string_view name);
};

// A value.
struct PasteIni {
  std::string file;  // What messages call it.
  std::vector<PasteSection> sections;
  PasteSection defaults;  // `[DEFAULT]`
};

// `[section]`; `name = value` or `name: value`, whichever comes first; lines
// that begin with `#` or `;`, after blanks, are comments; a line that is
// indented deeper than its option continues the value, across comments and
// empty lines. InvalidArgument has a line for each mistake, with its place.
absl::StatusOr<PasteIni> ParsePasteIni(absl::string_view text,
                                       absl::string_view file);

// How deep values may refer to values, and how many bytes and references the
// value of an option may take in all.
inline constexpr int kMaxInterpolationDepth = 10;
inline constexpr size_t kMaxInterpolatedSize = size_t{1} << 20;
inline constexpr int kMaxInterpolations = 1000;

// The text of `option` with `%(name)s` replaced by the value of `name` in
// `section` or else in `defaults`, and `%%` by `%`. InvalidArgument, without a
// place, says what is wrong with it.
absl::StatusOr<std::string> Interpolate(const PasteSection& section,
                                        const PasteSection& defaults,
                                        const PasteOption& option);

}  // namespace bergen::wsgi

#endif  // WSGI_PASTE_INI_H_
