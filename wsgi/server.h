// SPDX-License-Identifier: Apache-2.0
//
// An HTTP server for one application, as a service.
//
//   absl::StatusOr<std::unique_ptr<Server>> server =
//       Server::Create(log, app, {&listener}, {});
//   if (!server.ok()) return server.status();
//   if (absl::Status started = (*server)->Start(); !started.ok()) return
//   started;
//   ...
//   (*server)->Stop();
//   return (*server)->Wait();
//
// One thread does the waiting: for connections, requests and clients that idle.
// A request that has arrived is handled by a thread of a pool, which the
// application may block. Connections that idle occupy no thread of the pool,
// nor do clients that take their time with a body, as long as it fits into the
// buffer, or with a response. Requests that a client has sent ahead are handled
// together, some at a time, and as long as the application is quick their
// responses are sent together.
//
// Source: `wsgi.Server` in oslo.service. Differences: the pool counts requests
// and not connections, the client is told when its connection will be closed,
// early errors have a status line and are in the access log, pieces of a body
// are sent as they come, and stopping loses no request (see `Stop`).

#ifndef WSGI_SERVER_H_
#define WSGI_SERVER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/listener.h"
#include "service/service.h"
#include "service/vitals.h"
#include "spdlog/fwd.h"
#include "sslutils/server_context.h"
#include "wsgi/access_log.h"
#include "wsgi/application.h"
#include "wsgi/connection_state.h"
#include "wsgi/http2_limits.h"
#include "wsgi/server_counters.h"

namespace bergen::wsgi {

struct ServerOptions {
  // For logs and status.
  std::string name = "wsgi";
  // The most requests handled at once, at least 1; more wait their turn, for
  // `queue_timeout` at most.
  int pool_size = 100;
  // False closes each connection after one response.
  bool keep_alive = true;

  // Times, positive; `absl::InfiniteDuration()` waits for ever.
  // How long a connection may idle. It bounds the next three too: a client that
  // is silent for as long as this amid a head gets no answer, as in the
  // original.
  absl::Duration client_socket_timeout = absl::Seconds(900);
  // From the first byte of a head to its last; 408 otherwise.
  absl::Duration header_timeout = absl::Seconds(60);
  // Silence of a client amid its body, which is a 408, and of one that does not
  // take its response, which is cut off.
  absl::Duration body_timeout = absl::Seconds(60);
  absl::Duration write_timeout = absl::Seconds(60);
  // The same happens to one that keeps the server waiting for longer than that
  // and the time that this many bytes a second would take; 0: no matter how
  // slow.
  uint64_t least_rate = 500;
  // How long a request may wait for a thread of the pool before it gets a 503,
  // with Retry-After, and its connection is closed.
  absl::Duration queue_timeout = absl::InfiniteDuration();
  // How long a TLS handshake may take.
  absl::Duration handshake_timeout = absl::Seconds(30);
  // How long, after `Stop`, an idle connection may still send a request; may be
  // zero.
  absl::Duration drain_grace = absl::Seconds(1);

  // In bytes, line ends counted; what is not smaller is refused, with 431 and
  // 414. At least 64.
  size_t max_header_line = 16384;
  size_t max_url_len = 8192;  // Of the whole request line.
  // More header lines, or more bytes in all of them, are refused with 431. At
  // least 1 and 64.
  int max_headers = 100;
  size_t max_headers_size = 65536;
  // Bytes of a request's body; more is refused with 413.
  uint64_t max_body_size = std::numeric_limits<uint64_t>::max();
  // Bytes of a request's body, or all of it, that are received before the
  // application is called; for more, and with 0 for all of it, a thread waits
  // when it reads. A client that says `Expect: 100-continue` is told to
  // continue before that wait, as nginx does, and with 0 when the application
  // reads, as in the original.
  size_t body_buffer = 65536;

  // The most connections at once, in all and from one address; more are closed
  // when they come. 0: any number. UNIX sockets count in all only.
  int max_connections = 16384;
  int max_connections_per_address = 0;
  // The most TLS handshakes at once: the oldest gives way to the next. 0: any
  // number.
  int max_handshakes = 1000;
  // If `http2`.
  Http2Limits http2_limits;
  // A connection is closed after so many; 0: any number.
  uint64_t max_requests_per_connection = 0;

  // Serves HTTP/2 too: to clients that begin with it, and over TLS to those
  // that choose `h2` if `tls` offers it.
  bool http2 = true;
  // A 500 says in its body what the application's error was.
  bool debug = false;
  // See access_log.h.
  std::string log_format = std::string(kDefaultLogFormat);
  // Calls the application on the thread that waits, which is fast and
  // lets a slow application hold up every client. Requests with bodies larger
  // than `body_buffer`, and what sources still have for responses that the
  // client does not take at once, go to the pool.
  bool inline_app = false;
  // Null: plain HTTP. While connections come, changed files are noticed within
  // a second and used from the next connection on.
  std::shared_ptr<sslutils::ServerContext> tls;
  // Where it counts; null: for itself. Must outlive the server.
  ServerCounters* counters = nullptr;
  // Told of requests; null: nobody is. Must outlive the server.
  Vitals* vitals = nullptr;
  // How long a request may occupy a thread, from when it gets one until it
  // waits for its client, before `vitals` says that this process is sick.
  // `absl::InfiniteDuration()`: as long as it wants.
  absl::Duration request_deadline = absl::InfiniteDuration();
  // Other processes serve the same application (`wsgi.multiprocess`).
  bool multiprocess = false;
};

// Thread-safe, as far as the contract of `Service` allows.
class Server : public Service {
 public:
  // `log`, `app` and the listeners must outlive it; at least one listener is
  // required. InvalidArgument names the option that is out of bounds.
  static absl::StatusOr<std::unique_ptr<Server>> Create(
      spdlog::logger& log, Application& app,
      std::vector<const Listener*> listeners, const ServerOptions& options);

  // If it was started and not waited for: stops, and cuts off connections that
  // are not idle.
  ~Server() override;

  absl::string_view name() const override;

  // Creates the thread that waits; when this returns, clients are served. The
  // server works with descriptors of its own: whoever owns the listeners closes
  // them for good. Returns the error of the system that has no more
  // descriptors.
  absl::Status Start() override;

  // Accepts the connections that are waiting in the kernel's queue and closes
  // this server's descriptors of the listeners; when this returns, whoever
  // owns the listeners may shut them down. Requests that have begun to
  // arrive are served. Idle connections may send one more, within
  // `drain_grace`. The last response on each says `Connection: close`.
  void Stop() override;

  // Until every connection is closed and every thread has ended.
  absl::Status Wait() override;

  // Reads the files of TLS again. Its errors leave the certificate in use as
  // it was. Other options stay as they were given.
  absl::Status Reset() override;

  // From any thread.
  const ServerCounters& counters() const;

  // The connections as they are, asked of the thread that waits: takes as long
  // as their number does. From any thread but that of an `inline_app`.
  // Unavailable if the server is not started; DeadlineExceeded if there is no
  // answer within `timeout`, as when it has stopped, or is held up.
  absl::StatusOr<std::vector<ConnectionState>> Connections(
      absl::Duration timeout) const;

 private:
  class Impl;

  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_SERVER_H_
