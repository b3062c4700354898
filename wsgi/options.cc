// SPDX-License-Identifier: Apache-2.0

#include "wsgi/options.h"

#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "config/handle.h"
#include "config/registrar.h"
#include "wsgi/access_log.h"

namespace bergen::wsgi {
namespace {

using config::Handle;
using config::Option;

constexpr int64_t kMaxInt = std::numeric_limits<int>::max();

Option<std::string> ApiPasteConfig() {
  return {.name = "api_paste_config",
          .default_value = "api-paste.ini",
          .help = "File name for the paste.deploy config for api service."};
}

Option<std::string> WsgiLogFormat() {
  return {.name = "wsgi_log_format",
          .default_value = std::string(kDefaultLogFormat),
          .help =
              "Template of the access log's lines. It may use client_ip, "
              "client_port, date_time, request_line, status_code, "
              "body_length, wall_seconds and request_id, written %(name)s. "
              "json writes a JSON object a line instead."};
}

Option<int64_t> TcpKeepidle() {
  return {.name = "tcp_keepidle",
          .default_value = 600,
          .help =
              "Idle seconds of a client's connection after which TCP asks "
              "whether the client is there; 0 for the system's default.",
          .min = 0,
          .max = 32767};
}

Option<int64_t> WsgiDefaultPoolSize() {
  return {.name = "wsgi_default_pool_size",
          .default_value = 100,
          .help = "The most requests that one worker handles at once.",
          .min = 1,
          .max = kMaxInt};
}

Option<int64_t> MaxHeaderLine() {
  return {.name = "max_header_line",
          .default_value = 16384,
          .help =
              "Maximum size in bytes of a request's header line. Large "
              "tokens may need more.",
          .min = 64,
          .max = kMaxInt};
}

Option<bool> WsgiKeepAlive() {
  return {.name = "wsgi_keep_alive",
          .default_value = true,
          .help =
              "If false, closes the client's connection after each "
              "response."};
}

Option<int64_t> ClientSocketTimeout() {
  return {.name = "client_socket_timeout",
          .default_value = 900,
          .help =
              "Seconds after which a connection that idles, or a client "
              "that neither sends nor takes anything, is given up; 0 waits "
              "for ever.",
          .min = 0,
          .max = kMaxInt};
}

Option<bool> WsgiServerDebug() {
  return {.name = "wsgi_server_debug",
          .default_value = false,
          .help =
              "True sends the application's error to the client in the "
              "body of a 500 response."};
}

Option<double> WsgiDrainGrace() {
  return {.name = "wsgi_drain_grace",
          .default_value = 1.0,
          .help =
              "Seconds during which a worker that stops still serves one "
              "request of each idle connection, before it closes it.",
          .min = 0,
          .max = 3600};
}

Option<double> WsgiRequestDeadline() {
  return {.name = "wsgi_request_deadline",
          .default_value = 0,
          .help =
              "Seconds that a request may take before its worker counts as "
              "hanging (see worker_hang_timeout). 0: as long as it wants.",
          .min = 0};
}

struct Handles {
  Handle<std::string> api_paste_config;
  Handle<std::string> wsgi_log_format;
  Handle<int64_t> tcp_keepidle;
  Handle<int64_t> wsgi_default_pool_size;
  Handle<int64_t> max_header_line;
  Handle<bool> wsgi_keep_alive;
  Handle<int64_t> client_socket_timeout;
  Handle<bool> wsgi_server_debug;
  Handle<double> wsgi_drain_grace;
  Handle<double> wsgi_request_deadline;
};

absl::StatusOr<Handles> RegisterHandles(config::Registry& registry) {
  config::Registrar add(registry, config::kDefaultGroup);
  const Handles handles = {
      .api_paste_config = add(ApiPasteConfig()),
      .wsgi_log_format = add(WsgiLogFormat()),
      .tcp_keepidle = add(TcpKeepidle()),
      .wsgi_default_pool_size = add(WsgiDefaultPoolSize()),
      .max_header_line = add(MaxHeaderLine()),
      .wsgi_keep_alive = add(WsgiKeepAlive()),
      .client_socket_timeout = add(ClientSocketTimeout()),
      .wsgi_server_debug = add(WsgiServerDebug()),
      .wsgi_drain_grace = add(WsgiDrainGrace()),
      .wsgi_request_deadline = add(WsgiRequestDeadline()),
  };
  if (!add.status().ok()) return add.status();
  return handles;
}

}  // namespace

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {ApiPasteConfig(), WsgiLogFormat(), TcpKeepidle(),
                       WsgiDefaultPoolSize(), MaxHeaderLine(), WsgiKeepAlive(),
                       ClientSocketTimeout(), WsgiServerDebug(),
                       WsgiDrainGrace(), WsgiRequestDeadline()}}};
}

absl::Status RegisterOpts(config::Registry& registry) {
  return RegisterHandles(registry).status();
}

absl::StatusOr<ServerOptions> ConfiguredOptions(config::Registry& registry) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  const int64_t timeout = handles->client_socket_timeout.Get();
  ServerOptions options;
  options.pool_size = static_cast<int>(handles->wsgi_default_pool_size.Get());
  options.keep_alive = handles->wsgi_keep_alive.Get();
  options.client_socket_timeout =
      timeout == 0 ? absl::InfiniteDuration() : absl::Seconds(timeout);
  options.max_header_line = static_cast<size_t>(handles->max_header_line.Get());
  options.debug = handles->wsgi_server_debug.Get();
  options.drain_grace = absl::Seconds(handles->wsgi_drain_grace.Get());
  if (const double deadline = handles->wsgi_request_deadline.Get();
      deadline > 0) {
    options.request_deadline = absl::Seconds(deadline);
  }
  options.log_format = handles->wsgi_log_format.Get();
  return options;
}

absl::StatusOr<ListenerOptions> ConfiguredListenerOptions(
    config::Registry& registry) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  ListenerOptions options;
  options.tcp_keepidle = absl::Seconds(handles->tcp_keepidle.Get());
  return options;
}

absl::StatusOr<std::string> PasteConfig(config::Registry& registry) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  return handles->api_paste_config.Get();
}

}  // namespace bergen::wsgi
