// SPDX-License-Identifier: Apache-2.0
//
// Bytes of a connected, non-blocking socket, plain or through TLS, with the
// results of sslutils::Stream for both.
//
//   Transport transport(fd.get(), nullptr);
//   sslutils::IoResult result = transport.Read(buffer, sizeof(buffer));

#ifndef WSGI_TRANSPORT_H_
#define WSGI_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sslutils/stream.h"
#include "wsgi/tls_info.h"

namespace bergen::wsgi {

// Not thread-safe. Does not own the descriptor. Raises no SIGPIPE for plain
// sockets; for TLS and files the calling thread blocks that signal.
class Transport {
 public:
  // `tls` is null for a plain socket.
  Transport(int fd, std::unique_ptr<sslutils::Stream> tls);
  ~Transport();

  int fd() const { return fd_; }
  bool is_tls() const { return tls_ != nullptr; }

  // After the handshake: it took up an earlier session.
  bool resumed() const { return tls_ != nullptr && tls_->resumed(); }

  // After the handshake: the protocol that was agreed on, or empty.
  std::string alpn() const { return tls_ == nullptr ? "" : tls_->alpn(); }

  // After the handshake; null for a plain socket.
  std::shared_ptr<const TlsInfo> tls_info() const;

  // kDone at once for a plain socket.
  sslutils::IoResult Handshake();
  sslutils::IoResult Read(char* buffer, size_t size);
  // Writes of `parts`, in this order, as much as it can. kDone with 0 bytes if
  // they are empty. After kWantRead or kWantWrite the same bytes come first in
  // the next call.
  sslutils::IoResult Write(absl::Span<const absl::string_view> parts);
  // Writes of `size` bytes of the file at `offset` as much as it can, without
  // copying them. kClosed if the file ends before. Requires a plain socket.
  sslutils::IoResult SendFile(int file, uint64_t offset, uint64_t size);
  // `Read` would return bytes although the descriptor is not readable.
  bool HasPending() const;
  // No more will be written; the peer is told.
  void ShutdownWrite();

 private:
  int fd_;
  std::unique_ptr<sslutils::Stream> tls_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_TRANSPORT_H_
