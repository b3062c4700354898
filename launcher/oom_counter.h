// SPDX-License-Identifier: Apache-2.0
//
// How many processes of this one's cgroup the kernel has killed because memory
// ran out: what tells such an end from another SIGKILL.

#ifndef LAUNCHER_OOM_COUNTER_H_
#define LAUNCHER_OOM_COUNTER_H_

#include <cstdint>
#include <string>

#include "service/unique_fd.h"

namespace bergen::launcher {

// Not thread-safe.
class OomCounter {
 public:
  // Never sees a kill.
  OomCounter() = default;
  // Counts the kills that `file`, a memory.events of cgroup v2 or a
  // memory.oom_control of v1, tells from now on; none if it does not.
  explicit OomCounter(const std::string& file);

  // Of this process's cgroup. `membership` is /proc/self/cgroup, and
  // `hierarchies` where these are mounted; other ones are for tests.
  static OomCounter OfThisProcess(
      const std::string& membership = "/proc/self/cgroup",
      const std::string& hierarchies = "/sys/fs/cgroup");

  // Takes one of the kills that there were since the last ones were taken;
  // false if there is none.
  bool TakeKill();
  // Forgets those that there were so far.
  void Forget();

 private:
  UniqueFd file_;
  uint64_t taken_ = 0;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_OOM_COUNTER_H_
