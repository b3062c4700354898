// SPDX-License-Identifier: Apache-2.0
//
// Listed options as plain data, which WriteJson and WriteYaml turn into what
// other programs read.
//
//   std::string json = WriteJson(
//       MachineReadable(listing, {.format = "json", .name_spaces = {"demo"}}));
//
// Source: _generate_machine_readable_data of oslo-config-generator.
// Differences: modules are in the order of their names; a secret's default is
// masked; bounds of a list's items are there; there is a number of the schema
// on request; there are no driver options.

#ifndef CONFIG_MACHINE_READABLE_H_
#define CONFIG_MACHINE_READABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/listing.h"
#include "config/value.h"

namespace bergen::config {

// The layout that `schema` counts.
inline constexpr int64_t kMachineReadableSchema = 1;

// What `generator_options` says about how the data was made.
struct GeneratorRun {
  std::string format;
  std::vector<std::string> name_spaces;
  std::vector<std::string> config_files;
  std::vector<std::string> config_dirs;
  std::optional<std::string> output_file;
  int wrap_width = 70;
  bool minimal = false;
  bool summarize = false;
  // Adds a member `schema`, which the original has not.
  bool with_schema = false;
};

NativeValue MachineReadable(const Listing& listing, const GeneratorRun& run);

}  // namespace bergen::config

#endif  // CONFIG_MACHINE_READABLE_H_
