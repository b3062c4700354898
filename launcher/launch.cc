// SPDX-License-Identifier: Apache-2.0

#include "launcher/launch.h"

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "config/registry.h"
#include "launcher/crash_record.h"
#include "launcher/health_monitor.h"
#include "launcher/oom_counter.h"
#include "launcher/options.h"
#include "launcher/posix_processes.h"
#include "launcher/posix_signals.h"
#include "launcher/process_launcher.h"
#include "launcher/reload_state.h"
#include "launcher/restart_budget.h"
#include "launcher/service_launcher.h"
#include "launcher/signal_handler.h"
#include "launcher/status_board.h"
#include "launcher/upgrade.h"
#include "periodic/clock.h"
#include "periodic/random.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

absl::Status CheckOptions(const LaunchOptions& options) {
  if (options.workers < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "launcher: workers must be at least 1, got ", options.workers));
  }
  if (options.start_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("launcher: start_timeout must be positive, got ",
                     absl::FormatDuration(options.start_timeout)));
  }
  if (!options.graceful_shutdown_timeout) {
    return absl::InvalidArgumentError(
        "launcher: graceful_shutdown_timeout is empty");
  }
  if (!options.drain_delay) {
    return absl::InvalidArgumentError("launcher: drain_delay is empty");
  }
  absl::Status checked = CheckSignalHandlers(options.signal_handlers);
  checked.Update(CheckHealthLimits(options.health_limits));
  checked.Update(CheckRestartLimits(options.restart_limits));
  return checked;
}

int CountThreads() {
  std::error_code error;
  const std::filesystem::directory_iterator tasks("/proc/self/task", error);
  return error ? 1
               : static_cast<int>(std::distance(
                     tasks, std::filesystem::directory_iterator()));
}

void LogChange(const config::Change& change, spdlog::logger& log) {
  const auto info = [&](const char* remark) {
    log.info("option {}.{}: {} -> {} ({}){}", change.group, change.name,
             change.old_text, change.new_text, change.origin.ToString(),
             remark);
  };
  switch (change.verdict) {
    case config::Verdict::kApplied:
      return info("");
    case config::Verdict::kNeedsRestart:
      return info(", not mutable: needs a restart or reload");
    case config::Verdict::kHeldBack:
      return info(", not applied because others were rejected");
    case config::Verdict::kRejected:
      return;  // The report's status has it.
  }
}

absl::Status Finish(const config::Report& report, spdlog::logger& log,
                    const std::function<absl::Status()>& next) {
  for (const std::string& warning : report.warnings) log.warn("{}", warning);
  for (const config::Change& change : report.changes) LogChange(change, log);
  for (const absl::Status& failure : report.hook_failures) {
    log.error("a hook failed: {}", failure.ToString());
  }
  if (!report.status.ok()) return report.status;
  return next ? next() : absl::OkStatus();
}

void LogOptionValues(const config::Registry& registry, spdlog::logger& log) {
  if (!log.should_log(spdlog::level::debug)) return;
  for (const std::string& line : registry.DumpLines()) log.debug("{}", line);
}

// What both kinds share: the clock, signals asked for by code, and what is
// shown.
class LauncherBase : public Launcher {
 public:
  LauncherBase(std::unique_ptr<PosixSignals> signals, StatusBoard board)
      : signals_(std::move(signals)), board_(std::move(board)) {}

  int Wait() final {
    return std::exchange(waited_, true) ? kExitFailed : Run();
  }
  void Stop() final { signals_->Request(SIGTERM); }
  void Restart() final { signals_->Request(SIGHUP); }
  ReloadState Reloads() const final { return board_.Reloads(); }

 protected:
  virtual int Run() = 0;

  PosixSignals& signals() { return *signals_; }
  periodic::Clock& clock() { return clock_; }
  StatusBoard& board() { return board_; }
  const StatusBoard& board() const { return board_; }

 private:
  periodic::RealClock clock_;
  std::unique_ptr<PosixSignals> signals_;
  StatusBoard board_;
  bool waited_ = false;
};

class InProcess final : public LauncherBase {
 public:
  InProcess(std::unique_ptr<PosixSignals> signals, StatusBoard board,
            LaunchOptions options, Predecessor predecessor, spdlog::logger& log)
      : LauncherBase(std::move(signals), std::move(board)),
        launcher_(std::move(options), std::move(predecessor), this->signals(),
                  this->board(), clock(), log,
                  /*reap_strangers=*/::getpid() == 1) {}

  absl::Status LaunchService(ServiceFactory factory, int workers) override {
    return launcher_.LaunchService(std::move(factory), workers);
  }

  absl::Status SetWorkers(int, int) override {
    return absl::FailedPreconditionError(
        "launcher: a single process has no workers");
  }
  std::vector<int> Workers() const override {
    return std::vector<int>(static_cast<size_t>(launcher_.service_count()), 1);
  }
  std::vector<CrashRecord> Crashes() const override { return {}; }

 private:
  int Run() override { return launcher_.Run(); }

  ServiceLauncher launcher_;
};

