// SPDX-License-Identifier: Apache-2.0
//
// The files that `prof` says it has written, for whoever asked it.
//
//   const std::string path = SavedPath(answer);
//   absl::StatusOr<std::string> bytes = ReadSavedFile(path);

#ifndef BACKDOOR_SAVED_FILE_H_
#define BACKDOOR_SAVED_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::backdoor {

// PATH of an answer with `wrote PATH (...)`, for one file; empty without.
std::string SavedPath(absl::string_view answer);

// The system's error, with the path.
absl::StatusOr<std::string> ReadSavedFile(const std::string& path);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_SAVED_FILE_H_
