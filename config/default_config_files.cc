// SPDX-License-Identifier: Apache-2.0

#include "config/default_config_files.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bergen::config {
namespace {

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

std::string HomeInPasswordDatabase() {
  char buffer[1 << 14];
  struct passwd entry;
  struct passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer, sizeof(buffer), &found) != 0 ||
      !found) {
    return "";
  }
  return found->pw_dir;
}

// The first path `name` that exists in one of the directories, or none.
std::string FirstOf(const std::vector<std::string>& directories,
                    const std::string& name) {
  for (const std::string& directory : directories) {
    std::string path = (std::filesystem::path(directory) / name).string();
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return "";
}

}  // namespace

ConfigSearch ConfigSearch::FromProcess() {
  ConfigSearch search = {.home = Variable("HOME"),
                         .snap_common = Variable("SNAP_COMMON"),
                         .snap = Variable("SNAP")};
  if (search.home.empty()) search.home = HomeInPasswordDatabase();
  return search;
}

std::vector<std::string> StandardDirectories(absl::string_view project,
                                             const ConfigSearch& search) {
  const std::string folder(project);
  std::vector<std::string> directories;
  const auto add = [&](const std::string& root, const std::string& below) {
    if (root.empty()) return;
    directories.push_back((std::filesystem::path(root) / below).string());
  };
  if (!project.empty()) add(search.home, absl::StrCat(".", project));
  add(search.home, "");
  if (!project.empty()) add(search.etc, folder);
  add(search.etc, "");
  if (!project.empty()) {
    add(search.snap_common, absl::StrCat("etc/", project));
    add(search.snap, absl::StrCat("etc/", project));
  }
  return directories;
}

std::vector<std::string> DefaultConfigFiles(absl::string_view project,
                                            absl::string_view program,
                                            const ConfigSearch& search,
                                            absl::string_view extension) {
  std::vector<absl::string_view> names = {project};
  if (program != project) names.push_back(program);
  const std::vector<std::string> directories =
      StandardDirectories(project, search);
  std::vector<std::string> found;
  for (absl::string_view name : names) {
    if (name.empty()) continue;
    std::string path = FirstOf(directories, absl::StrCat(name, extension));
    if (!path.empty()) found.push_back(std::move(path));
  }
  return found;
}

std::vector<std::string> DefaultConfigDirs(absl::string_view project,
                                           absl::string_view program,
                                           const ConfigSearch& search,
                                           absl::string_view extension) {
  return DefaultConfigFiles(project, program, search, extension);
}

}  // namespace bergen::config
