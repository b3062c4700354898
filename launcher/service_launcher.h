// SPDX-License-Identifier: Apache-2.0
//
// Runs services in this process. `Launch` makes one for a single worker.
//
// Source: ServiceLauncher in oslo.service. Here SIGHUP starts new services
// beside the old before these are stopped, so that no request is refused
// meanwhile.

#ifndef LAUNCHER_SERVICE_LAUNCHER_H_
#define LAUNCHER_SERVICE_LAUNCHER_H_

#include <atomic>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/launcher.h"
#include "launcher/reaper.h"
#include "launcher/signals.h"
#include "launcher/status_board.h"
#include "launcher/upgrade.h"
#include "periodic/clock.h"
#include "spdlog/fwd.h"

namespace bergen::launcher {

// Used by one thread.
class ServiceLauncher {
 public:
  // `predecessor` is told when everything has started; `board`, which must
  // outlive this, is shown reloads. `reap_strangers`:
  // processes that others have left to this one are reaped (reaper.h); for
  // process 1 of a container. `signals` must then include SIGCHLD.
  ServiceLauncher(LaunchOptions options, Predecessor predecessor,
                  Signals& signals, StatusBoard& board, periodic::Clock& clock,
                  spdlog::logger& log, bool reap_strangers = false);

  // InvalidArgument if `workers` is not 1, FailedPrecondition once `Run` was
  // called.
  absl::Status LaunchService(ServiceFactory factory, int workers);

  int service_count() const { return static_cast<int>(factories_.size()); }

  // Returns an `ExitStatus` when no service is left, or ends the process.
  int Run();

 private:
  void OnPhase(Phase phase);
  absl::StatusOr<NextGeneration> Upgrade();
  void OnHandedOver(int pid);
  void Tell(const absl::Status& told);

  const LaunchOptions options_;
  Signals* const signals_;
  StatusBoard* const board_;
  periodic::Clock* const clock_;
  spdlog::logger* const log_;
  std::vector<ServiceFactory> factories_;
  bool running_ = false;  // `Run` was called.
  Predecessor predecessor_;
  std::optional<Reaper> reaper_;
  bool told_stopping_ = false;
  bool stored_ = false;  // The manager keeps the listeners.
  // The listeners are somebody else's.
  std::atomic<bool> handed_over_ = false;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_SERVICE_LAUNCHER_H_
