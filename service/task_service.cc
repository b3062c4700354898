// SPDX-License-Identifier: Apache-2.0

#include "service/task_service.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/periodic_tasks.h"
#include "periodic/random.h"
#include "periodic/scheduler.h"
#include "spdlog/logger.h"

namespace bergen {

TaskService::TaskService(const periodic::PeriodicTasksOptions& options,
                         periodic::Clock& clock, periodic::Random& random,
                         spdlog::logger& log)
    : clock_(&clock),
      tasks_(std::make_shared<periodic::PeriodicTasks>(options, clock, random,
                                                       log)) {}

TaskService::~TaskService() {
  // Others may keep the tasks, but not the threads that these run on.
  tasks_->Stop(/*graceful=*/false);
  tasks_->Wait();
}

absl::Status TaskService::Start() {
  absl::StatusOr<std::unique_ptr<periodic::SchedulerThreads>> threads =
      periodic::SchedulerThreads::Start(name(), {.max_threads = kMostThreads},
                                        *clock_);
  if (!threads.ok()) return threads.status();
  threads_ = *std::move(threads);
  return tasks_->Start(threads_->scheduler());
}

void TaskService::Stop() { stopped_.Set(); }

absl::Status TaskService::Wait() {
  clock_->WaitUntil(stopped_, absl::InfiniteFuture());
  tasks_->Stop(/*graceful=*/true);
  tasks_->Wait();
  return absl::OkStatus();
}

}  // namespace bergen
