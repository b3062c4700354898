// SPDX-License-Identifier: Apache-2.0

#include "service/notify.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"

namespace bergen {
namespace {

constexpr char kVariable[] = "NOTIFY_SOCKET";

}  // namespace

Notifier Notifier::FromEnvironment() {
  const char* const socket = std::getenv(kVariable);
  Notifier notifier(socket == nullptr ? "" : socket);
  const char* const pid = std::getenv("WATCHDOG_PID");
  const char* const limit = std::getenv("WATCHDOG_USEC");
  int64_t microseconds = 0;
  if (limit != nullptr && absl::SimpleAtoi(limit, &microseconds) &&
      microseconds > 0 && (pid == nullptr || pid == absl::StrCat(::getpid()))) {
    notifier.watchdog_timeout_ = absl::Microseconds(microseconds);
  }
  for (const char* name : {kVariable, "WATCHDOG_PID", "WATCHDOG_USEC"}) {
    ::unsetenv(name);
  }
  return notifier;
}

std::vector<std::string> Notifier::Variables() const {
  std::vector<std::string> variables;
  if (enabled()) {
    variables.push_back(absl::StrCat(kVariable, "=", socket_));
  }
  if (watchdog_timeout_ != absl::InfiniteDuration()) {
    variables.push_back(absl::StrCat(
        "WATCHDOG_USEC=", absl::ToInt64Microseconds(watchdog_timeout_)));
    variables.push_back("WATCHDOG_PID=");
  }
  return variables;
}

absl::Status Notifier::Ready() const { return Send("READY=1"); }

absl::Status Notifier::ReadyAs(int pid) const {
  return Send(absl::StrCat("MAINPID=", pid, "\nREADY=1"));
}

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

absl::Status Notifier::ExtendTimeout(absl::Duration by) const {
  return Send(
      absl::StrCat("EXTEND_TIMEOUT_USEC=", absl::ToInt64Microseconds(by)));
}

absl::Status Notifier::KeepAlive() const { return Send("WATCHDOG=1"); }

absl::Status Notifier::StoreFd(absl::string_view name, int fd) const {
  return Send(absl::StrCat("FDSTORE=1\nFDNAME=", name), fd);
}

absl::Status Notifier::ForgetFds(absl::string_view name) const {
  return Send(absl::StrCat("FDSTOREREMOVE=1\nFDNAME=", name));
}

absl::Status Notifier::Barrier(absl::Duration timeout) const {
  if (socket_.empty()) return absl::OkStatus();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  absl::Status sent = Send("BARRIER=1", write_end.get());
  if (!sent.ok()) return sent;
  write_end.Reset();
  // The manager closes its copy when it comes to the message.
  pollfd closed = {.fd = read_end.get(), .events = 0, .revents = 0};
  const timespec left = absl::ToTimespec(timeout);
  if (::ppoll(&closed, 1, &left, nullptr) > 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("notify socket ", socket_, ": not read within ",
                   absl::FormatDuration(timeout)));
}

absl::Status Notifier::Send(absl::string_view message, int fd_to_pass) const {
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
  iovec text = {const_cast<char*>(message.data()), message.size()};
  msghdr datagram = {};
  datagram.msg_name = &address;
  datagram.msg_namelen = size;
  datagram.msg_iov = &text;
  datagram.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd_to_pass >= 0) {
    datagram.msg_control = control;
    datagram.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&datagram);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd_to_pass, sizeof(int));
  }
  if (!fd.ok() || ::sendmsg(fd.get(), &datagram, MSG_NOSIGNAL) < 0) {
    if (errno == EAGAIN) {
      return absl::ResourceExhaustedError(
          absl::StrCat("notify socket ", socket_, ": its queue is full"));
    }
    return absl::ErrnoToStatus(errno, absl::StrCat("notify socket ", socket_));
  }
  return absl::OkStatus();
}

}  // namespace bergen
