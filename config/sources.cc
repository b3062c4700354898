// SPDX-License-Identifier: Apache-2.0

#include "config/sources.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "config/ini.h"
#include "config/option.h"

namespace bergen::config {
namespace {

constexpr absl::string_view kVariablePrefix = "OS_";

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
  std::string text;
  char buffer[1 << 14];
  while (true) {
    const ssize_t size = ::read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return SystemError(errno, name);
    if (size == 0) return text;
    text.append(buffer, size);
    if (text.size() > FileSource::kMaxFileSize) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, ": longer than ", FileSource::kMaxFileSize, " bytes"));
    }
  }
}

absl::StatusOr<Document> ReadIniFile(const std::string& path,
                                     const std::string& name) {
  const absl::StatusOr<std::string> text = ReadFile(path, name);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<IniAssignment>> parsed = ParseIni(*text, name);
  if (!parsed.ok()) return parsed.status();
  Document document(name);
  document.Reserve(parsed->size());
  for (const IniAssignment& assignment : *parsed) {
    document.AddCopy(assignment.section, assignment.key, assignment.value,
                     assignment.line);
  }
  return document;
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

AssignmentSource::AssignmentSource(std::vector<std::string> assignments)
    : assignments_(std::move(assignments)) {}

absl::StatusOr<std::vector<Document>> AssignmentSource::ReadAll() {
  std::vector<Document> documents;
  std::vector<std::string> errors;
  for (const std::string& assignment : assignments_) {
    const size_t equals = assignment.find('=');
    const std::string key = assignment.substr(0, equals);
    const size_t dot = key.rfind('.');
    const std::string group =
        dot == key.npos ? std::string(kDefaultGroup) : key.substr(0, dot);
    const std::string name = dot == key.npos ? key : key.substr(dot + 1);
    if (equals == assignment.npos || group.empty() || name.empty()) {
      errors.push_back(
          absl::StrCat("--set ", key, ": must be GROUP.NAME=VALUE"));
      continue;
    }
    documents.emplace_back(absl::StrCat("--set ", key), /*holds_value=*/true)
        .AddCopy(group, absl::StrReplaceAll(name, {{"-", "_"}}),
                 assignment.substr(equals + 1));
  }
  if (errors.empty()) return documents;
  return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
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
  for (const std::string& variable : variables_) {
    const size_t equals = variable.find('=');
    const std::string where = variable.substr(0, equals);
    absl::string_view key = where;
    if (equals == variable.npos ||
        !absl::ConsumePrefix(&key, kVariablePrefix)) {
      continue;
    }
    const size_t separator = key.find("__");
    if (separator == key.npos || separator == 0) continue;
    documents.emplace_back(where).AddCopy(key.substr(0, separator),
                                          key.substr(separator + 2),
                                          variable.substr(equals + 1));
  }
  return documents;
}

std::vector<std::unique_ptr<Source>> MakeSources(
    const CommandLine& command_line) {
  std::vector<std::unique_ptr<Source>> sources;
  for (const std::string& path : command_line.config_files) {
    sources.push_back(std::make_unique<FileSource>(path));
  }
  for (const std::string& path : command_line.config_dirs) {
    sources.push_back(std::make_unique<DirectorySource>(path));
  }
  if (command_line.use_environment) {
    sources.push_back(EnvironmentSource::FromProcess());
  }
  sources.push_back(
      std::make_unique<AssignmentSource>(command_line.assignments));
  return sources;
}

}  // namespace bergen::config
