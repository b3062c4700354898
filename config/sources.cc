// SPDX-License-Identifier: Apache-2.0

#include "config/sources.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "config/ini.h"
#include "config/option.h"
#include "config/prefault.h"

namespace bergen::config {
namespace {

constexpr absl::string_view kVariablePrefix = "OS_";
constexpr size_t kLargest = FileSource::kMaxFileSize;

std::string Absolute(absl::string_view path) {
  std::string expanded(path);
  const char* const home = std::getenv("HOME");
  if (home && absl::ConsumePrefix(&path, "~/")) {
    expanded = absl::StrCat(home, "/", path);
  }
  std::error_code error;
  const std::filesystem::path absolute =
      std::filesystem::absolute(expanded, error);
  return error ? expanded : absolute.string();
}

bool IsPartOfName(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
}

// The system's error with the code that belongs to it: "demo.conf: No such
// file".
absl::Status SystemError(int error, absl::string_view name) {
  const absl::StatusCode code = absl::ErrnoToStatusCode(error);
  return absl::Status(
      code, absl::StrCat(name, ": ", std::generic_category().message(error)));
}

// `name` is what messages call the file.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     absl::string_view name) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, name);
  const absl::Cleanup close = [fd] { ::close(fd); };
  struct stat info;
  if (::fstat(fd, &info) != 0) return SystemError(errno, name);
  // One more byte than expected, so that the end is seen by the first read.
  std::string text;
  Resize(text,
         std::min<size_t>(std::max<off_t>(info.st_size, 4095), kLargest) + 1);
  size_t used = 0;
  while (true) {
    const ssize_t size = ::read(fd, &text[used], text.size() - used);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return SystemError(errno, name);
    used += size;
    if (size == 0) break;
    if (used > kLargest) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": longer than ", kLargest, " bytes"));
    }
    if (used == text.size()) text.resize(std::min(2 * used, kLargest + 1));
  }
  text.resize(used);
  return text;
}

absl::StatusOr<Document> ReadIniFile(const std::string& path,
                                     const std::string& name) {
  absl::StatusOr<std::string> text = ReadFile(path, name);
  if (!text.ok()) return text.status();
  return ParseIni(*std::move(text), name);
}

// Names of the files of a directory that count, sorted.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path,
                                                       absl::string_view name) {
  std::error_code error;
  std::vector<std::string> files;
  for (auto entry = std::filesystem::directory_iterator(path, error);
       !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    std::string file = entry->path().filename().string();
    std::error_code ignored;  // What cannot be looked at fails when it is read.
    if (file[0] != '.' && absl::EndsWith(file, ".conf") &&
        !entry->is_directory(ignored)) {
      files.push_back(std::move(file));
    }
  }
  if (error) return SystemError(error.value(), name);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

FileSource::FileSource(absl::string_view path)
    : name_(path), path_(Absolute(path)) {}

absl::StatusOr<std::vector<Document>> FileSource::ReadAll() {
  absl::StatusOr<Document> document = ReadIniFile(path_, name_);
  if (!document.ok()) return document.status();
  std::vector<Document> documents;
  documents.push_back(*std::move(document));
  return documents;
}

DirectorySource::DirectorySource(absl::string_view path)
    : name_(path), path_(Absolute(path)) {}

absl::StatusOr<std::vector<Document>> DirectorySource::ReadAll() {
  const absl::StatusOr<std::vector<std::string>> files =
      ListDirectory(path_, name_);
  if (!files.ok()) return files.status();
  std::vector<Document> documents;
  std::vector<std::string> errors;
  absl::StatusCode code = absl::StatusCode::kOk;
  for (const std::string& file : *files) {
    absl::StatusOr<Document> read =
        ReadIniFile(absl::StrCat(path_, "/", file),
                    absl::StrCat(absl::StripSuffix(name_, "/"), "/", file));
    if (!read.ok()) {
      code = read.status().code();
      errors.emplace_back(read.status().message());
      continue;
    }
    documents.push_back(*std::move(read));
  }
  if (errors.empty()) return documents;
  return absl::Status(
      errors.size() == 1 ? code : absl::StatusCode::kInvalidArgument,
      absl::StrJoin(errors, "\n"));
}

absl::StatusOr<FlagValue> ParseAssignment(absl::string_view assignment) {
  const size_t equals = assignment.find('=');
  const absl::string_view key = assignment.substr(0, equals);
  const size_t dot = key.rfind('.');
  const absl::string_view group =
      dot == key.npos ? kDefaultGroup : key.substr(0, dot);
  const absl::string_view name = dot == key.npos ? key : key.substr(dot + 1);
  if (equals == assignment.npos || group.empty() || name.empty()) {
    // What follows another separator than `=` may be a value.
    const auto end = std::find_if_not(key.begin(), key.end(), IsPartOfName);
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", key.substr(0, end - key.begin()),
                     ": must be GROUP.NAME=VALUE"));
  }
  return FlagValue{.flag = absl::StrCat("--set ", key),
                   .group = std::string(group),
                   .name = Dest(name),
                   .text = std::string(assignment.substr(equals + 1))};
}

