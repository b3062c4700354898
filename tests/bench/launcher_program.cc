// SPDX-License-Identifier: Apache-2.0
//
// What tests/bench:launcher measures of us: a service that costs nothing, in
// workers.
//
//   launcher_program --workers=8 --log_file=/tmp/log

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/launcher.h"
#include "service/service_group.h"
#include "spdlog/sinks/basic_file_sink.h"
#include "spdlog/spdlog.h"
#include "tests/bench/marked_service.h"

DEFINE_int32(workers, 8, "worker processes");
DEFINE_string(log_file, "/dev/null", "where the log goes");
DEFINE_double(drain_seconds, 0, "how long the service takes to finish");

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  spdlog::logger log(
      "bench",
      std::make_shared<spdlog::sinks::basic_file_sink_st>(FLAGS_log_file));
  log.flush_on(spdlog::level::info);
  auto launcher = bergen::launcher::Launch(
      log,
      [](const bergen::launcher::WorkerInfo&, bergen::ServiceGroup& services) {
        services.Add(std::make_unique<bergen::bench::MarkedService>(
            absl::Seconds(FLAGS_drain_seconds)));
        return absl::OkStatus();
      },
      {.workers = FLAGS_workers});
  if (!launcher.ok()) {
    std::fprintf(stderr, "%s\n", launcher.status().ToString().c_str());
    return 1;
  }
  return (*launcher)->Wait();
}
