// SPDX-License-Identifier: Apache-2.0

#include "backdoor/prof_command.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/output_file.h"
#include "backdoor/profile.h"
#include "backdoor/profile_formats.h"
#include "backdoor/pstats.h"

namespace bergen::backdoor {
namespace {

// The start that scripts written for the original look for.
constexpr char kSaveError[] = "Error while saving the trace stats: ";

constexpr int64_t kDefaultHz = 99;
constexpr double kMaxProfSeconds = 3600;

constexpr char kTrace[] = "trace";

// A trace counts pairs of caller and callee and knows no stacks.
absl::Status CheckTraceFormats(
    const std::vector<const ProfileFormat*>& formats) {
  for (const ProfileFormat* format : formats) {
    if (format != &PstatsFormat()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "formats: a count of calls has no stacks for ", format->name,
          ", it can be saved as ", PstatsFormat().name, " only"));
    }
  }
  return absl::OkStatus();
}

// `prof`, with who began.
class Prof {
 public:
  Prof(const ProfCommandOptions& options, Profiler& profiler,
       CallTracer& tracer)
      : profiler_(&profiler),
        tracer_(&tracer),
        directory_(options.output_directory),
        worker_(options.worker) {}

  absl::Status Run(const Arguments& arguments, const Caller& caller,
                   Output& output);

 private:
  // Of what is saved.
  struct Target {
    std::string name;
    // Empty: what can be merged.
    std::vector<const ProfileFormat*> formats;
  };

  absl::Time recording_since() const {
    return std::max(profiler_->recording_since(), tracer_->recording_since());
  }
  // Of a recording, in words.
  absl::StatusOr<std::string> Start(const Arguments& arguments);
  // False if somebody else records already, which is then said.
  absl::StatusOr<bool> Begin(const Arguments& arguments, const Caller& caller,
                             Output& output)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Save(const Target& target, Output& output)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives a file to the caller or writes it; returns its name or path.
  absl::StatusOr<std::string> Keep(const std::string& name,
                                   absl::string_view suffix,
                                   const std::string& bytes,
                                   Output& output) const;
  absl::Status Write(const Profile& profile, const Target& target,
                     Output& output) const;
  absl::Status Write(const CallTrace& trace, const Target& target,
                     Output& output) const;
  // Until `time` has passed, the caller has left or the recording has ended.
  void Wait(absl::Duration time, const Output& output)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // How soon `Wait` notices that the caller has left.
  static constexpr absl::Duration kPatience = absl::Milliseconds(100);

  Profiler* const profiler_;
  CallTracer* const tracer_;
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
  const std::string& list = arguments.String("formats");
  absl::StatusOr<std::vector<const ProfileFormat*>> formats =
      std::vector<const ProfileFormat*>();
  if (list != kMergeableFormat) formats = ParseProfileFormats(list);
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
  if (arguments.String("mode") == kTrace) {
    const absl::Status formats_ok = CheckTraceFormats(target.formats);
    if (!formats_ok.ok()) return formats_ok;
  }

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

absl::StatusOr<std::string> Prof::Start(const Arguments& arguments) {
  if (arguments.String("mode") == kTrace) {
    const absl::Status started = tracer_->Start();
    if (!started.ok()) return started;
    return "every call";
  }
  const int hz = static_cast<int>(arguments.Int("hz"));
  const bool wall = arguments.String("clock") == "wall";
  const absl::Status started = profiler_->Start(
      {.hz = hz, .clock = wall ? ProfileClock::kWall : ProfileClock::kCpu});
  if (!started.ok()) return started;
  return absl::StrCat(hz, " samples a second of ",
                      wall ? "wall-clock" : "processor", " time");
}

absl::StatusOr<bool> Prof::Begin(const Arguments& arguments,
                                 const Caller& caller, Output& output) {
  const absl::Time since = recording_since();
  if (since != absl::InfinitePast()) {
    output.Write(absl::StrCat(
        "already recording since ",
        absl::FormatTime(absl::RFC3339_sec, since, absl::LocalTimeZone()),
        ", begun by ", begun_by_, "\n"));
    return false;
  }
  const absl::StatusOr<std::string> what = Start(arguments);
  if (!what.ok()) return what.status();
  begun_by_ = caller.name;
  ++begun_;
  output.Write(absl::StrCat(
      "recording, ", *what, "; ",
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
  if (tracer_->recording_since() != absl::InfinitePast()) {
    // Before the recording ends, as with names.
    const absl::Status formats_ok = CheckTraceFormats(target.formats);
    if (!formats_ok.ok()) return Failed(formats_ok);
    const absl::StatusOr<CallTrace> trace = tracer_->Stop();
    if (!trace.ok()) return Failed(trace.status());
    ended_ = begun_;
    return Write(*trace, target, output);
  }
  const absl::StatusOr<Profile> profile = profiler_->Stop();
  if (!profile.ok()) {
    return Failed(
        absl::FailedPreconditionError("nothing was recorded; prof() begins"));
  }
  ended_ = begun_;
  return Write(*profile, target, output);
}

absl::StatusOr<std::string> Prof::Keep(const std::string& name,
                                       absl::string_view suffix,
                                       const std::string& bytes,
                                       Output& output) const {
  const std::string file = absl::StrCat(name, suffix);
  if (output.TakeFile(file, bytes)) return file;
  return WriteOutputFile(directory_, name, suffix, bytes);
}

absl::Status Prof::Write(const Profile& profile, const Target& target,
                         Output& output) const {
  std::vector<const ProfileFormat*> formats = target.formats;
  if (formats.empty()) formats = {&PprofFormat()};
  const std::string title = absl::StrCat(target.name, ", worker ", worker_);
  std::vector<std::string> paths;
  for (const ProfileFormat* format : formats) {
    absl::StatusOr<std::string> path =
        Keep(target.name, format->suffix,
             format->encode(profile, title, worker_), output);
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

absl::Status Prof::Write(const CallTrace& trace, const Target& target,
                         Output& output) const {
  const absl::StatusOr<std::string> path = Keep(
      target.name, PstatsFormat().suffix, EncodePstats(trace.stats), output);
  if (!path.ok()) return Failed(path.status());
  const std::string lost = trace.lost_calls == 0
                               ? ""
                               : absl::StrCat(", ", trace.lost_calls, " lost");
  output.Write(absl::StrFormat("wrote %s (%d calls in %.1f s%s)\n", *path,
                               trace.calls,
                               absl::ToDoubleSeconds(trace.duration), lost));
  return absl::OkStatus();
}

}  // namespace

Command ProfCommand(const ProfCommandOptions& options, Profiler& profiler,
                    CallTracer& tracer) {
  auto prof = std::make_shared<Prof>(options, profiler, tracer);
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
                              "(NAME.svg, a flame graph); or mergeable, what "
                              "bergenctl merges",
                      .default_value = std::string("pstats")},
                     {.name = "mode",
                      .help = "samples, or a count of every call, with its "
                              "time on the wall clock; the latter is for "
                              "programs built with --config=calltrace, and "
                              "for pstats",
                      .default_value = std::string("sample"),
                      .choices = {"sample", kTrace}}},
      .help = "Records where time is spent; prof('NAME') saves it for pstats.",
      .changes_state = true,
      .role = Role::kOperate,
      .handler = [prof](const Arguments& arguments, const Caller& caller,
                        Output& output) {
        return prof->Run(arguments, caller, output);
      }};
}

}  // namespace bergen::backdoor
