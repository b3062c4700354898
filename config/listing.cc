// SPDX-License-Identifier: Apache-2.0

#include "config/listing.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "config/raw_table.h"
#include "config/registry.h"

namespace bergen::config {
namespace {

void AddOnce(const AnyOption& option, std::vector<AnyOption>& options) {
  const bool known =
      std::any_of(options.begin(), options.end(), [&](const AnyOption& other) {
        return other.description().name == option.description().name;
      });
  if (!known) options.push_back(option);
}

}  // namespace

absl::StatusOr<Listing> Listing::Create(
    const std::vector<ModuleOptions>& modules) {
  struct Building {
    std::string name;
    std::string help;
    std::map<std::string, std::vector<AnyOption>> by_name_space;
  };
  std::map<std::string, Building> building;  // By `GroupKey`.
  building[std::string(kDefaultGroup)].name = std::string(kDefaultGroup);

  Registry registry;
  OptionList all;
  for (const ModuleOptions& module : modules) {
    for (const OptionGroup& group : module.groups) {
      all.push_back(group);
      if (group.options.empty()) continue;
      Building& target = building[GroupKey(group.name)];
      if (target.name.empty()) target.name = group.name;
      if (target.help.empty()) target.help = group.help;
      for (const AnyOption& option : group.options) {
        AddOnce(option, target.by_name_space[module.name_space]);
      }
    }
  }
  const absl::Status status = registry.RegisterAll(all, {"options", 0});
  if (!status.ok()) return status;

  Listing listing;
  for (auto& [key, source] : building) {
    Group group = {.name = std::move(source.name),
                   .help = std::move(source.help)};
    for (auto& [name_space, options] : source.by_name_space) {
      group.blocks.push_back({name_space, std::move(options)});
    }
    listing.groups_.push_back(std::move(group));
  }
  const auto is_default = [](const Group& group) {
    return group.name == kDefaultGroup;
  };
  std::sort(listing.groups_.begin(), listing.groups_.end(),
            [&](const Group& a, const Group& b) {
              return std::pair(!is_default(a), a.name) <
                     std::pair(!is_default(b), b.name);
            });
  return listing;
}

}  // namespace bergen::config
