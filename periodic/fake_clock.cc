// SPDX-License-Identifier: Apache-2.0

#include "periodic/fake_clock.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace bergen::periodic {

absl::Time FakeClock::Now() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return now_;
}

absl::Time FakeClock::WallNow() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return now_ + wall_offset_;
}

void FakeClock::StepWall(absl::Duration duration) {
  const std::lock_guard<std::mutex> lock(mutex_);
  wall_offset_ += duration;
}

bool FakeClock::WaitUntil(Event& event, absl::Time deadline) {
  Sleeper sleeper{&event, deadline};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (deadline <= now_) return event.IsSet();
    sleepers_.push_back(&sleeper);
    sleepers_changed_.notify_all();
  }
  bool set;
  {
    std::unique_lock<std::mutex> lock(event.mutex_);
    event.changed_.wait(lock, [&] { return event.set_ || sleeper.due; });
    set = event.set_;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  sleepers_.erase(std::remove(sleepers_.begin(), sleepers_.end(), &sleeper),
                  sleepers_.end());
  sleepers_changed_.notify_all();
  return set;
}

void FakeClock::Advance(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) {
    std::fputs("FakeClock::Advance: time does not go back\n", stderr);
    std::abort();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  now_ += duration;
  const auto due = std::partition(
      sleepers_.begin(), sleepers_.end(),
      [this](const Sleeper* sleeper) { return sleeper->deadline > now_; });
  for (auto it = due; it != sleepers_.end(); ++it) {
    const std::lock_guard<std::mutex> event_lock((*it)->event->mutex_);
    (*it)->due = true;
    (*it)->event->changed_.notify_all();
  }
  sleepers_.erase(due, sleepers_.end());
}

void FakeClock::WaitForSleepers(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_changed_.wait(lock, [&] {
    return std::count_if(sleepers_.begin(), sleepers_.end(),
                         [](const Sleeper* sleeper) {
                           return !sleeper->event->IsSet();
                         }) >= count;
  });
}

void FakeClock::WaitForDeadline(absl::Time deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_changed_.wait(lock,
                         [&] { return NextDeadlineLocked() == deadline; });
}

absl::Time FakeClock::NextDeadline() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return NextDeadlineLocked();
}

absl::Time FakeClock::NextDeadlineLocked() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Sleeper* sleeper : sleepers_) {
    next = std::min(next, sleeper->deadline);
  }
  return next;
}

}  // namespace bergen::periodic
