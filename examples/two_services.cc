// SPDX-License-Identifier: Apache-2.0
//
// How do two services have workers of their own? The greeter runs in two
// processes and the clock in one; each process is replaced when it dies.
//
//   ./bazelw run //examples:two_services

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "service/listener.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "wsgi/application.h"
#include "wsgi/respond.h"
#include "wsgi/serve.h"

DEFINE_int32(greeter_port, 8080, "Where the greeter listens; 0 picks a port");
DEFINE_int32(clock_port, 8081, "Where the clock listens; 0 picks a port");

using namespace bergen;  // NOLINT: an example.

namespace {

absl::StatusOr<int> Run() {
  spdlog::logger log("two_services",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  wsgi::FunctionApplication greeter([](auto&, auto& start) {
    return wsgi::Respond(start,
                         absl::StrCat("Hello from process ", getpid(), "\n"));
  });
  wsgi::FunctionApplication clock([](auto&, auto& start) {
    return wsgi::Respond(start, absl::FormatTime(absl::Now()) + "\n");
  });
  auto first =
      Listener::ListenTcp("greeter", "127.0.0.1", FLAGS_greeter_port, {});
  if (!first.ok()) return first.status();
  auto second = Listener::ListenTcp("clock", "127.0.0.1", FLAGS_clock_port, {});
  if (!second.ok()) return second.status();
  log.info("greeter at http://{}", first->address());
  log.info("clock at http://{}", second->address());
  auto launcher =
      launcher::Launch(log, wsgi::Serve(log, greeter, *first),
                       {.workers = 2, .listeners = {&*first, &*second}});
  if (!launcher.ok()) return launcher.status();
  absl::Status added =
      (*launcher)->LaunchService(wsgi::Serve(log, clock, *second), 1);
  if (!added.ok()) return added;
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return launcher::MainStatus("two_services", Run());
}
