// SPDX-License-Identifier: Apache-2.0

#include "launcher/process_launcher.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "launcher/posix_signals.h"
#include "launcher/worker_loop.h"
#include "periodic/guarded_call.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

// How long workers may take to tell their services to stop before connections
// are refused anyway.
constexpr absl::Duration kAcceptingGrace = absl::Seconds(5);
// How long interrupted workers may take to end before they are killed, and
// killed ones before they are left to the kernel.
constexpr absl::Duration kInterruptGrace = absl::Milliseconds(500);

// What a stop may take beyond the graceful timeout: to kill what is left.
constexpr absl::Duration kStopMargin = absl::Seconds(5);
constexpr absl::Duration kBarrierTimeout = absl::Seconds(5);
// How long the old generation may take to tell the service manager that this
// one is the main process.
constexpr absl::Duration kHandOverTimeout = absl::Seconds(5);
// As sd_watchdog_enabled(3) advises.
constexpr int kKeepAlivesInTime = 2;

}  // namespace

ProcessLauncher::ProcessLauncher(LaunchOptions options, Predecessor predecessor,
                                 Processes& processes, StatusBoard& board,
                                 periodic::Clock& clock,
                                 periodic::Random& random, spdlog::logger& log)
    : options_(std::move(options)),
      processes_(&processes),
      board_(&board),
      clock_(&clock),
      log_(&log),
      table_({.start_timeout = options_.start_timeout}, random),
      predecessor_(std::move(predecessor)),
      health_(options_.health_limits, random) {
  for (const SignalHandler& handler : options_.signal_handlers) {
    (handler.in_workers ? workers_handlers_ : own_handlers_).push_back(handler);
  }
  if (health_.enabled()) next_check_ = clock.Now() + health_.interval();
  if (options_.notifier.watchdog_timeout() < absl::InfiniteDuration()) {
    next_keep_alive_ = clock.Now();
  }
}

absl::Status ProcessLauncher::LaunchService(ServiceFactory factory,
                                            int workers) {
  if (running_) {
    return absl::FailedPreconditionError(
        "launcher: services are added before Wait");
  }
  if (workers < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("launcher: workers must be at least 1, got ", workers));
  }
  const auto service = static_cast<int>(sets_.size());
  table_.AddWorkers(service, workers, options_.restart_limits);
  board_->SetWorkers(service, workers);
  sets_.push_back({std::move(factory), workers});
  return absl::OkStatus();
}

int ProcessLauncher::Run() {
  running_ = true;
  SetPhase(Phase::kStarting);
  if (options_.log_options) options_.log_options();
  for (const Set& set : sets_) log_->info("Starting {} workers", set.workers);

  while (true) {
    Do(table_.Advance(clock_->Now()));
    if (table_.stopped() || interrupted_) break;
    const std::vector<ProcessEvent> events = processes_->Await(
        std::min({table_.NextDeadline(), drain_deadline_, listeners_deadline_,
                  upgrade_deadline_, next_check_, next_keep_alive_}));
    for (const ProcessEvent& event : events) Handle(event);
    if (clock_->Now() >= drain_deadline_) BeginStop(kExitOk);
    if (clock_->Now() >= listeners_deadline_) ShutDownListeners();
    if (clock_->Now() >= next_check_) CheckHealth();
    if (clock_->Now() >= next_keep_alive_) KeepAlive();
    if (clock_->Now() >= upgrade_deadline_) {
      upgrade_deadline_ = absl::InfiniteFuture();
      upgrade_late_ = true;
      processes_->Send(upgrade_pid_, SIGKILL);
    }
  }
  if (interrupted_) EndAll();
  // The manager must not take the end of this process for that of the service.
  if (handed_over_) Tell(options_.notifier.Barrier(kBarrierTimeout));
  SetPhase(Phase::kStopped);
  return table_.timed_out() ? kExitFailed : status_;
}

