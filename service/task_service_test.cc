// SPDX-License-Identifier: Apache-2.0

#include "service/task_service.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "periodic/clock.h"
#include "periodic/periodic_tasks.h"
#include "periodic/random.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

class TaskServiceTest : public ::testing::Test {
 protected:
  void AddImmediate(periodic::PeriodicTasks::Function function) {
    ASSERT_THAT(service_.tasks()->Add({.name = "task", .run_immediately = true},
                                      std::move(function)),
                IsOk());
  }

  periodic::RealClock clock_;
  periodic::SystemRandom random_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
  TaskService service_{{}, clock_, random_, log_};
};

TEST_F(TaskServiceTest, RunsTasksBetweenStartAndStop) {
  absl::Notification ran;
  AddImmediate([&](const periodic::TaskRun&) {
    ran.Notify();
    return absl::OkStatus();
  });
  ASSERT_THAT(service_.Start(), IsOk());
  ran.WaitForNotification();
  service_.Stop();
  EXPECT_THAT(service_.Wait(), IsOk());
}

TEST_F(TaskServiceTest, WaitCompletesARunInProgress) {
  absl::Notification began;
  absl::Notification go_on;
  std::atomic<bool> completed = false;
  AddImmediate([&](const periodic::TaskRun& run) {
    began.Notify();
    go_on.WaitForNotification();
    completed = !run.stop.stop_requested();
    return absl::OkStatus();
  });
  ASSERT_THAT(service_.Start(), IsOk());
  began.WaitForNotification();
  service_.Stop();
  std::thread waiter([&] {
    EXPECT_THAT(service_.Wait(), IsOk());
    EXPECT_TRUE(completed);
  });
  go_on.Notify();
  waiter.join();
}

TEST_F(TaskServiceTest, MayBeStoppedBeforeTheStartAndByManyAtOnce) {
  std::vector<std::thread> stoppers;
  stoppers.reserve(8);
  for (int i = 0; i < 8; ++i) {
    stoppers.emplace_back([&] { service_.Stop(); });
  }
  EXPECT_THAT(service_.Start(), IsOk());
  EXPECT_THAT(service_.Wait(), IsOk());
  for (std::thread& stopper : stoppers) stopper.join();
}

TEST_F(TaskServiceTest, ItsTasksOutliveIt) {
  auto service = std::make_unique<TaskService>(periodic::PeriodicTasksOptions{},
                                               clock_, random_, log_);
  const std::shared_ptr<periodic::PeriodicTasks> tasks = service->tasks();
  ASSERT_THAT(service->Start(), IsOk());
  service.reset();
  EXPECT_TRUE(tasks->List().empty());
}

}  // namespace
}  // namespace bergen
