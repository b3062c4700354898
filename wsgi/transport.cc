// SPDX-License-Identifier: Apache-2.0

#include "wsgi/transport.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace bergen::wsgi {
namespace {

using sslutils::IoResult;
using sslutils::IoState;

constexpr size_t kMaxParts = 4;

// Of a file in one call, so that others get their turn.
constexpr uint64_t kMaxFilePart = 1 << 20;

IoResult Failed(const char* what) {
  return {IoState::kFailed, 0, absl::ErrnoToStatus(errno, what)};
}

}  // namespace

Transport::Transport(int fd, std::unique_ptr<sslutils::Stream> tls)
    : fd_(fd), tls_(std::move(tls)) {}

Transport::~Transport() = default;

std::shared_ptr<const TlsInfo> Transport::tls_info() const {
  if (tls_ == nullptr) return nullptr;
  return std::make_shared<const TlsInfo>(
      TlsInfo{.protocol = tls_->version(),
              .cipher = tls_->cipher(),
              .server_name = tls_->server_name(),
              .resumed = tls_->resumed(),
              .client = tls_->peer_certificate()});
}

IoResult Transport::Handshake() {
  return tls_ == nullptr ? IoResult{} : tls_->Handshake();
}

IoResult Transport::Read(char* buffer, size_t size) {
  if (tls_ != nullptr) return tls_->Read(buffer, size);
  for (;;) {
    const ssize_t received = recv(fd_, buffer, size, 0);
    if (received > 0)
      return {IoState::kDone, static_cast<size_t>(received), {}};
    if (received == 0) return {IoState::kClosed, 0, {}};
    if (errno == EAGAIN) return {IoState::kWantRead, 0, {}};
    if (errno != EINTR) return Failed("receive");
  }
}

IoResult Transport::Write(absl::Span<const absl::string_view> parts) {
  iovec pieces[kMaxParts];
  size_t count = 0;
  for (const absl::string_view part : parts) {
    if (part.empty() || count == kMaxParts) continue;
    pieces[count++] = {const_cast<char*>(part.data()), part.size()};
  }
  if (count == 0) return {};
  if (tls_ != nullptr) {
    return tls_->Write(absl::string_view(
        static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len));
  }
  msghdr message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  for (;;) {
    const ssize_t sent = count == 1 ? send(fd_, pieces[0].iov_base,
                                           pieces[0].iov_len, MSG_NOSIGNAL)
                                    : sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent >= 0) return {IoState::kDone, static_cast<size_t>(sent), {}};
    if (errno == EAGAIN) return {IoState::kWantWrite, 0, {}};
    if (errno != EINTR) return Failed("send");
  }
}

IoResult Transport::SendFile(int file, uint64_t offset, uint64_t size) {
  auto position = static_cast<off_t>(offset);
  const size_t part = static_cast<size_t>(std::min(size, kMaxFilePart));
  for (;;) {
    const ssize_t sent = sendfile(fd_, file, &position, part);
    if (sent > 0) return {IoState::kDone, static_cast<size_t>(sent), {}};
    if (sent == 0) return {IoState::kClosed, 0, {}};
    if (errno == EAGAIN) return {IoState::kWantWrite, 0, {}};
    if (errno != EINTR) return Failed("send file");
  }
}

bool Transport::HasPending() const {
  return tls_ != nullptr && tls_->HasPending();
}

void Transport::ShutdownWrite() {
  // Whatever goes wrong here, the connection is closed next.
  if (tls_ != nullptr) tls_->Shutdown();
  shutdown(fd_, SHUT_WR);
}

}  // namespace bergen::wsgi
