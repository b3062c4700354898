// SPDX-License-Identifier: Apache-2.0
//
// A process with all doors, for tests that come from outside.
//
//   door_for_test FOLDER
//
// Listens on a TCP port and on FOLDER/text.sock (text) and FOLDER/grpc.sock
// (gRPC), prints the port, and ends at the end of its standard input. One
// thread computes Fibonacci numbers all the time. Files go to FOLDER.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backdoor/builtin_commands.h"
#include "backdoor/calltrace.h"
#include "backdoor/command_table.h"
#include "backdoor/grpc_server.h"
#include "backdoor/profiler.h"
#include "backdoor/text_server.h"
#include "backdoor/thread_dump.h"
#include "service/listener.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace bergen::backdoor {

[[gnu::noinline]] int Fibonacci(int n) {
  return n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);
}

namespace {

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

std::shared_ptr<const Listener> Opened(absl::StatusOr<Listener> listener) {
  Check(listener.status());
  return std::make_shared<Listener>(*std::move(listener));
}

void ComputeUntil(const std::atomic<bool>& ended) {
  std::atomic<int> sink{0};
  while (!ended) sink += Fibonacci(20);
}

void Run(const std::string& folder) {
  spdlog::logger log("door", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  Profiler profiler;
  CallTracer tracer;
  ThreadDumper dumper;
  CommandTable table;
  Check(AddBuiltinCommands({.output_directory = folder}, profiler, tracer,
                           dumper, table));
  const auto tcp = Opened(Listener::ListenTcp("text", "127.0.0.1", 0, {}));
  TextServer tcp_door(tcp, table, {}, log);
  TextServer unix_door(Opened(Listener::ListenUnix(
                           "text", folder + "/text.sock", {.unix_mode = 0600})),
                       table, {}, log);
  GrpcServer grpc_door(Opened(Listener::ListenUnix(
                           "grpc", folder + "/grpc.sock", {.unix_mode = 0600})),
                       table, {}, log);
  Service* const doors[] = {&tcp_door, &unix_door, &grpc_door};
  for (Service* door : doors) Check(door->Start());
  std::atomic<bool> ended{false};
  std::thread busy([&ended] { ComputeUntil(ended); });
  std::printf("%d\n", tcp->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  for (Service* door : doors) door->Stop();
  for (Service* door : doors) Check(door->Wait());
  ended = true;
  busy.join();
}

}  // namespace
}  // namespace bergen::backdoor

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  bergen::backdoor::Run(argv[1]);
}
