// SPDX-License-Identifier: Apache-2.0
//
// Writes a sample configuration file.
//
//   std::string sample = WriteIni(listing, {.wrap_width = 79});
//
// Source: oslo-config-generator. The ini is the same byte for byte, except
// that: a float is always printed with a point, a secret's default is masked,
// bounds of a list's items and units are shown, a deprecated name that is only
// another group is shown too.

#ifndef CONFIG_DOCS_H_
#define CONFIG_DOCS_H_

#include <string>

#include "config/listing.h"

namespace bergen::config {

struct IniStyle {
  // Longest line of help, `# ` included; 0 means 998.
  int wrap_width = 70;
  // Only required options, and these not commented out.
  bool minimal = false;
  // Only the first paragraph of each option's help.
  bool summarize = false;
};

std::string WriteIni(const Listing& listing, const IniStyle& style);

}  // namespace bergen::config

#endif  // CONFIG_DOCS_H_
