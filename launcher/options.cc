// SPDX-License-Identifier: Apache-2.0

#include "launcher/options.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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

config::Option<int64_t> WorkerFreeRestarts() {
  return {.name = "worker_free_restarts",
          .default_value = -1,
          .help =
              "So many workers of a service that end by themselves are "
              "replaced at once; further ones after a delay. -1: the number "
              "of its workers and one more.",
          .min = -1,
          .max = 1'000'000};
}

config::Option<double> WorkerRestartDelay() {
  return {.name = "worker_restart_delay",
          .default_value = 1,
          .help =
              "Seconds before the first delayed replacement of a worker. Each "
              "further one waits twice as long.",
          .min = 0.001,
          .max = 86400};
}

config::Option<double> WorkerMaxRestartDelay() {
  return {.name = "worker_max_restart_delay",
          .default_value = 30,
          .help =
              "The longest delay of a replacement, in seconds. Not less "
              "than worker_restart_delay.",
          .min = 0.001,
          .max = 86400};
}

config::Option<double> WorkerRestartQuietPeriod() {
  return {.name = "worker_restart_quiet_period",
          .default_value = 60,
          .help =
              "Once no worker of a service has ended by itself for so many "
              "seconds, or after a reload, counting begins anew. Not less "
              "than worker_max_restart_delay.",
          .min = 0.001,
          .max = 1e9};
}

config::Option<int64_t> WorkerGiveUpAfter() {
  return {.name = "worker_give_up_after",
          .default_value = 0,
          .help =
              "After so many replacements with no quiet period between them "
              "everything is stopped, with exit status 3. 0: never.",
          .min = 0,
          .max = 1'000'000};
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

absl::StatusOr<RestartLimits> Options::restart_limits(
    const config::Registry& registry) const {
  const auto at_least = [&registry](absl::string_view name, double value,
                                    absl::string_view other,
                                    double least) -> absl::Status {
    if (value >= least) return absl::OkStatus();
    const auto place = [&registry](absl::string_view option) {
      const auto origin = registry.Where(config::kDefaultGroup, option);
      return origin.ok() ? origin->ToString() : origin.status().ToString();
    };
    return absl::InvalidArgumentError(
        absl::StrCat("option ", config::kDefaultGroup, ".", name, ": ", value,
                     " (", place(name), ") is less than ", other, ", ", least,
                     " (", place(other), ")"));
  };
  const double first_delay = worker_restart_delay_seconds.Get();
  const double longest_delay = worker_max_restart_delay_seconds.Get();
  const double quiet_period = worker_restart_quiet_period_seconds.Get();
  absl::Status checked = at_least("worker_max_restart_delay", longest_delay,
                                  "worker_restart_delay", first_delay);
  checked.Update(at_least("worker_restart_quiet_period", quiet_period,
                          "worker_max_restart_delay", longest_delay));
  if (!checked.ok()) return checked;
  return RestartLimits{
      .free_restarts = static_cast<int>(worker_free_restarts.Get()),
      .first_delay = absl::Seconds(first_delay),
      .longest_delay = absl::Seconds(longest_delay),
      .quiet_period = absl::Seconds(quiet_period),
      .give_up_after = static_cast<int>(worker_give_up_after.Get())};
}

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {GracefulShutdownTimeout(), LogOptions(), DrainDelay(),
                       WorkerHangTimeout(), WorkerMaxRequests(), WorkerMaxAge(),
                       WorkerMaxMemory(), WorkerFreeRestarts(),
                       WorkerRestartDelay(), WorkerMaxRestartDelay(),
                       WorkerRestartQuietPeriod(), WorkerGiveUpAfter()}}};
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
      .worker_free_restarts = add(WorkerFreeRestarts()),
      .worker_restart_delay_seconds = add(WorkerRestartDelay()),
      .worker_max_restart_delay_seconds = add(WorkerMaxRestartDelay()),
      .worker_restart_quiet_period_seconds = add(WorkerRestartQuietPeriod()),
      .worker_give_up_after = add(WorkerGiveUpAfter()),
  };
  if (!add.status().ok()) return add.status();
  return options;
}

}  // namespace bergen::launcher
