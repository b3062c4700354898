// SPDX-License-Identifier: Apache-2.0

#include "backdoor/task_commands.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/string_output_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/fake_clock.h"
#include "periodic/fake_random.h"
#include "periodic/periodic_tasks.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class TaskCommandsTest : public ::testing::Test {
 protected:
  TaskCommandsTest() {
    tasks_ = std::make_shared<periodic::PeriodicTasks>(
        periodic::PeriodicTasksOptions{}, clock_, random_, log_);
    EXPECT_THAT(
        tasks_->Add({.name = "purge", .timing = {.spacing = absl::Seconds(10)}},
                    [this](const periodic::TaskRun&) {
                      ++runs_;
                      return result_;
                    }),
        IsOk());
    EXPECT_THAT(AddTaskCommands([this] { return tasks_; }, table_), IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line, Role role = Role::kOperate) {
    StringOutput output;
    const absl::Status status =
        Dispatch(table_, line, {.name = "ann", .role = role}, output, log_);
    return output.text() + std::string(status.message());
  }

  void Pass(absl::Duration time) {
    clock_.Advance(time);
    EXPECT_THAT(tasks_->RunPeriodicTasks(), IsOk());
  }

  periodic::FakeClock clock_;
  periodic::FakeRandom random_{0};
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
  int runs_ = 0;
  absl::Status result_;
  std::shared_ptr<periodic::PeriodicTasks> tasks_;
  CommandTable table_;
};

TEST_F(TaskCommandsTest, TasksAreListedWithWhatTheyDid) {
  EXPECT_THAT(Run("tasks", Role::kView),
              StartsWith("purge: every 10s, last never, next "));
  result_ = absl::InternalError("disk full");
  Pass(absl::Seconds(10));
  const std::string text = Run("tasks");
  EXPECT_THAT(text, HasSubstr("1 runs, 1 errors"));
  EXPECT_THAT(text, HasSubstr("last error: disk full\n"));
}

TEST_F(TaskCommandsTest, ATaskIsRunPausedAndResumed) {
  EXPECT_EQ(Run("run(purge)"), "");
  Pass(absl::ZeroDuration());
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(Run("pause(purge)"), "");
  EXPECT_THAT(Run("tasks"), HasSubstr(", paused"));
  Pass(absl::Seconds(20));
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(Run("resume(purge)"), "");
  Pass(absl::Seconds(20));
  EXPECT_EQ(runs_, 2);
}

TEST_F(TaskCommandsTest, WhatIsWrongIsSaid) {
  EXPECT_THAT(Run("run(perge)"), HasSubstr("perge"));
  EXPECT_THAT(Run("run"), HasSubstr("task"));
  EXPECT_THAT(Run("pause(purge)", Role::kView), HasSubstr("pause"));
  tasks_ = nullptr;
  EXPECT_EQ(Run("tasks"), "there are no tasks now");
  EXPECT_EQ(Run("run(purge)"), "there are no tasks now");
}

}  // namespace
}  // namespace bergen::backdoor
