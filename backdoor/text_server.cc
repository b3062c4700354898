// SPDX-License-Identifier: Apache-2.0

#include "backdoor/text_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "backdoor/command.h"
#include "backdoor/command_threads.h"
#include "backdoor/dispatch.h"
#include "backdoor/text_session.h"
#include "service/monotonic.h"
#include "service/unique_fd.h"
#include "service/waker.h"
#include "spdlog/spdlog.h"

namespace bergen::backdoor {
namespace {

// How long a client has to close after we have, so that the system does not
// throw away what it has not read yet.
constexpr absl::Duration kLinger = absl::Seconds(1);
// What is left of `write_timeout` once the server stops.
constexpr absl::Duration kWriteTimeoutWhenStopping = absl::Seconds(1);
constexpr size_t kReadSize = 4096;
// Reads of one connection before the others have their turn.
constexpr int kReadsAtOnce = 4;

// What the I/O thread and the handler of one connection share. Thread-safe.
class Reply : public Output {
 public:
  Reply(size_t limit, Waker& waker, CommandThreads& threads)
      : limit_(limit), waker_(&waker), threads_(&threads) {}

  // The handler's side.
  bool Write(absl::string_view text) override {
    while (!text.empty()) {
      {
        absl::MutexLock lock(&mutex_);
        if (!HasRoom()) AwaitRoom();
        if (gone_) return false;
        const size_t taken = std::min(text.size(), limit_ - waiting_.size());
        waiting_.append(text.data(), taken);
        line_open_ = waiting_.back() != '\n';
        text.remove_prefix(taken);
      }
      waker_->Wake();
    }
    return true;
  }

  bool cancelled() const override {
    absl::MutexLock lock(&mutex_);
    return gone_ || cancelled_;
  }

  void Finish(absl::Status result) {
    {
      absl::MutexLock lock(&mutex_);
      result_ = std::move(result);
    }
    waker_->Wake();
  }

  // The I/O thread's side. Text of the session, beyond the limit if need be.
  void Append(absl::string_view text) {
    absl::MutexLock lock(&mutex_);
    if (!gone_) waiting_.append(text.data(), text.size());
  }

  // Sends what it can. OK also if the socket takes no more now; `sent` says
  // whether anything went.
  absl::Status Send(int fd, bool& sent) {
    absl::MutexLock lock(&mutex_);
    while (!waiting_.empty()) {
      const ssize_t count =
          send(fd, waiting_.data(), waiting_.size(), MSG_NOSIGNAL);
      if (count < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return absl::OkStatus();
        return absl::ErrnoToStatus(errno, "send");
      }
      waiting_.erase(0, static_cast<size_t>(count));
      sent = true;
    }
    return absl::OkStatus();
  }

  bool empty() const {
    absl::MutexLock lock(&mutex_);
    return waiting_.empty();
  }

  struct Result {
    absl::Status status;
    bool line_open = false;
  };
  std::optional<Result> TakeResult() {
    absl::MutexLock lock(&mutex_);
    if (!result_.has_value()) return std::nullopt;
    Result result = {*std::move(result_), std::exchange(line_open_, false)};
    result_.reset();
    return result;
  }

  // Nobody reads any more.
  void Drop() {
    absl::MutexLock lock(&mutex_);
    gone_ = true;
    waiting_.clear();
  }

  void Cancel() {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
  }

 private:
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return gone_ || waiting_.size() < limit_;
  }
  // Meanwhile other connections' commands run.
  void AwaitRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const CommandThreads::Waiting waiting(threads_);
    mutex_.Await(absl::Condition(this, &Reply::HasRoom));
  }

  const size_t limit_;
  Waker* const waker_;
  CommandThreads* const threads_;
  mutable absl::Mutex mutex_;
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
  bool line_open_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mutex_);
};

struct Connection {
  UniqueFd fd;
  // See `Client::cut`.
  std::function<bool()> cut;
  Caller caller;
  TextSession session;
  std::shared_ptr<Reply> reply;
  // Since when nothing could be sent; InfiniteFuture() if nothing waits.
  absl::Time stalled_since = absl::InfiniteFuture();
  // Everything is sent and we have closed our direction: until when the client
  // may close its own.
  absl::Time linger_until = absl::InfiniteFuture();
  bool input_ended = false;
  // Nothing can be sent; removed once what was received has run.
  bool gone = false;
};

}  // namespace

class TextServer::Impl {
 public:
  Impl(std::shared_ptr<const Listener> listener, const CommandTable& table,
       const TextServerOptions& options, spdlog::logger& log)
      : listener_(std::move(listener)),
        table_(&table),
        options_(options),
        log_(&log),
        entrance_(listener_, options_.entrance, waker_, log),
        commands_({.running = options_.handler_threads,
                   .threads = static_cast<int>(options_.max_connections)}) {}

  absl::Status Start();
  void Stop();
  absl::Status Wait();

 private:
  void Serve();

