// SPDX-License-Identifier: Apache-2.0
//
// Reaps processes that others have left to this one, as process 1 of a
// container must, in a program that may have children of its own.
//
//   Reaper reaper(log);
//   // After each SIGCHLD, and at the time that the last call has returned:
//   next = reaper.Reap(clock.Now());

#ifndef LAUNCHER_REAPER_H_
#define LAUNCHER_REAPER_H_

#include <sys/types.h>

#include <map>

#include "absl/time/time.h"
#include "spdlog/fwd.h"

namespace bergen::launcher {

// A child that the program has started cannot be told from one that was left to
// it; but the program waits for its own. So whoever has ended, and was not
// waited for within a while, is reaped. Not thread-safe, while other threads
// may start children and wait for them.
class Reaper {
 public:
  // How long the program may take to wait for its own children.
  static constexpr absl::Duration kGrace = absl::Seconds(10);

  // `log` must outlive it.
  explicit Reaper(spdlog::logger& log) : log_(&log) {}

  // `now` is monotonic. Returns when to call again if nothing happens before.
  absl::Time Reap(absl::Time now);

 private:
  spdlog::logger* log_;
  std::map<pid_t, absl::Time> ended_;  // And when that was noticed.
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_REAPER_H_
