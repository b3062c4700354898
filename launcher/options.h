// SPDX-License-Identifier: Apache-2.0
//
// The launcher's options, in group DEFAULT.
//
//   absl::StatusOr<launcher::Options> options =
//       launcher::RegisterOpts(registry);
//   if (!options.ok()) return options.status();
//
// Source: `service_opts` of oslo.service, namespace `oslo.service.service`.
// Differences: a negative timeout is refused, both are mutable, and there are
// more.

#ifndef LAUNCHER_OPTIONS_H_
#define LAUNCHER_OPTIONS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "launcher/launcher.h"

namespace bergen::launcher {

// Valid as long as the registry.
struct Options {
  config::Handle<int64_t> graceful_shutdown_timeout_seconds;
  config::Handle<bool> log_options;
  config::Handle<double> drain_delay_seconds;
  config::Handle<double> worker_hang_timeout_seconds;
  config::Handle<int64_t> worker_max_requests;
  config::Handle<double> worker_max_age_seconds;
  config::Handle<int64_t> worker_max_memory_mib;
  config::Handle<int64_t> worker_free_restarts;
  config::Handle<double> worker_restart_delay_seconds;
  config::Handle<double> worker_max_restart_delay_seconds;
  config::Handle<double> worker_restart_quiet_period_seconds;
  config::Handle<int64_t> worker_give_up_after;

  // `absl::InfiniteDuration()` for 0.
  absl::Duration graceful_shutdown_timeout() const;
  HealthLimits health_limits() const;
  // InvalidArgument, with the options' names and places, if they do not go
  // together. `registry` is the one that they are registered in.
  absl::StatusOr<RestartLimits> restart_limits(
      const config::Registry& registry) const;
};

// For samples, documentation and schemas.
config::OptionList ListOpts();

// Once or repeatedly; fails as `config::Registry::Register`.
absl::StatusOr<Options> RegisterOpts(config::Registry& registry);

}  // namespace bergen::launcher

#endif  // LAUNCHER_OPTIONS_H_
