// SPDX-License-Identifier: Apache-2.0
//
// Commands about periodic tasks.
//
//   absl::Status added = AddTaskCommands([&] { return tasks; }, table);
//
//   tasks()          names, times, and how the last runs went
//   run(purge)       runs a task as soon as possible
//   pause(purge)     no more runs until resume(purge)
//
// Source: none; the console of oslo.service reaches the objects as Python.

#ifndef BACKDOOR_TASK_COMMANDS_H_
#define BACKDOOR_TASK_COMMANDS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "backdoor/command_table.h"
#include "periodic/run_control.h"

namespace bergen::backdoor {

// The tasks that there are now; null if there are none, before a start or after
// an end. Thread-safe.
using CurrentTasks = std::function<std::shared_ptr<periodic::RunControl>()>;

// Adds tasks, run, pause and resume. AlreadyExists if the table has one of
// them.
absl::Status AddTaskCommands(const CurrentTasks& current, CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_TASK_COMMANDS_H_
