// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean ...?"
//
//   std::string hint = NearestName("wokers", {"workers", "greeting"});

#ifndef CONFIG_NEAREST_NAME_H_
#define CONFIG_NEAREST_NAME_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace bergen::config {

// The candidate with the fewest edits to `name`, ignoring case and taking `-`
// for
// `_`; of equals the first. Empty if every candidate needs more edits than a
// third of its length, and more than one.
std::string NearestName(absl::string_view name,
                        const std::vector<std::string>& candidates);

}  // namespace bergen::config

#endif  // CONFIG_NEAREST_NAME_H_
