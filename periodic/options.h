// SPDX-License-Identifier: Apache-2.0
//
// The options of periodic tasks, in group DEFAULT.
//
//   absl::StatusOr<periodic::Options> options =
//       periodic::RegisterOpts(registry);
//   if (!options.ok()) return options.status();
//   PeriodicTasks tasks({.runs_external = options->runs_external()}, clock,
//                       random, log);
//
// Source: `periodic_opts` of oslo.service, namespace
// `oslo.service.periodic_task`. Difference: mutable.

#ifndef PERIODIC_OPTIONS_H_
#define PERIODIC_OPTIONS_H_

#include <functional>

#include "absl/status/statusor.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"

namespace bergen::periodic {

// Valid as long as the registry.
struct Options {
  config::Handle<bool> run_external_periodic_tasks;

  // For PeriodicTasksOptions::runs_external. Thread-safe.
  std::function<bool()> runs_external() const {
    return [handle = run_external_periodic_tasks] { return handle.Get(); };
  }
};

// For samples, documentation and schemas.
config::OptionList ListOpts();

// Once or repeatedly; fails as `config::Registry::Register`.
absl::StatusOr<Options> RegisterOpts(config::Registry& registry);

}  // namespace bergen::periodic

#endif  // PERIODIC_OPTIONS_H_
