// SPDX-License-Identifier: Apache-2.0

#include "launcher/service_launcher.h"

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "launcher/worker_loop.h"
#include "service/service_group.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

// What a stop may take beyond the graceful timeout.
constexpr absl::Duration kStopMargin = absl::Seconds(5);
constexpr absl::Duration kBarrierTimeout = absl::Seconds(5);
// How long the old generation may take to tell the service manager that this
// one is the main process.
constexpr absl::Duration kHandOverTimeout = absl::Seconds(5);

}  // namespace

ServiceLauncher::ServiceLauncher(LaunchOptions options, Predecessor predecessor,
                                 Signals& signals, StatusBoard& board,
                                 periodic::Clock& clock, spdlog::logger& log,
                                 bool reap_strangers)
    : options_(std::move(options)),
      signals_(&signals),
      board_(&board),
      clock_(&clock),
      log_(&log),
      predecessor_(std::move(predecessor)) {
  if (reap_strangers) reaper_.emplace(log);
}

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
  std::function<absl::Time(absl::Time)> reap;
  if (reaper_) reap = [this](absl::Time now) { return reaper_->Reap(now); };
  WorkerLoop loop(
      {.factory = [this](const WorkerInfo& info,
                         ServiceGroup& group) -> absl::Status {
         WorkerInfo own = info;
         for (const ServiceFactory& factory : factories_) {
           absl::Status made = factory(own, group);
           if (!made.ok()) return made;
           ++own.service;
         }
         return absl::OkStatus();
       },
       .restart_method = options_.restart_method,
       .graceful_shutdown_timeout = options_.graceful_shutdown_timeout,
       .drain_delay = options_.drain_delay,
       .reload = options_.reload,
       .mutate = options_.mutate,
       .on_reload = [this] { board_->BeginReload(); },
       .on_reloaded =
           [this](const absl::Status& verdict) { board_->EndReload(verdict); },
       .signal_handlers = options_.signal_handlers,
       .reopen_logs = options_.reopen_logs,
       .log_options = options_.log_options,
       .log_stacks = options_.log_stacks,
       .beat_interval = options_.notifier.watchdog_timeout() / 2,
       .on_beat = [this](uint64_t) { Tell(options_.notifier.KeepAlive()); },
       .on_stopping =
           [this] {
             if (handed_over_) return;
             for (Listener* listener : options_.listeners) {
               listener->Shutdown();
             }
             log_->info("Stopped listening");
           },
       .upgrade = [this] { return Upgrade(); },
       .upgrade_timeout = options_.start_timeout,
       .on_handed_over = [this](int pid) { OnHandedOver(pid); },
       .reap = reap,
       .on_phase = [this](Phase phase) { OnPhase(phase); }},
      *signals_, *clock_, *log_);
  const int status = loop.Run();
  // The manager must not take the end of this process for that of the service.
  if (handed_over_) Tell(options_.notifier.Barrier(kBarrierTimeout));
  return status;
}

absl::StatusOr<NextGeneration> ServiceLauncher::Upgrade() {
  if (options_.upgrade_command.empty()) {
    return absl::FailedPreconditionError("this program has no upgrade_command");
  }
  return StartNextGeneration(RequestOf(options_));
}

void ServiceLauncher::OnHandedOver(int pid) {
  handed_over_ = true;
  DisownListeners(options_);
  Tell(options_.notifier.ReadyAs(pid));
}

void ServiceLauncher::OnPhase(Phase phase) {
  switch (phase) {
    case Phase::kRunning: {
      const bool handed_over_to = predecessor_.waits();
      if (handed_over_to) {
        // The manager hears of the new main process from the old one.
        predecessor_.ReportStarted();
        if (options_.notifier.enabled()) {
          predecessor_.AwaitHandOver(kHandOverTimeout);
        }
      }
      if (!std::exchange(stored_, true)) {
        Tell(StoreListeners(options_, /*replace=*/handed_over_to));
      }
      if (!handed_over_to) Tell(options_.notifier.Ready());
      break;
    }
    case Phase::kReloading:
      Tell(options_.notifier.Reloading());
      break;
    case Phase::kDraining:
    case Phase::kStopping:
      // Once: the first of them.
      if (!handed_over_ && !std::exchange(told_stopping_, true)) {
        Tell(options_.notifier.Stopping(
            "Stopping", options_.drain_delay() +
                            options_.graceful_shutdown_timeout() +
                            kStopMargin));
      }
      break;
    case Phase::kStarting:
    case Phase::kStopped:
      break;
  }
  if (options_.on_phase) options_.on_phase(phase);
}

void ServiceLauncher::Tell(const absl::Status& told) {
  if (!told.ok()) log_->debug("notify: {}", told.ToString());
}

}  // namespace bergen::launcher
