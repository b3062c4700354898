// SPDX-License-Identifier: Apache-2.0

#include "service/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"

namespace bergen {
namespace {

constexpr char kVariable[] = "NOTIFY_SOCKET";

}  // namespace

Notifier Notifier::FromEnvironment() {
  const char* const socket = std::getenv(kVariable);
  if (socket == nullptr) return Notifier();
  Notifier notifier(socket);
  ::unsetenv(kVariable);
  return notifier;
}

absl::Status Notifier::Ready() const { return Send("READY=1"); }

absl::Status Notifier::Reloading() const {
  // systemd tells by the time which reload `Ready` ends.
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Send(
      absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                   absl::ToInt64Microseconds(absl::DurationFromTimespec(now))));
}

absl::Status Notifier::Stopping() const { return Send("STOPPING=1"); }

absl::Status Notifier::SetStatus(absl::string_view text) const {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return Send(absl::StrCat("STATUS=", line));
}

absl::Status Notifier::Send(absl::string_view message) const {
  if (socket_.empty()) return absl::OkStatus();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("notify socket ", socket_, ": longer than ",
                     sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  // An abstract name has no terminator: the length says where it ends.
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());

  const UniqueFd fd(
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok() ||
      ::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    if (errno == EAGAIN) {
      return absl::ResourceExhaustedError(
          absl::StrCat("notify socket ", socket_, ": its queue is full"));
    }
    return absl::ErrnoToStatus(errno, absl::StrCat("notify socket ", socket_));
  }
  return absl::OkStatus();
}

}  // namespace bergen
