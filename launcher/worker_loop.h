// SPDX-License-Identifier: Apache-2.0
//
// Runs services in this process until they are told to stop: the body of a
// worker, forked or not.
//
//   WorkerLoop loop(std::move(options), *signals, clock, log);
//   return loop.Run();
//
// The calling thread makes the first services, starts them and waits for them,
// as a worker is ready sooner without a thread for that; each later set of
// services has one. Another thread, the loop's, does nothing but wait for
// signals, the parent and the clock, so that a deadline holds whatever a
// service does; one more calls `Stop` and `Reset`.

#ifndef LAUNCHER_WORKER_LOOP_H_
#define LAUNCHER_WORKER_LOOP_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "launcher/launcher.h"
#include "launcher/phase.h"
#include "launcher/signal_handler.h"
#include "launcher/signals.h"
#include "launcher/upgrade.h"
#include "periodic/clock.h"
#include "service/service_group.h"
#include "service/unique_fd.h"
#include "service/vitals.h"
#include "spdlog/fwd.h"

namespace bergen::launcher {

// Functions may be empty, except `factory` and `graceful_shutdown_timeout`.
struct WorkerLoopOptions {
  WorkerInfo info;
  ServiceFactory factory;
  RestartMethod restart_method = RestartMethod::kReload;
  std::function<absl::Duration()> graceful_shutdown_timeout;
  // Empty: SIGTERM stops at once. The supervisor announces it with SIGURG.
  std::function<absl::Duration()> drain_delay;
  // `reload` is followed by new services in place of the old; `mutate` by
  // `Reset`.
  std::function<absl::Status()> reload;
  std::function<absl::Status()> mutate;
  // Around either of them and what follows it, unless the process stops; on the
  // loop's thread. With an error, what was there goes on.
  std::function<void()> on_reload;
  std::function<void(const absl::Status& verdict)> on_reloaded;
  // Called before anything else that a signal does, whatever `in_workers` says.
  std::vector<SignalHandler> signal_handlers;
  // What SIGUSR1 does.
  std::function<absl::Status()> reopen_logs;
  std::function<void()> log_options;
  // Becomes readable when the parent has died; -1 without a parent.
  int parent_fd = -1;
  // What SIGQUIT does; on the loop's thread.
  std::function<void()> log_stacks;
  // Called so often, on the loop's thread, while no work of the services is
  // overdue; with the number of requests so far.
  absl::Duration beat_interval = absl::InfiniteDuration();
  std::function<void(uint64_t requests)> on_beat;
  // When all services were started; on the loop's thread.
  std::function<void()> on_started;
  // When `Stop` of all services has returned; on another thread.
  std::function<void()> on_stopping;
  // What SIGUSR2 does: starts a new generation, see upgrade.h. If it does not
  // serve within `upgrade_timeout`, it is killed.
  std::function<absl::StatusOr<NextGeneration>()> upgrade;
  absl::Duration upgrade_timeout = absl::Minutes(1);
  // It serves, and this process is about to stop; or it does not.
  std::function<void(int pid)> on_handed_over;
  // What SIGCHLD does, and the beginning; on the loop's thread. Called again at
  // the time that it returns. See `Reaper::Reap`.
  std::function<absl::Time(absl::Time now)> reap;
  PhaseObserver on_phase;
};

// Used by one thread.
class WorkerLoop {
 public:
  WorkerLoop(WorkerLoopOptions options, Signals& signals,
             periodic::Clock& clock, spdlog::logger& log);

  // Returns an `ExitStatus` once nothing is left running, or ends the process
  // by _exit. Once only.
  int Run();

 private:
  // One call of the factory and the services that it made.
  struct Generation {
    int id = 0;
    // The services belong to `thread`, which destroys them.
    std::weak_ptr<ServiceGroup> group;
    std::thread thread;
    bool started = false;
    bool told_to_stop = false;
  };

  // What the other threads tell the loop.
  struct Message {
    enum Kind { kStarted, kStartFailed, kFinished, kTaskDone, kReloadRead };
    Kind kind;
    int generation;
    absl::Status status;
  };

  // Thread-safe.
  class Mailbox {
   public:
    // Before anything else; the system's error without a descriptor.
    absl::Status Open();
    void Send(Message message);
    std::deque<Message> Take();
    int fd() const { return fd_.get(); }

   private:
    UniqueFd fd_;
    absl::Mutex mutex_;
    std::deque<Message> messages_ ABSL_GUARDED_BY(mutex_);
  };

  // Runs what was posted, in order, on a thread of its own. Used by the loop's
  // thread.
  class Tasks {
   public:
    explicit Tasks(spdlog::logger& log) : log_(&log) {}
    ~Tasks();

    // Makes the thread, if there is none: the first task will not have to wait
    // for it.
    void Start();
    // Should the system refuse a thread, the caller runs the task: a service
    // that does not do what `Service` promises may then hold up the loop.
    void Post(std::function<void()> task);
    // Nothing more will be posted: the thread ends after the last task.
    void Close();
    // The process ends now, whatever is still running.
    void Abandon();

   private:
    void Run();

    spdlog::logger* const log_;
    absl::Mutex mutex_;
    std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
    bool closed_ ABSL_GUARDED_BY(mutex_) = false;
    std::thread thread_;
  };

  void Loop(const std::vector<int>& early_signals);
  std::shared_ptr<ServiceGroup> AddGeneration();
  absl::Status StartGeneration();
  void RunGeneration(int id, std::shared_ptr<ServiceGroup> group);
  void PostTask(std::function<void()> task);
  void PostStop(Generation& generation);

  void WaitForEvents();
  void Beat();
  void Reap();
  void OnSignal(int signal);
  void OnParentDeath();
  void OnMessage(const Message& message);
  void OnStarted(Generation& generation);
  void OnStartFailed(Generation& generation, const absl::Status& status);
  void OnFinished(Generation& generation, const absl::Status& status);

  void BeginRestart();
  void OnReloadRead(const absl::Status& status);
  void EndReload(const absl::Status& verdict);
  void EndRestart();
  void BeginWhatIsPending();
  void BeginUpgrade();
  // What the new generation says, or its end.
  void OnNextGeneration();
  void EndUpgrade(absl::string_view reason);
  void KillNextGeneration();
  void PrepareStop();
  void BeginStop();

  void Remove(int id);
  Generation* Find(int id);
  void SetPhase(Phase phase);
  [[noreturn]] void ExitNow(int status, absl::string_view last_words);

  const WorkerLoopOptions options_;
  Signals* const signals_;
  periodic::Clock* const clock_;
  spdlog::logger* const log_;

  Vitals vitals_;
  absl::Time next_beat_ = absl::InfiniteFuture();
  absl::Time next_reap_ = absl::InfiniteFuture();
  bool poll_failed_ = false;  // And was logged.

  Mailbox mailbox_;
  Tasks tasks_;
  int pending_tasks_ = 0;

  // Those whose thread has not finished; the last is the newest.
  std::vector<std::unique_ptr<Generation>> generations_;
  int last_id_ = 0;
  int current_id_ = 0;  // The generation that serves; 0 before the first.
  Phase phase_ = Phase::kStarting;
  bool restart_pending_ = false;
  bool upgrade_pending_ = false;
  NextGeneration next_;  // Its pid is 0 unless its verdict is awaited.
  absl::Time upgrade_deadline_ = absl::InfiniteFuture();
  bool parent_died_ = false;
  absl::Time drain_deadline_ = absl::InfiniteFuture();
  absl::Time stop_deadline_ = absl::InfiniteFuture();
  int exit_status_ = kExitOk;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_WORKER_LOOP_H_
