// SPDX-License-Identifier: Apache-2.0

#include "backdoor/builtin_commands.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backdoor/command.h"
#include "backdoor/prof_command.h"

namespace bergen::backdoor {
namespace {

absl::Status ListCommands(const CommandTable& table, Output& output) {
  size_t width = 0;
  for (const Command* command : table.commands()) {
    width = std::max(width, Signature(*command).size());
  }
  for (const Command* command : table.commands()) {
    output.Write(absl::StrFormat("%-*s  %s\n", static_cast<int>(width),
                                 Signature(*command), command->help));
  }
  return absl::OkStatus();
}

absl::Status ExplainCommand(const Command& command, Output& output) {
  output.Write(absl::StrCat(Signature(command), "\n", command.help, "\n"));
  for (const Parameter& parameter : command.parameters) {
    output.Write(
        absl::StrCat("  ", parameter.name, ": ", DescribeAllowed(parameter),
                     parameter.help.empty() ? "" : "; ", parameter.help, "\n"));
  }
  output.Write(absl::StrCat("Needs the role ", RoleName(command.role), ".\n"));
  return absl::OkStatus();
}

Command Help(const CommandTable& table) {
  return {.name = "help",
          .parameters = {{.name = "command", .help = "the one to explain"}},
          .help = "Lists the commands, or explains one.",
          .handler = [&table](const Arguments& arguments, const Caller&,
                              Output& output) -> absl::Status {
            if (!arguments.Has("command")) return ListCommands(table, output);
            const std::string& name = arguments.String("command");
            const Command* command = table.Find(name);
            if (command == nullptr) {
              // For its hint.
              return table.Parse(name, Role::kAdmin).status();
            }
            return ExplainCommand(*command, output);
          }};
}

Command Exit(const char* name) {
  return {.name = name,
          .help = "Leaves the process alone: just disconnect instead.",
          .handler = [](const Arguments&, const Caller&,
                        Output& output) -> absl::Status {
            output.Write("Don't use this, just disconnect instead\n");
            return absl::OkStatus();
          }};
}

void RecordThreads(const ThreadDump& dump, Output& output) {
  for (const StackGroup& group : dump.groups) {
    const std::string stack = FormatFrames(group);
    for (const DumpedThread& thread : group.threads) {
      output.Record({{"id", int64_t{thread.id}},
                     {"name", thread.name},
                     {"stack", stack}});
    }
  }
  for (const SilentThread& one : dump.silent) {
    output.Record({{"id", int64_t{one.thread.id}},
                   {"name", one.thread.name},
                   {"silent", one.reason}});
  }
}

Command PrintNativeThreads(const BuiltinCommandsOptions& options,
                           ThreadDumper& dumper) {
  return {.name = "pnt",
          .help = "Prints the stacks of all native threads.",
          .handler = [&dumper, deadline = options.thread_deadline](
                         const Arguments&, const Caller&,
                         Output& output) -> absl::Status {
            const absl::StatusOr<ThreadDump> dump = dumper.Dump(deadline);
            if (!dump.ok()) return dump.status();
            RecordThreads(*dump, output);
            output.Write(FormatThreadDump(*dump));
            return absl::OkStatus();
          }};
}

}  // namespace

absl::Status AddBuiltinCommands(const BuiltinCommandsOptions& options,
                                Profiler& profiler, CallTracer& tracer,
                                ThreadDumper& dumper, CommandTable& table) {
  std::vector<Command> commands = {
      Help(table),
      Exit("exit"),
      Exit("quit"),
      PrintNativeThreads(options, dumper),
      ProfCommand({.output_directory = options.output_directory,
                   .worker = options.worker},
                  profiler, tracer),
  };
  for (Command& command : commands) {
    absl::Status added = table.Add(std::move(command));
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace bergen::backdoor
