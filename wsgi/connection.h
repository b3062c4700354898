// SPDX-License-Identifier: Apache-2.0
//
// One client's connection, as the server's loop keeps it: who may touch it,
// what it waits for and until when.

#ifndef WSGI_CONNECTION_H_
#define WSGI_CONNECTION_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"
#include "wsgi/environ.h"
#include "wsgi/event_loop.h"
#include "wsgi/exchange.h"
#include "wsgi/http1.h"
#include "wsgi/http2_connection.h"

namespace bergen::wsgi {

// Addresses of both ends of a connected socket.
ConnectionInfo DescribeConnection(int fd);

// Belongs to the loop's thread, except while a request is handled: then
// `channel`, `scanner`, `exchange`, `in_progress`, `after` and `since` belong
// to the thread that handles it.
struct Connection {
  // How much of a request's line is kept to be shown.
  static constexpr size_t kShownLine = 64;

  // What the loop does with it.
  enum class Stage {
    kHandshake,
    kServing,
    kWaiting,  // For what `exchange` waits for.
    kLingering,
  };

  // Whose it is.
  enum State : int {
    kIdle,  // The loop's.
    kBusy,  // Handed over. The handler gives it back by setting kIdle.
    // Handed over, and the loop looks for nothing on its socket. The handler
    // must give it back through the loop's inbox.
    kBusyQuiet,
  };

  Connection(UniqueFd connected, std::unique_ptr<sslutils::Stream> tls,
             ConnectionInfo info, const HeadLimits& limits, EventLoop& loop,
             EventLoop::Handler& handler)
      : fd(std::move(connected)),
        channel{Transport(fd.get(), std::move(tls)), std::move(info), {}},
        scanner(limits),
        watch(loop, fd.get(), handler) {}

  absl::string_view request_line_begin() const {
    return {request_line.data(), request_line_size};
  }

  const UniqueFd fd;
  Channel channel;
  HeadScanner scanner;
  Stage stage = Stage::kServing;
  std::atomic<int> state = kIdle;
  // Since when it idles, or its request arrives.
  absl::Duration since;
  // Of the last request that the loop saw, the loop's always: when it had come,
  // and the beginning of its head.
  absl::Duration requested;
  std::array<char, kShownLine> request_line;
  uint8_t request_line_size = 0;
  // Of a handshake, of lingering, or of idling once the server stops.
  absl::Duration deadline = absl::InfiniteDuration();
  // When the loop looks at it next.
  absl::Duration check_at = absl::InfiniteDuration();
  // What waits, or was begun on one thread and goes on elsewhere; otherwise
  // null.
  std::unique_ptr<Exchange> exchange;
  // It was counted as a request in progress.
  bool in_progress = false;
  After after = After::kKeep;
  // Of a connection that speaks HTTP/2, which is always the loop's; `received`
  // stays empty then, and this is what could not be written yet.
  std::unique_ptr<Http2Connection> http2;
  std::string unsent;
  // Since when nothing of it could.
  absl::Duration unsent_since;
  EventLoop::Watch watch;
};

}  // namespace bergen::wsgi

#endif  // WSGI_CONNECTION_H_
