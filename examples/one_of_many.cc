// SPDX-License-Identifier: Apache-2.0
//
// How is a task run by one of many processes? All workers try; the one that has
// the file locked does it, and when that one dies, another goes on. Across
// machines, periodic/etcd_leader.h takes the place of the lock.
//
//   ./bazelw run //examples:one_of_many -- --lock=/tmp/purge.lock

#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "periodic/clock.h"
#include "periodic/host_lock.h"
#include "periodic/periodic_tasks.h"
#include "periodic/random.h"
#include "service/service_group.h"
#include "service/task_service.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

DEFINE_double(spacing, 1, "Seconds from one run to the next");
DEFINE_string(lock, "/tmp/one_of_many.lock", "The file that is locked");

using namespace bergen;  // NOLINT: an example.

namespace {

absl::StatusOr<int> Run() {
  spdlog::logger log("one_of_many",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  periodic::RealClock clock;
  periodic::SystemRandom random;
  const auto launcher = launcher::Launch(
      log,
      [&](const launcher::WorkerInfo&, ServiceGroup& services) {
        auto& lock = services.Keep(
            std::make_unique<periodic::HostLock>(FLAGS_lock, log));
        auto tasks = std::make_unique<TaskService>(
            periodic::PeriodicTasksOptions{}, clock, random, log);
        absl::Status added = tasks->tasks()->Add(
            {.name = "purge",
             .timing = {.spacing = absl::Seconds(FLAGS_spacing)},
             .run_immediately = true,
             .leadership = &lock},
            [](const periodic::TaskRun& run) {
              // The storage refuses smaller tokens than it has seen.
              std::puts(absl::StrCat("process ", getpid(), " purges, token ",
                                     run.fencing_token)
                            .c_str());
              std::fflush(stdout);
              return absl::OkStatus();
            });
        services.Add(std::move(tasks));
        return added;
      },
      {.workers = 3});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return launcher::MainStatus("one_of_many", Run());
}
