// SPDX-License-Identifier: Apache-2.0

#include "sslutils/terminator.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "service/monotonic.h"
#include "service/waker.h"

namespace bergen::sslutils {
namespace {

// How long a peer has to close after we have, so that the system does not
// throw away what it has not read yet.
constexpr absl::Duration kLinger = absl::Seconds(1);
// Deadlines are looked at so many times in the shortest of them, within these
// bounds.
constexpr int kLooks = 4;
constexpr absl::Duration kMinLook = absl::Milliseconds(10);
constexpr absl::Duration kMaxLook = absl::Milliseconds(250);
// Rounds of one connection before the others have their turn.
constexpr int kRoundsAtOnce = 8;
constexpr int kMaxEvents = 64;
// Of the waker, beside the connections' numbers.
constexpr uint64_t kWakerId = 0;

// A descriptor in an epoll set, with what is waited for. One that nothing is
// waited for is not in the set: the system would report its hang-up again and
// again.
class Polled {
 public:
  Polled(int epoll, uint64_t id, UniqueFd fd)
      : epoll_(epoll), id_(id), fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }

  // False if the system refuses.
  bool WaitFor(uint32_t events) {
    if (events == events_) return true;
    const int operation = events_ == 0  ? EPOLL_CTL_ADD
                          : events == 0 ? EPOLL_CTL_DEL
                                        : EPOLL_CTL_MOD;
    epoll_event event = {.events = events, .data = {.u64 = id_}};
    if (epoll_ctl(epoll_, operation, fd(), &event) != 0) return false;
    events_ = events;
    return true;
  }

 private:
  const int epoll_;
  const uint64_t id_;
  const UniqueFd fd_;  // Leaves the set by being closed: there is no copy.
  uint32_t events_ = 0;
};

// What is left of `data`, the first `done` bytes of which are dealt with.
// `data` may be `rest` itself. An idle connection keeps nothing.
void KeepRest(absl::string_view data, size_t done, std::string& rest) {
  if (done == data.size()) {
    std::string().swap(rest);
  } else if (rest.empty()) {
    rest.assign(data.data() + done, data.size() - done);
  } else {
    rest.erase(0, done);
  }
}

enum class Phase {
  kHandshake,
  kOpen,
  // Everything is sent and we have closed; the peer may close its side.
  kLingering,
  kOver,
};

class Connection {
 public:
  // `scratch` is free for use during each call.
  Connection(int epoll, uint64_t id, const TerminatorOptions& options,
             std::string& scratch, UniqueFd fd, std::unique_ptr<Stream> stream,
             Terminator::Done done, absl::Time now)
      : options_(&options),
        scratch_(&scratch),
        epoll_(epoll),
        id_(id),
        outer_(epoll, id, std::move(fd)),
        stream_(std::move(stream)),
        done_(std::move(done)),
        deadline_(now + options.handshake_timeout) {}

  Phase phase() const { return phase_; }
  absl::Time deadline() const { return deadline_; }

  // Does what can be done. True if there is more to do at once.
  bool Advance(absl::Time now);
  // The deadline has passed.
  void OnDeadline();
  // Ends it now; during the handshake `status` is the reason.
  void End(const absl::Status& status);

 private:
  void Handshake();
  // One direction each; true if something moved.
  bool MoveInward();
  bool MoveOutward(absl::Time now);
  bool SendOutward(absl::string_view data, absl::Time now);
  // What an operation of the stream that did not succeed waits for, or its end.
  void Note(const IoResult& result);
  void Cut();
  void ShutOuter(absl::Time now);
  bool InnerIsGone();
  void Finish(absl::Time now);
  void DrainOuter();
  void Wait(uint32_t outer, uint32_t inner);

  const TerminatorOptions* const options_;
  std::string* const scratch_;
  const int epoll_;
  const uint64_t id_;
  Polled outer_;
  std::optional<Polled> inner_;
  std::unique_ptr<Stream> stream_;
  Terminator::Done done_;