void ProcessLauncher::Handle(const ProcessEvent& event) {
  if (event.pid != 0 && event.pid == upgrade_pid_) {
    if (event.kind == ProcessEvent::kStarted) HandOver();
    if (event.kind == ProcessEvent::kExited ||
        event.kind == ProcessEvent::kKilled) {
      EndUpgrade(upgrade_late_ ? absl::StrCat("not started within ",
                                              absl::FormatDuration(
                                                  options_.start_timeout))
                 : event.kind == ProcessEvent::kExited
                     ? absl::StrCat("exited with status ", event.value)
                     : absl::StrCat("killed by signal ", event.value));
    }
    return;
  }
  switch (event.kind) {
    case ProcessEvent::kStarted:
      Do(table_.Started(event.pid, clock_->Now()));
      return;
    case ProcessEvent::kStopping:
      break;
    case ProcessEvent::kExited:
    case ProcessEvent::kKilled:
      OnEnd(event.pid, {.killed = event.kind == ProcessEvent::kKilled,
                        .value = event.value,
                        .out_of_memory = event.out_of_memory});
      break;
    case ProcessEvent::kResize:
      Resize(event.service, event.value);
      return;
    case ProcessEvent::kSignal:
      OnSignal(event.value);
      return;
  }
  if (phase_ != Phase::kStopping) return;
  accepting_.erase(std::remove(accepting_.begin(), accepting_.end(), event.pid),
                   accepting_.end());
  if (accepting_.empty()) ShutDownListeners();
}

void ProcessLauncher::OnEnd(int pid, const ProcessEnd& end) {
  log_->info("Child {} {}", pid, end.ToString());
  health_.Forget(pid);
  const int crashes = table_.crash_count();
  const Actions actions = table_.Exited(pid, end, clock_->Now());
  if (table_.crash_count() > crashes) {
    CrashRecord crash = table_.crashes().back();
    LogCrash(crash);
    crash.time = clock_->WallNow();
    board_->AddCrash(crash);
  }
  Do(actions);
  CloseRemoved();
}

// What `before_fork` has opened for workers that there are no more. Not before
// all that were told to stop have, since one of these numbers may be theirs.
void ProcessLauncher::CloseRemoved() {
  if (!options_.after_removal || table_.retiring() || table_.stopping()) return;
  for (size_t i = 0; i < sets_.size(); ++i) {
    const auto service = static_cast<int>(i);
    const int total = table_.worker_count(service);
    for (int& prepared = sets_[i].prepared; prepared > total; --prepared) {
      options_.after_removal(
          {.service = service, .number = prepared - 1, .total = total});
      log_->info("There is no worker {} any more",
                 NameOf(service, prepared - 1));
    }
  }
}

void ProcessLauncher::LogCrash(const CrashRecord& crash) {
  log_->warn(
      "worker {} (process {}) {}, by itself, {} after its start",
      NameOf(crash.service, crash.number), crash.pid, crash.end.ToString(),
      absl::FormatDuration(absl::Trunc(crash.uptime, absl::Milliseconds(1))));
}

void ProcessLauncher::CheckHealth() {
  if (phase_ >= Phase::kDraining) {
    // Those that are left have a deadline.
    next_check_ = absl::InfiniteFuture();
    return;
  }
  next_check_ = clock_->Now() + health_.interval();
  for (int i = 0; i < table_.slot_count(); ++i) {
    const std::string name = NameOf(table_.slot(i).set, table_.slot(i).number);
    const int pid = table_.slot(i).pid;
    if (pid == 0) continue;
    switch (health_.Check(pid, processes_->Look(pid), clock_->Now())) {
      case Verdict::kFine:
        break;
      case Verdict::kHung:
        log_->error("worker {} (process {}) hangs, asking for its stacks: {}",
                    name, pid, health_.reason());
        processes_->Send(pid, SIGQUIT);
        break;
      case Verdict::kHopeless:
        log_->error("worker {} (process {}) hangs, killing it: {}", name, pid,
                    health_.reason());
        processes_->Send(pid, SIGKILL);
        break;
      case Verdict::kWornOut: {
        table_.set_retire_timeout(options_.graceful_shutdown_timeout());
        const Actions actions = table_.Recycle(pid, clock_->Now());
        if (actions.empty()) break;
        log_->info("worker {} (process {}) is recycled after {}", name, pid,
                   health_.reason());
        Do(actions);
        break;
      }
    }
  }
}

