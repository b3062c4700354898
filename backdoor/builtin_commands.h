// SPDX-License-Identifier: Apache-2.0
//
// The commands that every backdoor has.
//
//   Profiler profiler;
//   CallTracer tracer;
//   ThreadDumper dumper;
//   CommandTable table;
//   absl::Status added = AddBuiltinCommands(
//       {.output_directory = DefaultOutputDirectory()}, profiler, tracer,
//       dumper, table);
//
// Source: the names in the console of oslo.service's eventlet_backdoor. Its
// `pgt` is in activity_commands.h, its `fo` in object_commands.h.

#ifndef BACKDOOR_BUILTIN_COMMANDS_H_
#define BACKDOOR_BUILTIN_COMMANDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backdoor/calltrace.h"
#include "backdoor/command_table.h"
#include "backdoor/profiler.h"
#include "backdoor/thread_dump.h"

namespace bergen::backdoor {

struct BuiltinCommandsOptions {
  // Where `prof('NAME')` writes NAME.prof and the like.
  std::string output_directory = "/tmp";
  // What profiles call this process.
  int worker = 0;
  // How long `pnt` waits for threads.
  absl::Duration thread_deadline = absl::Seconds(1);
};

// Adds help, exit, quit, pnt and prof. All but `options` outlive the
// table. AlreadyExists if the table has one of them.
absl::Status AddBuiltinCommands(const BuiltinCommandsOptions& options,
                                Profiler& profiler, CallTracer& tracer,
                                ThreadDumper& dumper, CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_BUILTIN_COMMANDS_H_
