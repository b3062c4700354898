// SPDX-License-Identifier: Apache-2.0
//
// `fo`: the live objects of types that have opted in.
//
//   absl::Status added = AddObjectCommands(objects, table);
//
//   fo()               the types: how many objects, the age of the oldest
//   fo(Request)        the oldest ten of a type
//   fo(Request, 100)
//
// Source: `fo` of oslo.service's eventlet_backdoor.

#ifndef BACKDOOR_OBJECT_COMMANDS_H_
#define BACKDOOR_OBJECT_COMMANDS_H_

#include "absl/status/status.h"
#include "backdoor/command_table.h"
#include "service/live_objects.h"

namespace bergen::backdoor {

// Adds fo. `objects` outlives the table. AlreadyExists if the table has it.
absl::Status AddObjectCommands(const LiveObjects& objects, CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_OBJECT_COMMANDS_H_
