// SPDX-License-Identifier: Apache-2.0
//
// TLS over a connected, non-blocking socket. The caller waits for the
// descriptor, by poll or an event loop, and calls again.
//
//   IoResult result = stream->Handshake();
//   if (result.state == IoState::kWantRead) { ... wait until readable ... }

#ifndef SSLUTILS_STREAM_H_
#define SSLUTILS_STREAM_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace bergen::sslutils {

enum class IoState {
  kDone,       // The call did its work.
  kWantRead,   // Call again with the same arguments when readable.
  kWantWrite,  // Call again with the same arguments when writable.
  kClosed,     // The peer closed the connection in an orderly way.
  kFailed,     // `error` says why; the connection is of no more use.
};

struct IoResult {
  IoState state = IoState::kDone;
  // Read or written; positive when `kDone` from `Read` and `Write`.
  size_t bytes = 0;
  absl::Status error;
};

// Not thread-safe. Does not own the descriptor.
class Stream {
 public:
  virtual ~Stream() = default;

  // Must have returned kDone before `Read` or `Write` are called.
  virtual IoResult Handshake() = 0;

  virtual IoResult Read(char* buffer, size_t size) = 0;

  // May write less than all of `data`. Does nothing and is kDone if it is
  // empty.
  virtual IoResult Write(absl::string_view data) = 0;

  // Sends the closing alert; does not wait for the peer's.
  virtual IoResult Shutdown() = 0;

  // True if `Read` would return bytes that were already taken from the
  // descriptor, which therefore need not become readable.
  virtual bool HasPending() const = 0;

  // After the handshake: the protocol chosen by ALPN, or empty; `TLSv1.3` and
  // the like; the cipher suite; the host name that the client asked for, or
  // empty; whether an earlier session was resumed.
  virtual std::string alpn() const = 0;
  virtual std::string version() const = 0;
  virtual std::string cipher() const = 0;
  virtual std::string server_name() const = 0;
  virtual bool resumed() const = 0;

  // Of the verified certificate of the peer, or empty: its subject as in RFC
  // 2253, and its alternative names, each as `DNS:example.org`, `IP:192.0.2.1`,
  // `URI:spiffe://x/y` or `email:a@example.org`.
  virtual std::string peer_subject() const = 0;
  virtual std::vector<std::string> peer_alt_names() const = 0;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_STREAM_H_
