// SPDX-License-Identifier: Apache-2.0
//
// How does a service do something every so often, or at times of the calendar?
//
//   ./bazelw run //examples:periodic -- --spacing=0.5 --cron='*/10 * * * * *'

#include <cstdio>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/version.h"
#include "gflags/gflags.h"
#include "launcher/launch.h"
#include "launcher/main_status.h"
#include "periodic/clock.h"
#include "periodic/periodic_tasks.h"
#include "periodic/random.h"
#include "service/service_group.h"
#include "service/task_service.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

DEFINE_double(spacing, 5, "Seconds from one poll to the next");
DEFINE_string(cron, "30 2 * * *", "When to purge; UTC");

using namespace bergen;  // NOLINT: an example.

namespace {

// Says what it would do.
periodic::PeriodicTasks::Function Say(absl::string_view what) {
  return [what](const periodic::TaskRun& run) {
    std::puts(absl::StrCat(what, ", ", absl::FormatDuration(run.lateness),
                           " after its time")
                  .c_str());
    std::fflush(stdout);
    return absl::OkStatus();
  };
}

absl::StatusOr<int> Run() {
  spdlog::logger log("periodic",
                     std::make_shared<spdlog::sinks::stderr_sink_mt>());
  periodic::RealClock clock;
  periodic::SystemRandom random;
  const auto launcher = launcher::Launch(
      log,
      [&](const launcher::WorkerInfo&, ServiceGroup& services) {
        auto tasks = std::make_unique<TaskService>(
            periodic::PeriodicTasksOptions{}, clock, random, log);
        absl::Status added = tasks->tasks()->Add(
            {.name = "poll",
             .timing = {.spacing = absl::Seconds(FLAGS_spacing)},
             .run_immediately = true},
            Say("poll"));
        added.Update(tasks->tasks()->Add(
            {.name = "purge", .timing = {.cron = FLAGS_cron}}, Say("purge")));
        services.Add(std::move(tasks));
        return added;
      },
      {});
  if (!launcher.ok()) return launcher.status();
  return (*launcher)->Wait();
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return launcher::MainStatus("periodic", Run());
}
