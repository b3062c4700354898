// SPDX-License-Identifier: Apache-2.0

#include "backdoor/profile_merge.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "backdoor/call_stats.h"
#include "backdoor/output_file.h"
#include "backdoor/pprof.h"
#include "backdoor/pstats.h"
#include "backdoor/saved_file.h"

namespace bergen::backdoor {
namespace {

// A file to be written: how it ends, and what is in it.
struct File {
  std::string suffix;
  std::string bytes;
};

absl::StatusOr<std::vector<File>> MergeTraces(
    const std::vector<std::string>& inputs,
    const std::vector<const ProfileFormat*>& formats, std::string& about) {
  CallStats sum;
  for (const std::string& input : inputs) {
    const absl::StatusOr<CallStats> stats = DecodePstats(input);
    if (!stats.ok()) return stats.status();
    AddCallStats(*stats, sum);
  }
  int64_t calls = 0;
  for (const auto& [function, stats] : sum) calls += stats.counts.calls;
  about = absl::StrCat(calls, " calls");
  for (const ProfileFormat* format : formats) {
    if (format == &PstatsFormat()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("formats: a count of calls has no stacks for ",
                     format->name, ", it can be saved as pstats only"));
  }
  return std::vector<File>{{PstatsFormat().suffix, EncodePstats(sum)}};
}

absl::StatusOr<std::vector<File>> MergeSamples(
    const std::vector<std::string>& inputs, absl::string_view name,
    const std::vector<const ProfileFormat*>& formats, std::string& about) {
  std::vector<Profile> profiles;
  for (const std::string& input : inputs) {
    absl::StatusOr<Profile> profile = DecodePprof(input);
    if (!profile.ok()) return profile.status();
    profiles.push_back(*std::move(profile));
  }
  const absl::StatusOr<Profile> merged = MergeProfiles(profiles);
  if (!merged.ok()) return merged.status();
  about = absl::StrCat(merged->samples, " samples");
  const std::string title = absl::StrCat(name, ", all workers");
  std::vector<File> files;
  files.reserve(formats.size());
  for (const ProfileFormat* format : formats) {
    files.push_back(
        {format->suffix, format->encode(*merged, title, /*worker=*/0)});
  }
  return files;
}

}  // namespace

absl::StatusOr<Profile> MergeProfiles(const std::vector<Profile>& profiles) {
  Profile merged;
  merged.period = profiles.front().period;
  merged.clock = profiles.front().clock;
  merged.begin = absl::InfiniteFuture();
  std::map<Function, size_t> places;
  for (const Profile& profile : profiles) {
    if (profile.period != merged.period || profile.clock != merged.clock) {
      return absl::InvalidArgumentError(
          "profiles of different clocks or rates cannot be merged");
    }
    std::vector<size_t> place_of;
    for (const Function& function : profile.functions) {
      const auto [place, is_new] =
          places.try_emplace(function, merged.functions.size());
      if (is_new) merged.functions.push_back(function);
      place_of.push_back(place->second);
    }
    for (const StackCount& stack : profile.stacks) {
      StackCount& added = merged.stacks.emplace_back(stack);
      for (size_t& function : added.functions) function = place_of[function];
      // Where a format has no labels, the thread's name says it.
      if (stack.worker.has_value()) {
        added.thread =
            absl::StrCat("worker ", *stack.worker,
                         stack.thread.empty() ? "" : " ", stack.thread);
      }
    }
    merged.samples += profile.samples;
    merged.lost_samples += profile.lost_samples;
    merged.truncated_samples += profile.truncated_samples;
    merged.unseen_threads += profile.unseen_threads;
    merged.begin = std::min(merged.begin, profile.begin);
    merged.duration = std::max(merged.duration, profile.duration);
  }
  return merged;
}

absl::StatusOr<std::string> MergeSavedProfiles(
    const std::vector<std::string>& answers, absl::string_view name,
    const std::vector<const ProfileFormat*>& formats) {
  std::vector<std::string> paths;
  std::vector<std::string> inputs;
  for (const std::string& answer : answers) {
    paths.push_back(SavedPath(answer));
    if (paths.back().empty()) {
      return absl::NotFoundError(
          absl::StrCat("no file in the answer: ", answer));
    }
    absl::StatusOr<std::string> input = ReadSavedFile(paths.back());
    if (!input.ok()) return input.status();
    inputs.push_back(*std::move(input));
  }
  std::string about;
  const absl::StatusOr<std::vector<File>> files =
      absl::EndsWith(paths.front(), PstatsFormat().suffix)
          ? MergeTraces(inputs, formats, about)
          : MergeSamples(inputs, name, formats, about);
  if (!files.ok()) return files.status();

  const absl::string_view first = paths.front();
  const absl::string_view directory = first.substr(0, first.rfind('/'));
  std::vector<std::string> written;
  for (const File& file : *files) {
    absl::StatusOr<std::string> path =
        WriteOutputFile(directory, name, file.suffix, file.bytes);
    if (!path.ok()) return path.status();
    written.push_back(*std::move(path));
  }
  // One that stays does no harm.
  for (const std::string& path : paths) (void)::unlink(path.c_str());
  return absl::StrCat("wrote ", absl::StrJoin(written, " "), " (", about,
                      " of ", paths.size(), " workers)\n");
}

}  // namespace bergen::backdoor
