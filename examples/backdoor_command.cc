// SPDX-License-Identifier: Apache-2.0
//
// How does an operator ask a running process something that only it knows?
//
//   ./bazelw run //examples:backdoor_command &
//   echo "greet('you')" | nc localhost 8002

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "backdoor/builtin_commands.h"
#include "backdoor/calltrace.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/profiler.h"
#include "backdoor/text_server.h"
#include "backdoor/thread_dump.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

DEFINE_int32(port, 8002, "Where the backdoor listens; 0 picks a port");

using namespace bergen;            // NOLINT: an example.
using namespace bergen::backdoor;  // NOLINT

namespace {

absl::StatusOr<int> Run() {
  spdlog::logger log("backdoor_command",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  std::atomic<int> count = 0;
  const auto greet = [&](const Arguments& in, const Caller&, Output& out) {
    out.Write(absl::StrCat(in.String("whom"), " is number ", ++count, "\n"));
    return absl::OkStatus();
  };
  Profiler profiler;
  CallTracer tracer;
  ThreadDumper dumper;
  CommandTable table;
  absl::Status added = AddBuiltinCommands({}, profiler, tracer, dumper, table);
  added.Update(table.Add({.name = "greet",
                          .parameters = {{.name = "whom", .required = true}},
                          .help = "Greets somebody, and says how many were.",
                          .changes_state = true,
                          .role = Role::kOperate,
                          .handler = greet}));
  if (!added.ok()) return added;
  auto opened = Listener::ListenTcp("backdoor", "127.0.0.1", FLAGS_port, {});
  if (!opened.ok()) return opened.status();
  const auto door = std::make_shared<const Listener>(*std::move(opened));
  const auto launcher = launcher::Launch(
      log,
      [&](const launcher::WorkerInfo&, ServiceGroup& services) {
        services.Add(std::make_unique<TextServer>(door, table,
                                                  TextServerOptions{}, log));
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
  return launcher::MainStatus("backdoor_command", Run());
}
