// SPDX-License-Identifier: Apache-2.0

#include "periodic/loop_thread.h"

#include <cstdio>
#include <cstdlib>
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
      outcome_(absl::FailedPreconditionError(
          absl::StrCat("looping call ", name, ": never started"))) {}

LoopThread::~LoopThread() {
  Stop();
  std::thread thread;
  {
    const absl::MutexLock lock(&mutex_);
    thread = std::move(thread_);
  }
  if (thread.get_id() == std::this_thread::get_id()) {
    std::fprintf(stderr, "looping call %s: destroyed by its own function\n",
                 name_.c_str());
    std::abort();
  }
  if (thread.joinable()) thread.join();
}

absl::Status LoopThread::Start(absl::Duration initial_delay,
                               std::function<Step()> step) {
  const absl::MutexLock lock(&mutex_);
  if (running_) {
    return absl::FailedPreconditionError(
        absl::StrCat("looping call ", name_, ": already running"));
  }
  // It has given up the lock for the last time.
  if (thread_.joinable()) thread_.join();
  stop_.Reset();
  absl::StatusOr<std::thread> thread =
      StartThread(name_, [this, initial_delay, step = std::move(step)] {
        Run(initial_delay, step);
      });
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  running_ = true;
  return absl::OkStatus();
}

void LoopThread::Stop() { stop_.Set(); }

absl::StatusOr<bool> LoopThread::Wait() {
  const absl::MutexLock lock(&mutex_);
  if (running_ && thread_.get_id() == std::this_thread::get_id()) {
    return absl::FailedPreconditionError(
        absl::StrCat("looping call ", name_, ": waits for itself"));
  }
  mutex_.Await(absl::Condition(
      +[](bool* running) { return !*running; }, &running_));
  return outcome_;
}

bool LoopThread::running() const {
  const absl::MutexLock lock(&mutex_);
  return running_;
}

void LoopThread::Run(absl::Duration initial_delay,
                     const std::function<Step()>& step) {
  absl::StatusOr<bool> outcome = RunSteps(initial_delay, step);
  const absl::MutexLock lock(&mutex_);
  outcome_ = std::move(outcome);
  running_ = false;
}

absl::StatusOr<bool> LoopThread::RunSteps(absl::Duration initial_delay,
                                          const std::function<Step()>& step) {
  absl::Time next = clock_->Now() + initial_delay;
  while (!clock_->WaitUntil(stop_, next)) {
    Step result = step();
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
