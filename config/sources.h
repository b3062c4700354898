// SPDX-License-Identifier: Apache-2.0
//
// Sources of a program's values: files, directories of files, variables of the
// environment, and the command line.
//
//   registry.Load(MakeSources({.config_paths = {ConfigFile("/etc/demo.conf")},
//                              .flag_values =
//                              {*ParseAssignment("demo.x=4")}}));
//
// Source: section 3 of oslo.config's behaviour. Differences: the command line
// always beats the environment, which beats all files, whatever the order of
// the arguments; the environment may use deprecated names; a variable may hold
// several values of a multi option.

#ifndef CONFIG_SOURCES_H_
#define CONFIG_SOURCES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/source.h"

namespace bergen::config {

// One file in the grammar of ini.h, at most `kMaxFileSize` bytes.
class FileSource : public Source {
 public:
  static constexpr size_t kMaxFileSize = size_t{64} << 20;

  // `path` is made absolute now, so that a later change of directory does not
  // matter to reloads; a leading `~/` means the home directory. Messages call
  // the file what it is called here.
  explicit FileSource(absl::string_view path);

  SourceKind kind() const override { return SourceKind::kFile; }

  // NotFound or PermissionDenied if the file is missing or may not be read.
  absl::StatusOr<std::vector<Document>> ReadAll() override;

 private:
  const std::string name_;
  const std::string path_;
};

// Every file `*.conf` directly inside a directory, in the byte order of their
// names, except hidden ones. The files may come and go between reloads.
class DirectorySource : public Source {
 public:
  // As for `FileSource`.
  explicit DirectorySource(absl::string_view path);

  SourceKind kind() const override { return SourceKind::kFile; }

  // NotFound or PermissionDenied if the directory is missing or may not be
  // read.
  absl::StatusOr<std::vector<Document>> ReadAll() override;

 private:
  const std::string name_;
  const std::string path_;
};

// A value that the command line gives to an option.
struct FlagValue {
  // As it was written, without the value: `--demo-workers`, `-w`,
  // `--set demo.workers`, `argument FILE`.
  std::string flag;
  std::string group;
  std::string name;  // With `_` for `-`.
  std::string text;
  // `text` follows from the flag, as for `--nodebug`.
  bool is_implied = false;

  friend bool operator==(const FlagValue&, const FlagValue&) = default;
};

// The value of a flag `--set GROUP.NAME=VALUE`. The last dot before the equals
// sign ends the group; without one it is `DEFAULT`. In the name `-` means `_`.
// InvalidArgument, without the value, if `assignment` has another form.
absl::StatusOr<FlagValue> ParseAssignment(absl::string_view assignment);

// Values from the command line; of one option the last counts.
class CommandLineSource : public Source {
 public:
  explicit CommandLineSource(std::vector<FlagValue> values);

  SourceKind kind() const override { return SourceKind::kCommandLine; }

  absl::StatusOr<std::vector<Document>> ReadAll() override;

 private:
  const std::vector<FlagValue> values_;
};

// Variables `OS_GROUP__NAME`, in capitals: OS_DEMO__WORKERS, OS_DEFAULT__DEBUG.
// The values of a multi option stand on lines or, if there is only one line,
// between commas:
//
//   OS_DEFAULT__PLUGIN=gzip,audit
//   OS_DEFAULT__PLUGIN=$'a,b\nc'  # Two values, as a shell writes them.
class EnvironmentSource : public Source {
 public:
  // `variables` are `NAME=VALUE`; those of other names are ignored.
  explicit EnvironmentSource(std::vector<std::string> variables);

  // Those of this process, copied now.
  static std::unique_ptr<EnvironmentSource> FromProcess();

  SourceKind kind() const override { return SourceKind::kEnvironment; }

  absl::StatusOr<std::vector<Document>> ReadAll() override;

 private:
  const std::vector<std::string> variables_;
};

// A file, or a directory of files, with values.
struct ConfigPath {
  enum class Kind { kFile, kDirectory };

  std::string path;
  Kind kind = Kind::kFile;

  friend bool operator==(const ConfigPath&, const ConfigPath&) = default;
};

ConfigPath ConfigFile(absl::string_view path);
ConfigPath ConfigDirectory(absl::string_view path);

// What a command line says about configuration. A value.
struct CommandLine {
  // In ascending precedence.
  std::vector<ConfigPath> config_paths;
  // In ascending precedence, all of them above the rest.
  std::vector<FlagValue> flag_values;
  bool use_environment = true;
  // The sub-command that was chosen, for programs that have any, and the values
  // of its own options, which are loaded into a registry of its own:
  //   MakeSources({.flag_values = line.sub_command_values,
  //                .use_environment = false})
  std::string sub_command;
  std::vector<FlagValue> sub_command_values;
};

// The sources that `command_line` names, for `Registry::Load`. Of two values
// the later in this order counts: files and directories as given, environment,
// values of flags as given. So a directory beats the files named before it and
// loses to those after it.
std::vector<std::unique_ptr<Source>> MakeSources(
    const CommandLine& command_line);

// The first path `DIRECTORY/name` that exists: in the directories of
// `config_paths`, in their order; beside their files, the last first; in
// `directories`, which are usually `StandardDirectories` of
// default_config_files.h. Empty if there is none.
//
// Source: ConfigOpts.find_file.
std::string FindFile(absl::string_view name,
                     const std::vector<ConfigPath>& config_paths,
                     const std::vector<std::string>& directories);

}  // namespace bergen::config

#endif  // CONFIG_SOURCES_H_
