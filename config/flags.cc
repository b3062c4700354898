// SPDX-License-Identifier: Apache-2.0

#include "config/flags.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gflags/gflags.h"

// Only for --help, and so that gflags accepts them: gflags keeps the last value
// of a flag, so all values are collected before it runs.
DEFINE_string(config_file, "",
              "Configuration file; may be repeated, later files win");
DEFINE_string(config_dir, "",
              "Directory whose *.conf files are read after all configuration "
              "files, sorted by name; may be repeated");
DEFINE_string(set, "",
              "GROUP.NAME=VALUE sets one option, whatever files and "
              "environment say; may be repeated");

namespace bergen::config {
namespace {

struct FlagText {
  std::string name;
  std::string value;
};

// Whether the flag takes the next argument as its value, if there is no `=`.
bool TakesNextArgument(const std::string& name) {
  gflags::CommandLineFlagInfo info;
  return gflags::GetCommandLineFlagInfo(name.c_str(), &info) &&
         info.type != "bool";
}

// All flags with a value, in their order; reads the arguments as gflags does.
std::vector<FlagText> Scan(int argc, char** argv) {
  std::vector<FlagText> flags;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--") break;
    if (argument == "-" || !absl::ConsumePrefix(&argument, "-")) continue;
    absl::ConsumePrefix(&argument, "-");
    const size_t equals = argument.find('=');
    FlagText flag = {.name = std::string(argument.substr(0, equals))};
    std::replace(flag.name.begin(), flag.name.end(), '-', '_');
    if (equals != argument.npos) {
      flag.value = std::string(argument.substr(equals + 1));
    } else if (TakesNextArgument(flag.name) && i + 1 < argc) {
      flag.value = argv[++i];
    } else {
      continue;
    }
    flags.push_back(std::move(flag));
  }
  return flags;
}

// The values of one flag, or the single one that gflags has from elsewhere,
// such as
// --flagfile.
absl::StatusOr<std::vector<std::string>> ValuesOf(
    absl::string_view name, const std::string& last,
    const std::vector<FlagText>& flags) {
  std::vector<std::string> values;
  for (const FlagText& flag : flags) {
    if (flag.name == name) values.push_back(flag.value);
  }
  if (values.empty() && !last.empty()) values.push_back(last);
  if (std::find(values.begin(), values.end(), "") != values.end()) {
    return absl::InvalidArgumentError(absl::StrCat("--", name, ": is empty"));
  }
  return values;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int* argc, char*** argv) {
  const std::vector<FlagText> flags = Scan(*argc, *argv);
  gflags::ParseCommandLineFlags(argc, argv, /*remove_flags=*/true);

  absl::StatusOr<std::vector<std::string>> files =
      ValuesOf("config_file", FLAGS_config_file, flags);
  if (!files.ok()) return files.status();
  absl::StatusOr<std::vector<std::string>> dirs =
      ValuesOf("config_dir", FLAGS_config_dir, flags);
  if (!dirs.ok()) return dirs.status();
  absl::StatusOr<std::vector<std::string>> assignments =
      ValuesOf("set", FLAGS_set, flags);
  if (!assignments.ok()) return assignments.status();
  return CommandLine{.config_files = *std::move(files),
                     .config_dirs = *std::move(dirs),
                     .assignments = *std::move(assignments)};
}

}  // namespace bergen::config