CommandLineSource::CommandLineSource(std::vector<FlagValue> values)
    : values_(std::move(values)) {}

absl::StatusOr<std::vector<Document>> CommandLineSource::ReadAll() {
  std::vector<Document> documents;
  documents.reserve(values_.size());
  for (const FlagValue& value : values_) {
    documents.emplace_back(value.flag, /*holds_value=*/!value.is_implied)
        .AddCopy(value.group, value.name, value.text);
  }
  return documents;
}

EnvironmentSource::EnvironmentSource(std::vector<std::string> variables)
    : variables_(std::move(variables)) {}

std::unique_ptr<EnvironmentSource> EnvironmentSource::FromProcess() {
  std::vector<std::string> variables;
  for (char** variable = ::environ; variable && *variable; ++variable) {
    variables.emplace_back(*variable);
  }
  return std::make_unique<EnvironmentSource>(std::move(variables));
}

absl::StatusOr<std::vector<Document>> EnvironmentSource::ReadAll() {
  std::vector<Document> documents;
  for (absl::string_view variable : variables_) {
    const size_t equals = variable.find('=');
    const absl::string_view where = variable.substr(0, equals);
    absl::string_view key = where;
    if (equals == variable.npos ||
        !absl::ConsumePrefix(&key, kVariablePrefix)) {
      continue;
    }
    const size_t separator = key.find("__");
    if (separator == key.npos || separator == 0 ||
        separator + 2 == key.size()) {
      continue;
    }
    documents.emplace_back(std::string(where))
        .AddCopy(key.substr(0, separator), key.substr(separator + 2),
                 variable.substr(equals + 1));
  }
  return documents;
}

ConfigPath ConfigFile(absl::string_view path) {
  return {.path = std::string(path), .kind = ConfigPath::Kind::kFile};
}

ConfigPath ConfigDirectory(absl::string_view path) {
  return {.path = std::string(path), .kind = ConfigPath::Kind::kDirectory};
}

std::vector<std::unique_ptr<Source>> MakeSources(
    const CommandLine& command_line) {
  std::vector<std::unique_ptr<Source>> sources;
  for (const ConfigPath& config_path : command_line.config_paths) {
    if (config_path.kind == ConfigPath::Kind::kFile) {
      sources.push_back(std::make_unique<FileSource>(config_path.path));
    } else {
      sources.push_back(std::make_unique<DirectorySource>(config_path.path));
    }
  }
  if (command_line.use_environment) {
    sources.push_back(EnvironmentSource::FromProcess());
  }
  sources.push_back(
      std::make_unique<CommandLineSource>(command_line.flag_values));
  return sources;
}

std::string FindFile(absl::string_view name,
                     const std::vector<ConfigPath>& config_paths,
                     const std::vector<std::string>& directories) {
  std::vector<std::string> folders;
  for (const ConfigPath& path : config_paths) {
    if (path.kind == ConfigPath::Kind::kDirectory) {
      folders.push_back(Absolute(path.path));
    }
  }
  for (auto path = config_paths.rbegin(); path != config_paths.rend(); ++path) {
    if (path->kind == ConfigPath::Kind::kFile) {
      folders.push_back(
          std::filesystem::path(Absolute(path->path)).parent_path().string());
    }
  }
  folders.insert(folders.end(), directories.begin(), directories.end());
  for (const std::string& folder : folders) {
    std::string path =
        (std::filesystem::path(folder) / std::string(name)).string();
    std::error_code ignored;  // What cannot be looked at is not there.
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return "";
}

}  // namespace bergen::config
