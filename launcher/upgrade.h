// SPDX-License-Identifier: Apache-2.0
//
// A new generation of the program takes the sockets over, or does not.
//
//   // The old one:
//   absl::StatusOr<NextGeneration> next = StartNextGeneration(
//       {.command = {"/usr/bin/relay", "--config_file=/etc/relay.conf"},
//        .listeners = {&http}});
//   if (!next.ok()) return next.status();
//   // `next->reports` gives kReportStarted, or ends if it failed.
//
//   // The new one, at the beginning of `main`, takes what is passed on with
//   // `InheritedListeners`, and tells when it serves:
//   Predecessor predecessor = Predecessor::FromEnvironment();
//   ...
//   predecessor.ReportStarted();
//
// The old one then tells the service manager who is the main process now, and
// closes `next->reports`.
//
// Source: oslo.service has nothing of the kind; nginx's USR2 is the model.
// There the operator ends the old one by hand, and a new one that hangs stays.

#ifndef LAUNCHER_UPGRADE_H_
#define LAUNCHER_UPGRADE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "launcher/launcher.h"
#include "service/inherited_listeners.h"
#include "service/listener.h"
#include "service/unique_fd.h"

namespace bergen::launcher {

// What a process says to the one that forked it, one byte each.
inline constexpr char kReportStarted = 'S';
inline constexpr char kReportStopping = 'T';

struct UpgradeRequest {
  // The program, found as execvp(3) does, and its arguments.
  std::vector<std::string> command;
  // Passed on by name; none of them is changed.
  std::vector<Listener*> listeners;
  std::vector<NamedFd> other_fds;
  // `NAME=VALUE`, in place of those of that name in this process's environment.
  // One that ends in `_PID=` is given the new process's.
  std::vector<std::string> variables;
};

struct NextGeneration {
  pid_t pid = 0;
  UniqueFd pidfd;
  UniqueFd reports;  // Non-blocking.
};

// Returns once the program is running, which proves nothing yet. Thread-safe.
// Blocked signals stay blocked in the new process, so none of them is lost.
// FailedPrecondition in process 1 of a container, which would end with the old
// generation. InvalidArgument if `command` is empty or a listener's name cannot
// be passed on; else the system's error, above all that there is no such
// program.
absl::StatusOr<NextGeneration> StartNextGeneration(
    const UpgradeRequest& request);

// What `options` say that a new generation is, and that this one's listeners
// are no longer its own.
UpgradeRequest RequestOf(const LaunchOptions& options);
void DisownListeners(const LaunchOptions& options);

// Has the service manager keep the listeners that this process has opened
// itself, so that a service that crashed comes back to them; it has the others
// already. `replace`: in place of those that it has under their names, which
// are those of an earlier generation. Returns the first error.
absl::Status StoreListeners(const LaunchOptions& options, bool replace);

// The process that started this one with `StartNextGeneration` and waits to
// hand over. Not thread-safe.
class Predecessor {
 public:
  // None.
  Predecessor() = default;
  // Takes its variable out of the environment.
  static Predecessor FromEnvironment();

  bool waits() const { return reports_.ok() && !told_; }
  // Everything serves: it may leave. Does nothing if none waits.
  void ReportStarted();
  // After that: blocks until the service manager was told that this process is
  // the main one, or `timeout` has passed. What is said to the manager earlier
  // it may ignore.
  void AwaitHandOver(absl::Duration timeout);

 private:
  UniqueFd reports_;
  bool told_ = false;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_UPGRADE_H_
