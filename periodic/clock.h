// SPDX-License-Identifier: Apache-2.0
//
// Time that only moves forward, and waits that can be ended early.
//
//   bergen::periodic::RealClock clock;
//   bergen::periodic::Event stop;
//   while (!clock.WaitUntil(stop, clock.Now() + absl::Seconds(1))) Tick();
//
// Source: W-24 and W-25 of oslo.service: sleeps that nothing could end, and
// timers that stood still when the wall clock was set.

#ifndef PERIODIC_CLOCK_H_
#define PERIODIC_CLOCK_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace bergen::periodic {

// A flag that threads can wait for on a `Clock`. Stays set until `Reset`.
// Thread-safe. Must not be destroyed while a thread waits for it; a thread
// whose wait has returned may destroy it.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void Set();
  void Reset();
  bool IsSet() const;

 private:
  friend class RealClock;
  friend class FakeClock;

  // Not absl::Mutex: its timed waits follow the wall clock.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

// A point on a clock's line is meaningful only to that clock. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never less than an earlier answer.
  virtual absl::Time Now() const = 0;

  // The time of day, which may be set back and forth meanwhile: for calendars,
  // not for measuring. Default: the same as `Now`.
  virtual absl::Time WallNow() const { return Now(); }

  // Blocks until `event` is set or `deadline` has come, whichever is first;
  // `absl::InfiniteFuture()` waits for the event alone. Returns whether the
  // event is set.
  virtual bool WaitUntil(Event& event, absl::Time deadline) = 0;

  // Nothing ends this early: not for code that must be stoppable.
  void SleepUntil(absl::Time deadline);
};

// The system's monotonic clock, with the wall clock's reading at construction
// as its origin: setting the system's time later does not move it, nor does it
// advance while the machine is suspended.
class RealClock : public Clock {
 public:
  RealClock();

  absl::Time Now() const override;
  absl::Time WallNow() const override;
  bool WaitUntil(Event& event, absl::Time deadline) override;

 private:
  const std::chrono::steady_clock::time_point steady_origin_;
  const absl::Time wall_origin_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_CLOCK_H_
