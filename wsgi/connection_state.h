// SPDX-License-Identifier: Apache-2.0
//
// A connection of a server as it was at one moment, for operators.

#ifndef WSGI_CONNECTION_STATE_H_
#define WSGI_CONNECTION_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bergen::wsgi {

struct ConnectionState {
  enum Stage {
    kHandshake,  // Of TLS.
    kIdle,       // Between requests.
    kHead,       // A request's head is arriving.
    kBody,       // Its body is arriving, and no thread is needed yet.
    kRequest,    // A request is waiting for a thread, or being answered.
    kResponse,   // The client is taking the response, and no thread is needed.
    kClosing,    // The client may still send what nobody reads.
  };

  // A request of HTTP/2.
  struct Stream {
    int32_t number = 0;
    Stage stage = kBody;  // kBody, kRequest or kResponse.
    absl::Duration age;   // Of the request.
    std::string request;  // As below.
  };

  // `127.0.0.1:40112`, or the address alone of a client that has no port.
  std::string peer;
  Stage stage = kIdle;
  absl::Duration age;  // Since this stage began, on a coarse clock.
  // Of kBody, kRequest and kResponse: method and path, without the query, cut
  // if long.
  std::string request;
  // Of a connection that speaks HTTP/2, by number; it is kRequest while there
  // are any, and has no `request` itself.
  std::vector<Stream> streams;
};

inline absl::string_view StageName(ConnectionState::Stage stage) {
  switch (stage) {
    case ConnectionState::kHandshake:
      return "handshake";
    case ConnectionState::kIdle:
      return "idle";
    case ConnectionState::kHead:
      return "head";
    case ConnectionState::kBody:
      return "body";
    case ConnectionState::kRequest:
      return "request";
    case ConnectionState::kResponse:
      return "response";
    case ConnectionState::kClosing:
      return "closing";
  }
  return "unknown";
}

}  // namespace bergen::wsgi

#endif  // WSGI_CONNECTION_STATE_H_
