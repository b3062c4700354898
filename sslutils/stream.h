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
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sslutils/peer_certificate.h"

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
  // the like; the cipher suite by the name that `ciphers` of
  // `ServerContextOptions` knows; the host name that the client asked for, or
  // empty; whether an earlier session was resumed.
  virtual std::string alpn() const = 0;
  virtual std::string version() const = 0;
  virtual std::string cipher() const = 0;
  virtual std::string server_name() const = 0;
  virtual bool resumed() const = 0;

  // What the peer's certificate says. Nothing if it has shown none; one that
  // could not be verified fails the handshake. A resumed session keeps what the
  // first handshake verified.
  virtual std::optional<PeerCertificate> peer_certificate() const = 0;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_STREAM_H_
