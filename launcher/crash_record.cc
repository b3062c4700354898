// SPDX-License-Identifier: Apache-2.0

#include "launcher/crash_record.h"

#include "absl/strings/str_cat.h"

namespace bergen::launcher {

std::string ProcessEnd::ToString() const {
  return absl::StrCat(killed ? "killed by signal " : "exited with status ",
                      value, out_of_memory ? " (out of memory)" : "");
}

}  // namespace bergen::launcher
