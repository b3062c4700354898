// SPDX-License-Identifier: Apache-2.0
//
// What a launcher is told, and what it can be asked. `launch.h` makes one.

#ifndef LAUNCHER_LAUNCHER_H_
#define LAUNCHER_LAUNCHER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "launcher/phase.h"
#include "service/listener.h"
#include "service/notify.h"
#include "service/service_group.h"

namespace bergen::launcher {

// Exit statuses of a program that returns what `Launcher::Wait` returns. Those
// of a worker are the same; `kGaveUp` is the supervisor's alone.
enum ExitStatus {
  kExitOk = 0,       // The services finished, by themselves or after SIGTERM.
  kExitFailed = 1,   // A start failed, SIGINT, the graceful shutdown took too
                     // long, or the parent died.
  kExitCrashed = 2,  // A service's `Wait` returned an error.
  kExitGaveUp = 3,   // Workers failed too often; see `RestartLimits`.
};

// Which worker a service runs in.
struct WorkerInfo {
  // Stable: in 0..total-1, and a replacement has that of the one it replaces.
  int number = 0;
  int total = 1;
};

// Adds services, in the order of their start, to `group`. Called in the process
// that will run them: after the fork, when there are workers, and on a thread
// of its own. In a single process, a reload calls it again while the services
// of the last call still run; what both need, such as a listener, belongs to
// `main`. An error counts as a failed start.
using ServiceFactory =
    std::function<absl::Status(const WorkerInfo& info, ServiceGroup& group)>;

// What SIGHUP does. Source: `restart_method`.
enum class RestartMethod {
  // Reads the options again and replaces the services: workers one by one,
  // each when its replacement has started; in a single process, by a second
  // set of services started beside the first.
  kReload,
  // Reads mutable options again and calls `Reset`; nothing is restarted.
  kMutate,
};

// How workers that end by themselves are replaced. The first `free_restarts`
// are immediate; then each waits twice as long as the last. Once none has ended
// for `quiet_period`, or after a reload, counting starts again.
// Source: "Forking too fast" in oslo.service, which paused a second each time.
struct RestartLimits {
  // At least 0; -1 stands for the number of workers and one more.
  int free_restarts = -1;
  absl::Duration first_delay = absl::Seconds(1);
  absl::Duration longest_delay = absl::Seconds(30);
  absl::Duration quiet_period = absl::Minutes(1);
  // After so many restarts in a row the launcher stops everything and its
  // status is `kExitGaveUp`; 0 never gives up.
  int give_up_after = 0;
};

// All functions may be empty. They and the pointers must stay valid while the
// launcher exists.
struct LaunchOptions {
  // At least 1. One runs in this process; more are forked from it.
  int workers = 1;
  RestartMethod restart_method = RestartMethod::kReload;
  // From SIGTERM to the end of the process, whatever its services do.
  // `absl::InfiniteDuration()` sets no limit. Not negative. Asked when a
  // shutdown begins, so it may change while running.
  std::function<absl::Duration()> graceful_shutdown_timeout = [] {
    return absl::Seconds(60);
  };
  // How long a reload waits for a replaced worker's successor to start. After
  // that it ends, and the workers not yet replaced go on.
  absl::Duration start_timeout = absl::Minutes(1);
  RestartLimits restart_limits;

  // Publish new option values, all of them or the mutable ones. `reload` runs
  // in the supervisor, or in the single process; `mutate` in the workers too.
  // After an error the old values and services go on, and it is logged.
  std::function<absl::Status()> reload;
  std::function<absl::Status()> mutate;
  // Logs the options, for operators; at the start and after a reload.
  std::function<void()> log_options;

  // Shut down once every service was told to stop: from then on connections are
  // refused, while those that were accepted are served to the end.
  std::vector<Listener*> listeners;

  // What SIGUSR2 runs in place of this program: normally the arguments of
  // `main`. It inherits `listeners` and `other_listeners`
  // (inherited_listeners.h); once everything in it has started, this process
  // drains and leaves. One that fails, or takes longer than `start_timeout`,
  // is killed, and this one goes on. Empty: SIGUSR2 does nothing.
  std::vector<std::string> upgrade_command;
  // Not shut down; those of whom each worker has its own, for example.
  std::vector<Listener*> other_listeners;

  // Told when everything has started, reloads and stops.
  Notifier notifier;
  // Of the process that calls `Wait`, not of its workers.
  PhaseObserver on_phase;
};

// One per process, used by the thread that made it, except where noted.
class Launcher {
 public:
  virtual ~Launcher() = default;

  // Adds services of their own worker processes, or, in a single process,
  // beside those already added; `workers` must then be 1. Before `Wait`.
  // InvalidArgument for a bad number, FailedPrecondition after `Wait`.
  virtual absl::Status LaunchService(ServiceFactory factory, int workers) = 0;

  // Starts everything and blocks until it has ended. Returns an `ExitStatus`
  // for `main` to return; a second call is `kExitFailed` at once.
  //
  // SIGTERM stops gracefully, and further ones are ignored. SIGINT ends the
  // process at once. SIGHUP does what `restart_method` says, daemon or not.
  // SIGUSR2 hands over to a new process, see `upgrade_command`; this one's
  // status is then `kExitOk`.
  // A single process ends by _exit, without returning, on SIGINT and when
  // the graceful shutdown takes too long: its threads cannot be ended.
  virtual int Wait() = 0;

  // As SIGTERM and SIGHUP, but by code. Thread-safe, may be called from a
  // signal handler, before `Wait`, and in a worker, where they reach the
  // supervisor.
  virtual void Stop() = 0;
  virtual void Restart() = 0;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_LAUNCHER_H_