void ProcessLauncher::ReopenLogs() {
  const absl::Status reopened =
      options_.reopen_logs ? periodic::CallGuarded(options_.reopen_logs)
                           : absl::OkStatus();
  if (!reopened.ok()) log_->error("Reopening logs: {}", reopened.ToString());
  for (int pid : table_.pids()) processes_->Send(pid, SIGUSR1);
}

void ProcessLauncher::OnSignal(int signal) {
  CallSignalHandlers(own_handlers_, signal, *log_);
  switch (signal) {
    case SIGINT:
      log_->info("Caught SIGINT signal, instantaneous exiting");
      interrupted_ = true;
      status_ = kExitFailed;
      return;
    case SIGTERM:
      if (phase_ == Phase::kStopping) {
        log_->info("Caught SIGTERM again, already stopping");
        return;
      }
      if (phase_ == Phase::kRunning &&
          options_.drain_delay() > absl::ZeroDuration()) {
        PrepareStop(options_.drain_delay());
        return;
      }
      log_->info("Caught SIGTERM, stopping children");
      BeginStop(kExitOk);
      return;
    case SIGHUP:
      if (phase_ >= Phase::kDraining) return;
      log_->info("Caught SIGHUP, handling");
      restart_pending_ = true;
      if (!table_.reloading() && upgrade_pid_ == 0) BeginRestart();
      return;
    case SIGQUIT:
      for (int pid : table_.pids()) processes_->Send(pid, SIGQUIT);
      return;
    case SIGUSR1:
      log_->info("Caught SIGUSR1, reopening logs");
      ReopenLogs();
      return;
    case SIGTTIN:
      log_->info("Caught SIGTTIN, one worker more");
      Resize(0, table_.worker_count(0) + 1);
      return;
    case SIGTTOU:
      log_->info("Caught SIGTTOU, one worker less");
      Resize(0, table_.worker_count(0) - 1);
      return;
    case SIGUSR2:
      if (phase_ >= Phase::kDraining) return;
      log_->info("Caught SIGUSR2, upgrading");
      upgrade_pending_ = true;
      if (!table_.reloading() && upgrade_pid_ == 0) BeginUpgrade();
      return;
    default:
      return;
  }
}

void ProcessLauncher::BeginRestart() {
  restart_pending_ = false;
  board_->BeginReload();
  const bool reload = options_.restart_method == RestartMethod::kReload;
  const std::function<absl::Status()>& hook =
      reload ? options_.reload : options_.mutate;
  SetPhase(Phase::kReloading);
  Tell(options_.notifier.Reloading("Reloading"));
  const absl::Status read =
      hook ? periodic::CallGuarded(hook) : absl::OkStatus();
  if (!read.ok()) {
    log_->error("{} failed, the old values and workers go on: {}",
                reload ? "Reload" : "Mutate", read.ToString());
    EndReload(read, absl::StrCat(reload ? "Reload" : "Mutate",
                                 " failed: ", read.ToString()));
    return;
  }
  if (options_.log_options) options_.log_options();
  if (options_.worker_count) Resize(0, options_.worker_count());
  if (!reload) {
    Do(table_.HangUp());
    EndReload(absl::OkStatus(), "Mutated");
    return;
  }
  table_.set_retire_timeout(options_.graceful_shutdown_timeout());
  Do(table_.BeginReload(clock_->Now()));
}

void ProcessLauncher::Resize(int service, int workers) {
  // A request may come from anybody who has the pipe.
  if (phase_ == Phase::kStopping || service < 0 ||
      service >= static_cast<int>(sets_.size())) {
    return;
  }
  const int before = table_.worker_count(service);
  const int wanted = std::max(workers, 1);
  if (wanted == before) return;
  log_->info("{}{} workers from now on, {} before",
             sets_.size() > 1 ? absl::StrCat("service ", service, ": ") : "",
             wanted, before);
  board_->SetWorkers(service, wanted);
  table_.set_retire_timeout(options_.graceful_shutdown_timeout());
  for (int i = before; i < wanted; ++i) {
    table_.AddWorker(service, clock_->Now());
  }
  for (int i = wanted; i < before; ++i) {
    Do(table_.RemoveWorker(service, clock_->Now()));
  }
}

