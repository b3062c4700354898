// SPDX-License-Identifier: Apache-2.0
//
// What an operator may see of tasks, and do with them, while they run.
//
//   for (const TaskInfo& task : control.List()) Print(task);
//   absl::Status paused = control.Pause("purge");

#ifndef PERIODIC_RUN_CONTROL_H_
#define PERIODIC_RUN_CONTROL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "periodic/duration_histogram.h"
#include "periodic/task_schedule.h"

namespace bergen::periodic {

// One task, as it was at one moment. Times are those of day.
struct TaskInfo {
  std::string name;
  // In words: `every 1m`.
  std::string timing;
  Overrun overrun = Overrun::kRunOnce;
  bool external = false;
  bool one_of_many = false;
  bool paused = false;
  bool running = false;

  // When it last began; `absl::InfinitePast()` if never.
  absl::Time last = absl::InfinitePast();
  // When it begins next; `absl::InfiniteFuture()` if never, or paused.
  absl::Time next = absl::InfiniteFuture();

  int64_t runs = 0;
  int64_t errors = 0;
  // What the last run that has ended returned.
  absl::Status last_result;
  // Runs during which the next one was due.
  int64_t overruns = 0;
  // Times at which it should have run and did not.
  int64_t missed = 0;
  // Times left to another process, which runs the task instead.
  int64_t elsewhere = 0;
  // From when a run was due to when it began.
  absl::Duration last_lateness;
  absl::Duration max_lateness;
  DurationHistogram durations;
};

// Thread-safe. All but `List` fail with NotFound for a task that there is not.
class RunControl {
 public:
  virtual ~RunControl() = default;

  // In the order in which they were added.
  virtual std::vector<TaskInfo> List() const = 0;

  // Has a task run as soon as possible, paused or not, besides the times it has
  // anyway. FailedPrecondition while it is running.
  virtual absl::Status RunNow(absl::string_view name) = 0;

  // No more runs until `Resume`; a run in progress is completed. Times that
  // pass meanwhile are not counted as missed. Both may be repeated.
  virtual absl::Status Pause(absl::string_view name) = 0;
  virtual absl::Status Resume(absl::string_view name) = 0;

  // New times, counted from now. InvalidArgument as TaskSchedule::Create, and
  // the old times then stay.
  virtual absl::Status Reschedule(absl::string_view name,
                                  const TaskTiming& timing) = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_RUN_CONTROL_H_
