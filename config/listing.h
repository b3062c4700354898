// SPDX-License-Identifier: Apache-2.0
//
// The options of several modules, brought together for whoever writes about
// them.
//
//   absl::StatusOr<Listing> listing =
//       Listing::Create({{"demo", demo::ListOpts()}, {"demo.ssl",
//       ssl::ListOpts()}});
//   if (!listing.ok()) return listing.status();
//   std::string sample = WriteIni(*listing, {});
//
// Source: the clean-up that oslo-config-generator does to what list_opts
// returns. Differences: two different options of one name are an error, and a
// group's help is found wherever it is.

#ifndef CONFIG_LISTING_H_
#define CONFIG_LISTING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "config/option.h"

namespace bergen::config {

// What one module lists, and the name by which documentation calls the module.
struct ModuleOptions {
  std::string name_space;
  OptionList groups;
};

// Immutable.
class Listing {
 public:
  // The options that one module has in one group, in its order.
  struct Block {
    std::string name_space;
    std::vector<AnyOption> options;
  };
  struct Group {
    std::string name;
    std::string help;
    std::vector<Block> blocks;  // By name of the module; none is empty.
  };

  // Brings groups and options of equal names together. An option that a module
  // lists twice is there once. InvalidArgument or AlreadyExists, with one line
  // for each problem, if a registry would not take all of them.
  static absl::StatusOr<Listing> Create(
      const std::vector<ModuleOptions>& modules);

  // `DEFAULT`, even if it is empty, then the others by name.
  const std::vector<Group>& groups() const { return groups_; }

 private:
  std::vector<Group> groups_;
};

}  // namespace bergen::config

#endif  // CONFIG_LISTING_H_
