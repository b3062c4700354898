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
              "Seconds that a request may occupy a thread, while it does not "
              "wait for its client, before its worker counts as hanging (see "
              "worker_hang_timeout). 0: as long as it wants.",
          .min = 0};
}

Option<double> WsgiHeaderTimeout() {
  return {.name = "wsgi_header_timeout",
          .default_value = 60,
          .help =
              "Seconds from the first byte of a request's head to its last; "
              "then the client gets a 408. 0: as client_socket_timeout, "
              "which bounds it anyway.",
          .min = 0};
}

Option<double> WsgiBodyTimeout() {
  return {.name = "wsgi_body_timeout",
          .default_value = 60,
          .help =
              "Seconds that a client may be silent amid its request's body; "
              "then it gets a 408. 0: as client_socket_timeout.",
          .min = 0};
}

Option<double> WsgiWriteTimeout() {
  return {.name = "wsgi_write_timeout",
          .default_value = 60,
          .help =
              "Seconds that a client may take nothing of its response; then "
              "it is cut off. 0: as client_socket_timeout.",
          .min = 0};
}

Option<double> WsgiQueueTimeout() {
  return {.name = "wsgi_queue_timeout",
          .default_value = 0,
          .help =
              "Seconds that a request may wait while all of "
              "wsgi_default_pool_size are busy; then it gets a 503 with "
              "Retry-After. 0: as long as it takes.",
          .min = 0};
}

Option<int64_t> WsgiLeastRate() {
  return {.name = "wsgi_least_rate",
          .default_value = 500,
          .help =
              "Bytes a second of a body that a client must send, or of a "
              "response that it must take, in the long run: it may not keep "
              "the server waiting for longer than this needs and the "
              "timeout together. 0: no matter how slow.",
          .min = 0,
          .max = kMaxInt};
}

Option<double> WsgiHandshakeTimeout() {
  return {.name = "wsgi_handshake_timeout",
          .default_value = 30,
          .help =
              "Seconds that a TLS handshake may take. 0: as long as it "
              "wants.",
          .min = 0};
}

Option<int64_t> WsgiMaxRequestLine() {
  return {.name = "wsgi_max_request_line",
          .default_value = 8192,
          .help =
              "A request line of so many bytes, or more, is refused with "
              "414.",
          .min = 64,
          .max = kMaxInt};
}

Option<int64_t> WsgiMaxHeaders() {
  return {.name = "wsgi_max_headers",
          .default_value = 100,
          .help = "A request with more header lines is refused with 431.",
          .min = 1,
          .max = kMaxInt};
}

Option<int64_t> WsgiMaxHeadersSize() {
  return {.name = "wsgi_max_headers_size",
          .default_value = 65536,
          .help =
              "A request with more bytes in all its header lines is refused "
              "with 431.",
          .min = 64,
          .max = kMaxInt};
}

Option<int64_t> WsgiMaxBodySize() {
  return {.name = "wsgi_max_body_size",
          .default_value = 0,
          .help =
              "A request with more bytes in its body is refused with 413. "
              "0: any number.",
          .min = 0};
}

Option<int64_t> WsgiBodyBuffer() {
  return {.name = "wsgi_body_buffer",
          .default_value = 65536,
          .help =
              "Bytes of a request's body, or all of it, that are received "
              "before a thread is needed: what a slow client may cost in "
              "memory instead. A client that says Expect: 100-continue is "
              "told to continue before that. 0: the application is called at "
              "once, and the client told to continue when it reads.",
          .min = 0,
          .max = kMaxInt};
}

Option<int64_t> WsgiMaxConnections() {
  return {.name = "wsgi_max_connections",
          .default_value = 16384,
          .help =
              "The most connections of one worker at once; more are closed "
              "when they come. 0: as many as there are descriptors.",
          .min = 0,
          .max = kMaxInt};
}

Option<int64_t> WsgiMaxConnectionsPerAddress() {
  return {.name = "wsgi_max_connections_per_address",
          .default_value = 0,
          .help =
              "The most connections from one address to one worker. 0: any "
              "number, which is needed behind a proxy.",
          .min = 0,
          .max = kMaxInt};
}

Option<int64_t> WsgiMaxHandshakes() {
  return {.name = "wsgi_max_handshakes",
          .default_value = 1000,
          .help =
              "The most TLS handshakes of one worker at once: the oldest "
              "gives way to the next. 0: any number.",
          .min = 0,
          .max = kMaxInt};
}

Option<int64_t> WsgiMaxRequestsPerConnection() {
  return {.name = "wsgi_max_requests_per_connection",
          .default_value = 0,
          .help = "Requests after which a connection is closed. 0: any number.",
          .min = 0};
}

Option<bool> WsgiHttp2() {
  return {.name = "wsgi_http2",
          .default_value = true,
          .help =
              "Serves HTTP/2 too: over TLS to clients that choose it, "
              "otherwise to those that begin with it."};
}

