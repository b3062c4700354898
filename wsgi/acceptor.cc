// SPDX-License-Identifier: Apache-2.0

#include "wsgi/acceptor.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <random>
#include <utility>

#include "spdlog/spdlog.h"

namespace bergen::wsgi {
namespace {

// How long to wait after running out of descriptors or memory: until some
// connection is likely to have ended.
constexpr int kPauseMilliseconds = 100;

// The most connections taken over at the end, so that a crowd of clients cannot
// keep a stopping server from stopping.
constexpr int kMostAtTheEnd = 65536;

// How often it then waits for descriptors. The kernel tells only one of those
// who wait at a listener of a client: if that one left without it, the client
// would wait for the next to come.
constexpr int kPausesAtTheEnd = 20;

}  // namespace

Acceptor::Acceptor(spdlog::logger& log, UniqueFd listener,
                   std::function<void(UniqueFd)> accepted,
                   std::function<void()> finished)
    : log_(&log),
      listener_(std::move(listener)),
      accepted_(std::move(accepted)),
      finished_(std::move(finished)) {}

absl::Status Acceptor::Start() {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  stop_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_.ok() || !stop_.ok()) {
    return absl::ErrnoToStatus(errno, "acceptor: epoll or eventfd");
  }
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = stop_.get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_.get(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "acceptor: cannot watch eventfd");
  }
  if (absl::Status added = Register(); !added.ok()) return added;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Acceptor::Stop() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = write(stop_.get(), &one, sizeof(one));
}

void Acceptor::Join() {
  if (thread_.joinable()) thread_.join();
}

absl::Status Acceptor::Register() {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.fd = listener_.get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "acceptor: cannot watch listener");
  }
  return absl::OkStatus();
}

bool Acceptor::AcceptOne() {
  UniqueFd peer(
      accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (peer.ok()) {
    accepted_(std::move(peer));
    return true;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    // The connection ended before it was accepted, or, as accept(2) says, an
    // error of the network that belongs to it.
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
      return true;
    // Somebody shut the listener down, for all who share it.
    case EINVAL:
      shut_down_ = true;
      return false;
    // Out of descriptors or memory above all; it would only repeat.
    default:
      log_->warn("cannot accept connections for {} ms: {}", kPauseMilliseconds,
                 strerror(errno));
      pause_ = true;
      return false;
  }
}

void Acceptor::Run() {
  // Workers would take connections strictly in turn, and a client that
  // alternates between two kinds of request would bring each worker one kind
  // only. So one time in four, by chance, this one keeps its place in the
  // queue.
  std::minstd_rand random(static_cast<unsigned>(getpid()));
  bool registered = true;
  for (;;) {
    epoll_event events[2];
    const int count =
        epoll_wait(epoll_.get(), events, 2,
                   registered || shut_down_ ? -1 : kPauseMilliseconds);
    bool stop = false;
    bool ready = false;
    for (int i = 0; i < count; ++i) {
      (events[i].data.fd == stop_.get() ? stop : ready) = true;
    }
    if (stop) break;
    if (ready) AcceptOne();
    if (ready && (pause_ || shut_down_ || random() % 4 != 0)) {
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
      registered = false;
    }
    // While pausing it stays unregistered, for another process may do better.
    if (pause_) {
      pause_ = false;
    } else if (!registered && !shut_down_) {
      registered = Register().ok();
    }
  }
  // A descriptor more, should there be no other.
  epoll_.Reset();
  for (int accepted = 0, pauses = 0; accepted < kMostAtTheEnd;) {
    pause_ = false;
    if (AcceptOne()) {
      ++accepted;
    } else if (pause_ && pauses++ < kPausesAtTheEnd) {
      poll(nullptr, 0, kPauseMilliseconds);
    } else {
      break;
    }
  }
  listener_.Reset();
  finished_();
  done_.Notify();
}

}  // namespace bergen::wsgi
