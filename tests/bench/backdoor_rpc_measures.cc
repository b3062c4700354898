// SPDX-License-Identifier: Apache-2.0
//
// What backdoor.py measures of the gRPC door: `Execute` of a command that
// echoes, through TLS and over a unix socket, beside a plain gRPC server that
// echoes over a unix socket. Each server is a process of its own.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/control.grpc.pb.h"
#include "backdoor/control.pb.h"
#include "backdoor/grpc_server.h"
#include "backdoor/roles.h"
#include "backdoor/tls_dialer.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/grpcpp.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "sslutils/server_context.h"
#include "sslutils/test_certificates.h"
#include "tests/bench/measures.h"

namespace bergen::bench {
namespace {

namespace v1 = backdoor::v1;

constexpr int kWarmUp = 200;
constexpr int kCallsAlone = 2000;
// Calls under way at once, each of a thread.
constexpr int kOutstanding = 64;
constexpr int kCallsEach = 100;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <typename T>
T Checked(absl::StatusOr<T> result) {
  Check(result.status());
  return *std::move(result);
}

// A process that serves until this one ends.
pid_t Spawn(const std::function<void(int ready)>& serve) {
  int fds[2];
  if (pipe(fds) != 0) std::exit(1);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(fds[0]);
    serve(fds[1]);
    _exit(1);
  }
  close(fds[1]);
  char ready = 0;
  if (read(fds[0], &ready, 1) != 1) std::exit(1);
  close(fds[0]);
  return pid;
}

void SayReady(int fd) {
  if (write(fd, "", 1) != 1) std::exit(1);
  close(fd);
}

class Echo : public v1::Control::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetReloadVerdict(
      grpc::CallbackServerContext* context,
      const v1::GetReloadVerdictRequest* request,
      v1::GetReloadVerdictReply* reply) override {
    reply->set_number(request->number());
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

void ServeEcho(const std::string& path, int ready) {
  Echo echo;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  SayReady(ready);
  server->Wait();
}

void ServeDoors(const std::string& folder,
                const std::shared_ptr<const Listener>& tcp, int ready) {
  spdlog::logger log("bench", std::make_shared<spdlog::sinks::null_sink_mt>());
  backdoor::CommandTable table;
  Check(table.Add(
      {.name = "echo",
       .parameters = {{.name = "text", .required = true}},
       .handler = [](const backdoor::Arguments& arguments,
                     const backdoor::Caller&, backdoor::Output& output) {
         output.Write(arguments.String("text"));
         return absl::OkStatus();
       }}));
  backdoor::GrpcServerOptions options = {.max_running = kOutstanding};
  backdoor::GrpcServer plain(
      std::make_shared<Listener>(Checked(
          Listener::ListenUnix("door", folder + "/door", {.unix_mode = 0600}))),
      table, options, log);
  options.entrance = {
      .roles = Checked(backdoor::RoleMap::Parse({"certificate=admin"})),
      .tls = Checked(
          sslutils::ServerContext::Create({.cert_file = folder + "/server.crt",
                                           .key_file = folder + "/server.key",
                                           .ca_file = folder + "/ca.crt",
                                           .alpn = {"h2"}}))};
  backdoor::GrpcServer secured(tcp, table, options, log);
  Check(plain.Start());
  Check(secured.Start());
  SayReady(ready);
  Check(plain.Wait());
}

double ProcessSeconds(pid_t pid) {
  clockid_t clock = 0;
  timespec now = {};
  if (clock_getcpuclockid(pid, &clock) != 0 ||
      clock_gettime(clock, &now) != 0) {
    std::exit(1);
  }
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

// Somebody to call, and the process that answers.
struct Contender {
  pid_t pid = 0;
  std::function<void()> call;
};

Contender ExecuteOver(pid_t pid,
                      const std::shared_ptr<grpc::Channel>& channel) {
  const std::shared_ptr<v1::Control::Stub> stub = v1::Control::NewStub(channel);
  return {pid, [stub] {
            grpc::ClientContext context;
            context.set_wait_for_ready(true);
            v1::ExecuteRequest request;
            request.set_command("echo(12345)");
            const auto reader = stub->Execute(&context, request);
            v1::ExecuteReply reply;
            while (reader->Read(&reply)) {
            }
            const grpc::Status status = reader->Finish();
            if (status.ok()) return;
            std::fprintf(stderr, "%s\n", status.error_message().c_str());
            std::exit(1);
          }};
}

Contender EchoOver(pid_t pid, const std::shared_ptr<grpc::Channel>& channel) {
  const std::shared_ptr<v1::Control::Stub> stub = v1::Control::NewStub(channel);
  return {pid, [stub] {
            grpc::ClientContext context;
            context.set_wait_for_ready(true);
            v1::GetReloadVerdictRequest request;
            request.set_number(12345);
            v1::GetReloadVerdictReply reply;
            if (!stub->GetReloadVerdict(&context, request, &reply).ok()) {
              std::exit(1);
            }
          }};
}

// Median time of a call that is alone, in microseconds.
double MedianAlone(const Contender& who) {
  for (int i = 0; i < kWarmUp; ++i) who.call();
  std::vector<double> times;
  times.reserve(kCallsAlone);
  for (int i = 0; i < kCallsAlone; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    who.call();
    times.push_back(std::chrono::duration<double, std::micro>(
                        std::chrono::steady_clock::now() - begin)
                        .count());
  }
  std::nth_element(times.begin(), times.begin() + kCallsAlone / 2, times.end());
  return times[kCallsAlone / 2];
}

// Processor time of the server for a call among many, in microseconds.
double ProcessorAmongMany(const Contender& who) {
  for (int i = 0; i < kWarmUp; ++i) who.call();
  const double before = ProcessSeconds(who.pid);
  std::vector<std::thread> threads;
  threads.reserve(kOutstanding);
  for (int i = 0; i < kOutstanding; ++i) {
    threads.emplace_back([&who] {
      for (int call = 0; call < kCallsEach; ++call) who.call();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return 1e6 * (ProcessSeconds(who.pid) - before) / (kOutstanding * kCallsEach);
}

int Main() {
  char folder_template[] = "/tmp/bench.XXXXXX";
  const std::string folder = mkdtemp(folder_template);
  const sslutils::TestAuthority authority;
  authority.WriteCertificate(folder + "/ca.crt");
  authority.Issue("server", folder + "/server.crt", folder + "/server.key",
                  {"IP:127.0.0.1"});
  authority.Issue("client", folder + "/client.crt", folder + "/client.key");
  const auto tcp = std::make_shared<const Listener>(
      Checked(Listener::ListenTcp("door", "127.0.0.1", 0, {})));

  // Before this process uses gRPC, which cannot be forked.
  const pid_t echo =
      Spawn([&](int ready) { ServeEcho(folder + "/echo", ready); });
  const pid_t doors = Spawn([&](int ready) { ServeDoors(folder, tcp, ready); });

  const auto dialer =
      Checked(backdoor::TlsDialer::Create({.ca_file = folder + "/ca.crt",
                                           .cert_file = folder + "/client.crt",
                                           .key_file = folder + "/client.key",
                                           .alpn = {"h2"}}));
  UniqueFd fd = Checked(dialer->Dial(tcp->address(), absl::Seconds(10)));
  const auto over_unix = [&folder](const char* name) {
    return grpc::CreateChannel(absl::StrCat("unix:", folder, "/", name),
                               grpc::InsecureChannelCredentials());
  };
  const Contender tls = ExecuteOver(
      doors, grpc::CreateInsecureChannelFromFd("door", fd.Release()));
  const Contender plain = ExecuteOver(doors, over_unix("door"));
  const Contender peer = EchoOver(echo, over_unix("echo"));
  const int status =
      Serve({{"tls_p50", [&] { return MedianAlone(tls); }},
             {"unix_p50", [&] { return MedianAlone(plain); }},
             {"echo_p50", [&] { return MedianAlone(peer); }},
             {"tls_cpu", [&] { return ProcessorAmongMany(tls); }},
             {"unix_cpu", [&] { return ProcessorAmongMany(plain); }},
             {"echo_cpu", [&] { return ProcessorAmongMany(peer); }}});
  for (const pid_t pid : {echo, doors}) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  for (const char* name : {"ca.crt", "server.crt", "server.key", "client.crt",
                           "client.key", "echo", "door"}) {
    unlink((folder + "/" + name).c_str());
  }
  rmdir(folder.c_str());
  return status;
}

}  // namespace
}  // namespace bergen::bench

int main() { return bergen::bench::Main(); }
