// SPDX-License-Identifier: Apache-2.0

#include "periodic/loop_thread.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "periodic/named_thread.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {

LoopThread::LoopThread(absl::string_view name, Clock& clock,
                       spdlog::logger& log)
    : name_(name),
      clock_(&clock),
      log_(&log),
      completion_(absl::StrCat("looping call ", name)) {}

LoopThread::~LoopThread() {
  Stop();
  completion_.AbortInOwnStep();
  const absl::MutexLock lock(&mutex_);
  if (thread_.joinable()) thread_.join();
}

absl::Status LoopThread::Start(absl::Duration initial_delay,
                               StepFunction step) {
  const absl::MutexLock lock(&mutex_);
  absl::Status begun = completion_.Begin();
  if (!begun.ok()) return begun;
  if (thread_.joinable()) thread_.join();  // It has ended, or is about to.
  stop_.Reset();
  absl::StatusOr<std::thread> thread = StartThread(
      name_,
      [this, first = clock_->Now() + initial_delay, step = std::move(step)] {
        completion_.Finish(RunSteps(first, step));
      });
  if (!thread.ok()) {
    completion_.Finish(thread.status());
    return thread.status();
  }
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

void LoopThread::Stop() { stop_.Set(); }

absl::StatusOr<bool> LoopThread::Wait(absl::Time deadline) {
  return completion_.Wait(*clock_, deadline);
}

absl::StatusOr<bool> LoopThread::RunSteps(absl::Time first,
                                          const StepFunction& step) {
  absl::Time next = first;
  while (!clock_->WaitUntil(stop_, next)) {
    completion_.EnterStep();
    Step result = step();
    completion_.LeaveStep();
    if (result.outcome.has_value()) return *std::move(result.outcome);
    next = result.next;
    if (log_->should_log(spdlog::level::trace)) {
      log_->trace("looping call {}: sleeping for {}", name_,
                  absl::FormatDuration(next - clock_->Now()));
    }
  }
  return true;
}

}  // namespace bergen::periodic
