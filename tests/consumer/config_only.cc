// SPDX-License-Identifier: Apache-2.0
//
// Reads one option, from a file, the environment or the command line.

#include <cstdio>
#include <string>

#include "absl/status/statusor.h"
#include "config/flags.h"
#include "config/registry.h"
#include "config/sources.h"
#include "options.h"

int main(int argc, char** argv) {
  bergen::config::Registry registry;
  const auto ticks = ticker::RegisterTicks(registry);
  const auto line = bergen::config::ParseCommandLine(&argc, &argv);
  if (!ticks.ok() || !line.ok()) return 1;
  const auto report = registry.Load(bergen::config::MakeSources(*line));
  if (!report.ok()) {
    std::fprintf(stderr, "%s\n",
                 std::string(report.status().message()).c_str());
    return 1;
  }
  std::printf("ticks = %d\n", static_cast<int>(ticks->Get()));
  return 0;
}
