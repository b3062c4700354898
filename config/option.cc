// SPDX-License-Identifier: Apache-2.0

#include "config/option.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace bergen::config {

std::string Dest(absl::string_view name) {
  std::string dest(name);
  std::replace(dest.begin(), dest.end(), '-', '_');
  return dest;
}

namespace internal {
namespace {

bool HasHyphen(const DeprecatedName& old) {
  return absl::StrContains(old.name, '-');
}

}  // namespace

ErasedOption::~ErasedOption() = default;

const OptionDescription& ErasedOption::description() const {
  absl::call_once(described_, [this] {
    OptionDescription description;
    Describe(description);
    if (secret_ && description.default_text) {
      description.default_text = std::string(kMask);
      description.default_value = {std::string(kMask)};
      description.default_lines = {std::string(kMask)};
    }
    description_ =
        std::make_unique<const OptionDescription>(std::move(description));
  });
  return *description_;
}

void ErasedOption::NormaliseNames() {
  const bool hyphen_in_old = std::any_of(deprecated_names_->begin(),
                                         deprecated_names_->end(), HasHyphen);
  if (!absl::StrContains(*name_, '-') && !hyphen_in_old) return;
  auto names = std::make_unique<Names>(
      Names{.name = Dest(*name_), .deprecated_names = *deprecated_names_});
  std::stable_partition(names->deprecated_names.begin(),
                        names->deprecated_names.end(),
                        [](const auto& old) { return !HasHyphen(old); });
  for (DeprecatedName& old : names->deprecated_names) {
    old.name = Dest(old.name);
  }
  name_ = &names->name;
  deprecated_names_ = &names->deprecated_names;
  names_ = std::move(names);
}

absl::Status ErasedOption::CheckNames(char short_name) const {
  const bool good_name =
      !name_->empty() && name_->front() != '_' &&
      std::all_of(name_->begin(), name_->end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '_';
      });
  if (!good_name) {
    return absl::InvalidArgumentError(
        "the name of an option must be letters, digits and _, not beginning "
        "with _");
  }
  if (short_name != 0 &&
      !absl::ascii_isalnum(static_cast<unsigned char>(short_name))) {
    return absl::InvalidArgumentError(
        "the short name of an option must be a letter or a digit");
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace bergen::config
