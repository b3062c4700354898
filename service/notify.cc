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

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"

namespace bergen {
namespace {

constexpr char kVariable[] = "NOTIFY_SOCKET";

struct Address {
  sockaddr_un name = {};
  socklen_t size = 0;
};

absl::StatusOr<Address> AddressOf(absl::string_view socket) {
  Address address;
  address.name.sun_family = AF_UNIX;
  if (socket.size() >= sizeof(address.name.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("notify socket ", socket, ": longer than ",
                     sizeof(address.name.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.name.sun_path, socket.data(), socket.size());
  if (address.name.sun_path[0] == '@') address.name.sun_path[0] = '\0';
  // An abstract name has no terminator: the length says where it ends.
  address.size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  return address;
}

// A line break and `STATUS=...`, or nothing.
std::string StatusLine(absl::string_view text) {
  if (text.empty()) return {};
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return absl::StrCat("\nSTATUS=", line);
}

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

absl::Status Notifier::Ready(absl::string_view status) const {
  return Send(absl::StrCat("READY=1", StatusLine(status)));
}

absl::Status Notifier::ReadyAs(int pid, absl::string_view status) const {
  return Send(absl::StrCat("MAINPID=", pid, "\nREADY=1", StatusLine(status)));
}

absl::Status Notifier::Reloading(absl::string_view status) const {
  // systemd tells by the time which reload `Ready` ends.
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Send(
      absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                   absl::ToInt64Microseconds(absl::DurationFromTimespec(now)),
                   StatusLine(status)));
}

absl::Status Notifier::Stopping(absl::string_view status,
                                absl::Duration timeout) const {
  std::string message = absl::StrCat("STOPPING=1", StatusLine(status));
  if (timeout < absl::InfiniteDuration()) {
    absl::StrAppend(
        &message, "\nEXTEND_TIMEOUT_USEC=", absl::ToInt64Microseconds(timeout));
  }
  return Send(message);
}

absl::Status Notifier::SetStatus(absl::string_view text) const {
  return Send(StatusLine(text.empty() ? " " : text).substr(1));
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
  absl::StatusOr<Address> address = AddressOf(socket_);
  if (!address.ok()) return address.status();

  const UniqueFd fd(
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  iovec text = {const_cast<char*>(message.data()), message.size()};
  msghdr datagram = {};
  datagram.msg_name = &address->name;
  datagram.msg_namelen = address->size;
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

absl::Status AwaitReady(absl::string_view socket, absl::Duration timeout) {
  const std::string what = absl::StrCat("notify socket ", socket);
  const absl::StatusOr<Address> address = AddressOf(socket);
  if (!address.ok()) return address.status();
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.ok() ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address->name),
             address->size) != 0) {
    if (errno == EADDRINUSE) {
      return absl::AlreadyExistsError(absl::StrCat(what, ": already there"));
    }
    return absl::ErrnoToStatus(errno, what);
  }
  pollfd readable = {.fd = fd.get(), .events = POLLIN, .revents = 0};
  const timespec left = absl::ToTimespec(timeout);
  const int ready =
      ::ppoll(&readable, 1,
              timeout == absl::InfiniteDuration() ? nullptr : &left, nullptr);
  char text[512];
  const ssize_t size = ready > 0 ? ::recv(fd.get(), text, sizeof(text), 0) : 0;
  if (address->name.sun_path[0] != '\0') ::unlink(address->name.sun_path);
  if (ready == 0) {
    return absl::DeadlineExceededError(absl::StrCat(
        what, ": no message within ", absl::FormatDuration(timeout)));
  }
  if (ready < 0 || size < 0) return absl::ErrnoToStatus(errno, what);
  const absl::string_view message(text, static_cast<size_t>(size));
  if (message == "READY=1") return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(what, ": got '", message, "' and not READY=1"));
}

}  // namespace bergen
