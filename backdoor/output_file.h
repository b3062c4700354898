// SPDX-License-Identifier: Apache-2.0
//
// Files that commands write: in one directory, under a name from outside.
//
//   absl::StatusOr<std::string> path =
//       WriteOutputFile(DefaultOutputDirectory(), "neutron", ".prof", bytes);
//
// Source: `prof('NAME')` of oslo.service, where a name may leave the directory
// and a link is followed.

#ifndef BACKDOOR_OUTPUT_FILE_H_
#define BACKDOOR_OUTPUT_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::backdoor {

// Bytes of a name, without its suffix.
inline constexpr size_t kMaxOutputName = 200;

// The first directory that can be written to, of $TMPDIR, $TEMP, $TMP, /tmp,
// /var/tmp, /usr/tmp and the current one; /tmp if there is none. Reads the
// environment, so call it from main.
std::string DefaultOutputDirectory();

// InvalidArgument unless `name` is 1 to kMaxOutputName printable bytes without
// a `/`.
absl::Status CheckOutputName(absl::string_view name);

// Writes `bytes` to DIRECTORY/NAME+SUFFIX and returns that path. The file
// appears complete or not at all; it replaces one of that name, and of a link
// the link itself, not what it points to. It gets mode 0644 less the umask.
// InvalidArgument as above; else the system's error, with the path.
absl::StatusOr<std::string> WriteOutputFile(absl::string_view directory,
                                            absl::string_view name,
                                            absl::string_view suffix,
                                            absl::string_view bytes);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_OUTPUT_FILE_H_
