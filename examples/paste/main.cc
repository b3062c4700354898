// SPDX-License-Identifier: Apache-2.0
//
// Serves the application `main` of a paste-deploy file:
//
//   bazel run //examples/paste -- "$PWD/examples/paste/api-paste.ini"

#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/registry.h"
#include "launcher/launch.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "wsgi/application.h"
#include "wsgi/loader.h"
#include "wsgi/options.h"
#include "wsgi/paste_builtins.h"
#include "wsgi/paste_factories.h"
#include "wsgi/server.h"

using namespace bergen;        // NOLINT: an example.
using namespace bergen::wsgi;  // NOLINT

namespace {

using AppOr = absl::StatusOr<std::unique_ptr<Application>>;

// Says a greeting, which is a setting of its section.
class Greeter : public Application {
 public:
  explicit Greeter(absl::string_view greeting) : greeting_(greeting) {}
  absl::StatusOr<Body> operator()(Environ&, StartResponse& start) override {
    absl::Status started = start("200 OK", {{"Content-Type", "text/plain"}});
    if (!started.ok()) return started;
    return Body(absl::StrCat(greeting_, "\n"));
  }

 private:
  std::string greeting_;
};

absl::StatusOr<int> Run(spdlog::logger& log, const std::string& file) {
  PasteFactories factories;
  config::Registry registry;
  absl::Status ready = AddPasteBuiltins(factories);
  ready.Update(factories.AddApp(
      "greet:factory", [](const PasteSettings&, const PasteSettings& locals) {
        return AppOr(std::make_unique<Greeter>(
            locals.Get("greeting").value_or("Hello!")));
      }));
  ready.Update(RegisterOpts(registry));
  ready.Update(registry.SetOverride("DEFAULT", "api_paste_config", file));
  if (!ready.ok()) return ready;
  const absl::StatusOr<Loader> loader =
      Loader::Create(log, registry, factories, {.directories = {"."}});
  if (!loader.ok()) return loader.status();
  const AppOr app = loader->LoadApp("main");
  if (!app.ok()) return app.status();
  auto http = Listener::ListenTcp("http", "127.0.0.1", 0, {});
  if (!http.ok()) return http.status();
  std::printf("listening on http://%s\n", http->address().c_str());
  std::fflush(stdout);
  const auto launcher = launcher::Launch(
      log,
      [&](const launcher::WorkerInfo&, ServiceGroup& services) {
        auto server = Server::Create(log, **app, {&*http}, {});
        if (!server.ok()) return server.status();
        services.Add(*std::move(server));
        return absl::OkStatus();
      },
      {.listeners = {&*http}});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::logger log("paste",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const absl::StatusOr<int> code = Run(log, argc > 1 ? argv[1] : "");
  if (!code.ok()) log.error("{}", std::string(code.status().message()));
  return code.ok() ? *code : 1;
}
