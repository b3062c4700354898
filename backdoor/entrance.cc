// SPDX-License-Identifier: Apache-2.0

#include "backdoor/entrance.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"
#include "sslutils/peer_certificate.h"
#include "sslutils/stream.h"

namespace bergen::backdoor {
namespace {

// Pause after the system has no descriptor for a new connection.
constexpr absl::Duration kAcceptPause = absl::Seconds(1);
// Of one call of `Take`, so that a crowd at the door does not keep those inside
// waiting.
constexpr int kAcceptsAtOnce = 64;

bool IsLoopback(const Listener& listener) {
  return listener.is_unix() || absl::StartsWith(listener.host(), "127.") ||
         listener.host() == "::1";
}

}  // namespace

Entrance::Entrance(std::shared_ptr<const Listener> listener,
                   const EntranceOptions& options, Waker& waker,
                   spdlog::logger& log)
    : listener_(std::move(listener)),
      options_(options),
      waker_(&waker),
      log_(&log) {
  if (options_.tls != nullptr) {
    tls_watch_ =
        std::make_unique<sslutils::ReloadWatch>(*options_.tls, "backdoor", log);
  }
}

absl::Status Entrance::Check(const Listener& listener,
                             const EntranceOptions& options) {
  if (listener.is_unix()) return absl::OkStatus();
  if (options.tls == nullptr) {
    if (IsLoopback(listener)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "backdoor: ", listener.address(),
        ": without TLS only a unix socket or a loopback address is allowed"));
  }
  if (options.tls->requires_client_certificate()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("backdoor: ", listener.address(),
                   ": TLS needs ssl.ca_file, which vouches for clients"));
}

absl::Status Entrance::Start() {
  if (absl::Status checked = Check(*listener_, options_); !checked.ok()) {
    return checked;
  }
  if (listener_->is_unix() || options_.tls == nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<sslutils::Terminator>> terminator =
      sslutils::Terminator::Start(options_.terminator);
  if (!terminator.ok()) return terminator.status();
  terminator_ = *std::move(terminator);
  return absl::OkStatus();
}

int Entrance::fd(absl::Time now) const {
  return now >= accept_again_ ? listener_->fd() : -1;
}

absl::Time Entrance::pause_end(absl::Time now) const {
  return now >= accept_again_ ? absl::InfiniteFuture() : accept_again_;
}

Client Entrance::Admit(UniqueFd fd, const Peer& peer) const {
  return {.fd = std::move(fd),
          .name = peer.name,
          .role = options_.roles.RoleOf(peer, geteuid())};
}

std::vector<Client> Entrance::Take(absl::Time now) {
  std::vector<Client> clients;
  {
    absl::MutexLock lock(&mutex_);
    clients.swap(secured_);
  }
  if (now >= accept_again_) Accept(now, clients);
  return clients;
}

void Entrance::Accept(absl::Time now, std::vector<Client>& clients) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    UniqueFd fd(accept4(listener_->fd(), nullptr, nullptr,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.ok()) {
      if (terminator_ != nullptr) {
        BeginTls(std::move(fd), now);
      } else {
        const Peer peer = GetPeer(fd.get());
        clients.push_back(Admit(std::move(fd), peer));
      }
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EAGAIN) {
      log_->warn("backdoor: accept: {}",
                 std::generic_category().message(errno));
      accept_again_ = now + kAcceptPause;
    }
    return;
  }
}

void Entrance::BeginTls(UniqueFd fd, absl::Time now) {
  tls_watch_->Look(now - absl::UnixEpoch());
  std::unique_ptr<sslutils::Stream> stream = options_.tls->Accept(fd.get());
  Peer peer = GetPeer(fd.get());
  terminator_->Add(std::move(fd), std::move(stream),
                   [this, peer = std::move(peer)](
                       absl::StatusOr<sslutils::Terminator::Plain> plain) {
                     EndTls(peer, std::move(plain));
                   });
}

// On the terminator's thread.
void Entrance::EndTls(Peer peer,
                      absl::StatusOr<sslutils::Terminator::Plain> plain) {
  if (!plain.ok()) {
    if (!absl::IsCancelled(plain.status())) {
      log_->warn("backdoor: {} refused: {}", peer.name,
                 std::string(plain.status().message()));
    }
    return;
  }
  // There is one, since the context requires it.
  peer =
      WithCertificate(std::move(peer),
                      plain->certificate.value_or(sslutils::PeerCertificate()));
  Client client = Admit(std::move(plain->fd), peer);
  client.cut = std::move(plain->cut);
  {
    absl::MutexLock lock(&mutex_);
    secured_.push_back(std::move(client));
  }
  waker_->Wake();
}

void Entrance::Stop(absl::Duration grace) {
  {
    absl::MutexLock lock(&mutex_);
    secured_.clear();
  }
  if (terminator_ != nullptr) terminator_->Stop(grace);
}

}  // namespace bergen::backdoor
