// SPDX-License-Identifier: Apache-2.0

#include "backdoor/builtin_commands.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "backdoor/call_stats.h"
#include "backdoor/command.h"
#include "backdoor/flame_graph.h"
#include "backdoor/folded.h"
#include "backdoor/output_file.h"
#include "backdoor/pprof.h"
#include "backdoor/profile.h"
#include "backdoor/pstats.h"

namespace bergen::backdoor {
namespace {

// The start that scripts written for the original look for.
constexpr char kSaveError[] = "Error while saving the trace stats: ";

constexpr int64_t kDefaultHz = 99;
constexpr double kMaxProfSeconds = 3600;

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

// A kind of file that a profile can be saved as.
struct Format {
  const char* name;
  const char* suffix;
  std::string (*encode)(const Profile& profile, const std::string& name,
                        int worker);
};

constexpr Format kFormats[] = {
    {"pstats", ".prof",
     [](const Profile& profile, const std::string&, int) {
       return EncodePstats(Summarize(profile));
     }},
    {"pprof", ".pb.gz",
     [](const Profile& profile, const std::string&, int worker) {
       return EncodePprof(profile, worker);
     }},
    {"folded", ".folded",
     [](const Profile& profile, const std::string&, int) {
       return EncodeFolded(profile);
     }},
    {"svg", ".svg",
     [](const Profile& profile, const std::string& name, int worker) {
       return EncodeFlameGraph(profile,
                               absl::StrCat(name, ", worker ", worker));
     }}};

// The formats of `list`, each once and in the order of kFormats.
absl::StatusOr<std::vector<const Format*>> ParseFormats(
    absl::string_view list) {
  std::set<absl::string_view> wanted;
  for (const absl::string_view item : absl::StrSplit(list, ',')) {
    wanted.insert(absl::StripAsciiWhitespace(item));
  }
  std::vector<const Format*> formats;
  std::vector<absl::string_view> allowed;
  for (const Format& format : kFormats) {
    allowed.push_back(format.name);
    if (wanted.erase(format.name) != 0) formats.push_back(&format);
  }
  if (wanted.empty()) return formats;
  return absl::InvalidArgumentError(absl::StrCat("formats: '", *wanted.begin(),
                                                 "' is none of ",
                                                 absl::StrJoin(allowed, ", ")));
}

// `prof`, with who began.
class Prof {
 public:
  Prof(Profiler& profiler, const BuiltinCommandsOptions& options)
      : profiler_(&profiler),
        directory_(options.output_directory),
        worker_(options.worker) {}

  absl::Status Run(const Arguments& arguments, const Caller& caller,
                   Output& output);

 private:
  // Of what is saved.
  struct Target {
    std::string name;
    std::vector<const Format*> formats;
  };

  // False if somebody else records already, which is then said.
  absl::StatusOr<bool> Begin(const Arguments& arguments, const Caller& caller,
                             Output& output)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Save(const Target& target, Output& output)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(const Profile& profile, const Target& target,
                     Output& output) const;
  // Until `time` has passed, the caller has left or the recording has ended.
  void Wait(absl::Duration time, const Output& output)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // How soon `Wait` notices that the caller has left.
  static constexpr absl::Duration kPatience = absl::Milliseconds(100);

