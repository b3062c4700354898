// SPDX-License-Identifier: Apache-2.0

#include "backdoor/grpc_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "backdoor/command.h"
#include "backdoor/control.grpc.pb.h"
#include "backdoor/control.pb.h"
#include "backdoor/control_calls.h"
#include "backdoor/dispatch.h"
#include "backdoor/utf8.h"
#include "google/protobuf/message.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_posix.h"
#include "service/monotonic.h"
#include "service/waker.h"
#include "spdlog/spdlog.h"

namespace bergen::backdoor {
namespace {

// A request is a line of at most CommandTable::kMaxLineLength; the rest is for
// health and reflection.
constexpr int kMaxRequestBytes = 64 * 1024;
// Longer pieces of an answer are sent as several replies.
constexpr size_t kMaxReplyBytes = 64 * 1024;
// How long the last answers may take to go out once gRPC has ended.
constexpr absl::Duration kLastAnswers = absl::Seconds(1);
// Clients that read nothing are looked for so many times in `write_timeout`,
// within these bounds.
constexpr int kStallChecks = 4;
constexpr absl::Duration kMinStallCheck = absl::Milliseconds(10);
constexpr absl::Duration kMaxStallCheck = absl::Seconds(1);
// Names that the health service knows; the empty one is the door itself.
constexpr char kLiveService[] = "live";
constexpr char kReadyService[] = "ready";
constexpr char kDrainingService[] = "draining";
// Calls of one connection; one more waits at the client.
constexpr int kMaxStreams = 32;
// Threads of gRPC beyond those that run commands.
constexpr int kPollers = 2;

// The connections that gRPC was given. It names the peer of a call `fd:N`, and
// closes descriptors without saying so; but not while a call of the connection
// lives, for streams hold their transport, and it the descriptor. So the number
// in the name of a call's peer is the caller's own. Thread-safe.
class Connections {
 public:
  void Add(int fd, Caller caller) {
    const ino_t inode = InodeOf(fd);
    absl::MutexLock lock(&mutex_);
    open_[fd] = {std::move(caller), inode};
  }

  size_t Count() {
    absl::MutexLock lock(&mutex_);
    for (auto one = open_.begin(); one != open_.end();) {
      const bool gone = InodeOf(one->first) != one->second.inode;
      one = gone ? open_.erase(one) : std::next(one);
    }
    return open_.size();
  }

  // Who makes the call; none if that is not known.
  std::optional<Caller> CallerOf(const grpc::ServerContext& call) const {
    const std::string peer = call.peer();
    absl::string_view number = peer;
    int fd = -1;
    if (!absl::ConsumePrefix(&number, "fd:") ||
        !absl::SimpleAtoi(number, &fd)) {
      return std::nullopt;
    }
    absl::MutexLock lock(&mutex_);
    const auto found = open_.find(fd);
    if (found == open_.end()) return std::nullopt;
    return found->second.caller;
  }

 private:
  struct Open {
    Caller caller;
    // Of the socket: another one may get the number of a closed descriptor.
    ino_t inode = 0;
  };

  static ino_t InodeOf(int fd) {
    struct stat status = {};
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
  }

  mutable absl::Mutex mutex_;
  std::map<int, Open> open_ ABSL_GUARDED_BY(mutex_);
};

// Where one call's answer goes.
class CallOutput : public Output {
 public:
  CallOutput(grpc::ServerContext& context, const std::atomic<bool>& stopping)
      : context_(&context), stopping_(&stopping) {}

  bool cancelled() const override {
    return *stopping_ || context_->IsCancelled();
  }

  // Ends the call if its client has taken nothing for `timeout`.
  void CancelIfStalled(absl::Duration timeout) {
    const int64_t since = writing_since_;
    if (since == kNotWriting) return;
    if (MonotonicNow() - absl::FromUnixNanos(since) >= timeout) {
      context_->TryCancel();
    }
  }

