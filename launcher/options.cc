// SPDX-License-Identifier: Apache-2.0

#include "launcher/options.h"

#include <string>

#include "absl/status/status.h"
#include "config/registrar.h"

namespace bergen::launcher {
namespace {

config::Option<int64_t> GracefulShutdownTimeout() {
  return {.name = "graceful_shutdown_timeout",
          .default_value = 60,
          .help =
              "Seconds granted to a graceful shutdown before the process exits "
              "anyway. 0 sets no limit.",
          .min = 0,
          .is_mutable = true};
}

config::Option<bool> LogOptions() {
  return {.name = "log_options",
          .default_value = true,
          .help =
              "Log all options, at debug level, when the service starts "
              "and after a reload.",
          .is_mutable = true};
}

config::Option<double> DrainDelay() {
  return {.name = "drain_delay",
          .default_value = 0,
          .help =
              "Seconds between the signal to stop and the moment when new "
              "connections are refused. Meanwhile readiness fails and "
              "everything is served, so that load balancers can notice.",
          .min = 0,
          .max = 86400,
          .is_mutable = true};
}

config::Option<double> WorkerHangTimeout() {
  return {.name = "worker_hang_timeout",
          .default_value = 0,
          .help =
              "A worker that gives no sign of life for so many seconds logs "
              "its stacks, and is killed at twice the time. 0: never.",
          .min = 0,
          .max = 86400};
}

config::Option<int64_t> WorkerMaxRequests() {
  return {
      .name = "worker_max_requests",
      .default_value = 0,
      .help = "A worker is replaced after about so many requests. 0: never.",
      .min = 0};
}

config::Option<double> WorkerMaxAge() {
  return {.name = "worker_max_age",
          .default_value = 0,
          .help = "A worker is replaced after about so many seconds. 0: never.",
          .min = 0};
}

config::Option<int64_t> WorkerMaxMemory() {
  return {.name = "worker_max_memory",
          .default_value = 0,
          .help =
              "A worker is replaced when about so many MiB of it are in "
              "memory. 0: never.",
          .min = 0,
          .max = int64_t{1} << 40};
}

// Of an option for which 0 means never.
absl::Duration OrNever(double seconds) {
  return seconds > 0 ? absl::Seconds(seconds) : absl::InfiniteDuration();
}

}  // namespace

absl::Duration Options::graceful_shutdown_timeout() const {
  const int64_t seconds = graceful_shutdown_timeout_seconds.Get();
  return seconds == 0 ? absl::InfiniteDuration() : absl::Seconds(seconds);
}

HealthLimits Options::health_limits() const {
  return {.hang_timeout = OrNever(worker_hang_timeout_seconds.Get()),
          .max_requests = static_cast<uint64_t>(worker_max_requests.Get()),
          .max_age = OrNever(worker_max_age_seconds.Get()),
          .max_memory = worker_max_memory_mib.Get() << 20};
}

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {GracefulShutdownTimeout(), LogOptions(), DrainDelay(),
                       WorkerHangTimeout(), WorkerMaxRequests(), WorkerMaxAge(),
                       WorkerMaxMemory()}}};
}

absl::StatusOr<Options> RegisterOpts(config::Registry& registry) {
  config::Registrar add(registry, config::kDefaultGroup);
  const Options options = {
      .graceful_shutdown_timeout_seconds = add(GracefulShutdownTimeout()),
      .log_options = add(LogOptions()),
      .drain_delay_seconds = add(DrainDelay()),
      .worker_hang_timeout_seconds = add(WorkerHangTimeout()),
      .worker_max_requests = add(WorkerMaxRequests()),
      .worker_max_age_seconds = add(WorkerMaxAge()),
      .worker_max_memory_mib = add(WorkerMaxMemory()),
  };
  if (!add.status().ok()) return add.status();
  return options;
}

}  // namespace bergen::launcher
