// SPDX-License-Identifier: Apache-2.0
//
// Pages of documentation about listed options: Markdown, HTML and
// reStructuredText, which say the same.
//
//   std::string page = WriteHtml(listing, "Options of demo");
//
// Every group and option has an anchor that depends on nothing but its name, so
// that a link to it stays good: `#demo`, `#demo.workers`, `#DEFAULT.debug`. In
// a group's anchor every byte but letters, digits, `_` and `-` is `~` and two
// hex digits, so that no two anchors are the same. An option that several
// modules list is there once.
//
// Source: sphinxext of oslo.config. Differences: no tools are needed, help is
// text rather than markup, values look as they do in a file, a secret's default
// is masked, and DEFAULT has one anchor, whatever the number of modules.

#ifndef CONFIG_PAGE_H_
#define CONFIG_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "config/listing.h"

namespace bergen::config {

// Help may use Markdown's emphasis and lists.
std::string WriteMarkdown(const Listing& listing, absl::string_view title);

// One file that needs no other, and fits the width of a phone.
std::string WriteHtml(const Listing& listing, absl::string_view title);

// For docutils and Sphinx. The anchors are labels too (`:ref:`), except that of
// two that differ in case only the first is one, as labels have no case.
std::string WriteRst(const Listing& listing, absl::string_view title);

}  // namespace bergen::config

#endif  // CONFIG_PAGE_H_
