// SPDX-License-Identifier: Apache-2.0
//
// Sources of a program's values: files, directories of files, variables of the
// environment, and the command line.
//
//   registry.Load(MakeSources({.config_files = {"/etc/demo.conf"},
//                              .assignments = {"demo.workers=4"}}));
//
// Source: section 3 of oslo.config's behaviour. Differences: the command line
// always beats the environment, and the environment may use deprecated names.

#ifndef CONFIG_SOURCES_H_
#define CONFIG_SOURCES_H_

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

// Assignments from the command line, `GROUP.NAME=VALUE`. Without `GROUP.` the
// group is `DEFAULT`; in the name `-` means `_`.
class AssignmentSource : public Source {
 public:
  explicit AssignmentSource(std::vector<std::string> assignments);

  SourceKind kind() const override { return SourceKind::kCommandLine; }

  // InvalidArgument names those that are no assignments.
  absl::StatusOr<std::vector<Document>> ReadAll() override;

 private:
  const std::vector<std::string> assignments_;
};

// Variables `OS_GROUP__NAME`, in capitals: OS_DEMO__WORKERS, OS_DEFAULT__DEBUG.
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

// What a command line says about configuration.
struct CommandLine {
  std::vector<std::string> config_files;
  std::vector<std::string> config_dirs;
  // `GROUP.NAME=VALUE`.
  std::vector<std::string> assignments;
  bool use_environment = true;
};

// The sources that `command_line` names, for `Registry::Load`. Of two values
// the later in this order counts: files as given, directories as given,
// environment, assignments as given.
std::vector<std::unique_ptr<Source>> MakeSources(
    const CommandLine& command_line);

}  // namespace bergen::config

#endif  // CONFIG_SOURCES_H_
