// SPDX-License-Identifier: Apache-2.0
//
// The main of the programs that tests/bench:launcher measures:
//
//   PROGRAM --workers=8 --log_file=/tmp/log --drain_seconds=0

#ifndef TESTS_BENCH_LAUNCHER_MAIN_H_
#define TESTS_BENCH_LAUNCHER_MAIN_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "launcher/launcher.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/fwd.h"

namespace bergen::bench {

// Adds what is measured to `services`.
using AddServices =
    std::function<absl::Status(const launcher::WorkerInfo& worker,
                               spdlog::logger& log, ServiceGroup& services)>;

// Runs them and, after them, a `MarkedService`, in workers; the result is the
// exit status.
int RunLauncher(int argc, char** argv, std::vector<Listener*> listeners,
                AddServices add_services);

}  // namespace bergen::bench

#endif  // TESTS_BENCH_LAUNCHER_MAIN_H_
