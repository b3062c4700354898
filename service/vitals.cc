// SPDX-License-Identifier: Apache-2.0

#include "service/vitals.h"

namespace bergen {

Vitals::Work Vitals::BeginWork(absl::Duration limit) {
  if (limit == absl::InfiniteDuration()) return Work(nullptr, {});
  const absl::Time end = clock_->Now() + limit;
  const absl::MutexLock lock(&mutex_);
  return Work(this, limits_.insert(end));
}

bool Vitals::overdue() const {
  const absl::Time now = clock_->Now();
  const absl::MutexLock lock(&mutex_);
  return !limits_.empty() && *limits_.begin() <= now;
}

void Vitals::End(Work::Limits::iterator at) {
  const absl::MutexLock lock(&mutex_);
  limits_.erase(at);
}

}  // namespace bergen
