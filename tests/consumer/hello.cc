// SPDX-License-Identifier: Apache-2.0
//
// The smallest HTTP server, which is also the README's.

#include <cstdio>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/launch.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "wsgi/application.h"
#include "wsgi/server.h"

int main() {
  spdlog::logger log("hello",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto http = bergen::Listener::ListenTcp("http", "127.0.0.1", 0, {});
  if (!http.ok()) return 1;
  std::printf("listening on http://%s\n", http->address().c_str());
  std::fflush(stdout);

  bergen::wsgi::FunctionApplication app(
      [](bergen::wsgi::Environ&, bergen::wsgi::StartResponse& start)
          -> absl::StatusOr<bergen::wsgi::Body> {
        const absl::Status started =
            start("200 OK", {{"Content-Type", "text/plain"}});
        if (!started.ok()) return started;
        return bergen::wsgi::Body("Hello, world!\n");
      });
  auto launcher = bergen::launcher::Launch(
      log,
      [&](const bergen::launcher::WorkerInfo&, bergen::ServiceGroup& services) {
        auto server = bergen::wsgi::Server::Create(log, app, {&*http}, {});
        if (!server.ok()) return server.status();
        services.Add(*std::move(server));
        return absl::OkStatus();
      },
      {.workers = 2, .listeners = {&*http}});
  return launcher.ok() ? (*launcher)->Wait() : 1;
}
