// SPDX-License-Identifier: Apache-2.0
//
// Periodic tasks as activities, beside threads and timers.
//
//   std::vector<Activity> all = TaskActivities(tasks, clock.WallNow());

#ifndef PERIODIC_TASK_ACTIVITIES_H_
#define PERIODIC_TASK_ACTIVITIES_H_

#include <vector>

#include "absl/time/time.h"
#include "periodic/activity.h"
#include "periodic/run_control.h"

namespace bergen::periodic {

// `now` is the time of day. A waiting task's age counts from when it last
// began. Thread-safe, as `tasks` is.
std::vector<Activity> TaskActivities(const RunControl& tasks, absl::Time now);

}  // namespace bergen::periodic

#endif  // PERIODIC_TASK_ACTIVITIES_H_
