// SPDX-License-Identifier: Apache-2.0
//
// Reactions of a program's own to signals, besides what its launcher does.

#ifndef LAUNCHER_SIGNAL_HANDLER_H_
#define LAUNCHER_SIGNAL_HANDLER_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "spdlog/fwd.h"

namespace bergen::launcher {

// There may be several of one signal.
struct SignalHandler {
  int signal = 0;
  // Called on the thread that waits, never in a signal handler of the system,
  // and must return soon. What it throws is logged.
  std::function<void()> handler;
  // In each worker that gets the signal, and not in the supervisor, which
  // passes none on but its own. In a single process all are called.
  bool in_workers = false;
};

// InvalidArgument for an empty handler, and for a signal that there is not,
// that cannot be waited for (SIGKILL, SIGSTOP, SIGSEGV and the like), or that
// launchers use among themselves (SIGCHLD, SIGURG).
absl::Status CheckSignalHandlers(const std::vector<SignalHandler>& handlers);

// The signals that they are for.
std::vector<int> SignalsOf(const std::vector<SignalHandler>& handlers);

// Calls those of `signal`, the last first.
void CallSignalHandlers(const std::vector<SignalHandler>& handlers, int signal,
                        spdlog::logger& log);

}  // namespace bergen::launcher

#endif  // LAUNCHER_SIGNAL_HANDLER_H_
