// SPDX-License-Identifier: Apache-2.0

#include "periodic/completion.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bergen::periodic {

Completion::Completion(absl::string_view subject)
    : subject_(subject),
      outcome_(absl::FailedPreconditionError(
          absl::StrCat(subject, ": never started"))) {}

bool Completion::Begin() {
  const absl::MutexLock lock(&mutex_);
  if (running_) return false;
  running_ = true;
  finished_.Reset();
  return true;
}

void Completion::Finish(absl::StatusOr<bool> outcome) {
  const absl::MutexLock lock(&mutex_);
  outcome_ = std::move(outcome);
  running_ = false;
  finished_.Set();
}

void Completion::EnterStep() {
  const absl::MutexLock lock(&mutex_);
  in_step_ = std::this_thread::get_id();
}

void Completion::LeaveStep() {
  const absl::MutexLock lock(&mutex_);
  in_step_ = std::thread::id();
}

bool Completion::InOwnStep() const {
  const absl::MutexLock lock(&mutex_);
  return in_step_ == std::this_thread::get_id();
}

absl::StatusOr<bool> Completion::Wait(Clock& clock, absl::Time deadline) {
  if (InOwnStep()) {
    return absl::FailedPreconditionError(
        absl::StrCat(subject_, ": waits for itself"));
  }
  if (deadline < absl::InfiniteFuture()) clock.WaitUntil(finished_, deadline);
  const absl::MutexLock lock(&mutex_);
  if (deadline == absl::InfiniteFuture()) {
    mutex_.Await(absl::Condition(
        +[](bool* running) { return !*running; }, &running_));
  }
  if (running_) {
    return absl::DeadlineExceededError(
        absl::StrCat(subject_, ": still running"));
  }
  return outcome_;
}

bool Completion::running() const {
  const absl::MutexLock lock(&mutex_);
  return running_;
}

}  // namespace bergen::periodic
