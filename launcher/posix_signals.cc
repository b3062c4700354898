// SPDX-License-Identifier: Apache-2.0

#include "launcher/posix_signals.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/status/status.h"

namespace bergen::launcher {
namespace {

constexpr int kHandledSignals[] = {SIGTERM, SIGINT,  SIGHUP,  SIGUSR1, SIGUSR2,
                                   SIGTTIN, SIGTTOU, SIGQUIT, SIGURG};

sigset_t Handled() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : kHandledSignals) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

void BlockSignals() {
  const sigset_t handled = Handled();
  pthread_sigmask(SIG_BLOCK, &handled, nullptr);
  // What is written then fails, and must not end the process: a log file that
  // has reached its limit above all.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

absl::StatusOr<std::unique_ptr<PosixSignals>> PosixSignals::Create(
    bool children, const std::vector<int>& others) {
  BlockSignals();
  sigset_t handled = Handled();
  if (children) sigaddset(&handled, SIGCHLD);
  for (const int signal : others) sigaddset(&handled, signal);
  pthread_sigmask(SIG_BLOCK, &handled, nullptr);
  auto result = std::unique_ptr<PosixSignals>(new PosixSignals());
  result->signals_.Reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!result->signals_.ok()) return absl::ErrnoToStatus(errno, "signalfd");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "pipe of requests");
  }
  result->requests_read_.Reset(ends[0]);
  result->requests_write_.Reset(ends[1]);

  result->poll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  for (int fd : {result->signals_.get(), result->requests_read_.get()}) {
    epoll_event readable = {};
    readable.events = EPOLLIN;
    if (!result->poll_.ok() ||
        ::epoll_ctl(result->poll_.get(), EPOLL_CTL_ADD, fd, &readable) != 0) {
      return absl::ErrnoToStatus(errno, "epoll of signals");
    }
  }
  return result;
}

void PosixSignals::Request(int signal) {
  const int saved_errno = errno;
  const auto byte = static_cast<unsigned char>(signal);
  // A full pipe already holds more requests than anybody will read.
  [[maybe_unused]] const ssize_t written =
      ::write(requests_write_.get(), &byte, 1);
  errno = saved_errno;
}

std::vector<int> PosixSignals::Take() {
  std::vector<int> signals;
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    signals.push_back(static_cast<int>(info.ssi_signo));
  }
  unsigned char request;
  while (::read(requests_read_.get(), &request, 1) == 1) {
    signals.push_back(request);
  }
  return signals;
}

}  // namespace bergen::launcher
