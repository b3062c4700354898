// SPDX-License-Identifier: Apache-2.0

#include "launcher/oom_counter.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace bergen::launcher {
namespace {

// The supervisor reads it at each fork: without a stream and its buffers.
std::optional<uint64_t> Read(const UniqueFd& file) {
  char text[1024];
  const ssize_t size = ::pread(file.get(), text, sizeof(text), 0);
  if (size <= 0) return std::nullopt;
  const absl::string_view lines(text, static_cast<size_t>(size));
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    uint64_t count = 0;
    if (absl::ConsumePrefix(&line, "oom_kill ") &&
        absl::SimpleAtoi(line, &count)) {
      return count;
    }
  }
  return std::nullopt;
}

}  // namespace

OomCounter::OomCounter(const std::string& file) {
  UniqueFd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const std::optional<uint64_t> count = Read(opened);
  if (!count.has_value()) return;
  file_ = std::move(opened);
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
      if (counter.file_.ok()) return counter;
    }
  }
  return {};
}

bool OomCounter::TakeKill() {
  if (!file_.ok() || Read(file_).value_or(0) <= taken_) return false;
  ++taken_;
  return true;
}

void OomCounter::Forget() {
  if (file_.ok()) taken_ = Read(file_).value_or(taken_);
}

}  // namespace bergen::launcher
