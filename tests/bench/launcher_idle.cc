// SPDX-License-Identifier: Apache-2.0
//
// What tests/bench:launcher measures of the launcher alone: a service that
// costs nothing.

#include "absl/status/status.h"
#include "tests/bench/launcher_main.h"

int main(int argc, char** argv) {
  return bergen::bench::RunLauncher(
      argc, argv, {},
      [](const bergen::launcher::WorkerInfo&, spdlog::logger&,
         bergen::ServiceGroup&) { return absl::OkStatus(); });
}