  Phase phase_ = Phase::kHandshake;
  // What could not be passed on at once, from the peer and to it.
  std::string inward_;
  std::string outward_;
  // The peer sends no more, or nobody here wants it.
  bool inward_ended_ = false;
  bool inner_shut_ = false;
  bool inner_gone_ = false;
  bool outward_ended_ = false;
  bool outer_shut_ = false;
  std::shared_ptr<std::atomic<bool>> cut_ =
      std::make_shared<std::atomic<bool>>(false);
  // Gathered by the operations of one round.
  uint32_t wait_outer_ = 0;
  uint32_t wait_inner_ = 0;
  // Of the phase; while open, of what waits in `outward_`.
  absl::Time deadline_;
};

void Connection::Note(const IoResult& result) {
  switch (result.state) {
    case IoState::kDone:
      return;
    case IoState::kWantRead:
      wait_outer_ |= EPOLLIN;
      return;
    case IoState::kWantWrite:
      wait_outer_ |= EPOLLOUT;
      return;
    case IoState::kClosed:
      inward_ended_ = true;
      return;
    case IoState::kFailed:
      Cut();
      return;
  }
}

// The peer is gone. What came before goes on inward.
void Connection::Cut() {
  *cut_ = true;
  inward_ended_ = true;
  outward_ended_ = true;
  outward_.clear();
  deadline_ = absl::InfiniteFuture();
}

void Connection::Handshake() {
  const IoResult result = stream_->Handshake();
  if (result.state == IoState::kWantRead ||
      result.state == IoState::kWantWrite) {
    Note(result);
    return;
  }
  if (result.state != IoState::kDone) {
    End(result.state == IoState::kFailed
            ? result.error
            : absl::UnavailableError("TLS handshake: closed by the peer"));
    return;
  }
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) !=
      0) {
    End(absl::ResourceExhaustedError("TLS: no descriptor is left"));
    return;
  }
  inner_.emplace(epoll_, id_, UniqueFd(fds[0]));
  phase_ = Phase::kOpen;
  deadline_ = absl::InfiniteFuture();
  std::exchange(done_, nullptr)(
      Terminator::Plain{.fd = UniqueFd(fds[1]),
                        .certificate = stream_->peer_certificate(),
                        .alpn = stream_->alpn(),
                        .cut = [cut = cut_] { return cut->load(); }});
}

bool Connection::MoveInward() {
  absl::string_view data = inward_;
  if (data.empty() && !inward_ended_) {
    const IoResult read = stream_->Read(scratch_->data(), scratch_->size());
    Note(read);
    data = absl::string_view(scratch_->data(),
                             read.state == IoState::kDone ? read.bytes : 0);
  }
  if (data.empty()) {
    if (inward_ended_ && !std::exchange(inner_shut_, true)) {
      shutdown(inner_->fd(), SHUT_WR);
    }
    return false;
  }
  const ssize_t sent =
      send(inner_->fd(), data.data(), data.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    // Nobody is there any more to read it.
    inward_.clear();
    inward_ended_ = true;
    inner_gone_ = true;
    return true;
  }
  if (sent < 0) wait_inner_ |= EPOLLOUT;
  KeepRest(data, static_cast<size_t>(std::max<ssize_t>(sent, 0)), inward_);
  return sent > 0;
}

bool Connection::SendOutward(absl::string_view data, absl::Time now) {
  const IoResult written = stream_->Write(data);
  if (written.state == IoState::kDone) {
    KeepRest(data, written.bytes, outward_);
    deadline_ = absl::InfiniteFuture();
    return true;
  }
  KeepRest(data, 0, outward_);
  Note(written);
  deadline_ = std::min(deadline_, now + options_->write_timeout);
  return false;
}

bool Connection::MoveOutward(absl::Time now) {
  if (!outward_.empty()) return SendOutward(outward_, now);
  if (outward_ended_) return false;
  const ssize_t received =
      recv(inner_->fd(), scratch_->data(), scratch_->size(), 0);
  if (received > 0) {
    return SendOutward(
        absl::string_view(scratch_->data(), static_cast<size_t>(received)),
        now);
  }
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
    wait_inner_ |= EPOLLIN;
  } else {
    outward_ended_ = true;
  }
  return false;
}

void Connection::ShutOuter(absl::Time now) {
  const IoResult result = stream_->Shutdown();
  if (result.state == IoState::kWantWrite) {
    wait_outer_ |= EPOLLOUT;
    deadline_ = std::min(deadline_, now + options_->write_timeout);
    return;
  }
  shutdown(outer_.fd(), SHUT_WR);
  outer_shut_ = true;
  deadline_ = absl::InfiniteFuture();
}

bool Connection::InnerIsGone() {
  pollfd polled = {inner_->fd(), 0, 0};
  return inner_gone_ ||
         (poll(&polled, 1, 0) == 1 && (polled.revents & POLLHUP) != 0);
}

