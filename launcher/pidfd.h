// SPDX-License-Identifier: Apache-2.0
//
// A descriptor of a process, which becomes readable at its end.

#ifndef LAUNCHER_PIDFD_H_
#define LAUNCHER_PIDFD_H_

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "service/unique_fd.h"

namespace bergen::launcher {

// Close-on-exec; not ok, with errno set, if the system refuses. Debian 12's
// header of pidfd_open(2) cannot be used from C++.
inline UniqueFd OpenPidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
}

}  // namespace bergen::launcher

#endif  // LAUNCHER_PIDFD_H_
