// SPDX-License-Identifier: Apache-2.0
//
// Periodic tasks as a service, with threads of their own.
//
//   auto tasks = std::make_unique<bergen::TaskService>(
//       bergen::periodic::PeriodicTasksOptions{}, clock, random, log);
//   absl::Status added = tasks->tasks()->Add(
//       {.name = "purge", .timing = {.spacing = absl::Minutes(5)}},
//       [&](const bergen::periodic::TaskRun&) { return store.Purge(); });
//   if (!added.ok()) return added;
//   services.Add(std::move(tasks));
//
// Source: a service of oslo.service that calls `run_periodic_tasks` from a
// timer, as each project that uses it writes anew.

#ifndef SERVICE_TASK_SERVICE_H_
#define SERVICE_TASK_SERVICE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "periodic/clock.h"
#include "periodic/periodic_tasks.h"
#include "periodic/random.h"
#include "periodic/scheduler.h"
#include "service/service.h"
#include "spdlog/fwd.h"

namespace bergen {

// Thread-safe as `Service` says.
class TaskService : public Service {
 public:
  // The most runs at once; those that are due beyond wait for their turn.
  static constexpr int kMostThreads = 4;

  // `clock`, `random` and `log` must outlive it and its tasks.
  TaskService(const periodic::PeriodicTasksOptions& options,
              periodic::Clock& clock, periodic::Random& random,
              spdlog::logger& log);
  // Stops, not gracefully, and waits, if need be.
  ~TaskService() override;

  // To add tasks to, before `Start` and later, and to ask about them. May be
  // kept for longer than this lives; nothing runs then.
  const std::shared_ptr<periodic::PeriodicTasks>& tasks() const {
    return tasks_;
  }

  absl::string_view name() const override { return "tasks"; }
  // ResourceExhausted if the system has no thread left.
  absl::Status Start() override;
  // Runs in progress are completed.
  void Stop() override;
  absl::Status Wait() override;

 private:
  periodic::Clock* const clock_;
  periodic::Event stopped_;
  std::unique_ptr<periodic::SchedulerThreads> threads_;
  std::shared_ptr<periodic::PeriodicTasks> tasks_;
};

}  // namespace bergen

#endif  // SERVICE_TASK_SERVICE_H_
