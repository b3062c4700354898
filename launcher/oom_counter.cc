// SPDX-License-Identifier: Apache-2.0

#include "launcher/oom_counter.h"

#include <fstream>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bergen::launcher {
namespace {

std::optional<uint64_t> Read(const std::string& path) {
  std::ifstream file(path);
  std::string name;
  std::string rest;
  uint64_t count = 0;
  while (file >> name) {
    if (name == "oom_kill") {
      if (file >> count) return count;
      return std::nullopt;
    }
    std::getline(file, rest);
  }
  return std::nullopt;
}

}  // namespace

OomCounter::OomCounter(const std::string& file) {
  const std::optional<uint64_t> count = Read(file);
  if (!count.has_value()) return;
  file_ = file;
  taken_ = *count;
}

OomCounter OomCounter::OfThisProcess(const std::string& membership,
                                     const std::string& hierarchies) {
  std::ifstream file(membership);
  std::string line;
  while (std::getline(file, line)) {
    // `NUMBER:CONTROLLERS:PATH`; cgroup v2 is number 0 and names none.
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    std::vector<std::string> places;
    if (fields[1].empty()) {
      places = {
          absl::StrCat(hierarchies, fields[2], "/memory.events"),
          absl::StrCat(hierarchies, "/unified", fields[2], "/memory.events")};
    } else if (absl::c_linear_search(absl::StrSplit(fields[1], ','),
                                     "memory")) {
      // A container may see its own group where the hierarchy begins.
      places = {absl::StrCat(hierarchies, "/memory", fields[2],
                             "/memory.oom_control"),
                absl::StrCat(hierarchies, "/memory/memory.oom_control")};
    }
    for (const std::string& place : places) {
      OomCounter counter(place);
      if (!counter.file_.empty()) return counter;
    }
  }
  return {};
}

bool OomCounter::TakeKill() {
  if (file_.empty() || Read(file_).value_or(0) <= taken_) return false;
  ++taken_;
  return true;
}

void OomCounter::Forget() {
  if (!file_.empty()) taken_ = Read(file_).value_or(taken_);
}

}  // namespace bergen::launcher
