// SPDX-License-Identifier: Apache-2.0
//
// What a launcher is told, and what it can be asked. `launch.h` makes one.

#ifndef LAUNCHER_LAUNCHER_H_
#define LAUNCHER_LAUNCHER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "launcher/crash_record.h"
#include "launcher/phase.h"
#include "launcher/reload_state.h"
#include "launcher/signal_handler.h"
#include "service/inherited_listeners.h"
#include "service/listener.h"
#include "service/notify.h"
#include "service/service_group.h"
#include "service/vitals.h"

namespace bergen::launcher {

// Exit statuses of a program that returns what `Launcher::Wait` returns. Those
// of a worker are the same; `kGaveUp` is the supervisor's alone.
enum ExitStatus {
  kExitOk = 0,       // The services finished, by themselves or after SIGTERM.
  kExitFailed = 1,   // A start failed, SIGINT, the graceful shutdown took too
                     // long, or the parent died.
  kExitCrashed = 2,  // A service's `Wait` returned an error.
  kExitGaveUp = 3,   // Workers failed too often; see `RestartLimits`.
  // A start failed with InvalidArgument: the configuration is wrong, and trying
  // again is of no use. EX_CONFIG of sysexits.h.
  kExitConfiguration = 78,
};

// That of a start which failed with `status`.
inline int ExitStatusOf(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? kExitConfiguration : kExitFailed;
}

// More at once are never found hanging, and cannot be asked for.
inline constexpr int kMostWorkers = 16384;

// Which worker a service runs in.
struct WorkerInfo {
  // In the order of `LaunchService`; that of `Launch` is 0.
  int service = 0;
  // Stable: in 0..total-1, and a replacement has that of the one it replaces.
  int number = 0;
  int total = 1;  // Of the service's workers, when this one was forked.
  // What services tell of their health; outlives them. Null only in tests that
  // call a factory themselves.
  Vitals* vitals = nullptr;
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
// are immediate; then each waits twice as long as the last, and a random part
// more. Once none has ended for `quiet_period`, or after a reload, counting
// starts again. A worker whose status is `kExitConfiguration` is not replaced
// before a reload; when no worker of a service is left, the launcher
// stops with that status.
// Source: "Forking too fast" in oslo.service, which paused a second each time.
struct RestartLimits {
  // At least 0; -1 stands for the number of workers and one more.
  int free_restarts = -1;
  absl::Duration first_delay = absl::Seconds(1);
  absl::Duration longest_delay = absl::Seconds(30);
  absl::Duration quiet_period = absl::Minutes(1);
  // The most that is added to a delay, as a part of it: machines that fail for
  // one reason should not come back in one moment. At least 0.
  double jitter = 0.1;
  // After so many restarts in a row the launcher stops everything and its
  // status is `kExitGaveUp`; 0 never gives up.
  int give_up_after = 0;
};

// When a worker that has not ended by itself is replaced. No limit holds for a
// single process.
struct HealthLimits {
  // A worker that has given no sign of life for so long is asked for its stacks
  // (`log_stacks`), and killed at twice the time. It gives none if its
  // process is stopped, or if work of its `Vitals` is overdue.
  absl::Duration hang_timeout = absl::InfiniteDuration();
  // Replaced by a successor that has started, one worker at a time, after so
  // many requests (0: never), after so much time, at so many bytes of memory
  // (0: never).
  uint64_t max_requests = 0;
  absl::Duration max_age = absl::InfiniteDuration();
  int64_t max_memory = 0;
  // The most that chance takes off these three, as a part of them, so that not
  // all workers reach them at once. In [0, 1).
  double jitter = 0.1;
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
  // From SIGTERM to the moment when services are told to stop. Meanwhile they
  // say that they are not ready (`Service::PrepareStop`) and go on, until
  // nobody sends them clients any more. Not negative; asked as the timeout,
  // which begins after it. A second SIGTERM ends it early.
  std::function<absl::Duration()> drain_delay = [] {
    return absl::ZeroDuration();
  };
  // How long a reload waits for a replaced worker's successor to start. After
  // that it ends, and the workers not yet replaced go on.
  absl::Duration start_timeout = absl::Minutes(1);
  RestartLimits restart_limits;
  HealthLimits health_limits;

