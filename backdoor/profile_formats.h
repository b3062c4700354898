// SPDX-License-Identifier: Apache-2.0
//
// The kinds of file that a profile can be saved as.
//
//   absl::StatusOr<std::vector<const ProfileFormat*>> formats =
//       ParseProfileFormats("pstats, svg");

#ifndef BACKDOOR_PROFILE_FORMATS_H_
#define BACKDOOR_PROFILE_FORMATS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/profile.h"

namespace bergen::backdoor {

// Among formats: one file, of the kind that profile_merge.h reads.
inline constexpr char kMergeableFormat[] = "mergeable";

struct ProfileFormat {
  const char* name;
  const char* suffix;  // Of the file.
  // `title` and `worker` are used as far as the format has room for them.
  std::string (*encode)(const Profile& profile, const std::string& title,
                        int worker);
};

// Has stacks, lines, threads and times, so that profiles can be merged from it.
const ProfileFormat& PprofFormat();
// The only one for a count of calls.
const ProfileFormat& PstatsFormat();

// The formats of `list`, which has commas, each once and in a fixed order.
// InvalidArgument if there is another name.
absl::StatusOr<std::vector<const ProfileFormat*>> ParseProfileFormats(
    absl::string_view list);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PROFILE_FORMATS_H_
