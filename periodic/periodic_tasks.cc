// SPDX-License-Identifier: Apache-2.0

#include "periodic/periodic_tasks.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "periodic/guarded_call.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {
namespace {

absl::Status AlreadyStarted() {
  return absl::FailedPreconditionError(
      "periodic tasks: a scheduler runs them already");
}

}  // namespace

// All but the constants is guarded by the tasks' mutex.
struct PeriodicTasks::Task {
  Task(const TaskOptions& task_options, Function task_function,
       TaskSchedule task_schedule)
      : options(task_options),
        function(std::move(task_function)),
        schedule(std::move(task_schedule)) {
    info.name = options.name;
    info.overrun = options.overrun;
    info.external = options.external_process_ok;
    info.one_of_many = options.leadership != nullptr;
  }

  const TaskOptions options;
  const Function function;
  TaskSchedule schedule;
  // All but what `List` makes up; `running` from when it is taken.
  TaskInfo info;
  bool run_now = false;
  bool removed = false;
  // Of a run that has begun.
  std::thread::id runner;
  std::stop_source stop;
  // Of a scheduler's: a timer knows by the number whether it is meant.
  bool armed = false;
  uint64_t arming = 0;
  TimerQueue::Id timer;
};

PeriodicTasks::PeriodicTasks(const PeriodicTasksOptions& options, Clock& clock,
                             Random& random, spdlog::logger& log)
    : options_(options), clock_(&clock), random_(&random), log_(&log) {}

PeriodicTasks::~PeriodicTasks() {
  Stop(/*graceful=*/false);
  {
    const absl::MutexLock lock(&mutex_);
    for (const TaskPtr& task : tasks_) {
      if (!task->info.running || task->runner != std::this_thread::get_id()) {
        continue;
      }
      std::fprintf(stderr, "periodic tasks: destroyed by task %s\n",
                   task->info.name.c_str());
      std::abort();
    }
  }
  Wait();
}

absl::Status PeriodicTasks::Add(const TaskOptions& options, Function function) {
  if (options.name.empty()) {
    return absl::InvalidArgumentError("periodic task: has no name");
  }
  if (options.timing.spacing < absl::ZeroDuration()) {
    log_->info("periodic task {}: not run, its spacing is negative",
               options.name);
    return absl::OkStatus();
  }
  if (!options.enabled) {
    log_->info("periodic task {}: not run, it is disabled", options.name);
    return absl::OkStatus();
  }
  absl::StatusOr<TaskSchedule> schedule = TaskSchedule::Create(
      options.timing, options.overrun, options_.host, options.name, *random_,
      Moment::Of(*clock_), options.run_immediately);
  if (!schedule.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "periodic task ", options.name, ": ", schedule.status().message()));
  }
  const absl::MutexLock lock(&mutex_);
  TaskPtr task;
  if (Find(options.name, task).ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat("periodic task ", options.name, ": there is one already"));
  }
  tasks_.push_back(std::make_shared<Task>(options, std::move(function),
                                          *std::move(schedule)));
  Arm(tasks_.back());
  return absl::OkStatus();
}

absl::Status PeriodicTasks::Remove(absl::string_view name) {
  TaskPtr task;
  std::optional<std::stop_source> stop;
  {
    const absl::MutexLock lock(&mutex_);
    absl::Status found = Find(name, task);
    if (!found.ok()) return found;
    tasks_.erase(std::find(tasks_.begin(), tasks_.end(), task));
    task->removed = true;
    Disarm(*task);
    stop.emplace(task->stop);
  }
  // Without the lock: it may call who knows what.
  stop->request_stop();
  const absl::MutexLock lock(&mutex_);
  if (task->runner == std::this_thread::get_id()) return absl::OkStatus();
  mutex_.Await(absl::Condition(
      +[](TaskInfo* info) { return !info->running; }, &task->info));
  return absl::OkStatus();
}

