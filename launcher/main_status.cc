// SPDX-License-Identifier: Apache-2.0

#include "launcher/main_status.h"

#include <cstdio>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "launcher/launcher.h"

namespace bergen::launcher {

int MainStatus(absl::string_view program, const absl::StatusOr<int>& status) {
  if (status.ok()) return *status;
  std::fputs(
      absl::StrCat(program, ": ", status.status().message(), "\n").c_str(),
      stderr);
  return ExitStatusOf(status.status());
}

}  // namespace bergen::launcher
