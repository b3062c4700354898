// SPDX-License-Identifier: Apache-2.0

#include "launcher/crash_record.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace bergen::launcher {

std::string ProcessEnd::ToString() const {
  return absl::StrCat(killed ? "killed by signal " : "exited with status ",
                      value, out_of_memory ? " (out of memory)" : "");
}

std::string CrashRecord::ToString() const {
  return absl::StrCat(
      absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::UTCTimeZone()),
      " worker ", service, ".", number, " (process ", pid, ") ", end.ToString(),
      ", ", absl::FormatDuration(absl::Trunc(uptime, absl::Milliseconds(1))),
      " after its start");
}

}  // namespace bergen::launcher