  // Steps of `Serve`, on the I/O thread.
  absl::Time NextDeadline(absl::Time now) const;
  void Poll();
  void Welcome(Client client, absl::Time now);
  void Read(Connection& connection, absl::Time now);
  void Step(Connection& connection, absl::Time now);
  void SendWaiting(Connection& connection, absl::Time now);
  void HangUp(Connection& connection, absl::Time now);
  void EndInput(Connection& connection, absl::Time now);
  void BeginStopping();

  const std::shared_ptr<const Listener> listener_;
  const CommandTable* const table_;
  const TextServerOptions options_;
  spdlog::logger* const log_;

  std::atomic<bool> stop_asked_{false};
  Waker waker_;
  Entrance entrance_;
  CommandThreads commands_;
  std::thread io_;

  // The I/O thread's own.
  std::list<Connection> connections_;
  std::vector<pollfd> polled_;
  bool stopping_ = false;
};

absl::Status TextServer::Impl::Start() {
  if (!waker_.ok()) {
    return absl::ResourceExhaustedError("backdoor: no descriptor is left");
  }
  if (absl::Status opened = entrance_.Start(); !opened.ok()) return opened;
  if (stop_asked_) return absl::OkStatus();
  if (absl::Status begun = commands_.Start(); !begun.ok()) return begun;
  try {
    io_ = std::thread([this] { Serve(); });
  } catch (const std::system_error& error) {
    commands_.Stop();
    return absl::ResourceExhaustedError(
        absl::StrCat("backdoor: cannot create a thread: ", error.what()));
  }
  log_->info("worker {}: backdoor listening on {} for process {}",
             options_.worker_number, listener_->address(), getpid());
  return absl::OkStatus();
}

void TextServer::Impl::Stop() {
  stop_asked_ = true;
  waker_.Wake();
}

absl::Status TextServer::Impl::Wait() {
  if (io_.joinable()) io_.join();
  commands_.Stop();
  return absl::OkStatus();
}

