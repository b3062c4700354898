// SPDX-License-Identifier: Apache-2.0
//
// How a worker ended that was not told to.

#ifndef LAUNCHER_CRASH_RECORD_H_
#define LAUNCHER_CRASH_RECORD_H_

#include <string>

#include "absl/time/time.h"

namespace bergen::launcher {

// How a process ended.
struct ProcessEnd {
  bool killed = false;
  int value = 0;  // The signal if it was killed, or else its status.
  // By the kernel, for lack of memory; false if that cannot be told.
  bool out_of_memory = false;

  // `exited with status 1`, `killed by signal 11` or `killed by signal 9 (out
  // of memory)`.
  std::string ToString() const;
};

struct CrashRecord {
  absl::Time time;  // Of the end.
  int service = 0;  // In the order of `LaunchService`.
  int number = 0;   // Of the worker.
  int pid = 0;
  ProcessEnd end;
  absl::Duration uptime;

  // `2026-11-24 12:00:00 worker 0.1 (process 812) killed by signal 11, 3m2s
  // after its start`: in UTC, with the worker's service and number.
  std::string ToString() const;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_CRASH_RECORD_H_
