// SPDX-License-Identifier: Apache-2.0

#include "periodic/task_activities.h"

#include "absl/strings/str_cat.h"

namespace bergen::periodic {

std::vector<Activity> TaskActivities(const RunControl& tasks, absl::Time now) {
  std::vector<Activity> activities;
  for (const TaskInfo& task : tasks.List()) {
    activities.push_back({.name = task.name,
                          .kind = absl::StrCat("periodic task, ", task.timing,
                                               task.paused ? ", paused" : ""),
                          .state = task.running ? Activity::State::kRunning
                                                : Activity::State::kWaiting,
                          .age = now - task.last,
                          .next = task.next - now,
                          .calls = task.runs + (task.running ? 1 : 0),
                          .errors = task.errors});
  }
  return activities;
}

}  // namespace bergen::periodic
