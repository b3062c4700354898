// SPDX-License-Identifier: Apache-2.0
//
// Our server in tests/bench:wsgi and tests/bench:tls. It prints its port, and
// answers `/` with 13 bytes, `/upload` with the size of the body, and the rest
// with files.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gflags/gflags.h"
#include "launcher/launcher.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/spdlog.h"
#include "sslutils/server_context.h"
#include "sslutils/ticket_keys.h"
#include "tests/bench/launcher_main.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/server.h"
#include "wsgi/static_files.h"

DEFINE_bool(inline_app, false, "calls the application on the I/O thread");
DEFINE_bool(http2, false, "serves HTTP/2 too");
DEFINE_string(directory, "/tmp", "where the files are");
DEFINE_string(cert_file, "", "serves TLS with this certificate");
DEFINE_string(key_file, "", "and its key");

namespace {

using bergen::wsgi::Body;
using bergen::wsgi::Environ;
using bergen::wsgi::StartResponse;

class BenchApplication : public bergen::wsgi::Application {
 public:
  explicit BenchApplication(bergen::wsgi::Application& files)
      : files_(&files) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    const absl::string_view path = environ.path_info();
    if (path != "/" && path != "/upload") {
      return (*files_)(environ, start_response);
    }
    std::string answer = "Hello, world!";
    if (path == "/upload") {
      const absl::StatusOr<uint64_t> size = Count(environ.input());
      if (!size.ok()) return size.status();
      answer = absl::StrCat(*size);
    }
    absl::Status started =
        start_response("200 OK", {{"Content-Type", "text/plain"}});
    if (!started.ok()) return started;
    return Body(std::move(answer));
  }

 private:
  static absl::StatusOr<uint64_t> Count(bergen::wsgi::Input& input) {
    uint64_t all = 0;
    char buffer[65536];
    for (;;) {
      const absl::StatusOr<size_t> size = input.Read(buffer, sizeof(buffer));
      if (!size.ok()) return size.status();
      if (*size == 0) return all;
      all += *size;
    }
  }

  bergen::wsgi::Application* files_;
};

absl::Status AddServer(
    const bergen::Listener& http, bergen::wsgi::Application& application,
    const std::shared_ptr<bergen::sslutils::TicketKeys>& keys,
    const bergen::launcher::WorkerInfo& worker, spdlog::logger& log,
    bergen::ServiceGroup& services) {
  // The peers write no access log either.
  log.set_level(spdlog::level::warn);
  bergen::wsgi::ServerOptions options = {.max_connections = 0,
                                         .http2 = FLAGS_http2,
                                         .inline_app = FLAGS_inline_app,
                                         .vitals = worker.vitals};
  if (!FLAGS_cert_file.empty()) {
    std::vector<std::string> alpn = {"http/1.1"};
    if (FLAGS_http2) alpn.insert(alpn.begin(), "h2");
    absl::StatusOr<std::shared_ptr<bergen::sslutils::ServerContext>> tls =
        bergen::sslutils::ServerContext::Create({.cert_file = FLAGS_cert_file,
                                                 .key_file = FLAGS_key_file,
                                                 .alpn = std::move(alpn),
                                                 .ticket_keys = keys});
    if (!tls.ok()) return tls.status();
    options.tls = *std::move(tls);
  }
  absl::StatusOr<std::unique_ptr<bergen::wsgi::Server>> server =
      bergen::wsgi::Server::Create(log, application, {&http}, options);
  if (!server.ok()) return server.status();
  services.Add(*std::move(server));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  absl::StatusOr<bergen::Listener> http =
      bergen::Listener::ListenTcp("http", "127.0.0.1", 0, {});
  auto files = bergen::wsgi::StaticFiles::Create(FLAGS_directory, {});
  auto keys = bergen::sslutils::TicketKeys::Create({});
  for (const absl::Status& status :
       {http.status(), files.status(), keys.status()}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("%d\n", http->port());
  std::fflush(stdout);
  BenchApplication application(**files);
  return bergen::bench::RunLauncher(
      argc, argv, {&*http},
      [&](const bergen::launcher::WorkerInfo& worker, spdlog::logger& log,
          bergen::ServiceGroup& services) {
        return AddServer(*http, application, *keys, worker, log, services);
      });
}
