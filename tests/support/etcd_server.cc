// SPDX-License-Identifier: Apache-2.0

#include "tests/support/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "third_party/etcd/rpc.grpc.pb.h"
#include "third_party/etcd/rpc.pb.h"

namespace bergen {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr absl::Duration kCallTimeout = absl::Seconds(10);
// Another program may take a port between its choice and its use.
constexpr int kTries = 3;

void SetDeadline(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  context.set_wait_for_ready(true);
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat("etcd: ", status.error_message()));
}

// 127.0.0.1 and a port that nobody uses now.
absl::StatusOr<std::string> FreeAddress() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool bound =
      fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!bound) return absl::ErrnoToStatus(error, "a free port");
  return absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
}

}  // namespace

absl::StatusOr<std::unique_ptr<EtcdServer>> EtcdServer::Start() {
  const char* const parent = ::getenv("TEST_TMPDIR");
  std::string folder =
      absl::StrCat(parent ? parent : "/tmp", "/etcd-server-XXXXXX");
  if (!::mkdtemp(folder.data())) return absl::ErrnoToStatus(errno, folder);
  std::unique_ptr<EtcdServer> server(new EtcdServer(folder));
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    absl::StatusOr<std::string> target = FreeAddress();
    if (!target.ok()) return target.status();
    absl::StatusOr<std::string> peer = FreeAddress();
    if (!peer.ok()) return peer.status();
    server->target_ = *std::move(target);
    server->peer_ = *std::move(peer);
    server->channel_ = server->NewChannel();
    status = server->RestartEmpty();
    if (status.ok()) return server;
    server->Kill();
  }
  return status;
}

EtcdServer::EtcdServer(std::string folder) : folder_(std::move(folder)) {}

EtcdServer::~EtcdServer() {
  Kill();
  std::error_code ignored;  // What is left is in the test's own folder.
  std::filesystem::remove_all(folder_, ignored);
}

std::shared_ptr<grpc::Channel> EtcdServer::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  // Otherwise channels of the same arguments share their connections.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target_, grpc::InsecureChannelCredentials(),
                                   arguments);
}

void EtcdServer::Kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

absl::Status EtcdServer::RestartEmpty() {
  std::error_code error;
  std::filesystem::remove_all(absl::StrCat(folder_, "/data"), error);
  if (error) return absl::ErrnoToStatus(error.value(), folder_);
  return Restart();
}

absl::Status EtcdServer::Restart() {
  absl::Status status = Run();
  return status.ok() ? AwaitReady() : status;
}

absl::Status EtcdServer::Run() {
  const std::string data = absl::StrCat(folder_, "/data");
  const std::string log = absl::StrCat(folder_, "/log");
  const std::string client_url = absl::StrCat("http://", target_);
  const std::string peer_url = absl::StrCat("http://", peer_);
  std::vector<std::string> arguments = {
      "etcd",
      "--name=one",
      "--logger=zap",
      "--log-level=warn",
      absl::StrCat("--data-dir=", data),
      absl::StrCat("--listen-client-urls=", client_url),
      absl::StrCat("--advertise-client-urls=", client_url),
      absl::StrCat("--listen-peer-urls=", peer_url),
      absl::StrCat("--initial-advertise-peer-urls=", peer_url),
      absl::StrCat("--initial-cluster=one=", peer_url),
  };
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid_ > 0) return absl::OkStatus();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(fd, STDOUT_FILENO);
  ::dup2(fd, STDERR_FILENO);
  ::execvp(argv[0], argv.data());
  const char kMissing[] = "the program etcd (Debian: etcd-server) is missing\n";
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, kMissing, sizeof(kMissing) - 1);
  ::_exit(127);
}

absl::Status EtcdServer::AwaitReady() {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (absl::Now() < deadline && !HasExited()) {
    if (Revision().ok()) return absl::OkStatus();
  }
  return absl::AbortedError(
      absl::StrCat("etcd at ", target_, " does not answer: ", Log()));
}

bool EtcdServer::HasExited() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

absl::StatusOr<int64_t> EtcdServer::Revision() {
  grpc::ClientContext context;
  // A short one, between which it is seen whether the process has ended.
  SetDeadline(context, absl::Milliseconds(500));
  etcdserverpb::RangeRequest request;
  request.set_key("any");
  etcdserverpb::RangeResponse response;
  const grpc::Status status =
      etcdserverpb::KV::NewStub(channel_)->Range(&context, request, &response);
  if (!status.ok()) return ToStatus(status);
  return response.header().revision();
}

absl::StatusOr<int64_t> EtcdServer::Put(absl::string_view key,
                                        absl::string_view value) {
  grpc::ClientContext context;
  SetDeadline(context, kCallTimeout);
  etcdserverpb::PutRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  etcdserverpb::PutResponse response;
  const grpc::Status status =
      etcdserverpb::KV::NewStub(channel_)->Put(&context, request, &response);
  if (!status.ok()) return ToStatus(status);
  return response.header().revision();
}

absl::StatusOr<int64_t> EtcdServer::Delete(absl::string_view key) {
  grpc::ClientContext context;
  SetDeadline(context, kCallTimeout);
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(std::string(key));
  etcdserverpb::DeleteRangeResponse response;
  const grpc::Status status = etcdserverpb::KV::NewStub(channel_)->DeleteRange(
      &context, request, &response);
  if (!status.ok()) return ToStatus(status);
  if (response.deleted() != 1) {
    return absl::NotFoundError(absl::StrCat("etcd: no key ", key));
  }
  return response.header().revision();
}

absl::Status EtcdServer::Compact() {
  const absl::StatusOr<int64_t> revision = Revision();
  if (!revision.ok()) return revision.status();
  grpc::ClientContext context;
  SetDeadline(context, kCallTimeout);
  etcdserverpb::CompactionRequest request;
  request.set_revision(*revision);
  etcdserverpb::CompactionResponse response;
  return ToStatus(etcdserverpb::KV::NewStub(channel_)->Compact(
      &context, request, &response));
}

std::string EtcdServer::Log() const {
  std::ostringstream text;
  text << std::ifstream(absl::StrCat(folder_, "/log")).rdbuf();
  return text.str();
}

}  // namespace bergen
