// SPDX-License-Identifier: Apache-2.0
//
// Runs services in worker processes, and replaces, reloads and drains them.
// Acts on what the `WorkerTable` decides; the table's header says what that is.
//
// Source: ProcessLauncher in oslo.service. The differences that operators see
// are listed at `Launcher::Wait`; a reload here is rolling, and a worker that
// is told to stop has a deadline of its own.

#ifndef LAUNCHER_PROCESS_LAUNCHER_H_
#define LAUNCHER_PROCESS_LAUNCHER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "launcher/crash_record.h"
#include "launcher/health_monitor.h"
#include "launcher/launcher.h"
#include "launcher/phase.h"
#include "launcher/processes.h"
#include "launcher/signal_handler.h"
#include "launcher/status_board.h"
#include "launcher/upgrade.h"
#include "launcher/worker_table.h"
#include "periodic/clock.h"
#include "periodic/random.h"
#include "spdlog/fwd.h"

namespace bergen::launcher {

// Single-threaded for ever: it forks at any time.
class ProcessLauncher {
 public:
  // `clock` and `log` must also be usable in the workers.
  // `predecessor` is told when everything has started; `board`, which must
  // outlive this, is shown workers and crashes.
  ProcessLauncher(LaunchOptions options, Predecessor predecessor,
                  Processes& processes, StatusBoard& board,
                  periodic::Clock& clock, periodic::Random& random,
                  spdlog::logger& log);

  // InvalidArgument if `workers` is not positive, FailedPrecondition once `Run`
  // was called.
  absl::Status LaunchService(ServiceFactory factory, int workers);

  // Returns an `ExitStatus` when no worker is left.
  int Run();

 private:
  struct Set {
    ServiceFactory factory;
    int workers;
    int prepared = 0;  // The first number that is not prepared (`before_fork`).
  };

  void Handle(const ProcessEvent& event);
  void OnEnd(int pid, const ProcessEnd& end);
  void OnSignal(int signal);
  void ReopenLogs();
  void CheckHealth();
  void CloseRemoved();
  void LogCrash(const CrashRecord& crash);
  void BeginRestart();
  void Resize(int service, int workers);
  // How the log calls worker `number`: by its service too if there are several.
  std::string NameOf(int service, int number) const;
  void PrepareStop(absl::Duration delay);
  void BeginStop(int status);
  // `news` is what the service manager shows.
  void EndReload(const absl::Status& verdict, absl::string_view news);
  void EndRestart(absl::string_view news);
  void BeginUpgrade();
  // The new generation has started, or ended, or takes too long.
  void HandOver();
  void EndUpgrade(absl::string_view reason);
  void EndAll();

  void Do(const Actions& actions);
  void Do(const Action& action);
  void Fork(int slot);
  int RunWorker(const Set& set, const WorkerInfo& info, SupervisorLink& link);

  void ShutDownListeners();
  void SetPhase(Phase phase);
  void Tell(const absl::Status& told);
  void TellReady(absl::string_view news);
  void TellStopping();
  void KeepAlive();

  const LaunchOptions options_;
  // Of the options', those of this process and those of workers.
  std::vector<SignalHandler> own_handlers_;
  std::vector<SignalHandler> workers_handlers_;
  Processes* const processes_;
  StatusBoard* const board_;
  periodic::Clock* const clock_;
  spdlog::logger* const log_;

  std::vector<Set> sets_;
  WorkerTable table_;
  bool running_ = false;  // `Run` was called.
  Phase phase_ = Phase::kStarting;
  bool all_started_ = false;
  bool restart_pending_ = false;
  bool interrupted_ = false;
  absl::Time drain_deadline_ = absl::InfiniteFuture();
  int status_ = kExitOk;
  bool upgrade_pending_ = false;
  int upgrade_pid_ = 0;  // The new generation, from its start to the verdict.
  absl::Time upgrade_deadline_ = absl::InfiniteFuture();
  bool upgrade_late_ = false;  // It was killed for that.
  bool handed_over_ = false;   // The listeners are somebody else's.
  Predecessor predecessor_;
  HealthMonitor health_;
  absl::Time next_check_ = absl::InfiniteFuture();
  absl::Time next_keep_alive_ = absl::InfiniteFuture();
  // Workers that have not yet reported that their services were told to stop;
  // listeners stay open for them until this is empty or the deadline comes.
  std::vector<int> accepting_;
  absl::Time listeners_deadline_ = absl::InfiniteFuture();
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_PROCESS_LAUNCHER_H_
