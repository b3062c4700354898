// SPDX-License-Identifier: Apache-2.0
//
// `pgt`: what threads of thread groups, timers and tasks are doing.
//
//   absl::Status added = AddActivityCommands(
//       [&] { return thread_group.List(); }, dumper, absl::Seconds(1), table);
//
//   pgt()            each with its state and, if it runs, its stack
//   pgt(False)       without stacks
//
// Source: `pgt` of oslo.service's eventlet_backdoor, which prints green
// threads.

#ifndef BACKDOOR_ACTIVITY_COMMANDS_H_
#define BACKDOOR_ACTIVITY_COMMANDS_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backdoor/command_table.h"
#include "backdoor/thread_dump.h"
#include "periodic/activity.h"

namespace bergen::backdoor {

// All that there is at this moment. Thread-safe.
using CurrentActivities = std::function<std::vector<periodic::Activity>()>;

// Adds pgt. Threads have up to `thread_deadline` to say where they are.
// `dumper` outlives the table. AlreadyExists if the table has it.
absl::Status AddActivityCommands(CurrentActivities current,
                                 ThreadDumper& dumper,
                                 absl::Duration thread_deadline,
                                 CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_ACTIVITY_COMMANDS_H_
