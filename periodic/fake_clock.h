// SPDX-License-Identifier: Apache-2.0
//
// Time for tests: it moves when the test says so.
//
//   FakeClock clock;
//   const absl::Time end = clock.Now() + absl::Hours(1);
//   std::thread thread([&] { clock.SleepUntil(end); });
//   clock.WaitForSleepers(1);
//   clock.Advance(absl::Hours(1));
//   thread.join();

#ifndef PERIODIC_FAKE_CLOCK_H_
#define PERIODIC_FAKE_CLOCK_H_

#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/time/time.h"
#include "periodic/clock.h"

namespace bergen::periodic {

// Thread-safe. Starts at the same moment in every test.
class FakeClock : public Clock {
 public:
  FakeClock() = default;

  explicit FakeClock(absl::Time start) : now_(start) {}

  absl::Time Now() const override;
  absl::Time WallNow() const override;
  bool WaitUntil(Event& event, absl::Time deadline) override;

  // Moves time by `duration`, which must not be negative, and ends every wait
  // whose deadline has come. A thread that then waits again does so from the
  // new time: to let something happen n times, advance n times.
  void Advance(absl::Duration duration);

  // Blocks until at least `count` threads are in a wait that neither time nor
  // an event has ended yet.
  void WaitForSleepers(int count);

  // Sets the time of day, as an administrator might: `Now` does not change.
  void StepWall(absl::Duration duration);

  // Blocks until the next wait to end does so at `deadline`.
  void WaitForDeadline(absl::Time deadline);

  // When the next wait ends; `absl::InfiniteFuture()` if none would.
  absl::Time NextDeadline() const;

 private:
  struct Sleeper {
    Event* event;
    absl::Time deadline;
    bool due = false;  // Guarded by the event's mutex.
  };

  absl::Time NextDeadlineLocked() const;

  // Locked before any event's mutex.
  mutable std::mutex mutex_;
  std::condition_variable sleepers_changed_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
  absl::Duration wall_offset_;
  std::vector<Sleeper*> sleepers_;  // None of them is due.
};

}  // namespace bergen::periodic

#endif  // PERIODIC_FAKE_CLOCK_H_