 protected:
  // False once nobody reads.
  template <typename Reply>
  bool Send(const Reply& reply, grpc::ServerWriter<Reply>& writer) {
    writing_since_ = absl::ToUnixNanos(MonotonicNow());
    const bool written = writer.Write(reply);
    writing_since_ = kNotWriting;
    return written;
  }

 private:
  static constexpr int64_t kNotWriting = std::numeric_limits<int64_t>::max();

  grpc::ServerContext* const context_;
  const std::atomic<bool>* const stopping_;
  std::atomic<int64_t> writing_since_{kNotWriting};
};

// Of a call that streams its answer as it is written.
template <typename Reply>
class StreamOutput : public CallOutput {
 public:
  StreamOutput(grpc::ServerContext& context, grpc::ServerWriter<Reply>& writer,
               const std::atomic<bool>& stopping)
      : CallOutput(context, stopping), writer_(&writer) {}

  bool Write(absl::string_view text) override {
    const std::string valid = ToValidUtf8(text);
    absl::string_view rest = valid;
    while (!rest.empty()) {
      size_t length = std::min(rest.size(), kMaxReplyBytes);
      // Not in the middle of a character.
      while (length < rest.size() &&
             (static_cast<unsigned char>(rest[length]) & 0xc0) == 0x80) {
        --length;
      }
      Reply reply;
      reply.set_text(rest.data(), length);
      if (!this->Send(reply, *writer_)) return false;
      rest.remove_prefix(length);
    }
    return true;
  }

 protected:
  grpc::ServerWriter<Reply>& writer() { return *writer_; }

 private:
  grpc::ServerWriter<Reply>* const writer_;
};

class ProfileOutput : public StreamOutput<v1::ProfileReply> {
 public:
  using StreamOutput::StreamOutput;

  // True also if the client has left: nobody wants the file then.
  bool TakeFile(absl::string_view name, absl::string_view bytes) override {
    v1::ProfileReply reply;
    reply.mutable_file()->set_name(ToValidUtf8(name));
    do {
      const absl::string_view piece = bytes.substr(0, kMaxReplyBytes);
      reply.mutable_file()->set_data(piece.data(), piece.size());
      if (!Send(reply, writer())) return true;
      bytes.remove_prefix(piece.size());
    } while (!bytes.empty());
    return true;
  }
};

// Of a call with one reply, which records fill.
class RecordOutput : public CallOutput {
 public:
  RecordOutput(grpc::ServerContext& context, google::protobuf::Message& reply,
               const std::atomic<bool>& stopping)
      : CallOutput(context, stopping), reply_(&reply) {}

  bool Write(absl::string_view) override { return !cancelled(); }
  void Record(std::initializer_list<Field> fields) override {
    AddRecord(fields, *reply_);
  }

 private:
  google::protobuf::Message* const reply_;
};

v1::Role RoleToProto(Role role) {
  switch (role) {
    case Role::kView:
      return v1::ROLE_VIEW;
    case Role::kOperate:
      return v1::ROLE_OPERATE;
    case Role::kAdmin:
      return v1::ROLE_ADMIN;
  }
  return v1::ROLE_UNSPECIFIED;
}

v1::CommandInfo Describe(const Command& command) {
  v1::CommandInfo info;
  info.set_name(command.name);
  info.set_signature(ToValidUtf8(Signature(command)));
  info.set_help(ToValidUtf8(command.help));
  info.set_changes_state(command.changes_state);
  info.set_role(RoleToProto(command.role));
  for (const Parameter& parameter : command.parameters) {
    v1::ParameterInfo& one = *info.add_parameters();
    one.set_name(parameter.name);
    one.set_allowed(ToValidUtf8(DescribeAllowed(parameter)));
    one.set_help(ToValidUtf8(parameter.help));
    one.set_required(parameter.required);
  }
  return info;
}

grpc::Status ToGrpc(const absl::Status& status) {
  // The codes are the same numbers in both.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      ToValidUtf8(status.message()));
}

class ControlService : public v1::Control::Service {
 public:
  ControlService(const CommandTable& table, const GrpcServerOptions& options,
                 const Connections& connections,
                 const std::atomic<bool>& stopping, Waker& waker,
                 spdlog::logger& log)
      : table_(&table),
        options_(&options),
        connections_(&connections),
        stopping_(&stopping),
        waker_(&waker),
        log_(&log) {}

