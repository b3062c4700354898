// SPDX-License-Identifier: Apache-2.0
//
// A command about what this process logs.
//
//   absl::Status added = AddLogCommands({&log}, table);
//
//   log_level()                    each logger and its level
//   log_level(debug)               of all loggers
//   log_level(debug, logger=demo)
//
// Source: none; with oslo.service it takes a restart with another `debug`.

#ifndef BACKDOOR_LOG_COMMANDS_H_
#define BACKDOOR_LOG_COMMANDS_H_

#include <vector>

#include "absl/status/status.h"
#include "backdoor/command_table.h"
#include "spdlog/fwd.h"

namespace bergen::backdoor {

// Adds log_level for `loggers`, which outlive the table. AlreadyExists if the
// table has it.
absl::Status AddLogCommands(std::vector<spdlog::logger*> loggers,
                            CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_LOG_COMMANDS_H_
