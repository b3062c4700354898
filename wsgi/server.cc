// SPDX-License-Identifier: Apache-2.0

#include "wsgi/server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "spdlog/spdlog.h"
#include "sslutils/reload_watch.h"
#include "wsgi/acceptor.h"
#include "wsgi/application_call.h"
#include "wsgi/connection.h"
#include "wsgi/connection_counts.h"
#include "wsgi/connection_state.h"
#include "wsgi/event_loop.h"
#include "wsgi/exchange.h"
#include "wsgi/http2.h"
#include "wsgi/http2_connection.h"
#include "wsgi/http2_exchange.h"
#include "wsgi/monotonic.h"
#include "wsgi/request_id.h"
#include "wsgi/response.h"
#include "wsgi/worker_pool.h"

namespace bergen::wsgi {
namespace {

using sslutils::IoResult;
using sslutils::IoState;

// The size of the loop's only buffer for what arrives.
constexpr size_t kReceiveSize = 65536;

// How long a client may go on sending what nobody wants, so that it gets to see
// the answer.
constexpr absl::Duration kLingerTime = absl::Seconds(2);

// Requests of one connection that a thread answers before others get their
// turn.
constexpr int kRequestsInTurn = 16;

// A thread of the pool that needed longer for a pipelined request sends each
// response at once, until it is quicker: nobody knows how long the next takes.
constexpr absl::Duration kQuick = absl::Milliseconds(1);

// Written to a connection of HTTP/2 in one go; more waits until it is read.
constexpr size_t kMaxUnsent = 128 * 1024;

// How often, at least, streams of HTTP/2 are looked at that their clients do
// not finish.
constexpr absl::Duration kStreamInterval = absl::Seconds(1);

// How often, at most, the log warns of clients that want too much.
constexpr absl::Duration kWarningInterval = absl::Seconds(1);

// Source: RFC 9113, 6.9.1.
constexpr uint32_t kMaxWindow = 0x7fffffff;

// More than this is given back while a connection idles.
constexpr size_t kIdleCapacity = 4096;

void Trim(std::string& received) {
  if (received.empty() && received.capacity() > kIdleCapacity) {
    std::string().swap(received);
  }
}

// After the client's last flight of a handshake there is nothing to send that
// would carry the acknowledgement, and a client that has left Nagle's algorithm
// on waits for it before it sends its request.
void AcknowledgeAtOnce(int fd) {
  const int one = 1;
  // Fails for UNIX sockets, which need it not.
  setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

// Whose connections count together: clients of UNIX sockets are all one host,
// which is none.
absl::string_view CountedAddress(const ConnectionInfo& info) {
  return info.remote_port.empty() ? "" : absl::string_view(info.remote_addr);
}

// What `ConnectionState` shows of a request whose line this begins with.
absl::string_view ShownLine(absl::string_view line) {
  line = line.substr(0, Connection::kShownLine);
  // A query may hold what is secret.
  const size_t path = std::min(line.find(' ') + 1, line.size());
  return line.substr(0, line.find_first_of("? \r\n", path));
}

ConnectionState::Stage StageOf(Http2Exchange::State state) {
  switch (state) {
    case Http2Exchange::State::kBody:
      return ConnectionState::kBody;
    case Http2Exchange::State::kRunning:
      return ConnectionState::kRequest;
    case Http2Exchange::State::kFull:
    case Http2Exchange::State::kSettled:
      return ConnectionState::kResponse;
  }
  return ConnectionState::kRequest;
}

void ShowStreams(const Http2Connection& http2, absl::Duration now,
                 ConnectionState& state) {
  for (const auto& [number, exchange] : http2.exchanges()) {
    state.stage = ConnectionState::kRequest;
    state.streams.push_back(
        {.number = number,
         .stage = StageOf(exchange->state()),
         .age = now - exchange->began(),
         .request = std::string(ShownLine(exchange->parsed().request_line))});
  }
  std::sort(state.streams.begin(), state.streams.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
}

ConnectionState::Stage StageOf(Exchange::Phase phase) {
  switch (phase) {
    case Exchange::Phase::kBody:
      return ConnectionState::kBody;
    case Exchange::Phase::kResponse:
      return ConnectionState::kResponse;
    case Exchange::Phase::kRest:
      return ConnectionState::kClosing;
  }
  return ConnectionState::kRequest;
}

absl::Status CheckOptions(const ServerOptions& options) {
  const auto check = [&options](bool valid, absl::string_view what) {
    return valid ? absl::OkStatus()
                 : absl::InvalidArgumentError(
                       absl::StrCat(options.name, ": ", what));
  };
  for (const absl::Status& status : {
           check(options.pool_size >= 1, "pool_size must be at least 1"),
           check(options.max_header_line >= 64,
                 "max_header_line must be at least 64"),
           check(options.max_url_len >= 64, "max_url_len must be at least 64"),
           check(options.max_headers >= 1, "max_headers must be at least 1"),
           check(options.max_headers_size >= 64,
                 "max_headers_size must be at least 64"),
           check(options.max_connections >= 0,
                 "max_connections must not be negative"),
           check(options.max_connections_per_address >= 0,
                 "max_connections_per_address must not be negative"),
           check(options.max_handshakes >= 0,
                 "max_handshakes must not be negative"),
           check(options.client_socket_timeout > absl::ZeroDuration(),
                 "client_socket_timeout must be positive"),
           check(options.header_timeout > absl::ZeroDuration(),
                 "header_timeout must be positive"),
           check(options.body_timeout > absl::ZeroDuration(),
                 "body_timeout must be positive"),
           check(options.write_timeout > absl::ZeroDuration(),
                 "write_timeout must be positive"),
           check(options.handshake_timeout > absl::ZeroDuration(),
                 "handshake_timeout must be positive"),
           check(options.queue_timeout > absl::ZeroDuration(),
                 "queue_timeout must be positive"),
           check(options.drain_grace >= absl::ZeroDuration(),
                 "drain_grace must not be negative"),
           check(options.http2_limits.max_streams >= 1,
                 "http2_max_streams must be at least 1"),
           check(options.http2_limits.window >= 1 &&
                     options.http2_limits.window <= kMaxWindow,
                 "http2_window must be 1 to 2147483647"),
           check(options.http2_limits.resets >= 1,
                 "http2_resets must be at least 1"),
           check(options.http2_limits.idle_frames >= 1,
                 "http2_idle_frames must be at least 1"),
           check(options.http2_limits.continuations >= 1,
                 "http2_continuations must be at least 1"),
           check(options.request_deadline > absl::ZeroDuration(),
                 "request_deadline must be positive"),
       }) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

// What the thread that waits (the loop) does is in the part below `Run`; the
// other threads reach it by `inbox_` only, apart from giving a connection back
// by its state.
class Server::Impl : public EventLoop::Handler,
                     public WorkerPool::Runner,
                     public Http2Exchange::Owner {
 public:
  Impl(spdlog::logger& log, Application& app,
       std::vector<const Listener*> listeners, const ServerOptions& options,
       AccessLogFormat access_log)
      : log_(&log),
        listeners_(std::move(listeners)),
        options_(options),
        access_log_(std::move(access_log)),
        settings_{
            .app = &app,
            .log = &log,
            .access_log = &access_log_,
            .limits = {.max_request_line = options.max_url_len,
                       .max_header_line = options.max_header_line,
                       .max_headers_total = options.max_headers_size,
                       .max_headers = options.max_headers},
            .max_body = options.max_body_size,
            .body_buffer = options.body_buffer,
            .body_timeout =
                std::min(options.body_timeout, options.client_socket_timeout),
            .write_timeout =
                std::min(options.write_timeout, options.client_socket_timeout),
            .least_rate = options.least_rate,
            .max_requests = options.max_requests_per_connection,
            .keep_alive = options.keep_alive,
            .debug = options.debug,
            .stopping = &stopping_,
        },
        http2_limits_(options.http2_limits),
        stream_interval_(std::min({kStreamInterval, settings_.body_timeout,
                                   settings_.write_timeout})),
        counters_(options.counters != nullptr ? *options.counters
                                              : own_counters_),
        pool_(options.pool_size, *this),
        counts_(options.max_connections, options.max_connections_per_address) {
    if (options_.tls != nullptr) {
      tls_watch_ = std::make_unique<sslutils::ReloadWatch>(*options_.tls,
                                                           options_.name, log);
    }
  }

  ~Impl() override {
    Stop();
    if (thread_.joinable()) {
      Tell([](Inbox& inbox) { inbox.abort = true; });
    }
    Wait();
  }

  const std::string& name() const { return options_.name; }

  absl::Status Start();
  void Stop();
  void Wait();
  absl::Status Reset();

  const ServerCounters& counters() const { return counters_; }
  absl::StatusOr<std::vector<ConnectionState>> Connections(
      absl::Duration timeout);

 private:
  class PoolThread;

  // What the pool is given.
  class Task {
   public:
    virtual ~Task() = default;
    virtual void Run(PoolThread& thread) = 0;
    // On the loop's thread: no thread was free in time.
    virtual void Refuse() = 0;
  };

  // A connection that tells the server when it is ready.
  struct Peer : public Connection, public EventLoop::Handler, public Task {
    Peer(Impl& server, UniqueFd fd, std::unique_ptr<sslutils::Stream> tls,
         ConnectionInfo info)
        : Connection(std::move(fd), std::move(tls), std::move(info),
                     server.settings_.limits, *server.loop_, *this),
          server(&server) {}
    void OnReady() override { server->OnReady(*this); }
    void Run(PoolThread& thread) override { thread.Serve(*this); }
    void Refuse() override { server->RefuseQueued(*this); }

    Impl* server;
    std::list<Peer*>::iterator handshake;  // While there is one.
    bool unflushed = false;  // HTTP/2: there may be something to write.
  };

  struct PeerHttp2 : public Http2Connection {
    PeerHttp2(Impl& server, Peer& peer, absl::Duration now)
        : Http2Connection(server.settings_, server.http2_limits_,
                          peer.channel.info, server, now),
          peer(&peer) {}

    Peer* peer;
  };

  // A request of HTTP/2, on its way to a thread. Deletes itself.
  struct StreamTask : public Task {
    StreamTask(Impl& server, std::shared_ptr<Http2Exchange> exchange)
        : server(&server), exchange(std::move(exchange)) {}
    void Run(PoolThread&) override {
      std::unique_ptr<StreamTask> self(this);
      const std::optional<Vitals::Work> work = server->BeginWork();
      // If it is not over, another task may have it already.
      if (exchange->Run()) server->CountOver(exchange->in_progress);
    }
    void Refuse() override { server->RefuseQueued(*this); }

    Impl* server;
    std::shared_ptr<Http2Exchange> exchange;
  };

  // Somebody wants to know the connections, and may have stopped waiting.
  struct Question {
    absl::Notification answered;
    std::vector<ConnectionState> connections;
  };

  // What other threads want from the loop.
  struct Inbox {
    std::vector<UniqueFd> accepted;
    std::vector<Peer*> returned;
    std::vector<std::shared_ptr<Question>> questions;
    std::vector<std::shared_ptr<Http2Exchange>> news;
    int acceptors_finished = 0;
    bool abort = false;
  };

  // One thread of the pool: it keeps the exchange, with its buffers.
  class PoolThread : public WorkerPool::Thread {
   public:
    explicit PoolThread(Impl& server)
        : server_(&server),
          exchange_(std::make_unique<Exchange>(server.settings_)) {}
    void Run(WorkerPool::Job job) override {
      static_cast<Task*>(job)->Run(*this);
    }
    void Serve(Peer& peer);

   private:
    // Takes the next request of a connection whose last one is answered, if it
    // is there and has no body.
    bool BeginNext(Peer& peer);

    Impl* server_;
    std::unique_ptr<Exchange> exchange_;
    bool quick_ = true;  // The last pipelined request was.
  };

  std::unique_ptr<WorkerPool::Thread> NewThread() override {
    return std::make_unique<PoolThread>(*this);
  }

  void OnNews(std::shared_ptr<Http2Exchange> exchange) override {
    Tell([&exchange](Inbox& inbox) {
      inbox.news.push_back(std::move(exchange));
    });
  }

  void OnReady(std::shared_ptr<Http2Exchange> exchange) override {
    ready_streams_.push_back(std::move(exchange));
  }

  template <typename Change>
  void Tell(Change change) {
    absl::MutexLock lock(&mutex_);
    change(inbox_);
    if (!std::exchange(told_, true)) loop_->Wake();
  }

  // Nothing if nobody is told. Thread-safe.
  std::optional<Vitals::Work> BeginWork() const {
    if (options_.vitals == nullptr) return std::nullopt;
    return options_.vitals->BeginWork(options_.request_deadline);
  }

  absl::Status CreateAcceptors();
  absl::Status StartThreads();
  void StopAcceptors();
  void NoteExpiry();

  // The rest runs on the loop's thread.
  void Run();
  void ReadInbox();
  void Answer(Question& question) const;
  void BeginStopping();
  void Abort();
  void Add(UniqueFd fd);
  void OnReady(Peer& peer);
  // Of the timer: looks at connections that are due.
  void OnReady() override;
  // These return whether the connection still exists and idles.
  bool Handshake(Peer& peer);
  bool Receive(Peer& peer);
  bool Advance(Peer& peer, absl::Duration now);
  void NoteRequest(Peer& peer, absl::Duration now);
  bool Dispatch(Peer& peer, absl::Duration now);
  bool SendHeld(Peer& peer);
  bool Finished(Peer& peer);
  // Of an exchange that was begun here, what can be done here.
  Exchange::Next RunInline(Exchange& exchange, Exchange::Next next);
  // Does what `peer.exchange` wants.
  void GoOn(Peer& peer, Exchange::Next next);
  void HandOver(Peer& peer);  // To a thread.
  void Returned(Peer& peer);
  // The flag says whether the request is counted as one in progress.
  void CountRequest();  // Thread-safe.
  void CountInProgress(bool& in_progress);
  void CountOver(bool& in_progress);
  void Submit(Task& task) { jobs_.push_back(&task); }
  void SubmitJobs();
  // The same for HTTP/2. Whether a connection speaks it, or may yet:
  bool MayBeHttp2(const Peer& peer) const;
  void BeginHttp2(Peer& peer);
  // Both may close the connection.
  void Converse(Peer& peer);
  void Flush(Peer& peer);
  bool ReceiveHttp2(Peer& peer, absl::string_view bytes);
  void TakeNews(const std::vector<std::shared_ptr<Http2Exchange>>& news);
  // Has the streams run that are ready.
  void StartStreams();
  void LookAtHttp2(Peer& peer, absl::Duration now);
  absl::Duration Http2DeadlineOf(const Peer& peer) const;
  // Answers requests that have waited too long for the pool.
  void LookAtQueue();
  void RefuseQueued(Peer& peer);
  void RefuseQueued(StreamTask& task);
  Refusal NoThread() const;
  // The log says no more about clients that want too much, for a while, once
  // this was true.
  bool MayWarn();
  // Counts a connection that has to go, and says so.
  void TooMany(absl::string_view what, absl::string_view address);
  // Ends what is between accepting and the first request.
  void EndHandshake(Peer& peer);
  void Refuse(Peer& peer, const Refusal& refusal);
  void Linger(Peer& peer);
  void Discard(Peer& peer);
  void Close(Peer& peer);
  void WaitFor(Peer& peer, EventLoop::Direction direction);
  void GrantGrace(Peer& peer);
  // Looks once more at a connection whose grace is over: a request may have
  // come just now. Returns whether there is nothing left to close.
  bool HasLateRequest(Peer& peer);
  absl::Duration DeadlineOf(const Peer& peer) const;
  void CheckAt(Peer& peer, absl::Duration when);
  void SetTimer();

  spdlog::logger* const log_;
  const std::vector<const Listener*> listeners_;
  const ServerOptions options_;
  const AccessLogFormat access_log_;
  std::atomic<bool> stopping_ = false;
  const ExchangeSettings settings_;
  const Http2Limits http2_limits_;
  const absl::Duration stream_interval_;
  ServerCounters own_counters_;
  ServerCounters& counters_;
  WorkerPool pool_;

  absl::Mutex mutex_;
  bool stop_called_ ABSL_GUARDED_BY(mutex_) = false;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;  // `inbox_` is not empty.
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<sslutils::ReloadWatch> tls_watch_;  // Null without TLS.

  // Set by `Start`, then unchanged until `Wait` has joined the thread.
  std::unique_ptr<EventLoop> loop_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::thread thread_;

  // Of the loop's thread.
  absl::flat_hash_map<Peer*, std::unique_ptr<Peer>> peers_;
  ConnectionCounts counts_;
  std::set<std::pair<absl::Duration, Peer*>> checks_;
  std::list<Peer*> handshakes_;  // Oldest first.
  absl::Duration warned_ = -absl::InfiniteDuration();
  absl::Duration timer_set_for_ = absl::InfiniteDuration();
  std::unique_ptr<EventLoop::Timer> timer_;
  std::unique_ptr<Exchange> exchange_;
  std::vector<WorkerPool::Job> jobs_;
  std::vector<std::shared_ptr<Http2Exchange>> ready_streams_;
  std::vector<char> buffer_;
  // When the request that waits longest has waited too long.
  absl::Duration queue_check_at_ = absl::InfiniteDuration();
  int acceptors_running_ = 0;
  bool draining_ = false;  // Nothing is accepted any more.
  bool aborting_ = false;
};

absl::Status Server::Impl::CreateAcceptors() {
  for (const Listener* listener : listeners_) {
    UniqueFd fd(fcntl(listener->fd(), F_DUPFD_CLOEXEC, 0));
    if (!fd.ok()) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat(options_.name, ": ", listener->address()));
    }
    acceptors_.push_back(std::make_unique<Acceptor>(
        *log_, std::move(fd),
        [this](UniqueFd accepted) {
          Tell([&accepted](Inbox& inbox) {
            inbox.accepted.push_back(std::move(accepted));
          });
        },
        [this] { Tell([](Inbox& inbox) { ++inbox.acceptors_finished; }); }));
  }
  return absl::OkStatus();
}

absl::Status Server::Impl::StartThreads() {
  for (; acceptors_running_ < static_cast<int>(acceptors_.size());
       ++acceptors_running_) {
    absl::Status started = acceptors_[acceptors_running_]->Start();
    if (!started.ok()) return started;
  }
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& refused) {
    return absl::ResourceExhaustedError(
        absl::StrCat(options_.name, ": no thread: ", refused.what()));
  }
  return absl::OkStatus();
}

absl::Status Server::Impl::Start() {
  {
    absl::MutexLock lock(&mutex_);
    if (stop_called_ || started_) return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  timer_ = std::make_unique<EventLoop::Timer>(*loop_, *this);
  exchange_ = std::make_unique<Exchange>(settings_);
  buffer_.resize(kReceiveSize);

  absl::Status started = CreateAcceptors();
  if (started.ok()) started = StartThreads();
  if (!started.ok()) {
    for (int i = 0; i < acceptors_running_; ++i) {
      acceptors_[i]->Stop();
      acceptors_[i]->Join();
    }
    return started;
  }
  for (const Listener* listener : listeners_) {
    log_->info("{}: serving {}://{}", options_.name,
               options_.tls == nullptr ? "http" : "https", listener->address());
  }
  if (options_.tls != nullptr) NoteExpiry();
  absl::MutexLock lock(&mutex_);
  started_ = true;
  // `Stop` came too early to reach them.
  if (stop_called_) StopAcceptors();
  return absl::OkStatus();
}

void Server::Impl::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_called_ = true;
    stopping_.store(true, std::memory_order_relaxed);
    if (!started_) return;
    StopAcceptors();
  }
  // Or the owner of a listener could shut it down too early: the kernel would
  // reset whoever is still in its queue.
  for (auto& acceptor : acceptors_) acceptor->AwaitFinished();
}

void Server::Impl::StopAcceptors() {
  for (auto& acceptor : acceptors_) acceptor->Stop();
}

void Server::Impl::Wait() {
  if (!thread_.joinable()) return;
  thread_.join();
  for (auto& acceptor : acceptors_) acceptor->Join();
  pool_.Join();
}

absl::Status Server::Impl::Reset() {
  if (options_.tls == nullptr) return absl::OkStatus();
  absl::Status reloaded = options_.tls->Reload();
  if (reloaded.ok()) NoteExpiry();
  return reloaded;
}

void Server::Impl::NoteExpiry() {
  counters_.certificate_expiry.store(
      absl::ToUnixSeconds(options_.tls->expires()), std::memory_order_relaxed);
  tls_watch_->WarnOfExpiry(absl::Now());
}

void Server::Impl::PoolThread::Serve(Peer& peer) {
  Impl& server = *server_;
  if (peer.exchange == nullptr) {
    peer.exchange = std::move(exchange_);
    peer.exchange->Begin(peer.channel, peer.scanner.head_begin(),
                         peer.scanner.head_end());
  }
  Exchange::Next next;
  int requests = 0;
  do {
    const bool pipelined = !peer.channel.received.empty();
    absl::Duration began;
    if (pipelined) began = MonotonicNow();
    {
      const std::optional<Vitals::Work> work = server.BeginWork();
      next = peer.exchange->Run(/*may_block=*/true,
                                /*may_hold=*/pipelined && quick_);
    }
    if (pipelined) quick_ = MonotonicNow() - began < kQuick;
    if (!quick_ && peer.exchange->held()) next = peer.exchange->SendHeld();
  } while (next == Exchange::Next::kOver &&
           peer.exchange->after() == After::kKeep &&
           ++requests < kRequestsInTurn && BeginNext(peer));
  if (peer.exchange->held()) next = peer.exchange->SendHeld();
  if (next == Exchange::Next::kOver) {
    peer.after = peer.exchange->after();
    exchange_ = std::move(peer.exchange);
    server.CountOver(peer.in_progress);
  } else if (exchange_ == nullptr) {
    exchange_ = std::make_unique<Exchange>(server.settings_);
  }
  if (next == Exchange::Next::kOver && peer.after == After::kKeep &&
      peer.channel.received.empty() && !peer.channel.transport.HasPending()) {
    Trim(peer.channel.received);
    peer.scanner.Reset();
    peer.since = CoarseNow();
    int state = Connection::kBusy;
    // From here on the connection may be gone.
    if (peer.state.compare_exchange_strong(state, Connection::kIdle,
                                           std::memory_order_acq_rel)) {
      return;
    }
  }
  server.Tell([&peer](Inbox& inbox) { inbox.returned.push_back(&peer); });
}

bool Server::Impl::PoolThread::BeginNext(Peer& peer) {
  if (peer.channel.received.empty()) return false;
  peer.scanner.Reset();
  if (peer.scanner.Scan(peer.channel.received) !=
          HeadScanner::Verdict::kComplete ||
      peer.scanner.may_have_body()) {
    return false;
  }
  server_->CountRequest();
  peer.exchange->Begin(peer.channel, peer.scanner.head_begin(),
                       peer.scanner.head_end());
  return true;
}

void Server::Impl::Run() {
  // A client that is gone is an error of a write, not a signal. Threads of the
  // pool inherit this.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);

  while (!draining_ || acceptors_running_ > 0 || !peers_.empty()) {
    loop_->RunOnce();
    // Their news are in the inbox then, if they run here.
    StartStreams();
    ReadInbox();
    SubmitJobs();
    SetTimer();
  }
  log_->info("{}: stopped", options_.name);
}

void Server::Impl::ReadInbox() {
  Inbox inbox;
  {
    absl::MutexLock lock(&mutex_);
    if (!told_) return;
    told_ = false;
    std::swap(inbox, inbox_);
  }
  for (UniqueFd& fd : inbox.accepted) Add(std::move(fd));
  for (Peer* peer : inbox.returned) Returned(*peer);
  for (const std::shared_ptr<Question>& question : inbox.questions) {
    Answer(*question);
  }
  TakeNews(inbox.news);
  acceptors_running_ -= inbox.acceptors_finished;
  if (acceptors_running_ == 0 && !draining_) BeginStopping();
  if (inbox.abort) Abort();
}

void Server::Impl::Answer(Question& question) const {
  const absl::Duration now = CoarseNow();
  question.connections.reserve(peers_.size());
  for (const auto& [peer, owner] : peers_) {
    const ConnectionInfo& info = peer->channel.info;
    ConnectionState& state = question.connections.emplace_back();
    state.peer = info.remote_port.empty()
                     ? std::string(info.remote_addr)
                     : absl::StrCat(info.remote_addr, ":", info.remote_port);
    if (peer->state.load(std::memory_order_acquire) != Connection::kIdle) {
      // All else is the handler's.
      state.stage = ConnectionState::kRequest;
      state.age = now - peer->requested;
      state.request = std::string(ShownLine(peer->request_line_begin()));
      continue;
    }
    state.age = now - peer->since;
    switch (peer->stage) {
      case Connection::Stage::kWaiting:
        state.age = now - peer->requested;
        state.stage = StageOf(peer->exchange->phase());
        if (state.stage == ConnectionState::kClosing) break;
        state.request = std::string(ShownLine(peer->request_line_begin()));
        break;
      case Connection::Stage::kHandshake:
        state.stage = ConnectionState::kHandshake;
        break;
      case Connection::Stage::kLingering:
        state.stage = ConnectionState::kClosing;
        break;
      case Connection::Stage::kServing:
        state.stage = peer->channel.received.empty() ? ConnectionState::kIdle
                                                     : ConnectionState::kHead;
        if (peer->http2 != nullptr) ShowStreams(*peer->http2, now, state);
        break;
    }
  }
  question.answered.Notify();
}

absl::StatusOr<std::vector<ConnectionState>> Server::Impl::Connections(
    absl::Duration timeout) {
  {
    absl::MutexLock lock(&mutex_);
    if (!started_) {
      return absl::UnavailableError(
          absl::StrCat(options_.name, ": is not started"));
    }
  }
  const auto question = std::make_shared<Question>();
  Tell([&question](Inbox& inbox) { inbox.questions.push_back(question); });
  if (question->answered.WaitForNotificationWithTimeout(timeout)) {
    return std::move(question->connections);
  }
  return absl::DeadlineExceededError(
      absl::StrCat(options_.name, ": no answer about connections within ",
                   absl::FormatDuration(timeout)));
}

void Server::Impl::NoteRequest(Peer& peer, absl::Duration now) {
  peer.requested = now;
  peer.request_line_size = static_cast<uint8_t>(
      absl::string_view(peer.channel.received)
          .copy(peer.request_line.data(), peer.request_line.size(),
                peer.scanner.head_begin()));
}

void Server::Impl::BeginStopping() {
  draining_ = true;
  std::vector<Peer*> http2;
  for (auto& [peer, owner] : peers_) {
    if (peer->http2 != nullptr) {
      http2.push_back(peer);
      continue;
    }
    int state = Connection::kBusy;
    if (peer->state.compare_exchange_strong(state, Connection::kBusyQuiet,
                                            std::memory_order_acq_rel)) {
      peer->watch.Disarm();
    } else if (state == Connection::kIdle) {
      GrantGrace(*peer);
    }
  }
  for (Peer* peer : http2) {
    peer->deadline = CoarseNow() + options_.drain_grace;
    peer->http2->AnnounceEnd();
    Flush(*peer);
  }
}

void Server::Impl::Abort() {
  aborting_ = true;
  for (auto& [peer, owner] : peers_) {
    // Whoever handles it notices, and gives it back.
    shutdown(peer->fd.get(), SHUT_RDWR);
    if (peer->state.load(std::memory_order_acquire) == Connection::kIdle) {
      peer->deadline = absl::ZeroDuration();
      CheckAt(*peer, absl::ZeroDuration());
    }
  }
}

void Server::Impl::Add(UniqueFd fd) {
  if (aborting_) return;
  const int one = 1;
  // Fails for UNIX sockets, which need it not.
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  ConnectionInfo info = DescribeConnection(fd.get());
  if (!counts_.Admit(CountedAddress(info))) {
    TooMany("too many connections", info.remote_addr);
    return;
  }
  info.https = options_.tls != nullptr;
  info.multiprocess = options_.multiprocess;
  std::unique_ptr<sslutils::Stream> tls;
  if (options_.tls != nullptr) {
    if (tls_watch_->Look(CoarseNow())) NoteExpiry();
    tls = options_.tls->Accept(fd.get());
  }
  auto owner = std::make_unique<Peer>(*this, std::move(fd), std::move(tls),
                                      std::move(info));
  Peer& peer = *owner;
  peers_.emplace(&peer, std::move(owner));
  counters_.connections.store(static_cast<int64_t>(peers_.size()),
                              std::memory_order_relaxed);
  peer.since = CoarseNow();
  if (peer.channel.transport.is_tls()) {
    if (options_.max_handshakes != 0 &&
        handshakes_.size() >= static_cast<size_t>(options_.max_handshakes)) {
      Peer& oldest = *handshakes_.front();
      TooMany("too many handshakes", oldest.channel.info.remote_addr);
      Close(oldest);
    }
    peer.stage = Connection::Stage::kHandshake;
    peer.deadline = peer.since + options_.handshake_timeout;
    peer.handshake = handshakes_.insert(handshakes_.end(), &peer);
    counters_.handshakes.store(static_cast<int64_t>(handshakes_.size()),
                               std::memory_order_relaxed);
  }
  if (draining_) GrantGrace(peer);
  CheckAt(peer, DeadlineOf(peer));
  // A client that speaks first is often heard at once.
  OnReady(peer);
}

void Server::Impl::OnReady(Peer& peer) {
  if (peer.stage == Connection::Stage::kLingering) {
    Discard(peer);
    return;
  }
  int state = peer.state.load(std::memory_order_acquire);
  if (state == Connection::kBusy &&
      peer.state.compare_exchange_strong(state, Connection::kBusyQuiet,
                                         std::memory_order_acq_rel)) {
    peer.watch.Disarm();
    return;
  }
  if (state != Connection::kIdle) return;
  if (peer.stage == Connection::Stage::kHandshake && !Handshake(peer)) return;
  if (peer.http2 != nullptr) {
    Converse(peer);
    return;
  }
  if (peer.stage == Connection::Stage::kWaiting) {
    GoOn(peer, peer.exchange->Proceed());
    return;
  }
  Receive(peer);
}

bool Server::Impl::Handshake(Peer& peer) {
  const IoResult result = peer.channel.transport.Handshake();
  switch (result.state) {
    case IoState::kDone:
      counters_.tls_handshakes.fetch_add(1, std::memory_order_relaxed);
      if (peer.channel.transport.resumed()) {
        counters_.tls_resumptions.fetch_add(1, std::memory_order_relaxed);
      }
      peer.channel.info.tls = peer.channel.transport.tls_info();
      AcknowledgeAtOnce(peer.fd.get());
      EndHandshake(peer);
      peer.stage = Connection::Stage::kServing;
      peer.since = CoarseNow();
      if (!draining_) peer.deadline = absl::InfiniteDuration();
      CheckAt(peer, DeadlineOf(peer));
      if (options_.http2 && peer.channel.transport.alpn() == "h2") {
        BeginHttp2(peer);
      }
      return true;
    case IoState::kWantRead:
      WaitFor(peer, EventLoop::kRead);
      return false;
    case IoState::kWantWrite:
      WaitFor(peer, EventLoop::kWrite);
      return false;
    case IoState::kClosed:
    case IoState::kFailed:
      counters_.tls_failures.fetch_add(1, std::memory_order_relaxed);
      log_->debug("{}: TLS handshake with {} failed: {}", options_.name,
                  peer.channel.info.remote_addr, result.error.ToString());
      Close(peer);
      return false;
  }
  return false;
}

bool Server::Impl::Receive(Peer& peer) {
  for (;;) {
    absl::Duration now;
    const IoResult result =
        peer.channel.transport.Read(buffer_.data(), buffer_.size());
    switch (result.state) {
      case IoState::kDone:
        now = CoarseNow();
        if (peer.channel.received.empty()) peer.since = now;
        peer.channel.received.append(buffer_.data(), result.bytes);
        if (MayBeHttp2(peer)) {
          if (peer.channel.received.size() >= kHttp2Preface.size()) {
            BeginHttp2(peer);
            const std::string received = std::move(peer.channel.received);
            peer.channel.received.clear();
            if (ReceiveHttp2(peer, received)) Converse(peer);
            return false;
          }
          CheckAt(peer, DeadlineOf(peer));
          WaitFor(peer, EventLoop::kRead);
          return true;
        }
        if (!Advance(peer, now)) return false;
        // Otherwise more than was asked for is unlikely to be there.
        if (result.bytes == buffer_.size() ||
            peer.channel.transport.HasPending()) {
          continue;
        }
        WaitFor(peer, EventLoop::kRead);
        return true;
      case IoState::kWantRead:
        WaitFor(peer, EventLoop::kRead);
        return true;
      case IoState::kWantWrite:
        WaitFor(peer, EventLoop::kWrite);
        return true;
      case IoState::kClosed:
      case IoState::kFailed:
        Close(peer);
        return false;
    }
  }
}

bool Server::Impl::Advance(Peer& peer, absl::Duration now) {
  for (int turn = 0;; ++turn) {
    const HeadScanner::Verdict verdict =
        peer.scanner.Scan(peer.channel.received);
    const bool complete = verdict == HeadScanner::Verdict::kComplete;
    // What comes next may be long in coming, or another's turn.
    if ((!complete || turn == kRequestsInTurn) && !SendHeld(peer)) return false;
    if (verdict == HeadScanner::Verdict::kRefused) {
      Refuse(peer, peer.scanner.refusal());
      return false;
    }
    if (!complete) {
      // A head has less time than an idle connection.
      if (const absl::Duration due = DeadlineOf(peer); due < peer.check_at) {
        CheckAt(peer, due);
      }
      return true;
    }
    if (turn == kRequestsInTurn) {
      // Comes back by the inbox, after others.
      peer.scanner.Reset();
      peer.state.store(Connection::kBusyQuiet, std::memory_order_relaxed);
      peer.watch.Disarm();
      peer.after = After::kKeep;
      Tell([&peer](Inbox& inbox) { inbox.returned.push_back(&peer); });
      return false;
    }
    if (!Dispatch(peer, now)) return false;
    now = peer.since;
    if (peer.channel.received.empty()) return SendHeld(peer);
  }
}

bool Server::Impl::SendHeld(Peer& peer) {
  if (!exchange_->held()) return true;
  const Exchange::Next next = exchange_->SendHeld();
  if (next == Exchange::Next::kOver) {
    peer.after = exchange_->after();
    return peer.after == After::kKeep || Finished(peer);
  }
  peer.exchange =
      std::exchange(exchange_, std::make_unique<Exchange>(settings_));
  GoOn(peer, next);
  return false;
}

bool Server::Impl::Dispatch(Peer& peer, absl::Duration now) {
  CountRequest();
  NoteRequest(peer, now);
  if (!options_.inline_app && !peer.scanner.may_have_body()) {
    HandOver(peer);
    return false;
  }
  exchange_->Begin(peer.channel, peer.scanner.head_begin(),
                   peer.scanner.head_end());
  const Exchange::Next next = RunInline(*exchange_, exchange_->Proceed());
  if (next == Exchange::Next::kOver) {
    peer.after = exchange_->after();
    if (peer.after != After::kKeep) return Finished(peer);
    peer.scanner.Reset();
    peer.since = CoarseNow();
    return true;
  }
  peer.exchange =
      std::exchange(exchange_, std::make_unique<Exchange>(settings_));
  GoOn(peer, next);
  return false;
}

Exchange::Next Server::Impl::RunInline(Exchange& exchange,
                                       Exchange::Next next) {
  if (next != Exchange::Next::kRun || !options_.inline_app ||
      exchange.phase() != Exchange::Phase::kBody || exchange.MayWaitForBody()) {
    return next;
  }
  const std::optional<Vitals::Work> work = BeginWork();
  return exchange.Run(/*may_block=*/false, /*may_hold=*/true);
}

void Server::Impl::GoOn(Peer& peer, Exchange::Next next) {
  next = RunInline(*peer.exchange, next);
  if (peer.exchange->held()) next = peer.exchange->SendHeld();
  switch (next) {
    case Exchange::Next::kRun:
      peer.stage = Connection::Stage::kServing;
      HandOver(peer);
      return;
    case Exchange::Next::kWait:
      peer.stage = Connection::Stage::kWaiting;
      if (peer.exchange->phase() == Exchange::Phase::kResponse) {
        CountInProgress(peer.in_progress);
      }
      CheckAt(peer, DeadlineOf(peer));
      WaitFor(peer, peer.exchange->waits_for());
      return;
    case Exchange::Next::kOver:
      peer.stage = Connection::Stage::kServing;
      peer.after = peer.exchange->after();
      peer.exchange.reset();
      CountOver(peer.in_progress);
      Finished(peer);
      return;
  }
}

void Server::Impl::HandOver(Peer& peer) {
  CountInProgress(peer.in_progress);
  peer.state.store(Connection::kBusy, std::memory_order_relaxed);
  if (draining_) {
    peer.state.store(Connection::kBusyQuiet, std::memory_order_relaxed);
    peer.watch.Disarm();
  } else if (absl::Status armed = peer.watch.Arm(EventLoop::kRead);
             !armed.ok()) {
    peer.state.store(Connection::kBusyQuiet, std::memory_order_relaxed);
  }
  Submit(peer);
}

void Server::Impl::Returned(Peer& peer) {
  if (peer.exchange == nullptr) {
    Finished(peer);
    return;
  }
  peer.state.store(Connection::kIdle, std::memory_order_relaxed);
  GoOn(peer, Exchange::Next::kWait);
}

void Server::Impl::CountRequest() {
  counters_.requests.fetch_add(1, std::memory_order_relaxed);
  if (options_.vitals != nullptr) options_.vitals->CountRequest();
}

void Server::Impl::CountInProgress(bool& in_progress) {
  if (std::exchange(in_progress, true)) return;
  counters_.requests_in_progress.fetch_add(1, std::memory_order_relaxed);
}

void Server::Impl::CountOver(bool& in_progress) {
  if (!std::exchange(in_progress, false)) return;
  counters_.requests_in_progress.fetch_sub(1, std::memory_order_relaxed);
}

bool Server::Impl::Finished(Peer& peer) {
  peer.state.store(Connection::kIdle, std::memory_order_relaxed);
  if (aborting_) {
    Close(peer);
    return false;
  }
  switch (peer.after) {
    case After::kKeep:
      break;
    case After::kClose:
      if (peer.channel.transport.is_tls()) {
        peer.channel.transport.ShutdownWrite();
      }
      Close(peer);
      return false;
    case After::kLinger:
      Linger(peer);
      return false;
  }
  peer.scanner.Reset();
  peer.since = CoarseNow();
  if (draining_) GrantGrace(peer);
  Trim(peer.channel.received);
  if (!peer.channel.received.empty() && !Advance(peer, peer.since)) {
    return false;
  }
  return Receive(peer);
}

bool Server::Impl::MayBeHttp2(const Peer& peer) const {
  if (!options_.http2 || peer.channel.requests > 0 ||
      peer.channel.transport.is_tls()) {
    return false;
  }
  const absl::string_view received = peer.channel.received;
  return absl::StartsWith(received, kHttp2Preface) ||
         absl::StartsWith(kHttp2Preface, received);
}

void Server::Impl::BeginHttp2(Peer& peer) {
  const absl::Duration now = CoarseNow();
  peer.http2 = std::make_unique<PeerHttp2>(*this, peer, now);
  peer.since = peer.unsent_since = now;
  if (draining_) peer.http2->AnnounceEnd();
}

bool Server::Impl::ReceiveHttp2(Peer& peer, absl::string_view bytes) {
  const absl::Duration now = CoarseNow();
  peer.since = now;
  const uint64_t before = peer.http2->requests();
  const absl::Status received = peer.http2->Receive(bytes, now);
  for (uint64_t i = before; i < peer.http2->requests(); ++i) {
    CountRequest();
  }
  if (received.ok()) return true;
  const bool too_much = absl::IsResourceExhausted(received);
  if (!too_much || MayWarn()) {
    log_->log(too_much ? spdlog::level::warn : spdlog::level::debug,
              "{}: closing a connection of {}: {}", options_.name,
              peer.channel.info.remote_addr, received.ToString());
  }
  Flush(peer);
  return false;
}

void Server::Impl::StartStreams() {
  for (std::shared_ptr<Http2Exchange>& exchange :
       std::exchange(ready_streams_, {})) {
    if (options_.inline_app && exchange->may_call_inline()) {
      const std::optional<Vitals::Work> work = BeginWork();
      if (!exchange->Call()) continue;
    }
    CountInProgress(exchange->in_progress);
    Submit(*new StreamTask(*this, std::move(exchange)));
  }
}

void Server::Impl::Converse(Peer& peer) {
  // Who does not read what is sent is not read either.
  for (int turn = 0; turn < kRequestsInTurn && peer.unsent.size() < kMaxUnsent;
       ++turn) {
    const IoResult result =
        peer.channel.transport.Read(buffer_.data(), buffer_.size());
    if (result.state == IoState::kClosed || result.state == IoState::kFailed) {
      Close(peer);
      return;
    }
    if (result.state != IoState::kDone) break;
    if (!ReceiveHttp2(peer, {buffer_.data(), result.bytes})) return;
    if (result.bytes < buffer_.size() && !peer.channel.transport.HasPending()) {
      break;
    }
  }
  Flush(peer);
}

void Server::Impl::Flush(Peer& peer) {
  const absl::Duration now = CoarseNow();
  bool blocked = false;
  while (!blocked) {
    peer.http2->Send(peer.unsent, kMaxUnsent);
    if (peer.unsent.empty()) break;
    const IoResult result = peer.channel.transport.Write({peer.unsent});
    switch (result.state) {
      case IoState::kDone:
        peer.unsent.erase(0, result.bytes);
        peer.unsent_since = now;
        break;
      case IoState::kWantRead:
      case IoState::kWantWrite:
        blocked = true;
        break;
      case IoState::kClosed:
      case IoState::kFailed:
        Close(peer);
        return;
    }
  }
  if (!blocked && peer.http2->done()) {
    Linger(peer);
    return;
  }
  if (!blocked) peer.unsent_since = now;
  const bool reads = peer.unsent.size() < kMaxUnsent;
  WaitFor(peer, !blocked ? EventLoop::kRead
                         : (reads ? EventLoop::kReadWrite : EventLoop::kWrite));
  // The rest of a record waits in TLS, not in the socket.
  if (!blocked && peer.channel.transport.HasPending()) {
    peer.watch.Arm(EventLoop::kReadWrite).IgnoreError();
  }
  absl::Duration due = Http2DeadlineOf(peer);
  if (peer.http2->streams() > 0) due = std::min(due, now + stream_interval_);
  if (due < peer.check_at) CheckAt(peer, due);
}

void Server::Impl::TakeNews(
    const std::vector<std::shared_ptr<Http2Exchange>>& news) {
  std::vector<Peer*> unflushed;
  for (const std::shared_ptr<Http2Exchange>& exchange : news) {
    auto* const http2 = static_cast<PeerHttp2*>(exchange->connection());
    if (http2 == nullptr) continue;
    http2->TakeNews(*exchange);
    if (!std::exchange(http2->peer->unflushed, true)) {
      unflushed.push_back(http2->peer);
    }
  }
  for (Peer* peer : unflushed) {
    peer->unflushed = false;
    Flush(*peer);
  }
}

absl::Duration Server::Impl::Http2DeadlineOf(const Peer& peer) const {
  absl::Duration due =
      peer.http2->head_since() +
      std::min(options_.header_timeout, options_.client_socket_timeout);
  if (!peer.unsent.empty()) {
    due = std::min(due, peer.unsent_since + settings_.write_timeout);
  }
  if (peer.http2->streams() == 0) {
    due = std::min(due, peer.since + options_.client_socket_timeout);
  }
  return std::min(due, peer.deadline);
}

void Server::Impl::LookAtHttp2(Peer& peer, absl::Duration now) {
  if (draining_ && !aborting_ && peer.deadline <= now &&
      peer.deadline > absl::ZeroDuration()) {
    // Its grace is over.
    peer.deadline = absl::InfiniteDuration();
    peer.http2->End();
  } else if (Http2DeadlineOf(peer) <= now) {
    log_->debug("{}: closing connection of {} after waiting for it",
                options_.name, peer.channel.info.remote_addr);
    Close(peer);
    return;
  }
  peer.http2->EndOverdue(now);
  // Streams are looked at as long as there are any.
  CheckAt(peer, peer.http2->streams() == 0
                    ? Http2DeadlineOf(peer)
                    : std::min(Http2DeadlineOf(peer), now + stream_interval_));
  Flush(peer);
}

void Server::Impl::SubmitJobs() {
  StartStreams();
  if (jobs_.empty()) return;
  absl::Duration now;
  if (options_.queue_timeout < absl::InfiniteDuration()) {
    now = CoarseNow();
    queue_check_at_ = std::min(queue_check_at_, now + options_.queue_timeout);
  }
  pool_.Submit(jobs_, now);
  jobs_.clear();
}

void Server::Impl::LookAtQueue() {
  const absl::Duration now = CoarseNow();
  if (queue_check_at_ > now) return;
  const WorkerPool::Waiting waiting =
      pool_.TakeWaiting(now - options_.queue_timeout);
  queue_check_at_ = waiting.oldest + options_.queue_timeout;
  for (const WorkerPool::Job job : waiting.taken) {
    static_cast<Task*>(job)->Refuse();
  }
}

Refusal Server::Impl::NoThread() const {
  const auto retry_after = static_cast<int>(absl::ToInt64Seconds(absl::Ceil(
      std::min(options_.queue_timeout, absl::Hours(1)), absl::Seconds(1))));
  return {503, "Service Unavailable", "no thread of the pool", retry_after};
}

void Server::Impl::RefuseQueued(StreamTask& task) {
  if (!task.exchange->Refuse(NoThread())) {
    // The application was called already.
    Submit(task);
    return;
  }
  const std::unique_ptr<StreamTask> self(&task);
  counters_.queue_timeouts.fetch_add(1, std::memory_order_relaxed);
  CountOver(task.exchange->in_progress);
}

void Server::Impl::RefuseQueued(Peer& peer) {
  if (peer.exchange == nullptr) {
    peer.exchange =
        std::exchange(exchange_, std::make_unique<Exchange>(settings_));
    peer.exchange->Begin(peer.channel, peer.scanner.head_begin(),
                         peer.scanner.head_end());
  }
  if (!peer.exchange->Refuse(NoThread())) {
    // Its response has begun.
    Submit(peer);
    return;
  }
  counters_.queue_timeouts.fetch_add(1, std::memory_order_relaxed);
  CountOver(peer.in_progress);
  peer.state.store(Connection::kIdle, std::memory_order_relaxed);
  GoOn(peer, peer.exchange->Proceed());
}

bool Server::Impl::MayWarn() {
  const absl::Duration now = CoarseNow();
  if (now - warned_ < kWarningInterval) return false;
  warned_ = now;
  return true;
}

void Server::Impl::TooMany(absl::string_view what, absl::string_view address) {
  counters_.refused_connections.fetch_add(1, std::memory_order_relaxed);
  if (!MayWarn()) return;
  log_->warn("{}: {}: closing a connection of {}", options_.name,
             std::string(what), std::string(address));
}

void Server::Impl::EndHandshake(Peer& peer) {
  handshakes_.erase(peer.handshake);
  counters_.handshakes.store(static_cast<int64_t>(handshakes_.size()),
                             std::memory_order_relaxed);
}

void Server::Impl::Refuse(Peer& peer, const Refusal& refusal) {
  HttpDate date;
  const std::string id = NewRequestId();
  const std::string answer = RefusalResponse(refusal, "", id, date.Now());
  // It fits into the socket's buffer, or the client does not read.
  peer.channel.transport.Write({answer});
  absl::string_view line = peer.channel.received;
  line = line.substr(0, std::min(line.find_first_of("\r\n"),
                                 settings_.limits.max_request_line));
  LogAccess(settings_, peer.channel.info,
            {.request_line = line,
             .status_code = refusal.status,
             .wall_seconds = absl::ToDoubleSeconds(CoarseNow() - peer.since),
             .request_id = id});
  Linger(peer);
}

void Server::Impl::Linger(Peer& peer) {
  peer.http2.reset();
  peer.channel.transport.ShutdownWrite();
  peer.stage = Connection::Stage::kLingering;
  peer.deadline = CoarseNow() + kLingerTime;
  CheckAt(peer, peer.deadline);
  Discard(peer);
}

void Server::Impl::Discard(Peer& peer) {
  for (;;) {
    const ssize_t size = recv(peer.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (size > 0) {
      // A fast sender must not keep the loop.
      if (static_cast<size_t>(size) == buffer_.size()) break;
      continue;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      Close(peer);
      return;
    }
    if (errno == EAGAIN) break;
  }
  WaitFor(peer, EventLoop::kRead);
}

void Server::Impl::Close(Peer& peer) {
  if (peer.stage == Connection::Stage::kHandshake) EndHandshake(peer);
  counts_.Remove(CountedAddress(peer.channel.info));
  checks_.erase({peer.check_at, &peer});
  peers_.erase(&peer);
  counters_.connections.store(static_cast<int64_t>(peers_.size()),
                              std::memory_order_relaxed);
}

void Server::Impl::WaitFor(Peer& peer, EventLoop::Direction direction) {
  const absl::Status armed = peer.watch.Arm(direction);
  if (armed.ok()) return;
  log_->error("{}: {}", options_.name, armed.ToString());
  // Nothing else would ever end it. Not here: callers go on using it.
  peer.deadline = absl::ZeroDuration();
  CheckAt(peer, absl::ZeroDuration());
}

void Server::Impl::GrantGrace(Peer& peer) {
  if (peer.stage == Connection::Stage::kLingering ||
      peer.stage == Connection::Stage::kWaiting) {
    return;
  }
  if (!peer.channel.received.empty()) return;
  peer.deadline = std::min(peer.deadline, CoarseNow() + options_.drain_grace);
  CheckAt(peer, peer.deadline);
}

bool Server::Impl::HasLateRequest(Peer& peer) {
  if (!draining_ || aborting_ || !peer.channel.received.empty() ||
      peer.stage != Connection::Stage::kServing) {
    return false;
  }
  if (!Receive(peer)) return true;
  if (peer.channel.received.empty()) return false;
  CheckAt(peer, DeadlineOf(peer));
  return true;
}

absl::Duration Server::Impl::DeadlineOf(const Peer& peer) const {
  if (peer.stage == Connection::Stage::kWaiting &&
      peer.deadline > absl::ZeroDuration()) {
    return peer.exchange->deadline();
  }
  // Once a request begins to arrive it has its usual time.
  const bool arriving = peer.stage == Connection::Stage::kServing &&
                        !peer.channel.received.empty() &&
                        peer.deadline > absl::ZeroDuration();
  if (peer.deadline < absl::InfiniteDuration() && !arriving) {
    return peer.deadline;
  }
  return peer.since + (peer.channel.received.empty()
                           ? options_.client_socket_timeout
                           : std::min(options_.header_timeout,
                                      options_.client_socket_timeout));
}

void Server::Impl::CheckAt(Peer& peer, absl::Duration when) {
  checks_.erase({peer.check_at, &peer});
  peer.check_at = when;
  if (when < absl::InfiniteDuration()) checks_.insert({when, &peer});
}

void Server::Impl::SetTimer() {
  const absl::Duration next =
      std::min(queue_check_at_, checks_.empty() ? absl::InfiniteDuration()
                                                : checks_.begin()->first);
  // A timer that goes off early costs less than one set for each request.
  if (next >= timer_set_for_) return;
  timer_set_for_ = next;
  timer_->Set(next - CoarseNow());
}

void Server::Impl::OnReady() {
  timer_set_for_ = absl::InfiniteDuration();
  LookAtQueue();
  const absl::Duration now = CoarseNow();
  while (!checks_.empty() && checks_.begin()->first <= now) {
    Peer& peer = *checks_.begin()->second;
    if (peer.state.load(std::memory_order_acquire) != Connection::kIdle) {
      // Its time begins when it is given back, so it ends after this.
      CheckAt(peer,
              now + std::min(options_.client_socket_timeout, absl::Hours(1)));
      continue;
    }
    if (peer.http2 != nullptr) {
      LookAtHttp2(peer, now);
      continue;
    }
    const absl::Duration deadline = DeadlineOf(peer);
    if (deadline > now) {
      CheckAt(peer, deadline);
      continue;
    }
    if (peer.stage == Connection::Stage::kWaiting) {
      const bool useless = peer.deadline <= absl::ZeroDuration();
      GoOn(peer, useless ? peer.exchange->GiveUp() : peer.exchange->Overdue());
      continue;
    }
    if (HasLateRequest(peer)) continue;
    log_->debug("{}: closing connection of {} after waiting for it",
                options_.name, peer.channel.info.remote_addr);
    if (peer.stage == Connection::Stage::kServing && !aborting_ &&
        !peer.channel.received.empty() &&
        options_.header_timeout < options_.client_socket_timeout) {
      Refuse(peer, {408, "Request Timeout", "head took too long"});
      continue;
    }
    Close(peer);
  }
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(
    spdlog::logger& log, Application& app,
    std::vector<const Listener*> listeners, const ServerOptions& options) {
  if (absl::Status valid = CheckOptions(options); !valid.ok()) return valid;
  if (listeners.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.name, ": no listener"));
  }
  absl::StatusOr<AccessLogFormat> format =
      AccessLogFormat::Create(options.log_format);
  if (!format.ok()) return format.status();
  return std::unique_ptr<Server>(new Server(std::make_unique<Impl>(
      log, app, std::move(listeners), options, *std::move(format))));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() = default;

absl::string_view Server::name() const { return impl_->name(); }

absl::Status Server::Start() { return impl_->Start(); }

void Server::Stop() { impl_->Stop(); }

absl::Status Server::Wait() {
  impl_->Wait();
  return absl::OkStatus();
}

absl::Status Server::Reset() { return impl_->Reset(); }

const ServerCounters& Server::counters() const { return impl_->counters(); }

absl::StatusOr<std::vector<ConnectionState>> Server::Connections(
    absl::Duration timeout) const {
  return impl_->Connections(timeout);
}

}  // namespace bergen::wsgi
