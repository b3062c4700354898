// SPDX-License-Identifier: Apache-2.0
//
// Commands about the options of this process.
//
//   absl::Status added = AddConfigCommands(registry, table);
//
//   config('demo')                 options, values and where they come from
//   config_set(demo.greeting, Hi)  sets a mutable option until config_clear
//   mutate(dry_run=true)           what a change of the files would do
//
// Source: oslo.config's mutate_config_files and log_opt_values; the console of
// oslo.service reaches them as Python.

#ifndef BACKDOOR_CONFIG_COMMANDS_H_
#define BACKDOOR_CONFIG_COMMANDS_H_

#include "absl/status/status.h"
#include "backdoor/command_table.h"
#include "config/registry.h"

namespace bergen::backdoor {

// Adds config, config_set, config_clear and mutate. `registry` outlives the
// table. Secrets are masked in answers and in the log. AlreadyExists if the
// table has one of them.
absl::Status AddConfigCommands(config::Registry& registry, CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_CONFIG_COMMANDS_H_
