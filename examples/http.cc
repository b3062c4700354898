// SPDX-License-Identifier: Apache-2.0
//
// How does an HTTP service choose what answers, and add to all answers?
//
//   ./bazelw run //examples:http
//   curl -i http://127.0.0.1:8080/servers/7

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "service/listener.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/respond.h"
#include "wsgi/router.h"
#include "wsgi/serve.h"

DEFINE_int32(port, 8080, "Where to listen; 0 picks a port");

using namespace bergen;        // NOLINT: an example.
using namespace bergen::wsgi;  // NOLINT

namespace {

absl::StatusOr<Body> ShowServer(Environ& environ, StartResponse& start) {
  return Respond(start,
                 absl::StrCat("server ", *RouteVariable(environ, "id"), " of ",
                              *environ.Get("example.user"), "\n"));
}

// Middleware: lets in who says who he is, and tells what it wraps.
class Authenticate : public Application {
 public:
  explicit Authenticate(Application& next) : next_(&next) {}
  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start) override {
    const auto user = environ.Header("X-User");
    if (!user.has_value()) return Respond(start, "who?\n", "401 Unauthorized");
    environ.Set("example.user", *user);
    return (*next_)(environ, start);
  }

 private:
  Application* const next_;
};

absl::StatusOr<int> Run() {
  spdlog::logger log("http", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  FunctionApplication show_server(ShowServer);
  Router router;
  absl::Status added = router.Add("GET", "/servers/{id}", show_server);
  if (!added.ok()) return added;
  Authenticate app(router);
  auto listener = Listener::ListenTcp("http", "127.0.0.1", FLAGS_port, {});
  if (!listener.ok()) return listener.status();
  log.info("listening on http://{}", listener->address());
  const auto launcher =
      launcher::Launch(log, Serve(log, app, *listener),
                       {.workers = 2, .listeners = {&*listener}});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return launcher::MainStatus("http", Run());
}
