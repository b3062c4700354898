// SPDX-License-Identifier: Apache-2.0
//
// The options of the demo: group `demo`, and `debug`.

#ifndef EXAMPLES_DEMO_OPTIONS_H_
#define EXAMPLES_DEMO_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"

namespace bergen::demo {

config::OptionList ListOpts();

struct DemoOptions {
  config::Handle<bool> debug;
  config::Handle<std::string> log_file;
  config::Handle<std::string> bind_host;
  config::Handle<config::Port> bind_port;
  config::Handle<int64_t> workers;
  config::Handle<bool> use_ssl;
  config::Handle<std::string> greeting;
  config::Handle<double> heartbeat_interval;
  config::Handle<std::string> restart_method;
  config::Handle<std::string> grpc_listen;
  config::Handle<std::string> console_listen;
  config::Handle<std::string> console_role;
  config::Handle<bool> inline_app;
};

absl::StatusOr<DemoOptions> RegisterOpts(config::Registry& registry);

}  // namespace bergen::demo

#endif  // EXAMPLES_DEMO_OPTIONS_H_
