// SPDX-License-Identifier: Apache-2.0
//
// How far a launcher has come, for tests and for whoever shows it.

#ifndef LAUNCHER_PHASE_H_
#define LAUNCHER_PHASE_H_

#include <functional>

#include "absl/strings/string_view.h"

namespace bergen::launcher {

enum class Phase {
  kStarting,   // Services are being started.
  kRunning,    // All of them were started.
  kReloading,  // SIGHUP is being acted on; the services go on.
  kDraining,   // A stop was announced; everything is still served.
  kStopping,   // Nothing new is begun.
  kStopped,    // Nothing is left running.
};

inline absl::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return "starting";
    case Phase::kRunning:
      return "running";
    case Phase::kReloading:
      return "reloading";
    case Phase::kDraining:
      return "draining";
    case Phase::kStopping:
      return "stopping";
    case Phase::kStopped:
      return "stopped";
  }
  return "unknown";
}

// Called, on the thread that waits for the launcher, when a phase has become
// true. Must return soon.
using PhaseObserver = std::function<void(Phase)>;

}  // namespace bergen::launcher

#endif  // LAUNCHER_PHASE_H_