void TextServer::Impl::Serve() {
  pthread_setname_np(pthread_self(), "backdoor-io");
  while (!stopping_ || !connections_.empty()) {
    Poll();
    const absl::Time now = MonotonicNow();
    if (stop_asked_ && !stopping_) BeginStopping();

    size_t place = 2;  // After the waker and the listener.
    const size_t known = connections_.size();
    auto connection = connections_.begin();
    for (size_t i = 0; i < known; ++i, ++connection, ++place) {
      if ((polled_[place].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        Read(*connection, now);
      }
      Step(*connection, now);
    }
    connections_.remove_if([this](const Connection& one) {
      if (!one.gone || !one.session.finished()) return false;
      log_->debug("backdoor: {} left", one.caller.name);
      return true;
    });
    if (!stopping_) {
      for (Client& client : entrance_.Take(now)) {
        Welcome(std::move(client), now);
      }
    }
  }
  entrance_.Stop(kWriteTimeoutWhenStopping);
}

void TextServer::Impl::Poll() {
  absl::Time now = MonotonicNow();
  polled_.clear();
  polled_.push_back({waker_.fd(), POLLIN, 0});
  polled_.push_back({stopping_ ? -1 : entrance_.fd(now), POLLIN, 0});
  for (Connection& connection : connections_) {
    decltype(pollfd::events) events = 0;
    const bool reading =
        connection.linger_until != absl::InfiniteFuture() ||
        (!connection.input_ended && connection.session.wants_input());
    if (reading) events |= POLLIN;
    if (!connection.reply->empty()) events |= POLLOUT;
    // A hang-up would be reported without any events too, again and again.
    const bool ignored = connection.gone || events == 0;
    polled_.push_back({ignored ? -1 : connection.fd.get(), events, 0});
  }
  now = MonotonicNow();
  const absl::Duration wait =
      std::max(NextDeadline(now) - now, absl::ZeroDuration());
  timespec timeout = absl::ToTimespec(wait);
  const bool for_ever = wait == absl::InfiniteDuration();
  if (ppoll(polled_.data(), polled_.size(), for_ever ? nullptr : &timeout,
            nullptr) < 0) {
    for (pollfd& one : polled_) one.revents = 0;
  }
  if (polled_[0].revents != 0) waker_.Clear();
}

absl::Time TextServer::Impl::NextDeadline(absl::Time now) const {
  absl::Time next =
      stopping_ ? absl::InfiniteFuture() : entrance_.pause_end(now);
  const absl::Duration write_timeout =
      stopping_ ? kWriteTimeoutWhenStopping : options_.write_timeout;
  for (const Connection& connection : connections_) {
    if (connection.gone) continue;
    next = std::min({next, connection.session.deadline(),
                     connection.stalled_since + write_timeout,
                     connection.linger_until});
  }
  return next;
}

void TextServer::Impl::BeginStopping() {
  stopping_ = true;
  for (Connection& connection : connections_) {
    connection.reply->Cancel();
    connection.session.OnStop();
  }
}

void TextServer::Impl::Welcome(Client client, absl::Time now) {
  std::string refusal;
  if (!client.role.has_value()) {
    refusal = absl::StrCat(client.name, " may not use this door\n");
  } else if (connections_.size() >= options_.max_connections) {
    refusal = absl::StrCat("there are ", options_.max_connections,
                           " connections already\n");
  }
  if (!refusal.empty()) {
    log_->warn("backdoor: {} refused: {}", client.name,
               refusal.substr(0, refusal.size() - 1));
    // Best effort: the fresh socket has room for it.
    [[maybe_unused]] const ssize_t sent =
        send(client.fd.get(), refusal.data(), refusal.size(), MSG_NOSIGNAL);
    return;
  }
  log_->info("backdoor: connection from {}, role {}", client.name,
             std::string(RoleName(*client.role)));
  const std::string banner = absl::StrCat(
      options_.program, ", worker ", options_.worker_number, ", process ",
      getpid(), "\nType \"help()\" for the commands.\n(InteractiveConsole)\n");
  const TextSessionOptions session = {.banner = banner,
                                      .banner_delay = options_.banner_delay,
                                      .pipe_quiet = options_.pipe_quiet,
                                      .idle_timeout = options_.idle_timeout};
  connections_.push_back(
      {.fd = std::move(client.fd),
       .cut = std::move(client.cut),
       .caller = {.name = std::move(client.name), .role = *client.role},
       .session = TextSession(session, now),
       .reply = std::make_shared<Reply>(options_.max_waiting_reply, waker_,
                                        commands_)});
  Step(connections_.back(), now);
}

void TextServer::Impl::Read(Connection& connection, absl::Time now) {
  const bool lingering = connection.linger_until != absl::InfiniteFuture();
  for (int i = 0; i < kReadsAtOnce; ++i) {
    if (!lingering &&
        (connection.input_ended || !connection.session.wants_input())) {
      return;
    }
    char buffer[kReadSize];
    const ssize_t count =
        recv(connection.fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count > 0) {
      if (!lingering) {
        connection.session.OnInput(
            absl::string_view(buffer, static_cast<size_t>(count)), now);
      }
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (lingering || count < 0) {
      HangUp(connection, now);
      return;
    }
    EndInput(connection, now);
  }
}

// Does whatever the connection's state allows.
void TextServer::Impl::Step(Connection& connection, absl::Time now) {
  if (std::optional<Reply::Result> result = connection.reply->TakeResult()) {
    connection.session.OnResult(result->status, result->line_open, now);
  }
  connection.session.OnTime(now);
  connection.reply->Append(connection.session.TakeOutput());
  if (!connection.gone) SendWaiting(connection, now);
  if (!connection.gone && now >= connection.linger_until) {
    HangUp(connection, now);
  }
  // Last, since the end of a connection may complete a line.
  if (std::optional<std::string> line = connection.session.TakeCommand()) {
    commands_.Run([this, line = *std::move(line), caller = connection.caller,
                   reply = connection.reply] {
      reply->Finish(Dispatch(*table_, line, caller, *reply, *log_));
    });
  }
}

void TextServer::Impl::SendWaiting(Connection& connection, absl::Time now) {
  bool sent = false;
  const absl::Status status = connection.reply->Send(connection.fd.get(), sent);
  if (!status.ok()) {
    HangUp(connection, now);
    return;
  }
  if (connection.reply->empty()) {
    connection.stalled_since = absl::InfiniteFuture();
    if (connection.session.finished() &&
        connection.linger_until == absl::InfiniteFuture()) {
      shutdown(connection.fd.get(), SHUT_WR);
      connection.linger_until =
          stopping_ || connection.input_ended ? now : now + kLinger;
    }
    return;
  }
  if (sent || connection.stalled_since == absl::InfiniteFuture()) {
    connection.stalled_since = now;
  }
  const absl::Duration limit =
      stopping_ ? kWriteTimeoutWhenStopping : options_.write_timeout;
  if (now - connection.stalled_since >= limit) {
    log_->warn("backdoor: {} reads nothing for {}, dropped",
               connection.caller.name, absl::FormatDuration(limit));
    HangUp(connection, now);
  }
}

// The client is gone, or is to be. What it sent still runs, as after an end of
// input: the two cannot always be told apart.
void TextServer::Impl::HangUp(Connection& connection, absl::Time now) {
  connection.gone = true;
  connection.reply->Drop();
  EndInput(connection, now);
}

void TextServer::Impl::EndInput(Connection& connection, absl::Time now) {
  if (std::exchange(connection.input_ended, true)) return;
  const bool cut = connection.cut != nullptr && connection.cut();
  connection.session.OnEndOfInput(
      cut ? TextSession::End::kCut : TextSession::End::kOrderly, now);
}

TextServer::TextServer(std::shared_ptr<const Listener> listener,
                       const CommandTable& table,
                       const TextServerOptions& options, spdlog::logger& log)
    : impl_(std::make_unique<Impl>(std::move(listener), table, options, log)) {}

TextServer::~TextServer() {
  impl_->Stop();
  impl_->Wait().IgnoreError();
}

absl::Status TextServer::Start() { return impl_->Start(); }
void TextServer::Stop() { impl_->Stop(); }
absl::Status TextServer::Wait() { return impl_->Wait(); }

}  // namespace bergen::backdoor