Option<int64_t> WsgiHttp2MaxStreams() {
  return {
      .name = "wsgi_http2_max_streams",
      .default_value = 100,
      .help = "Requests at once of one connection of HTTP/2; more are refused.",
      .min = 1,
      .max = kMaxInt};
}

Option<int64_t> WsgiHttp2Window() {
  return {.name = "wsgi_http2_window",
          .default_value = 131072,
          .help =
              "Bytes of the body of a request of HTTP/2 that are received "
              "before they are read.",
          .min = 1,
          .max = kMaxInt};
}

Option<int64_t> WsgiHttp2Resets() {
  return {.name = "wsgi_http2_resets",
          .default_value = 200,
          .help =
              "Requests of one connection of HTTP/2 that its client may reset, "
              "or send wrongly, at once; more end the connection.",
          .min = 1,
          .max = kMaxInt};
}

Option<int64_t> WsgiHttp2ResetsPerSecond() {
  return {.name = "wsgi_http2_resets_per_second",
          .default_value = 20,
          .help = "The same, each second in the long run.",
          .min = 0,
          .max = kMaxInt};
}

Option<int64_t> WsgiHttp2IdleFrames() {
  return {.name = "wsgi_http2_idle_frames",
          .default_value = 1000,
          .help =
              "Frames of HTTP/2 that move nothing, such as PING and SETTINGS, "
              "that a client may send at once; more end the connection.",
          .min = 1,
          .max = kMaxInt};
}

Option<int64_t> WsgiHttp2IdleFramesPerSecond() {
  return {.name = "wsgi_http2_idle_frames_per_second",
          .default_value = 100,
          .help = "The same, each second in the long run.",
          .min = 0,
          .max = kMaxInt};
}

Option<int64_t> WsgiHttp2Continuations() {
  return {.name = "wsgi_http2_continuations",
          .default_value = 8,
          .help =
              "CONTINUATION frames of one request's head; more end the "
              "connection of HTTP/2.",
          .min = 1,
          .max = kMaxInt};
}

// 0 waits for ever.
absl::Duration Timeout(double seconds) {
  return seconds == 0 ? absl::InfiniteDuration() : absl::Seconds(seconds);
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
  Handle<double> wsgi_header_timeout;
  Handle<double> wsgi_body_timeout;
  Handle<double> wsgi_write_timeout;
  Handle<double> wsgi_queue_timeout;
  Handle<int64_t> wsgi_least_rate;
  Handle<double> wsgi_handshake_timeout;
  Handle<int64_t> wsgi_max_request_line;
  Handle<int64_t> wsgi_max_headers;
  Handle<int64_t> wsgi_max_headers_size;
  Handle<int64_t> wsgi_max_body_size;
  Handle<int64_t> wsgi_body_buffer;
  Handle<int64_t> wsgi_max_connections;
  Handle<int64_t> wsgi_max_connections_per_address;
  Handle<int64_t> wsgi_max_handshakes;
  Handle<int64_t> wsgi_max_requests_per_connection;
  Handle<bool> wsgi_http2;
  Handle<int64_t> wsgi_http2_max_streams;
  Handle<int64_t> wsgi_http2_window;
  Handle<int64_t> wsgi_http2_resets;
  Handle<int64_t> wsgi_http2_resets_per_second;
  Handle<int64_t> wsgi_http2_idle_frames;
  Handle<int64_t> wsgi_http2_idle_frames_per_second;
  Handle<int64_t> wsgi_http2_continuations;
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
      .wsgi_header_timeout = add(WsgiHeaderTimeout()),
      .wsgi_body_timeout = add(WsgiBodyTimeout()),
      .wsgi_write_timeout = add(WsgiWriteTimeout()),
      .wsgi_queue_timeout = add(WsgiQueueTimeout()),
      .wsgi_least_rate = add(WsgiLeastRate()),
      .wsgi_handshake_timeout = add(WsgiHandshakeTimeout()),
      .wsgi_max_request_line = add(WsgiMaxRequestLine()),
      .wsgi_max_headers = add(WsgiMaxHeaders()),
      .wsgi_max_headers_size = add(WsgiMaxHeadersSize()),
      .wsgi_max_body_size = add(WsgiMaxBodySize()),
      .wsgi_body_buffer = add(WsgiBodyBuffer()),
      .wsgi_max_connections = add(WsgiMaxConnections()),
      .wsgi_max_connections_per_address = add(WsgiMaxConnectionsPerAddress()),
      .wsgi_max_handshakes = add(WsgiMaxHandshakes()),
      .wsgi_max_requests_per_connection = add(WsgiMaxRequestsPerConnection()),
      .wsgi_http2 = add(WsgiHttp2()),
      .wsgi_http2_max_streams = add(WsgiHttp2MaxStreams()),
      .wsgi_http2_window = add(WsgiHttp2Window()),
      .wsgi_http2_resets = add(WsgiHttp2Resets()),
      .wsgi_http2_resets_per_second = add(WsgiHttp2ResetsPerSecond()),
      .wsgi_http2_idle_frames = add(WsgiHttp2IdleFrames()),
      .wsgi_http2_idle_frames_per_second = add(WsgiHttp2IdleFramesPerSecond()),
      .wsgi_http2_continuations = add(WsgiHttp2Continuations()),
  };
  if (!add.status().ok()) return add.status();
  return handles;
}

}  // namespace

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {ApiPasteConfig(),
                       WsgiLogFormat(),
                       TcpKeepidle(),
                       WsgiDefaultPoolSize(),
                       MaxHeaderLine(),
                       WsgiKeepAlive(),
                       ClientSocketTimeout(),
                       WsgiServerDebug(),
                       WsgiDrainGrace(),
                       WsgiRequestDeadline(),
                       WsgiHeaderTimeout(),
                       WsgiBodyTimeout(),
                       WsgiWriteTimeout(),
                       WsgiQueueTimeout(),
                       WsgiLeastRate(),
                       WsgiHandshakeTimeout(),
                       WsgiMaxRequestLine(),
                       WsgiMaxHeaders(),
                       WsgiMaxHeadersSize(),
                       WsgiMaxBodySize(),
                       WsgiBodyBuffer(),
                       WsgiMaxConnections(),
                       WsgiMaxConnectionsPerAddress(),
                       WsgiMaxHandshakes(),
                       WsgiMaxRequestsPerConnection(),
                       WsgiHttp2(),
                       WsgiHttp2MaxStreams(),
                       WsgiHttp2Window(),
                       WsgiHttp2Resets(),
                       WsgiHttp2ResetsPerSecond(),
                       WsgiHttp2IdleFrames(),
                       WsgiHttp2IdleFramesPerSecond(),
                       WsgiHttp2Continuations()}}};
}

