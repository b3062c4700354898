// SPDX-License-Identifier: Apache-2.0
//
// What samples and pages of documentation have in common.

#ifndef CONFIG_DOC_TEXT_H_
#define CONFIG_DOC_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "config/option.h"

namespace bergen::config {

// In the order of documentation: the advanced ones last.
std::vector<OptionDescription> InOrder(const std::vector<AnyOption>& options);

// A choice, of which even an empty one can be seen.
std::string ChoiceText(absl::string_view value);

// A value as it stands in a file: in quotes if its ends are blank.
std::string QuotedIfBlank(absl::string_view value);

}  // namespace bergen::config

#endif  // CONFIG_DOC_TEXT_H_
