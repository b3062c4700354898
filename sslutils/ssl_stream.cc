// SPDX-License-Identifier: Apache-2.0

#include "sslutils/ssl_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/ssl.h"
#include "openssl/x509.h"
#include "sslutils/certificates.h"
#include "sslutils/ssl_error.h"

namespace bergen::sslutils {
namespace {

// A record of the greatest size, with its head and what encryption adds.
constexpr size_t kReceiveSize = 17 * 1024;
constexpr size_t kKeptCapacity = 512;

int ClampToInt(size_t size) {
  return static_cast<int>(
      std::min<size_t>(size, std::numeric_limits<int>::max()));
}

}  // namespace

SslStream::SslStream(bssl::UniquePtr<SSL> ssl, int fd,
                     std::shared_ptr<const void> context)
    : fd_(fd), context_(std::move(context)), ssl_(std::move(ssl)) {
  BIO* bio = BIO_new(BioMethod());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  // What only the handshake needs goes when it is over.
  SSL_set_shed_handshake_config(ssl_.get(), 1);
}

const BIO_METHOD* SslStream::BioMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index(), "bergen socket");
    BIO_meth_set_read(made, &BioRead);
    BIO_meth_set_write(made, &BioWrite);
    BIO_meth_set_ctrl(made, &BioControl);
    return made;
  }();
  return method;
}

int SslStream::BioRead(BIO* bio, char* out, int size) {
  auto& self = *static_cast<SslStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const size_t wanted = static_cast<size_t>(size);
  if (self.ahead_begin_ == self.ahead_.size()) {
    // A record fits. Bytes that are wanted at once skip the buffer.
    char buffer[kReceiveSize];
    const bool direct = wanted >= sizeof(buffer);
    const ssize_t received = recv(self.fd_, direct ? out : buffer,
                                  direct ? wanted : sizeof(buffer), 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
      BIO_set_retry_read(bio);
    }
    if (received <= 0) return static_cast<int>(received);
    const size_t got = static_cast<size_t>(received);
    if (direct) return static_cast<int>(got);
    const size_t taken = std::min(wanted, got);
    memcpy(out, buffer, taken);
    self.ahead_.assign(buffer + taken, got - taken);
    self.ahead_begin_ = 0;
    return static_cast<int>(taken);
  }
  const size_t taken = std::min(wanted, self.ahead_.size() - self.ahead_begin_);
  std::copy_n(self.ahead_.data() + self.ahead_begin_, taken, out);
  self.ahead_begin_ += taken;
  if (self.ahead_begin_ == self.ahead_.size()) {
    self.ahead_begin_ = 0;
    // An idle connection keeps little.
    if (self.ahead_.capacity() > kKeptCapacity) {
      std::string().swap(self.ahead_);
    } else {
      self.ahead_.clear();
    }
  }
  return static_cast<int>(taken);
}

int SslStream::BioWrite(BIO* bio, const char* data, int size) {
  const auto& self = *static_cast<SslStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t sent =
      send(self.fd_, data, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_retry_write(bio);
  }
  return static_cast<int>(sent);
}

// NOLINTNEXTLINE(google-runtime-int)
long SslStream::BioControl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

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

bool SslStream::HasPending() const {
  return ahead_begin_ < ahead_.size() || SSL_has_pending(ssl_.get()) == 1;
}

std::string SslStream::alpn() const {
  const uint8_t* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
  return std::string(protocol, protocol + length);
}

std::string SslStream::version() const { return SSL_get_version(ssl_.get()); }

std::string SslStream::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  return cipher == nullptr ? "" : SSL_CIPHER_get_name(cipher);
}

std::string SslStream::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

bool SslStream::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

std::optional<PeerCertificate> SslStream::peer_certificate() const {
  const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(ssl_.get()));
  if (certificate == nullptr) return std::nullopt;
  return Describe(certificate.get());
}

}  // namespace bergen::sslutils
