// SPDX-License-Identifier: Apache-2.0

#include "launcher/poll.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace bergen::launcher {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(10);

}  // namespace

absl::Status PollUntil(absl::Span<pollfd> fds, absl::Time deadline,
                       const periodic::Clock& clock) {
  for (pollfd& fd : fds) fd.revents = 0;
  const absl::Duration left =
      std::max(deadline - clock.Now(), absl::ZeroDuration());
  const timespec timeout = absl::ToTimespec(left);
  if (::ppoll(fds.data(), fds.size(),
              deadline == absl::InfiniteFuture() ? nullptr : &timeout,
              nullptr) >= 0 ||
      errno == EINTR) {
    return absl::OkStatus();
  }
  absl::Status failed = absl::ErrnoToStatus(errno, "poll");
  const timespec pause = absl::ToTimespec(std::min(left, kPause));
  ::nanosleep(&pause, nullptr);
  return failed;
}

}  // namespace bergen::launcher
