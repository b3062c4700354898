// SPDX-License-Identifier: Apache-2.0

#include "periodic/clock.h"

#include "absl/time/clock.h"

namespace bergen::periodic {
namespace {

// A deadline further away is none: adding it to steady_clock could overflow.
constexpr absl::Duration kForever = absl::Hours(24 * 365 * 100);

}  // namespace

void Event::Set() {
  const std::lock_guard<std::mutex> lock(mutex_);
  set_ = true;
  // Under the lock, so that a woken thread may destroy this.
  changed_.notify_all();
}

void Event::Reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  set_ = false;
}

bool Event::IsSet() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return set_;
}

void Clock::SleepUntil(absl::Time deadline) {
  Event never;
  WaitUntil(never, deadline);
}

RealClock::RealClock()
    : steady_origin_(std::chrono::steady_clock::now()),
      wall_origin_(absl::Now()) {}

absl::Time RealClock::Now() const {
  return wall_origin_ +
         absl::FromChrono(std::chrono::steady_clock::now() - steady_origin_);
}

absl::Time RealClock::WallNow() const { return absl::Now(); }

bool RealClock::WaitUntil(Event& event, absl::Time deadline) {
  const absl::Duration after_origin = deadline - wall_origin_;
  std::unique_lock<std::mutex> lock(event.mutex_);
  const auto is_set = [&event] { return event.set_; };
  if (after_origin >= kForever) {
    event.changed_.wait(lock, is_set);
    return true;
  }
  // Rounded up: a wait never ends before its deadline.
  return event.changed_.wait_until(
      lock,
      steady_origin_ + absl::ToChronoNanoseconds(
                           absl::Ceil(after_origin, absl::Nanoseconds(1))),
      is_set);
}

}  // namespace bergen::periodic
