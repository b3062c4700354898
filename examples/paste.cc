// SPDX-License-Identifier: Apache-2.0
//
// How is a service put together by a paste-deploy file?
//
//   ./bazelw run //examples:paste -- --file="$PWD/examples/api-paste.ini"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/registry.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "service/listener.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "wsgi/application.h"
#include "wsgi/loader.h"
#include "wsgi/options.h"
#include "wsgi/paste_builtins.h"
#include "wsgi/paste_factories.h"
#include "wsgi/respond.h"
#include "wsgi/serve.h"

DEFINE_string(file, "api-paste.ini", "The paste-deploy file");
DEFINE_int32(port, 8080, "Where to listen; 0 picks a port");

using namespace bergen;        // NOLINT: an example.
using namespace bergen::wsgi;  // NOLINT

namespace {

using AppOr = absl::StatusOr<std::unique_ptr<Application>>;

absl::StatusOr<int> Run() {
  spdlog::logger log("paste",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  PasteFactories factories;
  config::Registry registry;
  absl::Status ready = AddPasteBuiltins(factories);
  ready.Update(factories.AddApp(
      "greet:factory",
      [](const PasteSettings&, const PasteSettings& locals) -> AppOr {
        auto greet = [text = std::string(*locals.Get("greeting"))](
                         Environ&, StartResponse& start) {
          return Respond(start, text + "\n");
        };
        return std::make_unique<FunctionApplication<decltype(greet)>>(greet);
      }));
  ready.Update(RegisterOpts(registry));
  ready.Update(registry.SetOverride("DEFAULT", "api_paste_config", FLAGS_file));
  if (!ready.ok()) return ready;
  const absl::StatusOr<Loader> loader =
      Loader::Create(log, registry, factories, {.directories = {"."}});
  if (!loader.ok()) return loader.status();
  const AppOr app = loader->LoadApp("main");
  if (!app.ok()) return app.status();
  auto http = Listener::ListenTcp("http", "127.0.0.1", FLAGS_port, {});
  if (!http.ok()) return http.status();
  log.info("listening on http://{}", http->address());
  const auto launcher =
      launcher::Launch(log, Serve(log, **app, *http), {.listeners = {&*http}});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return launcher::MainStatus("paste", Run());
}