absl::Status RegisterOpts(config::Registry& registry) {
  return RegisterHandles(registry).status();
}

absl::StatusOr<ServerOptions> ConfiguredOptions(config::Registry& registry) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  ServerOptions options;
  options.pool_size = static_cast<int>(handles->wsgi_default_pool_size.Get());
  options.keep_alive = handles->wsgi_keep_alive.Get();
  options.client_socket_timeout =
      Timeout(static_cast<double>(handles->client_socket_timeout.Get()));
  options.header_timeout = Timeout(handles->wsgi_header_timeout.Get());
  options.body_timeout = Timeout(handles->wsgi_body_timeout.Get());
  options.write_timeout = Timeout(handles->wsgi_write_timeout.Get());
  options.queue_timeout = Timeout(handles->wsgi_queue_timeout.Get());
  options.least_rate = static_cast<uint64_t>(handles->wsgi_least_rate.Get());
  options.handshake_timeout = Timeout(handles->wsgi_handshake_timeout.Get());
  options.max_url_len =
      static_cast<size_t>(handles->wsgi_max_request_line.Get());
  options.max_headers = static_cast<int>(handles->wsgi_max_headers.Get());
  options.max_headers_size =
      static_cast<size_t>(handles->wsgi_max_headers_size.Get());
  if (const int64_t size = handles->wsgi_max_body_size.Get(); size > 0) {
    options.max_body_size = static_cast<uint64_t>(size);
  }
  options.body_buffer = static_cast<size_t>(handles->wsgi_body_buffer.Get());
  options.max_connections =
      static_cast<int>(handles->wsgi_max_connections.Get());
  options.max_connections_per_address =
      static_cast<int>(handles->wsgi_max_connections_per_address.Get());
  options.max_handshakes = static_cast<int>(handles->wsgi_max_handshakes.Get());
  options.max_requests_per_connection =
      static_cast<uint64_t>(handles->wsgi_max_requests_per_connection.Get());
  options.max_header_line = static_cast<size_t>(handles->max_header_line.Get());
  options.http2 = handles->wsgi_http2.Get();
  options.http2_limits.max_streams =
      static_cast<uint32_t>(handles->wsgi_http2_max_streams.Get());
  options.http2_limits.window =
      static_cast<uint32_t>(handles->wsgi_http2_window.Get());
  options.http2_limits.resets =
      static_cast<uint32_t>(handles->wsgi_http2_resets.Get());
  options.http2_limits.resets_per_second =
      static_cast<uint32_t>(handles->wsgi_http2_resets_per_second.Get());
  options.http2_limits.idle_frames =
      static_cast<uint32_t>(handles->wsgi_http2_idle_frames.Get());
  options.http2_limits.idle_frames_per_second =
      static_cast<uint32_t>(handles->wsgi_http2_idle_frames_per_second.Get());
  options.http2_limits.continuations =
      static_cast<uint32_t>(handles->wsgi_http2_continuations.Get());
  options.debug = handles->wsgi_server_debug.Get();
  options.drain_grace = absl::Seconds(handles->wsgi_drain_grace.Get());
  options.request_deadline = Timeout(handles->wsgi_request_deadline.Get());
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
