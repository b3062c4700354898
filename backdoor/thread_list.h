// SPDX-License-Identifier: Apache-2.0
//
// The threads of this process, as /proc shows them.

#ifndef BACKDOOR_THREAD_LIST_H_
#define BACKDOOR_THREAD_LIST_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bergen::backdoor {

// In ascending order. Threads may end and begin while this runs.
std::vector<pid_t> ListThreads();

struct ThreadInfo {
  // At most 15 bytes; empty if the thread is gone.
  std::string name;
  // As proc(5): `R (running)`, `D (disk sleep)`; empty if the thread is gone.
  std::string state;
  // Bit N-1 for signal N.
  uint64_t blocked_signals = 0;
};

ThreadInfo GetThreadInfo(pid_t thread);

// The name alone, which is read faster; empty if the thread is gone.
std::string GetThreadName(pid_t thread);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_THREAD_LIST_H_
