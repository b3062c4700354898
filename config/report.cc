// SPDX-License-Identifier: Apache-2.0

#include "config/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bergen::config {

std::string Origin::ToString() const {
  switch (kind) {
    case Kind::kDefault:
      return "default";
    case Kind::kSetDefault:
      return absl::StrCat("default set at ", place);
    case Kind::kOverride:
      return absl::StrCat("override at ", place);
    case Kind::kFile:
    case Kind::kEnvironment:
    case Kind::kCommandLine:
    case Kind::kOther:
      break;
  }
  return place;
}

namespace internal {

absl::Status Joined(const std::vector<absl::Status>& statuses) {
  absl::StatusCode code = statuses.front().code();
  std::vector<std::string> lines;
  lines.reserve(statuses.size());
  for (const absl::Status& status : statuses) {
    if (status.code() != code) code = absl::StatusCode::kInvalidArgument;
    lines.emplace_back(status.message());
  }
  return absl::Status(code, absl::StrJoin(lines, "\n"));
}

}  // namespace internal
}  // namespace bergen::config
