// SPDX-License-Identifier: Apache-2.0
//
// Reads the options of a program from what its generator wrote as YAML or JSON,
// so that a file can be checked without the program: ours (machine_readable.h)
// or oslo-config-generator's.
//
//   absl::StatusOr<std::vector<ModuleOptions>> modules = ParseOptData(text);
//   if (!modules.ok()) return modules.status();  // "options.demo.opts[3]: ..."
//   absl::StatusOr<Listing> listing = Listing::Create(*modules);
//
// The data lacks what only the program knows: regular expressions, lengths,
// types of items, separators, types of its own. So an option that is read back
// refuses less than the program's, and never more: text is compared with
// choices ignoring case, a list has items of text without bounds or choices,
// and a dict, like a type that nobody knows, is text. A secret has no default.

#ifndef CONFIG_OPT_DATA_H_
#define CONFIG_OPT_DATA_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/listing.h"

namespace bergen::config {

// The modules in the order in which options name them first. InvalidArgument
// names the place in the data. What there is besides options is ignored.
absl::StatusOr<std::vector<ModuleOptions>> ParseOptData(absl::string_view text);

}  // namespace bergen::config

#endif  // CONFIG_OPT_DATA_H_