absl::Status PeriodicTasks::Find(absl::string_view name, TaskPtr& found) const {
  for (const TaskPtr& task : tasks_) {
    if (task->info.name != name) continue;
    found = task;
    return absl::OkStatus();
  }
  return absl::NotFoundError(
      absl::StrCat("periodic task ", name, ": there is none"));
}

bool PeriodicTasks::RunsHere(const Task& task) const {
  return !task.options.external_process_ok || options_.runs_external();
}

bool PeriodicTasks::Take(Task& task, Moment now) {
  if (task.removed || task.info.running) return false;
  if (!task.run_now && (task.info.paused || !task.schedule.IsDue(now))) {
    return false;
  }
  task.info.running = true;
  return true;
}

absl::Status PeriodicTasks::Run(Task& task, bool scheduled) {
  std::optional<Term> term = Term{};
  if (task.options.leadership != nullptr) {
    term = task.options.leadership->Lead();
  }
  TaskRun run;
  Moment began;
  {
    const absl::MutexLock lock(&mutex_);
    if (task.removed || (scheduled && !scheduler_.has_value())) {
      task.info.running = false;
      return absl::OkStatus();
    }
    const Moment now = Moment::Of(*clock_);
    // Run besides its times, it may still be due at one of them.
    const bool extra = std::exchange(task.run_now, false) &&
                       (task.info.paused || !task.schedule.IsDue(now));
    const TaskSchedule::Begun begun =
        extra ? TaskSchedule::Begun() : task.schedule.Begin(now);
    TaskInfo& info = task.info;
    if (!term.has_value()) {
      ++info.elsewhere;
      info.running = false;
      return absl::OkStatus();
    }
    info.last = now.wall;
    info.missed += begun.missed;
    info.last_lateness = begun.lateness;
    info.max_lateness = std::max(info.max_lateness, begun.lateness);
    task.runner = std::this_thread::get_id();
    task.stop = std::stop_source();
    run = {.lateness = begun.lateness,
           .stop = task.stop.get_token(),
           .fencing_token = term->fencing_token};
    began = now;
  }
  log_->trace("Running periodic task {}", task.options.name);
  absl::Status result;
  {
    const std::stop_callback on_term_end(
        term->ends, [stop = task.stop]() mutable { stop.request_stop(); });
    result = CallGuarded([&] { return task.function(run); });
  }
  if (!result.ok()) {
    log_->error("Error during periodic task {}: {}", task.options.name,
                result.ToString());
  }
  const absl::MutexLock lock(&mutex_);
  const Moment now = Moment::Of(*clock_);
  const TaskSchedule::Ended ended = task.schedule.End(began, now);
  TaskInfo& info = task.info;
  ++info.runs;
  if (!result.ok()) ++info.errors;
  info.last_result = result;
  if (ended.overran) ++info.overruns;
  info.missed += ended.missed;
  info.durations.Record(now.steady - began.steady);
  task.runner = std::thread::id();
  info.running = false;
  return result;
}

absl::Duration PeriodicTasks::Idle(
    const std::vector<TaskPtr>& considered) const {
  const absl::MutexLock lock(&mutex_);
  const Moment now = Moment::Of(*clock_);
  absl::Duration idle = kLongestIdle;
  for (const TaskPtr& task : considered) {
    if (task->removed || task->info.running) continue;
    if (task->run_now) return absl::ZeroDuration();
    if (task->info.paused) continue;
    idle = std::min(
        {idle, task->schedule.spacing(), task->schedule.Due(now) - now.steady});
  }
  return std::max(idle, absl::ZeroDuration());
}

absl::StatusOr<std::vector<PeriodicTasks::TaskPtr>> PeriodicTasks::TasksOfPass()
    const {
  std::vector<TaskPtr> tasks;
  {
    const absl::MutexLock lock(&mutex_);
    if (scheduler_.has_value()) return AlreadyStarted();
    tasks = tasks_;
  }
  tasks.erase(
      std::remove_if(tasks.begin(), tasks.end(),
                     [this](const TaskPtr& task) { return !RunsHere(*task); }),
      tasks.end());
  return tasks;
}