  grpc::Status Execute(grpc::ServerContext* context,
                       const v1::ExecuteRequest* request,
                       grpc::ServerWriter<v1::ExecuteReply>* writer) override {
    StreamOutput<v1::ExecuteReply> output(*context, *writer, *stopping_);
    return Run(*context, request->command(), output);
  }

  grpc::Status Profile(grpc::ServerContext* context,
                       const v1::ProfileRequest* request,
                       grpc::ServerWriter<v1::ProfileReply>* writer) override {
    ProfileOutput output(*context, *writer, *stopping_);
    return Run(*context, LineOf(*request), output);
  }

  grpc::Status ListThreads(grpc::ServerContext* context,
                           const v1::ListThreadsRequest* request,
                           v1::ListThreadsReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status GetConfig(grpc::ServerContext* context,
                         const v1::GetConfigRequest* request,
                         v1::GetConfigReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status SetConfig(grpc::ServerContext* context,
                         const v1::SetConfigRequest* request,
                         v1::SetConfigReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status MutateConfig(grpc::ServerContext* context,
                            const v1::MutateConfigRequest* request,
                            v1::MutateConfigReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status LogLevel(grpc::ServerContext* context,
                        const v1::LogLevelRequest* request,
                        v1::LogLevelReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status ListTasks(grpc::ServerContext* context,
                         const v1::ListTasksRequest* request,
                         v1::ListTasksReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status ControlTask(grpc::ServerContext* context,
                           const v1::ControlTaskRequest* request,
                           v1::ControlTaskReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status Reload(grpc::ServerContext* context,
                      const v1::ReloadRequest* request,
                      v1::ReloadReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }
  grpc::Status GetReloadVerdict(grpc::ServerContext* context,
                                const v1::GetReloadVerdictRequest* request,
                                v1::GetReloadVerdictReply* reply) override {
    return Fill(*context, LineOf(*request), *reply);
  }

  grpc::Status ListCommands(grpc::ServerContext*,
                            const v1::ListCommandsRequest*,
                            v1::ListCommandsReply* reply) override {
    for (const Command* command : table_->commands()) {
      *reply->add_commands() = Describe(*command);
    }
    return grpc::Status::OK;
  }

  void CancelStalled() {
    absl::MutexLock lock(&mutex_);
    for (CallOutput* output : running_) {
      output->CancelIfStalled(options_->write_timeout);
    }
  }

  // False while calls have to be looked after. Once it is true, a call wakes
  // whoever does that.
  bool TryRest() {
    absl::MutexLock lock(&mutex_);
    // A little longer than calls run: many come one after the other.
    if (!running_.empty() || std::exchange(called_, false)) return false;
    watched_ = false;
    return true;
  }

 private:
  // Every call but ListCommands.
  grpc::Status Run(grpc::ServerContext& context, const std::string& line,
                   CallOutput& output) {
    {
      absl::MutexLock lock(&mutex_);
      if (running_.size() >= static_cast<size_t>(options_->max_running)) {
        return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                            absl::StrCat("there are ", running_.size(),
                                         " commands running already"));
      }
      running_.insert(&output);
      called_ = true;
    }
    // Somebody must look after it now.
    if (!watched_.exchange(true)) waker_->Wake();
    const std::optional<Caller> caller = connections_->CallerOf(context);
    const absl::Status result =
        caller.has_value()
            ? Dispatch(*table_, line, *caller, output, *log_)
            : absl::UnauthenticatedError("it is not known who calls");
    absl::MutexLock lock(&mutex_);
    running_.erase(&output);
    return ToGrpc(result);
  }

  grpc::Status Fill(grpc::ServerContext& context, const std::string& line,
                    google::protobuf::Message& reply) {
    if (line.empty()) {
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                          "there is no such action");
    }
    RecordOutput output(context, reply, *stopping_);
    return Run(context, line, output);
  }

  const CommandTable* const table_;
  const GrpcServerOptions* const options_;
  const Connections* const connections_;
  const std::atomic<bool>* const stopping_;
  Waker* const waker_;
  spdlog::logger* const log_;
  mutable absl::Mutex mutex_;
  std::set<CallOutput*> running_ ABSL_GUARDED_BY(mutex_);
  // Since the last `TryRest`.
  bool called_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> watched_{false};
};

}  // namespace

class GrpcServer::Impl {
 public:
  Impl(std::shared_ptr<const Listener> listener, const CommandTable& table,
       const GrpcServerOptions& options, spdlog::logger& log)
      : listener_(std::move(listener)),
        options_(options),
        log_(&log),
        entrance_(listener_, options_.entrance, waker_, log),
        service_(table, options_, connections_, stopping_, waker_, log),
        ready_(options.ready_at_start) {}

  absl::Status Start();
  void SetReady(bool ready);
  void BeginDraining();
  void Stop();
  absl::Status Wait();

 private:
  absl::Status StartGrpc();
  void ShowHealth() ABSL_EXCLUSIVE_LOCKS_REQUIRED(health_mutex_);
  // Accepts until `Stop`, then shuts gRPC down; on its own thread.
  void Serve();
  void HandOver(Client client);

  const std::shared_ptr<const Listener> listener_;
  const GrpcServerOptions options_;
  spdlog::logger* const log_;

  std::atomic<bool> stopping_{false};
  Waker waker_;
  Entrance entrance_;
  Connections connections_;
  ControlService service_;
  std::unique_ptr<grpc::Server> server_;
  std::thread acceptor_;

  absl::Mutex health_mutex_;
  bool ready_ ABSL_GUARDED_BY(health_mutex_);
  bool draining_ ABSL_GUARDED_BY(health_mutex_) = false;
  // Of `server_`, while it serves.
  grpc::HealthCheckServiceInterface* health_ ABSL_GUARDED_BY(health_mutex_) =
      nullptr;
};

absl::Status GrpcServer::Impl::StartGrpc() {
  // Once more than it is shut down, so that it never is: that would wait, up to
  // ten seconds, for a thread of gRPC's own that polls on behalf of a write
  // which was blocked lately.
  grpc_init();
  // Both are switches of gRPC for the process; doing it twice is harmless.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ResourceQuota quota("backdoor");
  quota.SetMaxThreads(options_.max_running + kPollers + 2);
  grpc::ServerBuilder builder;
  builder.RegisterService(&service_);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kPollers);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  if (options_.idle_timeout != absl::InfiniteDuration()) {
    builder.AddChannelArgument(
        GRPC_ARG_MAX_CONNECTION_IDLE_MS,
        static_cast<int>(absl::ToInt64Milliseconds(options_.idle_timeout)));
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return absl::UnavailableError("backdoor: gRPC does not start");
  }
  absl::MutexLock lock(&health_mutex_);
  health_ = server_->GetHealthCheckService();
  ShowHealth();
  return absl::OkStatus();
}

void GrpcServer::Impl::ShowHealth() {
  if (health_ == nullptr) return;
  health_->SetServingStatus("", true);
  health_->SetServingStatus(kLiveService, true);
  health_->SetServingStatus(kReadyService, ready_ && !draining_);
  health_->SetServingStatus(kDrainingService, draining_);
}

void GrpcServer::Impl::SetReady(bool ready) {
  absl::MutexLock lock(&health_mutex_);
  ready_ = ready;
  ShowHealth();
}

void GrpcServer::Impl::BeginDraining() {
  absl::MutexLock lock(&health_mutex_);
  draining_ = true;
  ShowHealth();
}

absl::Status GrpcServer::Impl::Start() {
  if (!waker_.ok()) {
    return absl::ResourceExhaustedError("backdoor: no descriptor is left");
  }
  absl::Status status = entrance_.Start();
  if (!status.ok() || stopping_) return status;
  status = StartGrpc();
  if (!status.ok()) return status;
  try {
    acceptor_ = std::thread([this] { Serve(); });
  } catch (const std::system_error& error) {
    {
      absl::MutexLock lock(&health_mutex_);
      health_ = nullptr;
    }
    server_->Shutdown();
    server_.reset();
    return absl::ResourceExhaustedError(
        absl::StrCat("backdoor: cannot create a thread: ", error.what()));
  }
  log_->info("worker {}: backdoor speaks gRPC on {} for process {}",
             options_.worker_number, listener_->address(), getpid());
  return absl::OkStatus();
}

void GrpcServer::Impl::Stop() {
  BeginDraining();
  stopping_ = true;
  waker_.Wake();
}

absl::Status GrpcServer::Impl::Wait() {
  if (acceptor_.joinable()) acceptor_.join();
  return absl::OkStatus();
}

void GrpcServer::Impl::Serve() {
  pthread_setname_np(pthread_self(), "backdoor-grpc");
  while (!stopping_) {
    const absl::Time before = MonotonicNow();
    pollfd polled[] = {{waker_.fd(), POLLIN, 0},
                       {entrance_.fd(before), POLLIN, 0}};
    // While commands run, clients are looked after.
    const absl::Duration check =
        service_.TryRest() ? absl::InfiniteDuration()
                           : std::clamp(options_.write_timeout / kStallChecks,
                                        kMinStallCheck, kMaxStallCheck);
    const absl::Duration wait =
        std::min(entrance_.pause_end(before) - before, check);
    const timespec pause = absl::ToTimespec(wait);
    const bool for_ever = wait == absl::InfiniteDuration();
    const int ready =
        ppoll(polled, std::size(polled), for_ever ? nullptr : &pause, nullptr);
    if (ready > 0 && polled[0].revents != 0) waker_.Clear();
    for (Client& client : entrance_.Take(MonotonicNow())) {
      HandOver(std::move(client));
    }
    service_.CancelStalled();
  }
  {
    absl::MutexLock lock(&health_mutex_);
    health_ = nullptr;
  }
  server_->Shutdown(absl::ToChronoTime(absl::Now() + options_.stop_timeout));
  server_->Wait();
  // Its destructor closes the connections, whose last bytes are on their way.
  server_.reset();
  entrance_.Stop(kLastAnswers);
}

void GrpcServer::Impl::HandOver(Client client) {
  if (!client.role.has_value()) {
    log_->warn("backdoor: {} refused: may not use this door", client.name);
    return;
  }
  if (connections_.Count() >= options_.max_connections) {
    log_->warn("backdoor: {} refused: there are {} connections already",
               client.name, options_.max_connections);
    return;
  }
  log_->info("backdoor: gRPC connection from {}, role {}", client.name,
             std::string(RoleName(*client.role)));
  connections_.Add(client.fd.get(),
                   {.name = client.name, .role = *client.role});
  grpc::AddInsecureChannelFromFd(server_.get(), client.fd.Release());
}

GrpcServer::GrpcServer(std::shared_ptr<const Listener> listener,
                       const CommandTable& table,
                       const GrpcServerOptions& options, spdlog::logger& log)
    : impl_(std::make_unique<Impl>(std::move(listener), table, options, log)) {}

GrpcServer::~GrpcServer() {
  impl_->Stop();
  impl_->Wait().IgnoreError();
}

absl::Status GrpcServer::Start() { return impl_->Start(); }
void GrpcServer::SetReady(bool ready) { impl_->SetReady(ready); }
void GrpcServer::PrepareStop() { impl_->BeginDraining(); }
void GrpcServer::Stop() { impl_->Stop(); }
absl::Status GrpcServer::Wait() { return impl_->Wait(); }

}  // namespace bergen::backdoor
