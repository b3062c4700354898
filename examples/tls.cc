// SPDX-License-Identifier: Apache-2.0
//
// How is a service reached by TLS, and knows who calls?
//
//   ./bazelw run //examples:tls -- --config_file=/etc/tls.conf
//
// with [ssl] cert_file and key_file in the file; ca_file makes the certificates
// of clients mandatory. Renewed files are used from the next connection on,
// within a second, without a signal; HUP reads other names of files.

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/flags.h"
#include "config/registry.h"
#include "config/sources.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "sslutils/options.h"
#include "wsgi/application.h"
#include "wsgi/respond.h"
#include "wsgi/serve.h"

DEFINE_int32(port, 8443, "Where to listen; 0 picks a port");

using namespace bergen;        // NOLINT: an example.
using namespace bergen::wsgi;  // NOLINT

namespace {

absl::StatusOr<Body> Greet(Environ& environ, StartResponse& start) {
  return Respond(
      start, absl::StrCat(
                 "Hello, ",
                 environ.Get("SSL_CLIENT_S_DN_CN").value_or("stranger"), "\n"));
}

absl::StatusOr<int> Run(const config::CommandLine& command_line) {
  spdlog::logger log("tls", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  config::Registry registry;
  if (auto added = sslutils::RegisterOpts(registry); !added.ok()) return added;
  const auto report = registry.Load(config::MakeSources(command_line));
  if (!report.ok()) return report.status();
  FunctionApplication app(Greet);
  auto listener = Listener::ListenTcp("https", "127.0.0.1", FLAGS_port, {});
  if (!listener.ok()) return listener.status();
  log.info("listening on https://{}", listener->address());
  const auto launcher = launcher::Launch(
      registry, log,
      [&](const launcher::WorkerInfo& worker,
          ServiceGroup& services) -> absl::Status {
        auto tls = sslutils::Wrap(registry, {"http/1.1"});
        if (!tls.ok()) return tls.status();
        return Serve(log, app, *listener, {.tls = *tls})(worker, services);
      },
      {.listeners = {&*listener}});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  const auto line = config::ParseCommandLine(&argc, &argv);
  return launcher::MainStatus("tls", line.ok() ? Run(*line) : line.status());
}