std::string ProcessLauncher::NameOf(int service, int number) const {
  return sets_.size() > 1 ? absl::StrCat(service, ".", number)
                          : absl::StrCat(number);
}

void ProcessLauncher::EndReload(const absl::Status& verdict,
                                absl::string_view news) {
  board_->EndReload(verdict);
  EndRestart(news);
}

void ProcessLauncher::EndRestart(absl::string_view news) {
  SetPhase(all_started_ ? Phase::kRunning : Phase::kStarting);
  if (all_started_) TellReady(news);
  if (upgrade_pending_) {
    BeginUpgrade();
  } else if (restart_pending_) {
    BeginRestart();
  }
}

void ProcessLauncher::BeginUpgrade() {
  upgrade_pending_ = false;
  if (options_.upgrade_command.empty()) {
    log_->error("Upgrade failed: this program has no upgrade_command");
    return;
  }
  SetPhase(Phase::kReloading);
  Tell(options_.notifier.Reloading("Upgrading"));
  const absl::StatusOr<int> pid = processes_->Upgrade(RequestOf(options_));
  if (!pid.ok()) {
    EndUpgrade(pid.status().ToString());
    return;
  }
  log_->info("Process {} is the new generation", *pid);
  upgrade_pid_ = *pid;
  upgrade_late_ = false;
  upgrade_deadline_ = clock_->Now() + options_.start_timeout;
}

void ProcessLauncher::HandOver() {
  log_->info("Upgrade finished: process {} serves, this one leaves",
             upgrade_pid_);
  Tell(options_.notifier.ReadyAs(upgrade_pid_, "Upgraded"));
  processes_->Release(std::exchange(upgrade_pid_, 0));
  upgrade_deadline_ = absl::InfiniteFuture();
  handed_over_ = true;
  DisownListeners(options_);
  BeginStop(kExitOk);
}

void ProcessLauncher::EndUpgrade(absl::string_view reason) {
  log_->error("Upgrade failed, the old generation goes on: {}",
              std::string(reason));
  upgrade_pid_ = 0;
  upgrade_deadline_ = absl::InfiniteFuture();
  if (phase_ != Phase::kStopping) {
    EndRestart(absl::StrCat("Upgrade failed: ", reason));
  }
}

void ProcessLauncher::PrepareStop(absl::Duration delay) {
  log_->info("Caught SIGTERM, stopping children in {}",
             absl::FormatDuration(delay));
  drain_deadline_ = clock_->Now() + delay;
  SetPhase(Phase::kDraining);
  TellStopping();
  for (int pid : table_.pids()) processes_->Send(pid, SIGURG);
}

void ProcessLauncher::BeginStop(int status) {
  status_ = status;
  restart_pending_ = false;
  upgrade_pending_ = false;
  // Not there yet; its workers see that it is gone, and leave too.
  if (upgrade_pid_ != 0) processes_->Send(upgrade_pid_, SIGKILL);
  upgrade_deadline_ = absl::InfiniteFuture();
  // Announced earlier if there was a delay.
  if (!handed_over_ && phase_ != Phase::kDraining) TellStopping();
  drain_deadline_ = absl::InfiniteFuture();
  SetPhase(Phase::kStopping);
  accepting_ = table_.pids();
  listeners_deadline_ = clock_->Now() + kAcceptingGrace;
  log_->debug("Killing children.");
  Do(table_.Stop(clock_->Now(), options_.graceful_shutdown_timeout()));
  if (!accepting_.empty()) {
    log_->info("Waiting on {} children to exit", accepting_.size());
  } else {
    ShutDownListeners();
  }
}

