// SPDX-License-Identifier: Apache-2.0
//
// What is the least that a service is? It ticks once a second, until SIGTERM:
//
//   ./bazelw run //examples:smallest

#include <cstdio>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "periodic/clock.h"
#include "service/service.h"
#include "service/service_group.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace {

// What `Wait` does, others do in threads that `Start` begins.
class Ticker : public bergen::Service {
 public:
  absl::string_view name() const override { return "ticker"; }
  absl::Status Start() override { return absl::OkStatus(); }
  void Stop() override { stop_.Set(); }
  absl::Status Wait() override {
    do {
      std::puts("tick");
      std::fflush(stdout);
    } while (!clock_.WaitUntil(stop_, clock_.Now() + absl::Seconds(1)));
    std::puts("stopped");
    std::fflush(stdout);
    return absl::OkStatus();
  }

 private:
  bergen::periodic::RealClock clock_;
  bergen::periodic::Event stop_;
};

absl::StatusOr<int> Run() {
  spdlog::logger log("smallest",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto launcher = bergen::launcher::Launch(
      log,
      [](const bergen::launcher::WorkerInfo&, bergen::ServiceGroup& services) {
        services.Add(std::make_unique<Ticker>());
        return absl::OkStatus();
      },
      {});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(bergen::kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return bergen::launcher::MainStatus("smallest", Run());
}
