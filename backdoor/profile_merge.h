// SPDX-License-Identifier: Apache-2.0
//
// One profile from those that several workers have saved.
//
//   absl::StatusOr<std::string> merged = MergeSavedProfiles(
//       {"wrote /tmp/x-0.pb.gz (9 samples in 1.0 s)\n", ...}, "x", formats);
//   if (!merged.ok()) return merged.status();
//   Print(*merged);
//
// Source: none; oslo.service writes a file a worker.

#ifndef BACKDOOR_PROFILE_MERGE_H_
#define BACKDOOR_PROFILE_MERGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/profile.h"
#include "backdoor/profile_formats.h"

namespace bergen::backdoor {

// All stacks, those of one worker distinguished from another's. InvalidArgument
// if they are of different clocks or rates. Requires at least one.
absl::StatusOr<Profile> MergeProfiles(const std::vector<Profile>& profiles);

// `answers` are those of `prof(NAME, formats=mergeable)`, all of this
// machine. Reads the files, writes NAME with the suffix of each of
// `formats` where the first of them is, removes the files, and returns what
// there is to say: `wrote ...`. NotFound if an answer names no file; the
// system's error if it cannot be read; InvalidArgument if it is no such file,
// or if counts of calls, which are merged too, are to be anything but pstats.
// After an error the files are still there.
absl::StatusOr<std::string> MergeSavedProfiles(
    const std::vector<std::string>& answers, absl::string_view name,
    const std::vector<const ProfileFormat*>& formats);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PROFILE_MERGE_H_
