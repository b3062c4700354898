// SPDX-License-Identifier: Apache-2.0

#include "backdoor/profile_formats.h"

#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "backdoor/call_stats.h"
#include "backdoor/flame_graph.h"
#include "backdoor/folded.h"
#include "backdoor/pprof.h"
#include "backdoor/pstats.h"

namespace bergen::backdoor {
namespace {

constexpr ProfileFormat kPstats = {
    "pstats", ".prof", [](const Profile& profile, const std::string&, int) {
      return EncodePstats(Summarize(profile));
    }};
constexpr ProfileFormat kPprof = {
    "pprof", ".pb.gz",
    [](const Profile& profile, const std::string&, int worker) {
      return EncodePprof(profile, worker);
    }};
constexpr ProfileFormat kFolded = {
    "folded", ".folded", [](const Profile& profile, const std::string&, int) {
      return EncodeFolded(profile);
    }};
constexpr ProfileFormat kSvg = {
    "svg", ".svg", [](const Profile& profile, const std::string& title, int) {
      return EncodeFlameGraph(profile, title);
    }};

constexpr const ProfileFormat* kFormats[] = {&kPstats, &kPprof, &kFolded,
                                             &kSvg};

}  // namespace

const ProfileFormat& PprofFormat() { return kPprof; }
const ProfileFormat& PstatsFormat() { return kPstats; }

absl::StatusOr<std::vector<const ProfileFormat*>> ParseProfileFormats(
    absl::string_view list) {
  std::set<absl::string_view> wanted;
  for (const absl::string_view item : absl::StrSplit(list, ',')) {
    wanted.insert(absl::StripAsciiWhitespace(item));
  }
  std::vector<const ProfileFormat*> formats;
  std::vector<absl::string_view> allowed;
  for (const ProfileFormat* format : kFormats) {
    allowed.push_back(format->name);
    if (wanted.erase(format->name) != 0) formats.push_back(format);
  }
  if (wanted.empty()) return formats;
  return absl::InvalidArgumentError(absl::StrCat("formats: '", *wanted.begin(),
                                                 "' is none of ",
                                                 absl::StrJoin(allowed, ", ")));
}

}  // namespace bergen::backdoor
