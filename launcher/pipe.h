// SPDX-License-Identifier: Apache-2.0
//
// A pipe between processes.

#ifndef LAUNCHER_PIPE_H_
#define LAUNCHER_PIPE_H_

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/unique_fd.h"

namespace bergen::launcher {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

// Close-on-exec, with `flags` of pipe2(2). An error is the system's, and says
// that it is about the pipe to `whom`.
inline absl::StatusOr<Pipe> MakePipe(absl::string_view whom, int flags = 0) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | flags) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("pipe to ", whom));
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace bergen::launcher

#endif  // LAUNCHER_PIPE_H_
