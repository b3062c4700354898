// SPDX-License-Identifier: Apache-2.0
//
// Runs one line for one caller, the same way behind every door, and keeps the
// record of it.
//
//   absl::Status result =
//       Dispatch(table, "prof('x')", {.name = "pid 7 uid 0"}, output, log);
//
// Source: the console of oslo.service's eventlet_backdoor, which records
// nothing.

#ifndef BACKDOOR_DISPATCH_H_
#define BACKDOOR_DISPATCH_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "spdlog/fwd.h"

namespace bergen::backdoor {

// Parses `line`, checks the caller's role and calls the handler; a blank line
// is OK. Logs each run of a command that changes state and each refusal for the
// lack of a role: who, what, and the result. An exception that a handler lets
// out becomes Internal. Thread-safe.
absl::Status Dispatch(const CommandTable& table, absl::string_view line,
                      const Caller& caller, Output& output,
                      spdlog::logger& log);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_DISPATCH_H_
