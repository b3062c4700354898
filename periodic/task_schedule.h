// SPDX-License-Identifier: Apache-2.0
//
// When a task is due: at a spacing or at calendar times, and what becomes of
// times that were missed. No clock, no thread.
//
//   absl::StatusOr<TaskSchedule> schedule = TaskSchedule::Create(
//       {.spacing = absl::Minutes(5)}, Overrun::kRunOnce, "", "purge", random,
//       Moment::Of(clock));
//   if (!schedule.ok()) return schedule.status();
//   const Moment now = Moment::Of(clock);
//   if (schedule->IsDue(now)) {
//     schedule->Begin(now);
//     Purge();
//     schedule->End(now, Moment::Of(clock));
//   }
//
// Source: oslo_service.periodic_task. Differences: jitter puts off one run and
// not all that follow; a task may have calendar times.

#ifndef PERIODIC_TASK_SCHEDULE_H_
#define PERIODIC_TASK_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/cron.h"
#include "periodic/random.h"

namespace bergen::periodic {

// A task's times lie on a grid of one or the other: slots.
struct TaskTiming {
  static constexpr absl::Duration kDefaultSpacing = absl::Seconds(60);
  static constexpr absl::Duration kShortestSpacing = absl::Milliseconds(1);

  // From one slot to the next, by the monotonic clock. Zero is
  // `kDefaultSpacing`; a shorter one than `kShortestSpacing` is taken as that.
  absl::Duration spacing = absl::ZeroDuration();
  // A run is put off by up to this part of the spacing, in whole seconds, each
  // time anew; at least 0, less than 1. So a spacing below 20 s has none.
  double jitter = 0.05;

  // Not empty: calendar times instead of a spacing, as CronSchedule::Parse has
  // it, by the time of day in `zone`.
  std::string cron;
  absl::TimeZone zone = absl::UTCTimeZone();
  // Calendar times are put off by up to this, always the same for a host and
  // task. See StableJitter.
  absl::Duration host_jitter = absl::ZeroDuration();
};

// What becomes of slots that come while the task is running.
enum class Overrun {
  kSkip,     // Nothing: it runs at the next slot after its end.
  kRunOnce,  // It runs once more at once, for all of them.
  kCatchUp,  // It runs once more for each.
};

// What both clocks say at one moment.
struct Moment {
  static Moment Of(const Clock& clock) {
    return {clock.Now(), clock.WallNow()};
  }

  absl::Time steady;
  absl::Time wall;
};

// Not thread-safe. Movable.
class TaskSchedule {
 public:
  // The first slot is one spacing from `now`, or the next calendar time. With
  // `immediately`, the task is due at once, and slots are counted from when it
  // has first begun. InvalidArgument for a spacing that is negative or given
  // besides `cron`, a jitter out of bounds, an expression that cannot be read,
  // and a host jitter without a host. `random` must outlive this.
  static absl::StatusOr<TaskSchedule> Create(const TaskTiming& timing,
                                             Overrun overrun,
                                             absl::string_view host,
                                             absl::string_view task,
                                             Random& random, Moment now,
                                             bool immediately = false);

  // When the task is due, by the monotonic clock as of `now`; may have passed.
  // `absl::InfiniteFuture()` if never. Calendar times move when the time of day
  // is set, so this must be asked again now and then.
  absl::Time Due(Moment now);
  bool IsDue(Moment now) { return Due(now) <= now.steady; }

  struct Begun {
    // From when the slot that the run is for was due.
    absl::Duration lateness;
    // Slots before that one which are left out.
    int64_t missed = 0;
  };
  // The task, which is due, begins to run.
  Begun Begin(Moment now);

  struct Ended {
    bool overran = false;  // Slots came meanwhile.
    int64_t missed = 0;    // And are left out.
  };
  // A run that began at `began`, by `Begin` or besides its times, ends.
  Ended End(Moment began, Moment now);

  // Whatever slots have passed are of no interest.
  void Skip(Moment now);

  // Infinite for calendar times.
  absl::Duration spacing() const { return spacing_; }
  // For people: `every 1m`, `cron '30 2 * * *' Europe/Berlin`.
  std::string ToString() const;

  // `Overrun::kCatchUp` leaves out more than this.
  static constexpr int64_t kMostCaughtUp = 100;
  // A calendar time that has been is not repeated when the time of day is set
  // back by up to this.
  static constexpr absl::Duration kSetBack = absl::Hours(3);

 private:
  struct Passed {
    int64_t count;
    absl::Time newest;
  };

  TaskSchedule(Overrun overrun, Random& random)
      : overrun_(overrun), random_(&random) {}

  // On the line of the slots.
  absl::Time Line(Moment now) const;
  void ObserveSetBack(absl::Time line);
  // The first slot after a slot.
  absl::Time After(absl::Time slot) const;
  // The first slot after `line`, of which `slot` is before.
  absl::Time FirstAfter(absl::Time slot, absl::Time line) const;
  // Slots after `slot_`, up to `line`; not more than `most` of them.
  Passed CountPassed(absl::Time line, int64_t most) const;
  void SetSlot(absl::Time slot);

  Overrun overrun_;
  Random* random_;
  absl::Duration spacing_ = absl::InfiniteDuration();
  double jitter_ = 0;
  std::optional<CronSchedule> cron_;
  absl::TimeZone zone_;
  absl::Duration host_jitter_;

  bool immediately_ = false;
  // The next one, on the monotonic line or, less the host jitter, on that of
  // the time of day.
  absl::Time slot_;
  absl::Time due_;  // `slot_` and its jitter.
  // Of calendar times.
  absl::Time last_slot_ = absl::InfinitePast();
  absl::Time last_seen_ = absl::InfinitePast();
};

}  // namespace bergen::periodic

#endif  // PERIODIC_TASK_SCHEDULE_H_