absl::StatusOr<absl::Duration> PeriodicTasks::RunPeriodicTasks(
    bool raise_on_error) {
  const absl::StatusOr<std::vector<TaskPtr>> tasks = TasksOfPass();
  if (!tasks.ok()) return tasks.status();
  for (const TaskPtr& task : *tasks) {
    {
      const absl::MutexLock lock(&mutex_);
      if (!Take(*task, Moment::Of(*clock_))) continue;
    }
    absl::Status result = Run(*task, /*scheduled=*/false);
    if (!result.ok() && raise_on_error) return result;
  }
  return Idle(*tasks);
}

absl::StatusOr<absl::Duration> PeriodicTasks::RunPeriodicTasksInParallel(
    Executor& executor, bool raise_on_error) {
  const absl::StatusOr<std::vector<TaskPtr>> tasks = TasksOfPass();
  if (!tasks.ok()) return tasks.status();
  std::vector<TaskPtr> taken;
  for (const TaskPtr& task : *tasks) {
    const absl::MutexLock lock(&mutex_);
    if (Take(*task, Moment::Of(*clock_))) taken.push_back(task);
  }

  absl::BlockingCounter left(static_cast<int>(taken.size()));
  absl::Mutex mutex;
  absl::Status first_error;
  absl::Status refused;
  for (const TaskPtr& task : taken) {
    absl::Status accepted = executor.Execute([&, task] {
      const absl::Status result = Run(*task, /*scheduled=*/false);
      {
        const absl::MutexLock lock(&mutex);
        first_error.Update(result);
      }
      left.DecrementCount();
    });
    if (accepted.ok()) continue;
    log_->error("periodic task {}: not run: {}", task->options.name,
                accepted.ToString());
    refused.Update(accepted);
    {
      const absl::MutexLock lock(&mutex_);
      task->info.running = false;
    }
    left.DecrementCount();
  }
  left.Wait();
  if (!refused.ok()) return refused;
  if (raise_on_error && !first_error.ok()) return first_error;
  return Idle(*tasks);
}

absl::Status PeriodicTasks::Start(const Scheduler& scheduler) {
  const absl::MutexLock lock(&mutex_);
  if (scheduler_.has_value()) return AlreadyStarted();
  if (pending_ > 0) {
    return absl::FailedPreconditionError(
        "periodic tasks: runs of before the stop have not ended yet");
  }
  scheduler_.emplace(scheduler);
  for (const TaskPtr& task : tasks_) Arm(task);
  return absl::OkStatus();
}

void PeriodicTasks::Stop(bool graceful) {
  std::vector<std::stop_source> running;
  {
    const absl::MutexLock lock(&mutex_);
    if (!scheduler_.has_value()) return;
    for (const TaskPtr& task : tasks_) {
      Disarm(*task);
      if (task->info.running) running.push_back(task->stop);
    }
    scheduler_.reset();
  }
  if (graceful) return;
  for (std::stop_source& stop : running) stop.request_stop();
}

void PeriodicTasks::Wait() {
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* pending) { return *pending == 0; }, &pending_));
}

void PeriodicTasks::Arm(const TaskPtr& task) {
  if (!scheduler_.has_value() || task->removed || task->info.running ||
      task->armed) {
    return;
  }
  const Moment now = Moment::Of(*clock_);
  absl::Time due = now.steady;
  if (!task->run_now) {
    if (task->info.paused) return;
    due = task->schedule.Due(now);
    if (task->schedule.spacing() == absl::InfiniteDuration()) {
      due = std::min(due, now.steady + kCheckTimeOfDay);
    }
  }
  task->armed = true;
  ++pending_;
  task->timer = scheduler_->timers.Add(
      due, [this, task, arming = ++task->arming] { OnTimer(task, arming); });
}