  // Publish new option values, all of them or the mutable ones. `reload` runs
  // in the supervisor, or in the single process; `mutate` in the workers too.
  // After an error the old values and services go on, and it is logged.
  std::function<absl::Status()> reload;
  std::function<absl::Status()> mutate;
  // Opens the files of the log again, after they were moved away; in every
  // process. What SIGUSR1 does.
  std::function<absl::Status()> reopen_logs;
  // Logs the stacks of all threads; called in the process that is to tell, when
  // it hangs or has got SIGQUIT.
  std::function<void()> log_stacks;
  // Logs the options, for operators; at the start and after a reload.
  std::function<void()> log_options;
  // Called before what the launcher itself does; signals that it does not know
  // do nothing else then.
  std::vector<SignalHandler> signal_handlers;

  // Shut down once every service was told to stop: from then on connections are
  // refused, while those that were accepted are served to the end.
  std::vector<Listener*> listeners;

  // What SIGUSR2 runs in place of this program: normally the arguments of
  // `main`. It inherits `listeners` and `other_listeners`
  // (inherited_listeners.h); once everything in it has started, this process
  // drains and leaves. One that fails, or takes longer than `start_timeout`,
  // is killed, and this one goes on. Empty: SIGUSR2 does nothing.
  std::vector<std::string> upgrade_command;
  // Not shut down; those of whom each worker has its own, for example. Asked
  // when they are passed on.
  std::function<std::vector<Listener*>()> other_listeners;
  // What else it inherits (`InheritedListeners::TakeFd`): memory that
  // generations share, for example. Stay open as long as this program runs.
  std::vector<NamedFd> other_fds;

  // Called in the supervisor before each fork of a worker, one that replaces
  // another included: opens what that worker has for itself, once. An error
  // counts as one of the fork. Not called in a single process.
  std::function<absl::Status(const WorkerInfo& info)> before_fork;
  // Called in the supervisor when there is no worker of that number any more,
  // since a service has fewer now: closes what `before_fork` has opened. The
  // highest number first; not called when everything stops.
  std::function<void(const WorkerInfo& info)> after_removal;
  // How many workers the first service has from now on, whatever was asked for
  // since the start; asked after the options were read again. Less than 1
  // counts as 1. Not asked in a single process. Empty: a reload changes none.
  std::function<int()> worker_count;

  // Told when everything has started, reloads and stops.
  Notifier notifier;
  // Of the process that calls `Wait`, not of its workers.
  PhaseObserver on_phase;
};

// One per process, used by the thread that made it, except where noted. As
// process 1 of a container it reaps processes that others have left to it: at
// once if it forks workers, and must then be the only one that has children in
// this process; else after 10 s, so that services may wait for their own.
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
  // SIGTERM stops gracefully, after `drain_delay`; a second one ends the delay,
  // and further ones are ignored. SIGINT ends the
  // process at once. SIGHUP does what `restart_method` says, daemon or not.
  // SIGQUIT calls `log_stacks` in every worker. SIGUSR1 calls `reopen_logs`.
  // SIGTTIN adds a worker to those of the first service, and SIGTTOU takes one
  // away, that with the highest number, which drains as in a reload; but never
  // the last. `SetWorkers` does the same for any service. SIGUSR2 hands over to
  // a new process, see `upgrade_command`; this one's status is then `kExitOk`.
  // A single process ends by _exit, without returning, on SIGINT and when the
  // graceful shutdown takes too long: its threads cannot be ended.
  virtual int Wait() = 0;

  // As SIGTERM and SIGHUP, but by code. Thread-safe, may be called from a
  // signal handler, before `Wait`, and in a worker, where they reach the
  // supervisor.
  virtual void Stop() = 0;
  virtual void Restart() = 0;

  // The rest is thread-safe, and may be called in a worker, where it asks and
  // shows the supervisor. Services are numbered as in `WorkerInfo`.

  // Has the supervisor change the number of workers of `service`; returns
  // before that is done. The change lasts until the next one, `worker_count`
  // of a reload included; an upgrade begins with that of `Launch` again.
  // InvalidArgument if there is no such service or `workers` is not in
  // 1..kMostWorkers;
  // FailedPrecondition in a single process; Unavailable once the supervisor is
  // gone; ResourceExhausted while it has more requests than it can take.
  virtual absl::Status SetWorkers(int service, int workers) = 0;
  // How many workers each service should have now, by number.
  virtual std::vector<int> Workers() const = 0;
  // The last workers that ended without having been told to, 16 at most; the
  // latest is the last. None in a single process.
  virtual std::vector<CrashRecord> Crashes() const = 0;
  // How far reloads have come, which `Restart` and SIGHUP begin.
  virtual ReloadState Reloads() const = 0;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_LAUNCHER_H_
