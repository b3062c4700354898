// SPDX-License-Identifier: Apache-2.0
//
// What tests/bench:launcher measures with an HTTP server in each worker, which
// is what nginx's workers are.

#include <cstdio>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/launcher.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/spdlog.h"
#include "tests/bench/launcher_main.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/server.h"

namespace {

using bergen::wsgi::Application;
using bergen::wsgi::Body;
using bergen::wsgi::Environ;
using bergen::wsgi::Server;
using bergen::wsgi::StartResponse;

absl::StatusOr<Body> Answer(Environ& /*environ*/,
                            StartResponse& start_response) {
  absl::Status started = start_response("200 OK", {});
  if (!started.ok()) return started;
  return Body("Hello, world!\n");
}

absl::Status AddServer(const bergen::Listener& http, Application& application,
                       const bergen::launcher::WorkerInfo& worker,
                       spdlog::logger& log, bergen::ServiceGroup& services) {
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Create(log, application, {&http}, {.vitals = worker.vitals});
  if (!server.ok()) return server.status();
  services.Add(*std::move(server));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::StatusOr<bergen::Listener> http =
      bergen::Listener::ListenTcp("http", "127.0.0.1", 0, {});
  if (!http.ok()) {
    std::fprintf(stderr, "%s\n", http.status().ToString().c_str());
    return 1;
  }
  bergen::wsgi::FunctionApplication application(Answer);
  return bergen::bench::RunLauncher(
      argc, argv, {&*http},
      [&](const bergen::launcher::WorkerInfo& worker, spdlog::logger& log,
          bergen::ServiceGroup& services) {
        return AddServer(*http, application, worker, log, services);
      });
}
