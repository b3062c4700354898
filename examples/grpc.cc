// SPDX-License-Identifier: Apache-2.0
//
// How does a gRPC service of one's own run beside the control door? As any
// service does: made in the process that serves it, never before a fork.
//
//   ./bazelw run //examples:grpc -- --control=/tmp/control.sock
//   grpcurl -plaintext -proto examples/greeter.proto -d '{"name": "you"}'
//       127.0.0.1:8090 bergen.examples.Greeter/Greet      (the same line)
//   grpcurl -plaintext -unix /tmp/control.sock list

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backdoor/command_table.h"
#include "backdoor/grpc_server.h"
#include "backdoor/log_commands.h"
#include "config/version.h"
#include "examples/greeter.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

DEFINE_string(listen, "127.0.0.1:8090", "Where the greeter listens");
DEFINE_string(control, "/tmp/control.sock", "The socket of the control door");

using namespace bergen;  // NOLINT: an example.

namespace {

absl::StatusOr<int> Run() {
  spdlog::logger log("grpc", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  backdoor::CommandTable commands;
  absl::Status added = backdoor::AddLogCommands({&log}, commands);
  if (!added.ok()) return added;
  auto control =
      Listener::ListenUnix("control", FLAGS_control, {.unix_mode = 0600});
  if (!control.ok()) return control.status();
  const auto shared = std::make_shared<const Listener>(*std::move(control));
  const auto launcher = launcher::Launch(
      log,
      [&](const launcher::WorkerInfo&, ServiceGroup& services) {
        services.Add(std::make_unique<examples::GreeterService>(FLAGS_listen));
        services.Add(std::make_unique<backdoor::GrpcServer>(
            shared, commands, backdoor::GrpcServerOptions{}, log));
        return absl::OkStatus();
      },
      {});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return launcher::MainStatus("grpc", Run());
}
