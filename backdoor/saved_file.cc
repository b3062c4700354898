// SPDX-License-Identifier: Apache-2.0

#include "backdoor/saved_file.h"

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <ios>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bergen::backdoor {

std::string SavedPath(absl::string_view answer) {
  for (absl::string_view line : absl::StrSplit(answer, '\n')) {
    if (!absl::ConsumePrefix(&line, "wrote ")) continue;
    const size_t end = line.rfind(" (");
    if (end != line.npos) return std::string(line.substr(0, end));
  }
  return "";
}

absl::StatusOr<std::string> ReadSavedFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)),
                    std::istreambuf_iterator<char>());
  if (file.bad() || !file.is_open()) {
    return absl::ErrnoToStatus(errno == 0 ? EIO : errno,
                               absl::StrCat("cannot read ", path));
  }
  return bytes;
}

}  // namespace bergen::backdoor