class Forking final : public LauncherBase {
 public:
  static absl::StatusOr<std::unique_ptr<Forking>> Create(
      std::unique_ptr<PosixSignals> signals, StatusBoard board,
      LaunchOptions options, Predecessor predecessor, spdlog::logger& log) {
    auto result = std::unique_ptr<Forking>(
        new Forking(std::move(signals), std::move(board), log));
    absl::StatusOr<std::unique_ptr<PosixProcesses>> processes =
        PosixProcesses::Create(result->signals(), result->clock(), log,
                               /*reap_strangers=*/::getpid() == 1,
                               OomCounter::OfThisProcess());
    if (!processes.ok()) return processes.status();
    result->processes_ = *std::move(processes);
    result->launcher_ = std::make_unique<ProcessLauncher>(
        std::move(options), std::move(predecessor), *result->processes_,
        result->board(), result->clock(), result->random_, log);
    return result;
  }

  absl::Status LaunchService(ServiceFactory factory, int workers) override {
    absl::Status added = launcher_->LaunchService(std::move(factory), workers);
    if (added.ok()) ++services_;
    return added;
  }

  absl::Status SetWorkers(int service, int workers) override {
    if (service < 0 || service >= services_) {
      return absl::InvalidArgumentError(
          absl::StrCat("launcher: there is no service ", service,
                       "; their numbers are below ", services_));
    }
    if (workers < 1 || workers > kMostWorkers) {
      return absl::InvalidArgumentError(absl::StrCat(
          "launcher: workers must be in 1..", kMostWorkers, ", got ", workers));
    }
    return processes_->RequestWorkers(service, workers);
  }
  std::vector<int> Workers() const override { return board().Workers(); }
  std::vector<CrashRecord> Crashes() const override {
    return board().Crashes();
  }

 private:
  Forking(std::unique_ptr<PosixSignals> signals, StatusBoard board,
          spdlog::logger& log)
      : LauncherBase(std::move(signals), std::move(board)), log_(&log) {}

  int Run() override {
    const int threads = CountThreads();
    if (threads > 1) {
      log_->warn(
          "{} threads exist before the fork: workers do not have them, and "
          "locks that they hold stay held",
          threads);
    }
    return launcher_->Run();
  }

  spdlog::logger* const log_;
  int services_ = 0;  // Does not change once there are workers.
  periodic::SystemRandom random_;
  std::unique_ptr<PosixProcesses> processes_;
  std::unique_ptr<ProcessLauncher> launcher_;
};

}  // namespace

void BlockHandledSignals() { BlockSignals(); }

absl::StatusOr<RestartMethod> ParseRestartMethod(absl::string_view text) {
  if (text == "reload") return RestartMethod::kReload;
  if (text == "mutate") return RestartMethod::kMutate;
  return absl::InvalidArgumentError(absl::StrCat(
      "restart_method: must be reload or mutate, got '", text, "'"));
}

absl::StatusOr<std::unique_ptr<Launcher>> Launch(spdlog::logger& log,
                                                 ServiceFactory factory,
                                                 LaunchOptions options) {
  absl::Status checked = CheckOptions(options);
  if (!checked.ok()) return checked;
  absl::StatusOr<std::unique_ptr<PosixSignals>> signals = PosixSignals::Create(
      /*children=*/::getpid() == 1, SignalsOf(options.signal_handlers));
  if (!signals.ok()) return signals.status();

  absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  if (!board.ok()) return board.status();
  Predecessor predecessor = Predecessor::FromEnvironment();
  const int workers = options.workers;
  std::unique_ptr<Launcher> launcher;
  if (workers == 1) {
    launcher = std::make_unique<InProcess>(
        *std::move(signals), *std::move(board), std::move(options),
        std::move(predecessor), log);
  } else {
    absl::StatusOr<std::unique_ptr<Forking>> forking =
        Forking::Create(*std::move(signals), *std::move(board),
                        std::move(options), std::move(predecessor), log);
    if (!forking.ok()) return forking.status();
    launcher = *std::move(forking);
  }
  absl::Status added = launcher->LaunchService(std::move(factory), workers);
  if (!added.ok()) return added;
  return launcher;
}

absl::StatusOr<std::unique_ptr<Launcher>> Launch(config::Registry& registry,
                                                 spdlog::logger& log,
                                                 ServiceFactory factory,
                                                 LaunchOptions options) {
  const absl::StatusOr<Options> registered = RegisterOpts(registry);
  if (!registered.ok()) return registered.status();
  options.graceful_shutdown_timeout = [registered = *registered] {
    return registered.graceful_shutdown_timeout();
  };
  options.drain_delay = [registered = *registered] {
    return absl::Seconds(registered.drain_delay_seconds.Get());
  };
  options.health_limits = registered->health_limits();
  const absl::StatusOr<RestartLimits> restart_limits =
      registered->restart_limits(registry);
  if (!restart_limits.ok()) return restart_limits.status();
  options.restart_limits = *restart_limits;
  options.reload = [&registry, &log, next = std::move(options.reload)] {
    return Finish(registry.Reload(), log, next);
  };
  options.mutate = [&registry, &log, next = std::move(options.mutate)] {
    return Finish(registry.Mutate(), log, next);
  };
  options.log_options = [&registry, &log, registered = *registered] {
    if (registered.log_options.Get()) LogOptionValues(registry, log);
  };
  return Launch(log, std::move(factory), std::move(options));
}

}  // namespace bergen::launcher
