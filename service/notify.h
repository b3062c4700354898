// SPDX-License-Identifier: Apache-2.0
//
// What a service tells the service manager (systemd) that started it.
//
//   bergen::Notifier notifier = bergen::Notifier::FromEnvironment();
//   absl::Status told = notifier.Ready();
//   if (!told.ok()) log.debug("notify: {}", told.ToString());
//
// Source: oslo_service.systemd and sd_notify(3). Differences: stopping,
// reloading and status messages exist, and the variable is taken out of the
// environment when it is read, so that no child speaks in our name.

#ifndef SERVICE_NOTIFY_H_
#define SERVICE_NOTIFY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

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

  // Takes NOTIFY_SOCKET out of the environment. Not thread-safe, as changing
  // the environment is not: for the beginning of `main`.
  static Notifier FromEnvironment();

  bool enabled() const { return !socket_.empty(); }
  const std::string& socket() const { return socket_; }

  absl::Status Ready() const;
  // Begins a reload, which `Ready` ends.
  absl::Status Reloading() const;
  absl::Status Stopping() const;
  // Shown by `systemctl status`; line breaks become spaces.
  absl::Status SetStatus(absl::string_view text) const;

 private:
  absl::Status Send(absl::string_view message) const;

  std::string socket_;
};

}  // namespace bergen

#endif  // SERVICE_NOTIFY_H_
