// SPDX-License-Identifier: Apache-2.0
//
// `Stream` on an SSL object.

#ifndef SSLUTILS_SSL_STREAM_H_
#define SSLUTILS_SSL_STREAM_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "openssl/base.h"
#include "sslutils/peer_certificate.h"
#include "sslutils/stream.h"

namespace bergen::sslutils {

class SslStream final : public Stream {
 public:
  // `ssl` has its role. `fd` is a connected, non-blocking socket. `context` is
  // what the callbacks of `ssl` use; it lives as long as the stream.
  SslStream(bssl::UniquePtr<SSL> ssl, int fd,
            std::shared_ptr<const void> context);
  ~SslStream() override;

  IoResult Handshake() override;
  IoResult Read(char* buffer, size_t size) override;
  IoResult Write(absl::string_view data) override;
  IoResult Shutdown() override;
  bool HasPending() const override;
  std::string alpn() const override;
  std::string version() const override;
  std::string cipher() const override;
  std::string server_name() const override;
  bool resumed() const override;
  std::optional<PeerCertificate> peer_certificate() const override;

 private:
  // What the library's `result` of `operation` means.
  IoResult ResultOf(int result, absl::string_view operation);

  // The library's view of the socket. It asks for the five bytes of a record's
  // head and then for the rest; here both come from one receive.
  static int BioRead(BIO* bio, char* out, int size);
  static int BioWrite(BIO* bio, const char* data, int size);
  // NOLINTNEXTLINE(google-runtime-int): the library's signature.
  static long BioControl(BIO* bio, int command, long number, void* pointer);
  static const BIO_METHOD* BioMethod();

  const int fd_;
  // Received and not yet asked for: from `ahead_begin_`.
  std::string ahead_;
  size_t ahead_begin_ = 0;
  std::shared_ptr<const void> context_;
  bssl::UniquePtr<SSL> ssl_;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_SSL_STREAM_H_
