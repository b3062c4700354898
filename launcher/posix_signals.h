// SPDX-License-Identifier: Apache-2.0
//
// Signals of this process, read from a signalfd.
//
//   BlockSignals();  // Before the first thread.
//   absl::StatusOr<std::unique_ptr<PosixSignals>> signals =
//       PosixSignals::Create();
//
// Source: SignalHandler in oslo.service, whose handlers could run twice at
// once, on the wrong thread, or not at all (W-03, W-07, W-08).

#ifndef LAUNCHER_POSIX_SIGNALS_H_
#define LAUNCHER_POSIX_SIGNALS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/signals.h"
#include "service/unique_fd.h"

namespace bergen::launcher {

// Blocks SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU
// and SIGURG, by which a supervisor announces a stop, in the calling thread and
// in those it starts from now on: they wait until they are read. A thread that
// was started earlier would die of them. Ignores SIGPIPE and SIGXFSZ. Programs
// that the process executes inherit all of this; posix_spawnattr_setsigmask(3)
// gives them another mask.
void BlockSignals();

// Reads what `BlockSignals` blocks. A forked process needs its own.
class PosixSignals : public Signals {
 public:
  // Calls `BlockSignals`; `children`: for SIGCHLD too, and for `others`. Fails
  // only without a free descriptor.
  static absl::StatusOr<std::unique_ptr<PosixSignals>> Create(
      bool children = false, const std::vector<int>& others = {});

  // Adds `signal` to those that `Take` reports, without sending it.
  // Thread-safe, and safe in a signal handler. A forked copy of this reaches
  // the original.
  void Request(int signal);

  int fd() const override { return poll_.get(); }
  std::vector<int> Take() override;

 private:
  PosixSignals() = default;

  UniqueFd signals_;
  // One byte a request: the signal.
  UniqueFd requests_read_;
  UniqueFd requests_write_;
  UniqueFd poll_;  // An epoll of both.
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_POSIX_SIGNALS_H_
