// SPDX-License-Identifier: Apache-2.0
//
// Writes options for people: a sample configuration file, and pages of
// documentation.
//
//   std::string sample = WriteIni(listing, {.wrap_width = 79});
//   std::string page = WriteMarkdown(listing, "Options of demo");
//
// Source: oslo-config-generator. The ini is the same byte for byte, except
// that: a float is always printed with a point, a secret's default is masked,
// bounds of a list's items and units are shown, a deprecated name that is only
// another group is shown too. Markdown is ours.

#ifndef CONFIG_DOCS_H_
#define CONFIG_DOCS_H_

#include <string>

#include "absl/strings/string_view.h"
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

// Every group and option has an anchor of its own that depends on nothing but
// its name:
// `#demo`, `#demo.workers`, `#DEFAULT.debug`. An option that several modules
// list is there once.
std::string WriteMarkdown(const Listing& listing, absl::string_view title);

}  // namespace bergen::config

#endif  // CONFIG_DOCS_H_
