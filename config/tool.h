// SPDX-License-Identifier: Apache-2.0
//
// What the programs of program.h have in common: their own options, and where
// the options that they are about come from.
//
//   Tool tool({.version = "1"}, TheOptions());
//   if (const auto status = tool.Start(argc, argv)) return *status;
//   tool.Get<bool>("minimal");

#ifndef CONFIG_TOOL_H_
#define CONFIG_TOOL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/command_line.h"
#include "config/listing.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/sources.h"

namespace bergen::config {

// Not thread-safe.
class Tool {
 public:
  // Without a name the program has that of its file. `options` are of the group
  // `DEFAULT`, and are flags. Only flags and files count, so that the same
  // arguments do the same for everybody.
  Tool(ProgramInfo program, std::vector<AnyOption> options);

  // Reads the command line, and the files that it names. Returns the exit
  // status if there is nothing more to do, which was said then: 0 after
  // `--help` or `--version`, 2 for a bad flag, 1 for a bad value.
  std::optional<int> Start(int argc, char** argv);

  // The value of the option, which must have this type and name.
  template <typename T>
  T Get(absl::string_view name) const {
    return registry_.Find<T>(kDefaultGroup, name).value().Get();
  }

  // What was said about files: `--config_file`, `--config_dir`.
  const std::vector<ConfigPath>& config_paths() const { return paths_; }

  // Whether there were any arguments.
  bool has_arguments() const { return has_arguments_; }

  std::string Help() const { return help_; }

 private:
  ProgramInfo program_;
  OptionList options_;
  Registry registry_;
  std::vector<ConfigPath> paths_;
  std::string help_;
  bool has_arguments_ = false;
};

// The options `--opt-data` and `--namespace`.
std::vector<AnyOption> ModuleFlags();

// `linked` and what the files that `--opt-data` names hold; with `--namespace`
// only these. The error names the file or the namespace.
absl::StatusOr<std::vector<ModuleOptions>> FindModules(
    const Tool& tool, const std::vector<ModuleOptions>& linked);

// The whole file; NotFound if it cannot be read.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

// Unavailable if it cannot be written.
absl::Status WriteTextFile(const std::string& path, absl::string_view text);

// Says what went wrong, if anything, and returns the exit status.
int ExitStatus(const absl::Status& status);

}  // namespace bergen::config

#endif  // CONFIG_TOOL_H_
