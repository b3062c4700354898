// SPDX-License-Identifier: Apache-2.0

#include "config/doc_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace bergen::config {

std::vector<OptionDescription> InOrder(const std::vector<AnyOption>& options) {
  std::vector<OptionDescription> ordered;
  ordered.reserve(options.size());
  for (const AnyOption& option : options) {
    ordered.push_back(option.description());
  }
  std::stable_partition(
      ordered.begin(), ordered.end(),
      [](const OptionDescription& option) { return !option.advanced; });
  return ordered;
}

std::string ChoiceText(absl::string_view value) {
  return value.empty() ? "''" : std::string(value);
}

std::string QuotedIfBlank(absl::string_view value) {
  if (absl::StripAsciiWhitespace(value).size() == value.size()) {
    return std::string(value);
  }
  return absl::StrCat("\"", value, "\"");
}

}  // namespace bergen::config
