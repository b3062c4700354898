// SPDX-License-Identifier: Apache-2.0

#include "launcher/options.h"

#include <string>

#include "absl/status/status.h"

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

}  // namespace

absl::Duration Options::graceful_shutdown_timeout() const {
  const int64_t seconds = graceful_shutdown_timeout_seconds.Get();
  return seconds == 0 ? absl::InfiniteDuration() : absl::Seconds(seconds);
}

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {GracefulShutdownTimeout(), LogOptions()}}};
}

absl::StatusOr<Options> RegisterOpts(config::Registry& registry) {
  const auto timeout =
      registry.Register(config::kDefaultGroup, GracefulShutdownTimeout());
  if (!timeout.ok()) return timeout.status();
  const auto log = registry.Register(config::kDefaultGroup, LogOptions());
  if (!log.ok()) return log.status();
  return Options{*timeout, *log};
}

}  // namespace bergen::launcher