// Nothing more goes outward.
void Connection::Finish(absl::Time now) {
  if (*cut_) {
    // What the peer sent may still be on its way inward.
    if (inward_.empty()) phase_ = Phase::kOver;
    return;
  }
  if (!outer_shut_) ShutOuter(now);
  if (!outer_shut_) return;
  if (InnerIsGone()) {
    phase_ = Phase::kLingering;
    deadline_ = now + kLinger;
    inner_.reset();
  } else if (inner_shut_) {
    phase_ = Phase::kOver;
  } else {
    // Half closed; a hang-up is reported with that alone.
    wait_inner_ |= EPOLLERR;
  }
}

// Until the peer has closed as well.
void Connection::DrainOuter() {
  for (int i = 0; i < kRoundsAtOnce; ++i) {
    const ssize_t count =
        recv(outer_.fd(), scratch_->data(), scratch_->size(), 0);
    if (count > 0) continue;
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
    phase_ = Phase::kOver;
    return;
  }
  wait_outer_ |= EPOLLIN;
}

bool Connection::Advance(absl::Time now) {
  wait_outer_ = wait_inner_ = 0;
  if (phase_ == Phase::kHandshake) Handshake();
  bool moved = phase_ == Phase::kOpen;
  for (int i = 0; moved && i < kRoundsAtOnce; ++i) {
    wait_outer_ = wait_inner_ = 0;
    const bool inward = MoveInward();
    const bool outward = MoveOutward(now);
    // Each direction may have ended the other.
    const bool to_shut = inward_ended_ && inward_.empty() && !inner_shut_;
    moved = inward || outward || to_shut;
  }
  if (moved) return true;
  if (phase_ == Phase::kOpen && outward_ended_ && outward_.empty()) {
    Finish(now);
  }
  if (phase_ == Phase::kLingering) DrainOuter();
  if (phase_ != Phase::kOver) Wait(wait_outer_, wait_inner_);
  return false;
}

void Connection::Wait(uint32_t outer, uint32_t inner) {
  if (!outer_.WaitFor(outer) ||
      (inner_.has_value() && !inner_->WaitFor(inner))) {
    End(absl::ResourceExhaustedError("TLS: the system cannot wait for more"));
  }
}

void Connection::OnDeadline() {
  End(absl::DeadlineExceededError(
      absl::StrCat("TLS handshake: not done within ",
                   absl::FormatDuration(options_->handshake_timeout))));
}

void Connection::End(const absl::Status& status) {
  if (phase_ == Phase::kOpen) *cut_ = true;
  phase_ = Phase::kOver;
  if (done_ != nullptr) std::exchange(done_, nullptr)(status);
}

}  // namespace

class Terminator::Impl {
 public:
  explicit Impl(const TerminatorOptions& options)
      : options_(options),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        scratch_(std::max<size_t>(options.buffer_size, 1), '\0') {}

  absl::Status Start();
  void Add(UniqueFd fd, std::unique_ptr<Stream> stream, Done done);
  void Stop(absl::Duration grace);

 private:
  struct New {
    UniqueFd fd;
    std::unique_ptr<Stream> stream;
    Done done;
  };
  using Connections = std::map<uint64_t, std::unique_ptr<Connection>>;

  void Serve();
  // Steps of `Serve`.
  // Returns when everything is to be ended.
  absl::Time TakeNew();
  void Advance(Connections::iterator one, absl::Time now);
  void EndOverdue(absl::Time now);
  // Until only `left` are under way.
  void EndOldestHandshakes(size_t left, const absl::Status& status);
  bool idle() const;

  const TerminatorOptions options_;
  const UniqueFd epoll_;
  Waker waker_;
  std::thread thread_;

  // The thread's own. By number, and so the oldest first.
  Connections connections_;
  uint64_t last_id_ = kWakerId;
  // Those with more to do at once.
  std::set<uint64_t> unfinished_;
  std::string scratch_;

  absl::Mutex mutex_;
  std::vector<New> new_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time stop_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  // One `Stop` joins.
  absl::Mutex join_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
};

absl::Status Terminator::Impl::Start() {
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = kWakerId}};
  if (!epoll_.ok() || !waker_.ok() ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waker_.fd(), &event) != 0) {
    return absl::ResourceExhaustedError("TLS: no descriptor is left");
  }
  try {
    thread_ = std::thread([this] { Serve(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("TLS: cannot create a thread: ", error.what()));
  }
  return absl::OkStatus();
}

void Terminator::Impl::Add(UniqueFd fd, std::unique_ptr<Stream> stream,
                           Done done) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      new_.push_back({std::move(fd), std::move(stream), std::move(done)});
      waker_.Wake();
      return;
    }
  }
  done(absl::CancelledError("TLS: stopped"));
}

void Terminator::Impl::Stop(absl::Duration grace) {
  absl::MutexLock join_lock(&join_mutex_);
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    stop_at_ = MonotonicNow() + grace;
  }
  waker_.Wake();
  thread_.join();
}

