// SPDX-License-Identifier: Apache-2.0
//
// Decides what the supervisor does: which worker is forked, told to stop or
// killed, and when. Pure: it is told what happened and what time it is, and
// answers with actions.
//
//   WorkerTable table({.start_timeout = absl::Minutes(1)}, random);
//   table.AddWorkers(/*set=*/0, /*count=*/2, {});
//   for (const Action& action : table.Advance(clock.Now())) Do(action);
//
// A *slot* is a place for one worker: the number of a set. It has one process
// that serves, and during a reload for some time its *successor*. A process
// that was told to stop is *retiring* and in no slot any more, so a slow drain
// holds nothing up.
//
//   state        | event               -> state, action
//   -------------+---------------------------------------------------------
//   kDown        | due                 -> kStarting, fork
//   kStarting    | started             -> kRunning
//                | exited              -> kDown, due when the budget says
//   kRunning     | exited              -> kDown, due when the budget says, or
//                |                        never for a wrong configuration
//   kStarting,   | the reload's turn   -> kReplacing, fork a successor
//   kRunning     | recycled (kRunning)
//   kReplacing   | successor started   -> kRunning with it; terminate the old
//                | old exited          -> kStarting with the successor
//                | successor exited,   -> as before it; the reload ends
//                | late or not forked  |
//   all          | removed             -> kStopped; terminate its processes
//                | stop                -> kStopped; terminate every process

#ifndef LAUNCHER_WORKER_TABLE_H_
#define LAUNCHER_WORKER_TABLE_H_

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "launcher/crash_record.h"
#include "launcher/launcher.h"
#include "launcher/restart_budget.h"
#include "periodic/random.h"

namespace bergen::launcher {

enum class WorkerState { kDown, kStarting, kRunning, kReplacing, kStopped };

struct Action {
  enum Kind {
    kFork,            // For `slot`; answered by `Forked` or `ForkFailed`.
    kTerminate,       // SIGTERM to `pid`.
    kHangUp,          // SIGHUP to `pid`.
    kKill,            // SIGKILL to `pid`.
    kThrottled,       // `slot` is forked again only after `delay`.
    kHeld,            // `slot` is forked again only by a reload.
    kAllStarted,      // For the first time every slot has served.
    kReloadFinished,  // Every worker was replaced.
    kReloadFailed,    // Some workers were not replaced: `reason`.
    kRecycleFailed,   // A worker was not replaced: `reason`.
    kTimedOut,        // The graceful shutdown takes too long.
    // Nothing is forked any more; `status` says why.
    kGiveUp,
  };
  Kind kind;
  int slot = -1;
  int pid = 0;
  absl::Duration delay = absl::ZeroDuration();
  std::string reason = {};
  ExitStatus status = kExitOk;
};
using Actions = std::vector<Action>;

struct WorkerTableOptions {
  // How long a successor may take to start.
  absl::Duration start_timeout = absl::Minutes(1);
};

// Not thread-safe. `now` never goes back from one call to the next.
class WorkerTable {
 public:
  struct Slot {
    int set = 0;
    int number = 0;
    int total = 0;
    WorkerState state = WorkerState::kDown;
    int pid = 0;           // The process that serves; 0 in kDown.
    bool serving = false;  // `pid` has reported that it started.
    absl::Time since;      // When `pid` was forked.
    int successor = 0;     // In kReplacing, once forked.
    absl::Time successor_since;
    int successor_generation = 0;
    int generation = 0;  // Reloads begun when `pid` was forked.
    bool ever_served = false;
    absl::Time due = absl::InfinitePast();  // In kDown: when to fork.
  };

  // `random` must outlive it.
  WorkerTable(const WorkerTableOptions& options, periodic::Random& random)
      : options_(options), random_(&random) {}

  // Before the first `Advance`. Sets are numbered from 0, without gaps.
  void AddWorkers(int set, int count, const RestartLimits& limits);

  // Time has passed: does what is due.
  Actions Advance(absl::Time now);
  // When `Advance` has something to do; `absl::InfiniteFuture()` if nothing.
  absl::Time NextDeadline() const;

  // The answers to kFork. Call one before anything else.
  void Forked(int slot, int pid, absl::Time now);
  Actions ForkFailed(int slot, absl::Time now);

