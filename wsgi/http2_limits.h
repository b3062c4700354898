// SPDX-License-Identifier: Apache-2.0
//
// What a client of HTTP/2 may do.

#ifndef WSGI_HTTP2_LIMITS_H_
#define WSGI_HTTP2_LIMITS_H_

#include <cstdint>

namespace bergen::wsgi {

// Of one connection. Each is at least 1, the rates at least 0.
struct Http2Limits {
  // Requests at once; more are refused with REFUSED_STREAM, and end the
  // connection once the client knows this limit.
  uint32_t max_streams = 100;
  // How much of a request's body is taken before the application reads it.
  uint32_t window = 128 * 1024;
  // Streams that may end in an error of the client's at once, and a second in
  // the long run; more end the connection with ENHANCE_YOUR_CALM.
  uint32_t resets = 200;
  uint32_t resets_per_second = 20;
  // The same for frames that move nothing: SETTINGS, PING, PRIORITY, DATA
  // without data, and what is invalid.
  uint32_t idle_frames = 1000;
  uint32_t idle_frames_per_second = 100;
  // CONTINUATION frames of one head; more end the connection.
  uint32_t continuations = 8;
};

}  // namespace bergen::wsgi

#endif  // WSGI_HTTP2_LIMITS_H_