void ProcessLauncher::EndAll() {
  if (upgrade_pid_ != 0) processes_->Send(upgrade_pid_, SIGKILL);
  for (int signal : {SIGINT, SIGKILL}) {
    for (int pid : table_.pids()) processes_->Send(pid, signal);
    const absl::Time deadline = clock_->Now() + kInterruptGrace;
    while (table_.process_count() > 0 && clock_->Now() < deadline) {
      for (const ProcessEvent& event : processes_->Await(deadline)) {
        if (event.kind != ProcessEvent::kExited &&
            event.kind != ProcessEvent::kKilled) {
          continue;
        }
        // What the table wants done about it is not done any more.
        table_.Exited(event.pid, {}, clock_->Now());
      }
    }
  }
}

void ProcessLauncher::Do(const Actions& actions) {
  for (const Action& action : actions) Do(action);
}

void ProcessLauncher::Do(const Action& action) {
  switch (action.kind) {
    case Action::kFork:
      Fork(action.slot);
      return;
    case Action::kTerminate:
      processes_->Send(action.pid, SIGTERM);
      return;
    case Action::kHangUp:
      processes_->Send(action.pid, SIGHUP);
      return;
    case Action::kKill:
      log_->error("Child {} does not end, killing it", action.pid);
      processes_->Send(action.pid, SIGKILL);
      return;
    case Action::kThrottled:
      log_->info("Forking too fast, sleeping {} before worker {}",
                 absl::FormatDuration(
                     absl::Trunc(action.delay, absl::Milliseconds(1))),
                 NameOf(table_.slot(action.slot).set,
                        table_.slot(action.slot).number));
      return;
    case Action::kHeld:
      log_->error(
          "worker {} does not accept the configuration; it is not started "
          "again before a reload",
          NameOf(table_.slot(action.slot).set,
                 table_.slot(action.slot).number));
      return;
    case Action::kAllStarted:
      all_started_ = true;
      if (phase_ == Phase::kStarting) SetPhase(Phase::kRunning);
      if (predecessor_.waits()) {
        // The manager hears of the new main process from the old one.
        predecessor_.ReportStarted();
        if (options_.notifier.enabled()) {
          predecessor_.AwaitHandOver(kHandOverTimeout);
        }
        Tell(StoreListeners(options_, /*replace=*/true));
      } else {
        Tell(StoreListeners(options_, /*replace=*/false));
        TellReady("");
      }
      return;
    case Action::kReloadFinished:
      log_->info("Reload finished");
      EndReload(absl::OkStatus(), "Reloaded");
      return;
    case Action::kReloadFailed:
      log_->error("Reload ended early, workers not yet replaced go on: {}",
                  action.reason);
      EndReload(absl::UnavailableError(action.reason),
                absl::StrCat("Reload ended early: ", action.reason));
      return;
    case Action::kRecycleFailed:
      log_->error("Recycling failed, the old worker goes on: {}",
                  action.reason);
      return;
    case Action::kTimedOut:
      log_->error("Graceful shutdown timeout exceeded, instantaneous exiting");
      return;
    case Action::kGiveUp:
      if (phase_ == Phase::kStopping) return;
      log_->critical(action.status == kExitConfiguration
                         ? "No worker accepts the configuration, giving up"
                         : "Workers end too often, giving up; the last ends:");
      if (action.status == kExitGaveUp) {
        for (const CrashRecord& crash : table_.crashes()) LogCrash(crash);
      }
      BeginStop(action.status);
      return;
  }
}

