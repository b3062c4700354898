// SPDX-License-Identifier: Apache-2.0
//
// One of many: leads by etcd, and works for its term while it does. Prints
// `PID TOKEN` each 20 ms while it leads, and ends when its input does.
//
//   worker TARGET KEY LEASE_SECONDS

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "periodic/clock.h"
#include "periodic/etcd_leader.h"
#include "periodic/lease_leader.h"
#include "periodic/periodic_tasks.h"
#include "periodic/random.h"
#include "periodic/scheduler.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {
namespace {

// One system call a line: lines of several processes do not mix.
void Print(int64_t token) {
  char line[80];
  const int size = std::snprintf(line, sizeof(line), "%d %lld\n", getpid(),
                                 static_cast<long long>(token));
  if (write(STDOUT_FILENO, line, size) != size) std::abort();
}

int Main(const std::string& target, const std::string& key, int lease) {
  spdlog::logger log("worker",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  RealClock clock;
  SystemRandom random;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  const absl::StatusOr<std::unique_ptr<LeaseLeader>> leader = StartEtcdLeader(
      {.key = key,
       .holder = std::to_string(getpid()),
       .lease = absl::Seconds(lease),
       .margin = absl::Milliseconds(500),
       .retry = absl::Milliseconds(100)},
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(),
                                arguments),
      clock, log);
  const absl::StatusOr<std::unique_ptr<SchedulerThreads>> threads =
      SchedulerThreads::Start("worker", {}, clock);
  if (!leader.ok() || !threads.ok()) {
    log.error("{} {}", leader.status().ToString(), threads.status().ToString());
    return 1;
  }
  PeriodicTasks tasks({}, clock, random, log);
  absl::Status status =
      tasks.Add({.name = "work",
                 .timing = {.spacing = absl::Milliseconds(20)},
                 .leadership = leader->get()},
                [](const TaskRun& run) {
                  Print(run.fencing_token);
                  return absl::OkStatus();
                });
  status.Update(tasks.Start((*threads)->scheduler()));
  if (!status.ok()) {
    log.error("{}", status.ToString());
    return 1;
  }
  char input;
  while (read(STDIN_FILENO, &input, 1) > 0) {
  }
  tasks.Stop(/*graceful=*/true);
  tasks.Wait();
  return 0;
}

}  // namespace
}  // namespace bergen::periodic

int main(int argc, char** argv) {
  int lease;
  if (argc != 4 || !absl::SimpleAtoi(argv[3], &lease)) {
    std::fprintf(stderr, "usage: %s TARGET KEY LEASE_SECONDS\n", argv[0]);
    return 2;
  }
  return bergen::periodic::Main(argv[1], argv[2], lease);
}
