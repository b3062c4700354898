// SPDX-License-Identifier: Apache-2.0
//
// `Stream` on an SSL object.

#ifndef SSLUTILS_SSL_STREAM_H_
#define SSLUTILS_SSL_STREAM_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "openssl/base.h"
#include "sslutils/stream.h"

namespace bergen::sslutils {

class SslStream final : public Stream {
 public:
  // `ssl` has its descriptor and its role. `context` is what its callbacks use;
  // it lives as long as the stream.
  SslStream(bssl::UniquePtr<SSL> ssl, std::shared_ptr<const void> context);
  ~SslStream() override;

  IoResult Handshake() override;
  IoResult Read(char* buffer, size_t size) override;
  IoResult Write(absl::string_view data) override;
  IoResult Shutdown() override;
  bool HasPending() const override;
  std::string alpn() const override;
  std::string version() const override;
  std::string peer_subject() const override;

 private:
  // What the library's `result` of `operation` means.
  IoResult ResultOf(int result, absl::string_view operation);

  std::shared_ptr<const void> context_;
  bssl::UniquePtr<SSL> ssl_;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_SSL_STREAM_H_
