// SPDX-License-Identifier: Apache-2.0
//
// TLS outside, a plain descriptor inside: for libraries that want a socket and
// are not to know of TLS, above all gRPC.
//
//   absl::StatusOr<std::unique_ptr<Terminator>> tls = Terminator::Start({});
//   if (!tls.ok()) return tls.status();
//   std::unique_ptr<Stream> stream = context->Accept(fd.get());
//   (*tls)->Add(std::move(fd), std::move(stream),
//               [server](absl::StatusOr<Terminator::Plain> plain) {
//                 if (!plain.ok()) return;
//                 grpc::AddInsecureChannelFromFd(server, plain->fd.Release());
//               });
//
// Works for either side of TLS: for a client give it `ClientContext::Connect`.

#ifndef SSLUTILS_TERMINATOR_H_
#define SSLUTILS_TERMINATOR_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"
#include "sslutils/peer_certificate.h"
#include "sslutils/stream.h"

namespace bergen::sslutils {

struct TerminatorOptions {
  // From `Add` to the end of the handshake.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // A peer that takes nothing of what waits for it for so long is cut off.
  absl::Duration write_timeout = absl::Seconds(30);
  // Handshakes under way at once; one more ends the oldest, so that those who
  // never finish keep nobody out for long. At least 1.
  size_t max_handshakes = 64;
  // Bytes that a connection may hold for each direction, beside what the
  // system holds. At least 1.
  size_t buffer_size = 32 * 1024;
};

// One thread serves all connections. Thread-safe. Must not be alive across
// fork().
class Terminator {
 public:
  // A connection whose handshake is done.
  struct Plain {
    // Ours is the other end of this socket pair: non-blocking, close-on-exec.
    // Closing it ends the connection once everything written is sent; shutting
    // down its writing side ends only that direction.
    UniqueFd fd;
    std::optional<PeerCertificate> certificate;
    std::string alpn;
    // True, at the latest when `fd` reads as ended, if the peer did not end
    // its side in the orderly way: the last bytes may not be all it sent.
    std::function<bool()> cut;
  };
  // Called once, on the terminator's thread, so it must not block. An error
  // says why the handshake failed: DeadlineExceeded, ResourceExhausted if
  // others came after it or no descriptor is left, Cancelled by `Stop`, or
  // what `Stream::Handshake` says.
  using Done = std::function<void(absl::StatusOr<Plain>)>;

  // ResourceExhausted if there is no descriptor or no thread.
  static absl::StatusOr<std::unique_ptr<Terminator>> Start(
      const TerminatorOptions& options);

  // `Stop` without grace.
  ~Terminator();

  // Takes over `fd`, a connected, non-blocking socket, and `stream` on it,
  // whose handshake has not begun.
  void Add(UniqueFd fd, std::unique_ptr<Stream> stream, Done done);

  // Ends handshakes at once, and each connection when the plain end is closed
  // and everything is sent, or after `grace`. Waits for that. From now on
  // `Add` fails with Cancelled. Harmless if repeated.
  void Stop(absl::Duration grace);

 private:
  class Impl;

  explicit Terminator(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_TERMINATOR_H_
