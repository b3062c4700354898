// SPDX-License-Identifier: Apache-2.0
//
// The smallest HTTP server, which is also the README's.

#include <cstdio>
#include <memory>

#include "launcher/launch.h"
#include "service/listener.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "wsgi/application.h"
#include "wsgi/respond.h"
#include "wsgi/serve.h"

int main() {
  spdlog::logger log("hello",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto http = bergen::Listener::ListenTcp("http", "127.0.0.1", 0, {});
  if (!http.ok()) return 1;
  std::printf("listening on http://%s\n", http->address().c_str());
  std::fflush(stdout);

  bergen::wsgi::FunctionApplication app(
      [](bergen::wsgi::Environ&, bergen::wsgi::StartResponse& start) {
        return bergen::wsgi::Respond(start, "Hello, world!\n");
      });
  auto launcher =
      bergen::launcher::Launch(log, bergen::wsgi::Serve(log, app, *http),
                               {.workers = 2, .listeners = {&*http}});
  return launcher.ok() ? (*launcher)->Wait() : 1;
}
