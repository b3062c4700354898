// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/launcher_main.h"

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "spdlog/sinks/basic_file_sink.h"
#include "spdlog/spdlog.h"
#include "tests/bench/marked_service.h"

DEFINE_int32(workers, 8, "worker processes");
DEFINE_string(log_file, "/dev/null", "where the log goes");
DEFINE_double(drain_seconds, 0, "how long the service takes to finish");

namespace bergen::bench {

int RunLauncher(int argc, char** argv, std::vector<Listener*> listeners,
                AddServices add_services) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  spdlog::logger log(
      "bench",
      std::make_shared<spdlog::sinks::basic_file_sink_st>(FLAGS_log_file));
  log.flush_on(spdlog::level::info);
  const auto launched = launcher::Launch(
      log,
      [&](const launcher::WorkerInfo& worker, ServiceGroup& services) {
        absl::Status added = add_services(worker, log, services);
        services.Add(std::make_unique<MarkedService>(
            absl::Seconds(FLAGS_drain_seconds)));
        return added;
      },
      {.workers = FLAGS_workers, .listeners = std::move(listeners)});
  if (!launched.ok()) {
    std::fprintf(stderr, "%s\n", launched.status().ToString().c_str());
    return 1;
  }
  return (*launched)->Wait();
}

}  // namespace bergen::bench
