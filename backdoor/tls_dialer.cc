// SPDX-License-Identifier: Apache-2.0

#include "backdoor/tls_dialer.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "service/monotonic.h"
#include "sslutils/stream.h"

namespace bergen::backdoor {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

absl::StatusOr<HostPort> Split(absl::string_view address) {
  const size_t colon = address.rfind(':');
  absl::string_view host = address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != absl::string_view::npos) {
    host = "";
  }
  if (colon == absl::string_view::npos || host.empty() ||
      colon + 1 == address.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", address, "': TLS needs HOST:PORT or [IPV6]:PORT"));
  }
  return HostPort{std::string(host), std::string(address.substr(colon + 1))};
}

absl::Status TooLate(absl::string_view address) {
  return absl::DeadlineExceededError(
      absl::StrCat(address, ": not connected in time"));
}

absl::StatusOr<UniqueFd> ConnectTo(const addrinfo& found,
                                   absl::string_view address,
                                   absl::Time deadline) {
  UniqueFd fd(
      socket(found.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "socket");
  int error = 0;
  if (connect(fd.get(), found.ai_addr, found.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) {
      error = errno;
    } else {
      const absl::Duration left =
          std::max(deadline - MonotonicNow(), absl::ZeroDuration());
      pollfd writable = {fd.get(), POLLOUT, 0};
      const timespec wait = absl::ToTimespec(left);
      if (ppoll(&writable, 1, &wait, nullptr) != 1) return TooLate(address);
      socklen_t length = sizeof(error);
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    }
  }
  if (error == 0) return fd;
  return absl::UnavailableError(
      absl::StrCat(address, ": ", absl::ErrnoToStatus(error, "").message()));
}

absl::StatusOr<UniqueFd> Connect(const HostPort& to, absl::string_view address,
                                 absl::Time deadline) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &list);
  if (error != 0) {
    return absl::NotFoundError(
        absl::StrCat(address, ": ", gai_strerror(error)));
  }
  absl::StatusOr<UniqueFd> fd = absl::NotFoundError("");
  for (const addrinfo* one = list; one != nullptr && !fd.ok();
       one = one->ai_next) {
    fd = ConnectTo(*one, address, deadline);
  }
  freeaddrinfo(list);
  return fd;
}

// What the handshake comes to. Shared, since whoever waits may give up first.
struct Handshake {
  absl::Mutex mutex;
  absl::StatusOr<sslutils::Terminator::Plain> plain ABSL_GUARDED_BY(mutex) =
      absl::UnknownError("");
  absl::Notification done;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsDialer>> TlsDialer::Create(
    const sslutils::ClientContextOptions& options) {
  absl::StatusOr<std::shared_ptr<const sslutils::ClientContext>> context =
      sslutils::ClientContext::Create(options);
  if (!context.ok()) return context.status();
  absl::StatusOr<std::unique_ptr<sslutils::Terminator>> terminator =
      sslutils::Terminator::Start(
          {.handshake_timeout = absl::InfiniteDuration(),
           .write_timeout = absl::InfiniteDuration(),
           .max_handshakes = std::numeric_limits<size_t>::max()});
  if (!terminator.ok()) return terminator.status();
  return std::unique_ptr<TlsDialer>(
      new TlsDialer(*std::move(context), *std::move(terminator)));
}

TlsDialer::TlsDialer(std::shared_ptr<const sslutils::ClientContext> context,
                     std::unique_ptr<sslutils::Terminator> terminator)
    : context_(std::move(context)), terminator_(std::move(terminator)) {}

absl::StatusOr<UniqueFd> TlsDialer::Dial(absl::string_view address,
                                         absl::Duration timeout) {
  const absl::Time deadline = MonotonicNow() + timeout;
  const absl::StatusOr<HostPort> to = Split(address);
  if (!to.ok()) return to.status();
  absl::StatusOr<UniqueFd> fd = Connect(*to, address, deadline);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<std::unique_ptr<sslutils::Stream>> stream =
      context_->Connect(fd->get(), to->host);
  if (!stream.ok()) return stream.status();
  const auto handshake = std::make_shared<Handshake>();
  terminator_->Add(
      *std::move(fd), *std::move(stream),
      [handshake](absl::StatusOr<sslutils::Terminator::Plain> plain) {
        {
          absl::MutexLock lock(&handshake->mutex);
          handshake->plain = std::move(plain);
        }
        handshake->done.Notify();
      });
  if (!handshake->done.WaitForNotificationWithTimeout(
          std::max(deadline - MonotonicNow(), absl::ZeroDuration()))) {
    return TooLate(address);
  }
  absl::MutexLock lock(&handshake->mutex);
  if (!handshake->plain.ok()) {
    return absl::UnavailableError(
        absl::StrCat(address, ": ", handshake->plain.status().message()));
  }
  return std::move(handshake->plain->fd);
}

}  // namespace bergen::backdoor