  Profiler* const profiler_;
  const std::string directory_;
  const int worker_;
  // So that what is said fits what was done.
  absl::Mutex mutex_;
  std::string begun_by_ ABSL_GUARDED_BY(mutex_);
  // Recordings begun and ended.
  int64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::Status Failed(const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(kSaveError, status.message()));
}

absl::Status Prof::Run(const Arguments& arguments, const Caller& caller,
                       Output& output) {
  absl::StatusOr<std::vector<const Format*>> formats =
      ParseFormats(arguments.String("formats"));
  if (!formats.ok()) return formats.status();
  if (!arguments.Has("name")) {
    if (arguments.Has("seconds")) {
      return absl::InvalidArgumentError(
          "seconds: needs a name to save under: prof('NAME', seconds=10)");
    }
    absl::MutexLock lock(&mutex_);
    return Begin(arguments, caller, output).status();
  }

  const Target target = {arguments.String("name"), *std::move(formats)};
  // Before the recording ends: a slip of the pen does not lose it.
  const absl::Status name_ok = CheckOutputName(target.name);
  if (!name_ok.ok()) return Failed(name_ok);
  absl::MutexLock lock(&mutex_);
  if (!arguments.Has("seconds")) return Save(target, output);

  const absl::StatusOr<bool> begun = Begin(arguments, caller, output);
  if (!begun.ok()) return begun.status();
  if (!*begun) return absl::OkStatus();
  const int64_t mine = begun_;
  Wait(absl::Seconds(arguments.Double("seconds")), output);
  if (ended_ >= mine) {
    output.Write("somebody else has ended and saved this recording\n");
    return absl::OkStatus();
  }
  return Save(target, output);
}

absl::StatusOr<bool> Prof::Begin(const Arguments& arguments,
                                 const Caller& caller, Output& output) {
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
    return false;
  }
  if (!started.ok()) return started;
  begun_by_ = caller.name;
  ++begun_;
  output.Write(absl::StrCat(
      "recording, ", hz, " samples a second of ",
      clock == "wall" ? "wall-clock" : "processor", " time; ",
      arguments.Has("seconds")
          ? absl::StrCat("for ", arguments.Double("seconds"), " s\n")
          : "prof('NAME') ends it and saves\n"));
  return true;
}

void Prof::Wait(absl::Duration time, const Output& output) {
  const int64_t mine = begun_;
  const auto ended = [this, mine]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ended_ >= mine;
  };
  const absl::Time end = absl::Now() + time;
  while (!output.cancelled()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return;
    if (mutex_.AwaitWithTimeout(absl::Condition(&ended),
                                std::min(left, kPatience))) {
      return;
    }
  }
}

absl::Status Prof::Save(const Target& target, Output& output) {
  const absl::StatusOr<Profile> profile = profiler_->Stop();
  if (!profile.ok()) {
    return Failed(
        absl::FailedPreconditionError("nothing was recorded; prof() begins"));
  }
  ended_ = begun_;
  return Write(*profile, target, output);
}

absl::Status Prof::Write(const Profile& profile, const Target& target,
                         Output& output) const {
  std::vector<std::string> paths;
  for (const Format* format : target.formats) {
    absl::StatusOr<std::string> path =
        WriteOutputFile(directory_, target.name, format->suffix,
                        format->encode(profile, target.name, worker_));
    if (!path.ok()) return Failed(path.status());
    paths.push_back(*std::move(path));
  }

  std::string notes;
  if (profile.lost_samples != 0) {
    absl::StrAppend(&notes, ", ", profile.lost_samples, " lost");
  }
  if (profile.truncated_samples != 0) {
    absl::StrAppend(&notes, ", ", profile.truncated_samples, " too deep");
  }
  if (profile.unseen_threads != 0) {
    absl::StrAppend(&notes, ", ", profile.unseen_threads, " threads unseen");
  }
  output.Write(absl::StrFormat("wrote %s (%d samples in %.1f s%s)\n",
                               absl::StrJoin(paths, " "), profile.samples,
                               absl::ToDoubleSeconds(profile.duration), notes));
  return absl::OkStatus();
}

Command ProfCommand(const BuiltinCommandsOptions& options, Profiler& profiler) {
  auto prof = std::make_shared<Prof>(profiler, options);
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
                      .choices = {"cpu", "wall"}},
                     {.name = "seconds",
                      .type = ParameterType::kDouble,
                      .help = "records for so long, then saves",
                      .min = 0,
                      .max = kMaxProfSeconds},
                     {.name = "formats",
                      .help = "of the files, with commas: pstats (NAME.prof), "
                              "pprof (NAME.pb.gz), folded (NAME.folded), svg "
                              "(NAME.svg, a flame graph)",
                      .default_value = std::string("pstats")}},
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
