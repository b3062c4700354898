// SPDX-License-Identifier: Apache-2.0

#include "periodic/options.h"

#include <string>

#include "absl/status/status.h"

namespace bergen::periodic {
namespace {

config::Option<bool> RunExternalPeriodicTasks() {
  return {.name = "run_external_periodic_tasks",
          .default_value = true,
          .help =
              "Whether this process runs the periodic tasks that another "
              "process may run instead.",
          .is_mutable = true};
}

}  // namespace

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {RunExternalPeriodicTasks()}}};
}

absl::StatusOr<Options> RegisterOpts(config::Registry& registry) {
  const auto run_external =
      registry.Register(config::kDefaultGroup, RunExternalPeriodicTasks());
  if (!run_external.ok()) return run_external.status();
  return Options{*run_external};
}

}  // namespace bergen::periodic
