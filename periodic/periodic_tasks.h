// SPDX-License-Identifier: Apache-2.0
//
// Named tasks that run every so often.
//
//   PeriodicTasks tasks({}, clock, random, log);
//   absl::Status added = tasks.Add(
//       {.name = "purge", .timing = {.cron = "30 2 * * *", .zone = zone}},
//       [&](const TaskRun&) { return store.Purge(); });
//   if (!added.ok()) return added;
//
// They run by themselves, on the threads of a scheduler:
//
//   absl::Status started = tasks.Start(scheduler);
//   ...
//   tasks.Stop(/*graceful=*/true);
//   tasks.Wait();
//
// or whenever somebody asks, one after the other:
//
//   while (!stop.IsSet()) {
//     absl::StatusOr<absl::Duration> idle = tasks.RunPeriodicTasks();
//     clock.WaitUntil(stop, clock.Now() + idle.value_or(kPause));
//   }
//
// Source: PeriodicTasks of oslo.service. Differences: tasks belong to an object
// and not to a class; two of one name are refused; a run does not move those
// after it, neither by its jitter nor by the time it takes; no task overlaps
// itself, and when it should, its `Overrun` says what happens.

#ifndef PERIODIC_PERIODIC_TASKS_H_
#define PERIODIC_PERIODIC_TASKS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/executor.h"
#include "periodic/leadership.h"
#include "periodic/random.h"
#include "periodic/run_control.h"
#include "periodic/scheduler.h"
#include "periodic/task_schedule.h"
#include "periodic/timer_queue.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

// What a task is told.
struct TaskRun {
  // From when it was due to when it began.
  absl::Duration lateness;
  // Requested when it should end early: the tasks are stopped, the task is
  // removed, or this process is about to lead no more.
  std::stop_token stop;
  // Of the term in which it runs, if it is one of many; else 0.
  int64_t fencing_token = 0;
};

struct TaskOptions {
  std::string name;
  // A negative spacing disables the task.
  TaskTiming timing;
  // False: the task is not added.
  bool enabled = true;
  // Whether another process may run it: `PeriodicTasksOptions::runs_external`
  // says whether this one does.
  bool external_process_ok = false;
  // Whether it is due at once, or only after its first spacing.
  bool run_immediately = false;
  Overrun overrun = Overrun::kRunOnce;
  // Not null: the task runs only where this leads. Must outlive the tasks.
  Leadership* leadership = nullptr;
};

struct PeriodicTasksOptions {
  // For TaskTiming::host_jitter. May be empty if no task has that.
  std::string host;
  // Asked before each run of an external task. Must be thread-safe.
  std::function<bool()> runs_external = [] { return true; };
};

// Thread-safe. A function is called without any lock being taken, and may use
// the tasks, itself included.
class PeriodicTasks : public RunControl {
 public:
  // What it throws counts as an Internal error.
  using Function = std::function<absl::Status(const TaskRun& run)>;

  // What `RunPeriodicTasks` returns at most.
  static constexpr absl::Duration kLongestIdle = absl::Seconds(60);
  // Calendar times are compared with the time of day at least this often, since
  // that may be set.
  static constexpr absl::Duration kCheckTimeOfDay = absl::Seconds(60);

  PeriodicTasks(const PeriodicTasksOptions& options, Clock& clock,
                Random& random, spdlog::logger& log);

  // Stops, not gracefully, and waits. Must not be called by a task.
  ~PeriodicTasks() override;

  // Also while running. A disabled task is not added, which the log says. For
  // times see TaskSchedule::Create. AlreadyExists if there is one of that name,
  // InvalidArgument for no name or wrong times.
  absl::Status Add(const TaskOptions& options, Function function);

  // Asks a run in progress to end, and waits for it, unless called by the task
  // itself. NotFound if there is none of that name.
  absl::Status Remove(absl::string_view name);

  // Runs all tasks that are due, on this thread, in the order in which they
  // were added; another thread's runs are not waited for. Errors are logged or,
  // with `raise_on_error`, returned at once, when the tasks after it have not
  // run. Returns after which time to call this again. FailedPrecondition
  // between `Start` and `Stop`.
  absl::StatusOr<absl::Duration> RunPeriodicTasks(bool raise_on_error = false);

  // As above, but on the threads of `executor`, all at once, and waits for
  // them. With `raise_on_error`, returns the first error to happen. A task that
  // the executor does not accept has not run, and stays due.
  absl::StatusOr<absl::Duration> RunPeriodicTasksInParallel(
      Executor& executor, bool raise_on_error = false);

  // Has tasks run when they are due. `scheduler` must be of the same clock, and
  // must not end before `Wait` has returned. FailedPrecondition if started.
  absl::Status Start(const Scheduler& scheduler);

  // No task begins any more. Runs in progress are completed or, if not
  // `graceful`, asked to end early. Does nothing if not started. `Wait` then
  // blocks until they have ended; not to be called by a task.
  void Stop(bool graceful);
  void Wait();

  std::vector<TaskInfo> List() const override;
  absl::Status RunNow(absl::string_view name) override;
  absl::Status Pause(absl::string_view name) override;
  absl::Status Resume(absl::string_view name) override;
  absl::Status Reschedule(absl::string_view name,
                          const TaskTiming& timing) override;

 private:
  struct Task;
  using TaskPtr = std::shared_ptr<Task>;

  absl::Status Find(absl::string_view name, TaskPtr& found) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool RunsHere(const Task& task) const;
  // Whether `task` is to run now; it is then marked as running.
  static bool Take(Task& task, Moment now);
  // Runs a task that was taken; if `scheduled`, not after `Stop`.
  absl::Status Run(Task& task, bool scheduled);
  // Those that this process may run. FailedPrecondition if a scheduler does.
  absl::StatusOr<std::vector<TaskPtr>> TasksOfPass() const;
  absl::Duration Idle(const std::vector<TaskPtr>& considered) const;

  // Of a scheduler's.
  void Arm(const TaskPtr& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Disarm(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTimer(const TaskPtr& task, uint64_t arming);
  void RunScheduled(const TaskPtr& task);

  const PeriodicTasksOptions options_;
  Clock* const clock_;
  Random* const random_;
  spdlog::logger* const log_;

  mutable absl::Mutex mutex_;
  std::vector<TaskPtr> tasks_ ABSL_GUARDED_BY(mutex_);
  std::optional<Scheduler> scheduler_ ABSL_GUARDED_BY(mutex_);
  // Timers and executors have so many calls of ours.
  int pending_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_PERIODIC_TASKS_H_