bool Terminator::Impl::idle() const {
  return std::all_of(connections_.begin(), connections_.end(),
                     [](const auto& one) {
                       return one.second->deadline() == absl::InfiniteFuture();
                     });
}

void Terminator::Impl::Serve() {
  pthread_setname_np(pthread_self(), "tls");
  const absl::Duration look = std::clamp(
      std::min(options_.handshake_timeout, options_.write_timeout) / kLooks,
      kMinLook, kMaxLook);
  const int look_milliseconds =
      static_cast<int>(absl::ToInt64Milliseconds(look));
  bool stopping = false;
  while (!stopping || !connections_.empty()) {
    epoll_event events[kMaxEvents];
    const int wait = !unfinished_.empty()  ? 0
                     : idle() && !stopping ? -1
                                           : look_milliseconds;
    const int count = epoll_wait(epoll_.get(), events, kMaxEvents, wait);
    const absl::Time now = MonotonicNow();
    const std::set<uint64_t> unfinished = std::exchange(unfinished_, {});
    for (const uint64_t id : unfinished) {
      if (const auto one = connections_.find(id); one != connections_.end()) {
        Advance(one, now);
      }
    }
    for (int i = 0; i < count; ++i) {
      const uint64_t id = events[i].data.u64;
      if (id == kWakerId) {
        waker_.Clear();
      } else if (const auto one = connections_.find(id);
                 one != connections_.end()) {
        Advance(one, now);
      }
    }
    const absl::Time stop_at = TakeNew();
    EndOverdue(now);
    if (stop_at == absl::InfiniteFuture()) continue;
    stopping = true;
    const absl::Status stopped = absl::CancelledError("TLS: stopped");
    EndOldestHandshakes(0, stopped);
    if (now < stop_at) continue;
    for (const auto& [id, connection] : connections_) connection->End(stopped);
    connections_.clear();
  }
}

absl::Time Terminator::Impl::TakeNew() {
  std::vector<New> taken;
  absl::Time stop_at;
  {
    absl::MutexLock lock(&mutex_);
    taken.swap(new_);
    stop_at = stop_at_;
  }
  const absl::Time now = MonotonicNow();
  for (New& one : taken) {
    EndOldestHandshakes(
        std::max<size_t>(options_.max_handshakes, 1) - 1,
        absl::ResourceExhaustedError(absl::StrCat(
            "TLS handshake: more than ", options_.max_handshakes, " at once")));
    const uint64_t id = ++last_id_;
    const auto added =
        connections_
            .emplace(
                id, std::make_unique<Connection>(
                        epoll_.get(), id, options_, scratch_, std::move(one.fd),
                        std::move(one.stream), std::move(one.done), now))
            .first;
    Advance(added, now);
  }
  return stop_at;
}

void Terminator::Impl::Advance(Connections::iterator one, absl::Time now) {
  if (one->second->Advance(now)) unfinished_.insert(one->first);
  if (one->second->phase() == Phase::kOver) connections_.erase(one);
}

void Terminator::Impl::EndOverdue(absl::Time now) {
  for (auto one = connections_.begin(); one != connections_.end();) {
    Connection& connection = *one->second;
    if (now >= connection.deadline()) connection.OnDeadline();
    one = connection.phase() == Phase::kOver ? connections_.erase(one)
                                             : std::next(one);
  }
}

void Terminator::Impl::EndOldestHandshakes(size_t left,
                                           const absl::Status& status) {
  const auto shakes = [](const auto& one) {
    return one.second->phase() == Phase::kHandshake;
  };
  auto under_way = static_cast<size_t>(
      std::count_if(connections_.begin(), connections_.end(), shakes));
  for (auto one = connections_.begin();
       one != connections_.end() && under_way > left;) {
    if (!shakes(*one)) {
      ++one;
      continue;
    }
    one->second->End(status);
    one = connections_.erase(one);
    --under_way;
  }
}

absl::StatusOr<std::unique_ptr<Terminator>> Terminator::Start(
    const TerminatorOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  if (absl::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<Terminator>(new Terminator(std::move(impl)));
}

Terminator::Terminator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Terminator::~Terminator() { Stop(absl::ZeroDuration()); }

void Terminator::Add(UniqueFd fd, std::unique_ptr<Stream> stream, Done done) {
  impl_->Add(std::move(fd), std::move(stream), std::move(done));
}

void Terminator::Stop(absl::Duration grace) { impl_->Stop(grace); }

}  // namespace bergen::sslutils
