// SPDX-License-Identifier: Apache-2.0

#include "launcher/reaper.h"

#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

bool HasEnded(pid_t child) {
  siginfo_t info = {};
  return ::waitid(P_PID, static_cast<id_t>(child), &info,
                  WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child;
}

}  // namespace

absl::Time Reaper::Reap(absl::Time now) {
  const std::map<pid_t, absl::Time> before = std::exchange(ended_, {});
  absl::Time next = absl::InfiniteFuture();
  // Each thread has a list of its own. Waiting for any child would show the
  // first that has ended and none after it.
  std::error_code error;
  for (std::filesystem::directory_iterator task("/proc/self/task", error), end;
       !error && task != end; task.increment(error)) {
    std::ifstream children(task->path() / "children");
    pid_t child = 0;
    while (children >> child) {
      if (!HasEnded(child)) continue;
      const auto found = before.find(child);
      const absl::Time noticed = found == before.end() ? now : found->second;
      if (now - noticed < kGrace) {
        ended_[child] = noticed;
        next = std::min(next, noticed + kGrace);
      } else if (::waitpid(child, nullptr, WNOHANG) == child) {
        log_->debug("Reaped process {}, which was left to this one", child);
      }
    }
  }
  return next;
}

}  // namespace bergen::launcher
