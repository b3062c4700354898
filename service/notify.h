// SPDX-License-Identifier: Apache-2.0
//
// What a service tells the service manager (systemd) that started it.
//
//   bergen::Notifier notifier = bergen::Notifier::FromEnvironment();
//   absl::Status told = notifier.Ready();
//   if (!told.ok()) log.debug("notify: {}", told.ToString());
//
// Source: oslo_service.systemd and sd_notify(3). Differences: there is more
// than READY, and the variable is taken out of the environment when it is read,
// so that no child speaks in our name.

#ifndef SERVICE_NOTIFY_H_
#define SERVICE_NOTIFY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bergen {

// A value. Each call sends one datagram and never blocks: ResourceExhausted if
// the manager does not keep up, or another code of the system's error, which
// is worth a debug line and no more. Without a socket calls do nothing.
class Notifier {
 public:
  // Says nothing to nobody.
  Notifier() = default;
  // `socket` is the path of a datagram socket; a leading `@` means the abstract
  // namespace. Empty: calls do nothing.
  explicit Notifier(absl::string_view socket) : socket_(socket) {}

  // Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment.
  // Not thread-safe, as changing
  // the environment is not: for the beginning of `main`.
  static Notifier FromEnvironment();

  bool enabled() const { return !socket_.empty(); }
  // What `FromEnvironment` has taken, `NAME=VALUE`, for a process that shall
  // speak to the manager too. `WATCHDOG_PID=` is left for it to be completed.
  std::vector<std::string> Variables() const;
  const std::string& socket() const { return socket_; }

  // A status that is not empty goes with the message, as by `SetStatus`.
  absl::Status Ready(absl::string_view status = {}) const;
  // `Ready`, in the name of process `pid`, which is from now on the service's
  // main one.
  absl::Status ReadyAs(int pid, absl::string_view status = {}) const;
  // Begins a reload, which `Ready` ends.
  absl::Status Reloading(absl::string_view status = {}) const;
  // The stop may take `timeout`; an infinite one is left to the manager.
  absl::Status Stopping(
      absl::string_view status = {},
      absl::Duration timeout = absl::InfiniteDuration()) const;
  // Shown by `systemctl status`; line breaks become spaces.
  absl::Status SetStatus(absl::string_view text) const;
  // What is going on, a start or a stop, may take so much longer from now on.
  absl::Status ExtendTimeout(absl::Duration by) const;

  // How often, at most, `KeepAlive` must be called; `absl::InfiniteDuration()`
  // if the manager does not watch.
  absl::Duration watchdog_timeout() const { return watchdog_timeout_; }
  absl::Status KeepAlive() const;

  // Has the manager keep a copy of `fd` under `name`, which a later start of
  // the service inherits (inherited_listeners.h), and has it forget those of
  // that name.
  absl::Status StoreFd(absl::string_view name, int fd) const;
  absl::Status ForgetFds(absl::string_view name) const;

  // Blocks until the manager has read what was sent before, or `timeout` has
  // passed: DeadlineExceeded. For messages of a process that is about to end.
  absl::Status Barrier(absl::Duration timeout) const;

 private:
  // `fd` goes with the message if it is not negative.
  absl::Status Send(absl::string_view message, int fd = -1) const;

  std::string socket_;
  absl::Duration watchdog_timeout_ = absl::InfiniteDuration();
};

// Waits at `socket`, which is created, for the one message READY=1: what a
// script does that starts a service without a manager. OK if it comes;
// FailedPrecondition if another one comes first, DeadlineExceeded if none does
// within `timeout`; else the system's error, AlreadyExists if the socket is
// there already. Source: `onready` of oslo_service.systemd, where these are 0,
// 1 and 2, and the socket's file stays behind.
absl::Status AwaitReady(absl::string_view socket, absl::Duration timeout);

}  // namespace bergen

#endif  // SERVICE_NOTIFY_H_