void ProcessLauncher::Fork(int slot) {
  const WorkerTable::Slot& place = table_.slot(slot);
  // An earlier action of the same list has made the launcher give up.
  if (place.state == WorkerState::kStopped) return;
  Set& set = sets_[static_cast<size_t>(place.set)];
  const WorkerInfo info = {
      .service = place.set, .number = place.number, .total = place.total};
  const absl::Status prepared =
      options_.before_fork
          ? periodic::CallGuarded([&] { return options_.before_fork(info); })
          : absl::OkStatus();
  if (prepared.ok()) set.prepared = std::max(set.prepared, info.number + 1);
  const absl::StatusOr<int> pid =
      prepared.ok()
          ? processes_->Fork([this, &set, info](SupervisorLink& link) {
              return RunWorker(set, info, link);
            })
          : prepared;
  if (!pid.ok()) {
    log_->error("Error starting worker {}: {}",
                NameOf(info.service, info.number), pid.status().ToString());
    Do(table_.ForkFailed(slot, clock_->Now()));
    return;
  }
  log_->debug("Started child {}", *pid);
  health_.Watch(*pid, clock_->Now());
  table_.Forked(slot, *pid, clock_->Now());
}

int ProcessLauncher::RunWorker(const Set& set, const WorkerInfo& info,
                               SupervisorLink& link) {
  // The supervisor's alone: its end tells that the supervisor has failed.
  predecessor_ = {};
  absl::StatusOr<std::unique_ptr<PosixSignals>> signals =
      PosixSignals::Create(/*children=*/false, SignalsOf(workers_handlers_));
  if (!signals.ok()) {
    log_->critical("Error starting worker {}: {}",
                   NameOf(info.service, info.number),
                   signals.status().ToString());
    return kExitFailed;
  }
  WorkerLoop loop(
      {.info = info,
       .factory = set.factory,
       // Whoever sends SIGHUP to a worker wants it to go on.
       .restart_method = RestartMethod::kMutate,
       .graceful_shutdown_timeout = options_.graceful_shutdown_timeout,
       .mutate = options_.mutate,
       .signal_handlers = workers_handlers_,
       .reopen_logs = options_.reopen_logs,
       .parent_fd = link.parent_fd(),
       .log_stacks = options_.log_stacks,
       .beat_interval = health_.interval(),
       .on_beat = [&link](uint64_t requests) { link.Beat(requests); },
       .on_started = [&link] { link.ReportStarted(); },
       // Only for those who would queue at a listener that is about to close.
       .on_stopping = options_.listeners.empty()
                          ? std::function<void()>()
                          : [&link] { link.ReportStopping(); }},
      **signals, *clock_, *log_);
  return loop.Run();
}

void ProcessLauncher::ShutDownListeners() {
  // Done already.
  if (listeners_deadline_ == absl::InfiniteFuture()) return;
  listeners_deadline_ = absl::InfiniteFuture();
  if (handed_over_) return;
  for (Listener* listener : options_.listeners) listener->Shutdown();
  log_->info("Stopped listening");
}

void ProcessLauncher::SetPhase(Phase phase) {
  phase_ = phase;
  if (options_.on_phase) options_.on_phase(phase);
}

void ProcessLauncher::TellReady(absl::string_view news) {
  if (!options_.notifier.enabled()) return;
  int serving = 0;
  for (int i = 0; i < table_.slot_count(); ++i) {
    if (table_.slot(i).serving && table_.slot(i).pid != 0) ++serving;
  }
  Tell(options_.notifier.Ready(
      absl::StrCat(news, news.empty() ? "" : "; ", serving, " workers serve")));
}

void ProcessLauncher::TellStopping() {
  const absl::Duration timeout =
      options_.drain_delay() + options_.graceful_shutdown_timeout();
  Tell(options_.notifier.Stopping("Stopping", timeout + kStopMargin));
}

void ProcessLauncher::KeepAlive() {
  next_keep_alive_ =
      clock_->Now() + options_.notifier.watchdog_timeout() / kKeepAlivesInTime;
  // Until all have started, and when stopping, other timeouts hold.
  for (int i = 0; all_started_ && phase_ < Phase::kDraining; ++i) {
    if (i == table_.slot_count()) {
      log_->error(
          "no worker serves: the service manager's watchdog is not fed");
      return;
    }
    if (table_.slot(i).serving && table_.slot(i).pid != 0) break;
  }
  Tell(options_.notifier.KeepAlive());
}

void ProcessLauncher::Tell(const absl::Status& told) {
  if (!told.ok()) log_->debug("notify: {}", told.ToString());
}

}  // namespace bergen::launcher
