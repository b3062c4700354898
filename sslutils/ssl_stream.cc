// SPDX-License-Identifier: Apache-2.0

#include "sslutils/ssl_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/ssl.h"
#include "openssl/x509.h"
#include "sslutils/ssl_error.h"

namespace bergen::sslutils {
namespace {

int ClampToInt(size_t size) {
  return static_cast<int>(
      std::min<size_t>(size, std::numeric_limits<int>::max()));
}

}  // namespace

SslStream::SslStream(bssl::UniquePtr<SSL> ssl,
                     std::shared_ptr<const void> context)
    : context_(std::move(context)), ssl_(std::move(ssl)) {}

SslStream::~SslStream() = default;

IoResult SslStream::ResultOf(int result, absl::string_view operation) {
  if (result > 0) return {.bytes = static_cast<size_t>(result)};

  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {.state = IoState::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {.state = IoState::kWantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {.state = IoState::kClosed};
    case SSL_ERROR_SYSCALL:
      if (ERR_peek_error() == 0) {
        // End of file without the closing alert: the data may have been cut.
        const absl::Status error =
            result == 0 || system_error == 0
                ? absl::UnavailableError(absl::StrCat(
                      operation, ": connection closed without a closing alert"))
                : absl::ErrnoToStatus(system_error, operation);
        return {.state = IoState::kFailed, .error = error};
      }
      [[fallthrough]];
    default:
      return {.state = IoState::kFailed,
              .error = SslError(operation, "unknown failure")};
  }
}

IoResult SslStream::Handshake() {
  ERR_clear_error();
  return ResultOf(SSL_do_handshake(ssl_.get()), "TLS handshake");
}

IoResult SslStream::Read(char* buffer, size_t size) {
  ERR_clear_error();
  return ResultOf(SSL_read(ssl_.get(), buffer, ClampToInt(size)), "TLS read");
}

IoResult SslStream::Write(absl::string_view data) {
  if (data.empty()) return {};
  ERR_clear_error();
  return ResultOf(SSL_write(ssl_.get(), data.data(), ClampToInt(data.size())),
                  "TLS write");
}

IoResult SslStream::Shutdown() {
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  // 0: our alert is sent, the peer's has not come.
  return result == 0 ? IoResult{} : ResultOf(result, "TLS shutdown");
}

bool SslStream::HasPending() const { return SSL_has_pending(ssl_.get()) == 1; }

std::string SslStream::alpn() const {
  const uint8_t* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
  return std::string(protocol, protocol + length);
}

std::string SslStream::version() const { return SSL_get_version(ssl_.get()); }

std::string SslStream::peer_subject() const {
  const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(ssl_.get()));
  if (certificate == nullptr) return "";
  const bssl::UniquePtr<BIO> text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0,
                     XN_FLAG_RFC2253);
  const uint8_t* data = nullptr;
  size_t size = 0;
  BIO_mem_contents(text.get(), &data, &size);
  return std::string(data, data + size);
}

}  // namespace bergen::sslutils
