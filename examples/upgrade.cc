// SPDX-License-Identifier: Apache-2.0
//
// How is a program replaced by its next version without a connection lost?
// Install the new file and send USR2: the new program takes the sockets over,
// and once it serves, the old one drains and leaves.
//
//   ./bazelw run //examples:upgrade
//   kill -USR2 PID

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "service/inherited_listeners.h"
#include "service/notify.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "wsgi/application.h"
#include "wsgi/respond.h"
#include "wsgi/serve.h"

DEFINE_int32(port, 8080, "Where to listen; 0 picks a port");

using namespace bergen;        // NOLINT: an example.
using namespace bergen::wsgi;  // NOLINT

namespace {

absl::StatusOr<int> Run(std::vector<std::string> arguments) {
  spdlog::logger log("upgrade",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const Notifier notifier = Notifier::FromEnvironment();
  auto inherited = InheritedListeners::FromEnvironment();
  if (!inherited.ok()) return inherited.status();
  auto listener =
      inherited->TakeOrListenTcp("http", "127.0.0.1", FLAGS_port, {});
  if (!listener.ok()) return listener.status();
  log.info("listening on http://{}", listener->address());
  FunctionApplication app(
      [](Environ&, StartResponse& start) -> absl::StatusOr<Body> {
        return Respond(start, absl::StrCat(getppid(), "\n"));
      });
  const auto launcher =
      launcher::Launch(log, Serve(log, app, *listener),
                       {.workers = 2,
                        .listeners = {&*listener},
                        .upgrade_command = std::move(arguments),
                        .notifier = notifier});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return launcher::MainStatus("upgrade", Run(std::move(arguments)));
}
