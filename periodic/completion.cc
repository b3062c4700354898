// SPDX-License-Identifier: Apache-2.0

#include "periodic/completion.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bergen::periodic {

Completion::Completion(absl::string_view subject)
    : subject_(subject),
      outcome_(absl::FailedPreconditionError(
          absl::StrCat(subject, ": never started"))) {}

absl::Status Completion::Begin() {
  const absl::MutexLock lock(&mutex_);
  if (running_) {
    return absl::FailedPreconditionError(
        absl::StrCat(subject_, ": already running"));
  }
  running_ = true;
  finished_.Reset();
  return absl::OkStatus();
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

void Completion::AbortInOwnStep() const {
  if (!InOwnStep()) return;
  std::fprintf(stderr, "%s: destroyed by its own function\n", subject_.c_str());
  std::abort();
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