void PeriodicTasks::Disarm(Task& task) {
  if (!std::exchange(task.armed, false)) return;
  ++task.arming;
  // Else it is being called, and will find that it is not meant any more.
  if (scheduler_->timers.Cancel(task.timer)) --pending_;
}

void PeriodicTasks::OnTimer(const TaskPtr& task, uint64_t arming) {
  const bool runs_here = RunsHere(*task);
  Executor* executor;
  {
    const absl::MutexLock lock(&mutex_);
    if (arming != task->arming) {
      --pending_;
      return;
    }
    task->armed = false;
    if (!runs_here && !task->run_now) task->schedule.Skip(Moment::Of(*clock_));
    if (!Take(*task, Moment::Of(*clock_))) {
      Arm(task);
      --pending_;
      return;
    }
    executor = &scheduler_->executor;
  }
  const absl::Status accepted =
      executor->Execute([this, task] { RunScheduled(task); });
  if (accepted.ok()) return;
  log_->error("periodic task {}: not run: {}", task->options.name,
              accepted.ToString());
  const absl::MutexLock lock(&mutex_);
  ++task->info.missed;
  task->run_now = false;
  task->schedule.Skip(Moment::Of(*clock_));
  task->info.running = false;
  Arm(task);
  --pending_;
}

void PeriodicTasks::RunScheduled(const TaskPtr& task) {
  // Its error was logged.
  Run(*task, /*scheduled=*/true).IgnoreError();
  const absl::MutexLock lock(&mutex_);
  Arm(task);
  --pending_;
}

std::vector<TaskInfo> PeriodicTasks::List() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<TaskInfo> list;
  const Moment now = Moment::Of(*clock_);
  for (const TaskPtr& task : tasks_) {
    TaskInfo info = task->info;
    info.timing = task->schedule.ToString();
    if (task->run_now) {
      info.next = now.wall;
    } else if (!info.paused) {
      info.next = now.wall + (task->schedule.Due(now) - now.steady);
    }
    list.push_back(std::move(info));
  }
  return list;
}

absl::Status PeriodicTasks::RunNow(absl::string_view name) {
  const absl::MutexLock lock(&mutex_);
  TaskPtr task;
  absl::Status found = Find(name, task);
  if (!found.ok()) return found;
  if (task->info.running) {
    return absl::FailedPreconditionError(
        absl::StrCat("periodic task ", name, ": is running"));
  }
  task->run_now = true;
  Disarm(*task);
  Arm(task);
  return absl::OkStatus();
}

absl::Status PeriodicTasks::Pause(absl::string_view name) {
  const absl::MutexLock lock(&mutex_);
  TaskPtr task;
  absl::Status found = Find(name, task);
  if (!found.ok()) return found;
  task->info.paused = true;
  if (!task->run_now) Disarm(*task);
  return absl::OkStatus();
}

absl::Status PeriodicTasks::Resume(absl::string_view name) {
  const absl::MutexLock lock(&mutex_);
  TaskPtr task;
  absl::Status found = Find(name, task);
  if (!found.ok()) return found;
  if (!task->info.paused) return absl::OkStatus();
  task->info.paused = false;
  task->schedule.Skip(Moment::Of(*clock_));
  Arm(task);
  return absl::OkStatus();
}

absl::Status PeriodicTasks::Reschedule(absl::string_view name,
                                       const TaskTiming& timing) {
  const absl::MutexLock lock(&mutex_);
  TaskPtr task;
  absl::Status found = Find(name, task);
  if (!found.ok()) return found;
  absl::StatusOr<TaskSchedule> schedule =
      TaskSchedule::Create(timing, task->options.overrun, options_.host, name,
                           *random_, Moment::Of(*clock_));
  if (!schedule.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "periodic task ", name, ": ", schedule.status().message()));
  }
  task->schedule = *std::move(schedule);
  Disarm(*task);
  Arm(task);
  return absl::OkStatus();
}

}  // namespace bergen::periodic
