// SPDX-License-Identifier: Apache-2.0

#include "backdoor/builtin_commands.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "backdoor/call_stats.h"
#include "backdoor/command.h"
#include "backdoor/output_file.h"
#include "backdoor/pstats.h"

namespace bergen::backdoor {
namespace {

// The start that scripts written for the original look for.
constexpr char kSaveError[] = "Error while saving the trace stats: ";

constexpr int64_t kDefaultHz = 99;

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

Command Refusal(const char* name, std::vector<Parameter> parameters,
                const char* help, const char* text) {
  return {.name = name,
          .parameters = std::move(parameters),
          .help = help,
          .handler = [text](const Arguments&, const Caller&, Output&)
              -> absl::Status { return absl::UnimplementedError(text); }};
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
            output.Write(FormatThreadDump(*dump));
            return absl::OkStatus();
          }};
}

// `prof`, with who began.
class Prof {
 public:
  Prof(Profiler& profiler, std::string directory)
      : profiler_(&profiler), directory_(std::move(directory)) {}

  absl::Status Run(const Arguments& arguments, const Caller& caller,
                   Output& output) {
    // One at a time, so that what is said fits what was done.
    absl::MutexLock lock(&mutex_);
    return arguments.Has("name") ? Save(arguments.String("name"), output)
                                 : Begin(arguments, caller, output);
  }

 private:
  absl::Status Begin(const Arguments& arguments, const Caller& caller,
                     Output& output) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Save(const std::string& name, Output& output)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Profiler* const profiler_;
  const std::string directory_;
  absl::Mutex mutex_;
  std::string begun_by_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Prof::Begin(const Arguments& arguments, const Caller& caller,
                         Output& output) {
  const int hz = static_cast<int>(arguments.Int("hz"));
  const std::string& clock = arguments.String("clock");
  const absl::Status started = profiler_->Start(
      {.hz = hz,
       .clock = clock == "wall" ? ProfileClock::kWall : ProfileClock::kCpu});
  if (absl::IsAlreadyExists(started)) {
    output.Write(absl::StrCat(
        "already recording since ",
        absl::FormatTime(absl::RFC3339_sec, profiler_->recording_since(),
                         absl::LocalTimeZone()),
        ", begun by ", begun_by_, "\n"));
    return absl::OkStatus();
  }
  if (!started.ok()) return started;
  begun_by_ = caller.name;
  output.Write(absl::StrCat("recording, ", hz, " samples a second of ",
                            clock == "wall" ? "wall-clock" : "processor",
                            " time; prof('NAME') ends it and saves\n"));
  return absl::OkStatus();
}

absl::Status Prof::Save(const std::string& name, Output& output) {
  const auto failed = [](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat(kSaveError, status.message()));
  };
  // Before the recording ends: a slip of the pen does not lose it.
  const absl::Status name_ok = CheckOutputName(name);
  if (!name_ok.ok()) return failed(name_ok);

  const absl::StatusOr<Profile> profile = profiler_->Stop();
  if (!profile.ok()) {
    return failed(
        absl::FailedPreconditionError("nothing was recorded; prof() begins"));
  }
  const absl::StatusOr<std::string> path = WriteOutputFile(
      directory_, name, ".prof", EncodePstats(Summarize(*profile)));
  if (!path.ok()) return failed(path.status());

  std::string notes;
  if (profile->lost_samples != 0) {
    absl::StrAppend(&notes, ", ", profile->lost_samples, " lost");
  }
  if (profile->truncated_samples != 0) {
    absl::StrAppend(&notes, ", ", profile->truncated_samples, " too deep");
  }
  if (profile->unseen_threads != 0) {
    absl::StrAppend(&notes, ", ", profile->unseen_threads, " threads unseen");
  }
  output.Write(absl::StrFormat(
      "wrote %s (%d samples in %.1f s%s)\n", *path, profile->samples,
      absl::ToDoubleSeconds(profile->duration), notes));
  return absl::OkStatus();
}

Command ProfCommand(const BuiltinCommandsOptions& options, Profiler& profiler) {
  auto prof = std::make_shared<Prof>(profiler, options.output_directory);
  return {
      .name = "prof",
      .parameters = {{.name = "name",
                      .help = "saves what was recorded as NAME.prof; left "
                              "out, recording begins"},
                     {.name = "hz",
                      .type = ParameterType::kInt,
                      .help = "samples of a thread in a second",
                      .default_value = kDefaultHz,
                      .min = 1,
                      .max = Profiler::kMaxHz},
                     {.name = "clock",
                      .help = "time on a processor, or all time",
                      .default_value = std::string("cpu"),
                      .choices = {"cpu", "wall"}}},
      .help = "Records where time is spent; prof('NAME') saves it for pstats.",
      .changes_state = true,
      .role = Role::kOperate,
      .handler = [prof](const Arguments& arguments, const Caller& caller,
                        Output& output) {
        return prof->Run(arguments, caller, output);
      }};
}

}  // namespace

absl::Status AddBuiltinCommands(const BuiltinCommandsOptions& options,
                                Profiler& profiler, ThreadDumper& dumper,
                                CommandTable& table) {
  std::vector<Command> commands = {
      Help(table),
      Exit("exit"),
      Exit("quit"),
      Refusal("fo", {{.name = "type"}}, "Finds objects: not in C++.",
              "fo: C++ keeps no list of its live objects"),
      Refusal("pgt",
              {{.name = "verbose",
                .type = ParameterType::kBool,
                .default_value = true}},
              "Prints green threads: not in C++.",
              "pgt: there are no green threads; pnt() prints native ones"),
      PrintNativeThreads(options, dumper),
      ProfCommand(options, profiler),
  };
  for (Command& command : commands) {
    absl::Status added = table.Add(std::move(command));
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace bergen::backdoor
