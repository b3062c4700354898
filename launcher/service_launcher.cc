// SPDX-License-Identifier: Apache-2.0

#include "launcher/service_launcher.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "launcher/worker_loop.h"
#include "service/service_group.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {

ServiceLauncher::ServiceLauncher(LaunchOptions options, Signals& signals,
                                 periodic::Clock& clock, spdlog::logger& log)
    : options_(std::move(options)),
      signals_(&signals),
      clock_(&clock),
      log_(&log) {}

absl::Status ServiceLauncher::LaunchService(ServiceFactory factory,
                                            int workers) {
  if (running_) {
    return absl::FailedPreconditionError(
        "launcher: services are added before Wait");
  }
  if (workers != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "launcher: services of a single process have 1 worker, got ", workers));
  }
  factories_.push_back(std::move(factory));
  return absl::OkStatus();
}

int ServiceLauncher::Run() {
  running_ = true;
  WorkerLoop loop(
      {.factory = [this](const WorkerInfo& info,
                         ServiceGroup& group) -> absl::Status {
         for (const ServiceFactory& factory : factories_) {
           absl::Status made = factory(info, group);
           if (!made.ok()) return made;
         }
         return absl::OkStatus();
       },
       .restart_method = options_.restart_method,
       .graceful_shutdown_timeout = options_.graceful_shutdown_timeout,
       .reload = options_.reload,
       .mutate = options_.mutate,
       .log_options = options_.log_options,
       .on_stopping =
           [this] {
             for (Listener* listener : options_.listeners) {
               listener->Shutdown();
             }
             log_->info("Stopped listening");
           },
       .on_phase = [this](Phase phase) { OnPhase(phase); }},
      *signals_, *clock_, *log_);
  return loop.Run();
}

void ServiceLauncher::OnPhase(Phase phase) {
  absl::Status told;
  if (phase == Phase::kRunning) told = options_.notifier.Ready();
  if (phase == Phase::kReloading) told = options_.notifier.Reloading();
  if (phase == Phase::kStopping) told = options_.notifier.Stopping();
  if (!told.ok()) log_->debug("notify: {}", told.ToString());
  if (options_.on_phase) options_.on_phase(phase);
}

}  // namespace bergen::launcher
