// SPDX-License-Identifier: Apache-2.0

#include "periodic/scheduled_loop.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "periodic/completion.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {

struct ScheduledLoop::State : std::enable_shared_from_this<State> {
  State(absl::string_view loop_name, const Scheduler& loop_scheduler,
        spdlog::logger& logger)
      : name(loop_name),
        scheduler(loop_scheduler),
        log(&logger),
        completion(absl::StrCat("looping call ", loop_name)) {}

  void Arm(absl::Time due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    sleeping = true;
    timer = scheduler.timers.Add(
        due, [self = shared_from_this()] { self->Dispatch(); });
  }

  // On the timer thread.
  void Dispatch() {
    uint64_t run;
    {
      const absl::MutexLock lock(&mutex);
      sleeping = false;
      if (stop) {
        completion.Finish(true);
        return;
      }
      queued = run = ++last_run;
    }
    const absl::Status accepted = scheduler.executor.Execute(
        [self = shared_from_this(), run] { self->Run(run); });
    if (!accepted.ok()) {
      log->error("looping call {}: {}", name, accepted.ToString());
      const absl::MutexLock lock(&mutex);
      if (queued != run) return;
      queued = 0;
      completion.Finish(accepted);
    }
  }

  void Run(uint64_t run) {
    StepFunction* current;
    {
      const absl::MutexLock lock(&mutex);
      if (queued != run) return;  // Stopped meanwhile.
      queued = 0;
      current = &step;
    }
    completion.EnterStep();
    Step result = (*current)();
    completion.LeaveStep();
    const absl::MutexLock lock(&mutex);
    if (result.outcome.has_value()) {
      completion.Finish(*std::move(result.outcome));
    } else if (stop) {
      completion.Finish(true);
    } else {
      Arm(result.next);
      if (log->should_log(spdlog::level::trace)) {
        log->trace("looping call {}: sleeping for {}", name,
                   absl::FormatDuration(result.next - scheduler.clock.Now()));
      }
    }
  }

  const std::string name;
  const Scheduler scheduler;
  spdlog::logger* const log;
  Completion completion;
  absl::Mutex mutex;  // Locked before the completion's and the timer queue's.
  bool stop ABSL_GUARDED_BY(mutex) = false;
  bool sleeping ABSL_GUARDED_BY(mutex) = false;  // `timer` is to call.
  // The executor is to call; the number of that call, or 0.
  uint64_t queued ABSL_GUARDED_BY(mutex) = 0;
  uint64_t last_run ABSL_GUARDED_BY(mutex) = 0;
  TimerQueue::Id timer ABSL_GUARDED_BY(mutex);
  // Replaced only when not running.
  StepFunction step ABSL_GUARDED_BY(mutex);
};

ScheduledLoop::ScheduledLoop(absl::string_view name, const Scheduler& scheduler,
                             spdlog::logger& log)
    : state_(std::make_shared<State>(name, scheduler, log)) {}

ScheduledLoop::~ScheduledLoop() {
  Stop();
  state_->completion.AbortInOwnStep();
  // How it ended is nobody's business any more.
  Wait(absl::InfiniteFuture()).status().IgnoreError();
}

absl::Status ScheduledLoop::Start(absl::Duration initial_delay,
                                  StepFunction step) {
  const absl::MutexLock lock(&state_->mutex);
  absl::Status begun = state_->completion.Begin();
  if (!begun.ok()) return begun;
  state_->stop = false;
  state_->step = std::move(step);
  state_->Arm(state_->scheduler.clock.Now() + initial_delay);
  return absl::OkStatus();
}

void ScheduledLoop::Stop() {
  const absl::MutexLock lock(&state_->mutex);
  state_->stop = true;
  if (state_->queued != 0) {
    // All threads may be waiting for this.
    state_->queued = 0;
  } else if (state_->sleeping &&
             state_->scheduler.timers.Cancel(state_->timer)) {
    state_->sleeping = false;
  } else {
    return;
  }
  state_->completion.Finish(true);
}

absl::StatusOr<bool> ScheduledLoop::Wait(absl::Time deadline) {
  return state_->completion.Wait(state_->scheduler.clock, deadline);
}

bool ScheduledLoop::running() const { return state_->completion.running(); }

}  // namespace bergen::periodic
