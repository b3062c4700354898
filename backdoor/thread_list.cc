// SPDX-License-Identifier: Apache-2.0

#include "backdoor/thread_list.h"

#include <dirent.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bergen::backdoor {

std::vector<pid_t> ListThreads() {
  std::vector<pid_t> threads;
  DIR* const folder = opendir("/proc/self/task");
  if (folder == nullptr) return threads;
  while (const dirent* entry = readdir(folder)) {
    pid_t thread = 0;
    if (absl::SimpleAtoi(entry->d_name, &thread)) threads.push_back(thread);
  }
  closedir(folder);
  std::sort(threads.begin(), threads.end());
  return threads;
}

ThreadInfo GetThreadInfo(pid_t thread) {
  ThreadInfo info;
  std::ifstream status(absl::StrCat("/proc/self/task/", thread, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const absl::string_view key = absl::string_view(line).substr(0, colon);
    const absl::string_view value =
        absl::StripAsciiWhitespace(absl::string_view(line).substr(colon + 1));
    if (key == "Name") info.name = std::string(value);
    if (key == "State") info.state = std::string(value);
    if (key == "SigBlk") {
      static_cast<void>(absl::SimpleHexAtoi(value, &info.blocked_signals));
    }
  }
  return info;
}

std::string GetThreadName(pid_t thread) {
  std::ifstream comm(absl::StrCat("/proc/self/task/", thread, "/comm"));
  std::string name;
  std::getline(comm, name);
  return name;
}

}  // namespace bergen::backdoor
