// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/options.h"

#include "config/registrar.h"

namespace bergen::demo {
namespace {

using config::Option;
using config::Port;

constexpr char kGroup[] = "demo";

Option<bool> Debug() {
  return {.name = "debug",
          .default_value = false,
          .help = "Log at level debug instead of info."};
}

Option<std::string> LogFile() {
  return {.name = "log_file",
          .default_value = "",
          .help =
              "File that the log goes to; empty: the standard error. SIGUSR1 "
              "opens it again."};
}

Option<std::string> BindHost() {
  return {.name = "bind_host",
          .default_value = "127.0.0.1",
          .help = "Address that the HTTP server listens on."};
}

Option<Port> BindPort() {
  return {.name = "bind_port",
          .default_value = Port{8080},
          .help = "Port that the HTTP server listens on. 0 picks a free one."};
}

Option<int64_t> Workers() {
  return {.name = "workers",
          .default_value = 2,
          .help = "Worker processes. 1 serves in the process that was started.",
          .min = 1,
          .max = 10'000};
}

Option<bool> UseSsl() {
  return {.name = "use_ssl",
          .default_value = false,
          .help = "Serve TLS, with the options of the ssl group."};
}

Option<std::string> Greeting() {
  return {.name = "greeting",
          .default_value = "Hello, world!",
          .help = "What / answers.",
          .is_mutable = true};
}

Option<double> HeartbeatInterval() {
  return {.name = "heartbeat_interval",
          .default_value = 1.0,
          .help = "Seconds between two runs of the periodic task heartbeat.",
          .min = 0.001};
}

Option<std::string> RestartMethod() {
  return {
      .name = "restart_method",
      .default_value = "reload",
      .help = "What SIGHUP does.",
      .choices = {{"reload", "read all options anew and replace the workers"},
                  {"mutate", "change the mutable options of running workers"}}};
}

Option<std::string> GrpcListen() {
  return {.name = "grpc_listen",
          .help =
              "Where worker 0 answers gRPC: unix:/path or host:port. Worker N "
              "adds .N to the path or N to the port. Unset: a socket in the "
              "temporary directory; empty: nowhere."};
}

Option<std::string> ConsoleListen() {
  return {.name = "console_listen",
          .help =
              "Where worker 0 shows its console, a page for a browser on this "
              "machine: unix:/path, or HOST:PORT with a loopback address. "
              "Worker N adds .N to the path or N to the port. Unset or empty: "
              "nowhere."};
}

Option<std::string> ConsoleRole() {
  return {.name = "console_role",
          .default_value = "view",
          .help = "What whoever can connect to the console may do.",
          .choices = {{"view", "look"},
                      {"operate", "take profiles, reload, pause tasks too"},
                      {"admin", "everything"}}};
}

Option<bool> InlineApp() {
  return {.name = "inline_app",
          .default_value = false,
          .help = "Run the application on the I/O threads, not on the pool."};
}

}  // namespace

config::OptionList ListOpts() {
  return {
      {.name = std::string(config::kDefaultGroup), .options = {Debug()}},
      {.name = kGroup,
       .help = "The demonstration server.",
       .options = {LogFile(), BindHost(), BindPort(), Workers(), UseSsl(),
                   Greeting(), HeartbeatInterval(), RestartMethod(),
                   GrpcListen(), ConsoleListen(), ConsoleRole(), InlineApp()}}};
}

absl::StatusOr<DemoOptions> RegisterOpts(config::Registry& registry) {
  config::Registrar add_default(registry, config::kDefaultGroup);
  config::Registrar add(registry, kGroup);
  const DemoOptions options = {
      .debug = add_default(Debug()),
      .log_file = add(LogFile()),
      .bind_host = add(BindHost()),
      .bind_port = add(BindPort()),
      .workers = add(Workers()),
      .use_ssl = add(UseSsl()),
      .greeting = add(Greeting()),
      .heartbeat_interval = add(HeartbeatInterval()),
      .restart_method = add(RestartMethod()),
      .grpc_listen = add(GrpcListen()),
      .console_listen = add(ConsoleListen()),
      .console_role = add(ConsoleRole()),
      .inline_app = add(InlineApp()),
  };
  if (!add_default.status().ok()) return add_default.status();
  if (!add.status().ok()) return add.status();
  return options;
}

}  // namespace bergen::demo
