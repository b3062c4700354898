// SPDX-License-Identifier: Apache-2.0
//
// A service of one's own: it ticks and is done.

#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "config/registry.h"
#include "launcher/launch.h"
#include "options.h"
#include "service/service.h"
#include "service/service_group.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace {

class Ticker : public bergen::Service {
 public:
  explicit Ticker(int64_t ticks) : ticks_(ticks) {}

  absl::string_view name() const override { return "ticker"; }
  absl::Status Start() override {
    for (int64_t i = 0; i < ticks_; ++i) std::puts("tick");
    std::fflush(stdout);
    return absl::OkStatus();
  }
  void Stop() override {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  absl::Status Wait() override {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&stopped_));
    return absl::OkStatus();
  }

 private:
  const int64_t ticks_;
  absl::Mutex mutex_;
  bool stopped_ = false;
};

}  // namespace

int main() {
  bergen::config::Registry registry;
  spdlog::logger log("ticker",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const auto ticks = ticker::RegisterTicks(registry);
  if (!ticks.ok()) return 1;
  auto launcher = bergen::launcher::Launch(
      registry, log,
      [&](const bergen::launcher::WorkerInfo&, bergen::ServiceGroup& group) {
        group.Add(std::make_unique<Ticker>(ticks->Get()));
        return absl::OkStatus();
      },
      {.workers = 2});
  if (!launcher.ok()) {
    std::fprintf(stderr, "%s\n",
                 std::string(launcher.status().message()).c_str());
    return 1;
  }
  return (*launcher)->Wait();
}