  // What a process did. One that is not known is ignored.
  Actions Started(int pid, absl::Time now);
  Actions Exited(int pid, const ProcessEnd& end, absl::Time now);

  // Replaces every worker that was forked before this call, one after the
  // other, beginning when one that is being recycled is replaced. Must not be
  // called while `reloading`; does nothing when stopping.
  Actions BeginReload(absl::Time now);
  // Has the worker `pid`, which serves, replaced by a successor. Does nothing
  // if another one is being replaced, or a reload goes on: ask again later.
  Actions Recycle(int pid, absl::Time now);

  // One worker more of `set`, with the lowest number that is free; `Advance`
  // forks it. Does nothing when stopping.
  void AddWorker(int set, absl::Time now);
  // One less, that with the highest number; it may take until the retire
  // timeout. Does nothing to the last one, or when stopping.
  Actions RemoveWorker(int set, absl::Time now);
  int worker_count(int set) const;

  // SIGHUP to every worker that is not retiring.
  Actions HangUp() const;
  // Ends a reload and terminates every worker. Those that are left after
  // `graceful_shutdown_timeout` and a little more are killed. Once only.
  Actions Stop(absl::Time now, absl::Duration graceful_shutdown_timeout);

  // How long a worker that retires while the others go on may take.
  void set_retire_timeout(absl::Duration timeout) { retire_timeout_ = timeout; }

  const Slot& slot(int index) const {
    return slots_[static_cast<size_t>(index)];
  }
  bool reloading() const { return reloading_; }
  int slot_count() const { return static_cast<int>(slots_.size()); }
  bool stopping() const { return stopping_; }
  // Some process was told to stop and has not.
  bool retiring() const { return !retiring_.empty(); }
  // Stopping, and no process is left.
  bool stopped() const { return stopping_ && retiring_.empty(); }
  bool timed_out() const { return timed_out_; }
  int process_count() const;
  // The last `kCrashesKept`, the latest at the end, and how many there were.
  // Their times are as `now`, and a set is a service.
  const std::deque<CrashRecord>& crashes() const { return crashes_; }
  int crash_count() const { return crash_count_; }
  static constexpr size_t kCrashesKept = 16;
  // Every process, the retiring ones too.
  std::vector<int> pids() const;

 private:
  Slot& At(int index) { return slots_[static_cast<size_t>(index)]; }
  int Find(int pid) const;
  void Retire(int pid, absl::Time now, absl::Duration timeout,
              Actions& actions);
  // `end` is null if it was not even forked.
  void Respawn(int slot, const ProcessEnd* end, absl::Time now,
               Actions& actions);
  void Record(const Slot& slot, int pid, const ProcessEnd& end,
              absl::Time since, absl::Time now);
  void NoteServing(Slot& slot, Actions& actions);
  void CheckAllStarted(Actions& actions);
  void UpdateTotals(int set);
  void BeginTurn(int index, absl::Time now, Actions& actions);
  void EndTurn(absl::Time now, Actions& actions);
  void ContinueReload(absl::Time now, Actions& actions);
  void FailReload(const std::string& reason, Actions& actions);
  void KillOverdue(absl::Time now, Actions& actions);

  WorkerTableOptions options_;
  periodic::Random* random_;
  std::vector<Slot> slots_;
  std::vector<RestartBudget> budgets_;  // By set.
  // Processes told to stop, and when they are killed; InfiniteFuture() once
  // that was done.
  std::map<int, absl::Time> retiring_;
  absl::Duration retire_timeout_ = absl::InfiniteDuration();
  std::deque<CrashRecord> crashes_;

  std::deque<int> waiting_;  // Slots whose turn in the reload is to come.
  absl::Time turn_deadline_ = absl::InfiniteFuture();
  absl::Time stop_deadline_ = absl::InfiniteFuture();
  // The slot being replaced, by the reload or because it is recycled, or -1.
  int turn_ = -1;
  int crash_count_ = 0;
  int generation_ = 0;  // Reloads begun.
  bool all_started_ = false;
  bool reloading_ = false;
  bool stopping_ = false;
  bool timed_out_ = false;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_WORKER_TABLE_H_
