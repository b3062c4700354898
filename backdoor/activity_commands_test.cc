// SPDX-License-Identifier: Apache-2.0

#include "backdoor/activity_commands.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/string_output_for_test.h"
#include "backdoor/thread_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/activity.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using periodic::Activity;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ActivityCommandsTest : public ::testing::Test {
 protected:
  ActivityCommandsTest() {
    EXPECT_THAT(AddActivityCommands([this] { return activities_; }, dumper_,
                                    absl::Seconds(10), table_),
                IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line) {
    StringOutput output;
    const absl::Status status =
        Dispatch(table_, line, {.name = "ann"}, output, log_);
    return output.text() + std::string(status.message());
  }

  std::vector<Activity> activities_;
  ThreadDumper dumper_;
  CommandTable table_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(ActivityCommandsTest, WaitingOnesSaySinceWhenAndUntilWhen) {
  activities_ = {
      {.name = "sync/beat",
       .kind = "Fixed interval looping call",
       .state = Activity::State::kWaiting,
       .age = absl::Microseconds(1'234'567),
       .next = absl::Milliseconds(750),
       .calls = 12,
       .errors = 1},
      {.name = "late",
       .kind = "t",
       .state = Activity::State::kWaiting,
       .next = absl::Milliseconds(-20)},
      {.name = "paused", .kind = "t", .state = Activity::State::kWaiting},
      {.name = "done", .kind = "t", .age = absl::Seconds(3)}};
  EXPECT_EQ(Run("pgt()"),
            "0 sync/beat (Fixed interval looping call): waiting for 1.234s, "
            "next in 750ms; 12 calls, 1 errors\n"
            "1 late (t): waiting, due for 20ms; 0 calls, 0 errors\n"
            "2 paused (t): waiting; 0 calls, 0 errors\n"
            "3 done (t): ended for 3s; 0 calls, 0 errors\n");
}

TEST_F(ActivityCommandsTest, RunningOnesShowTheirStackUnlessToldNotTo) {
  activities_ = {{.name = "group/reader",
                  .kind = "thread",
                  .state = Activity::State::kRunning,
                  .age = absl::Seconds(2),
                  .thread = ::gettid(),
                  .calls = 1}};
  const std::string line =
      absl::StrCat("0 group/reader (thread): running for 2s on thread ",
                   ::gettid(), "; 1 calls, 0 errors\n");
  EXPECT_THAT(Run("pgt"), StartsWith(line));
#ifndef __SANITIZE_THREAD__  // Whose handlers of signals hide the stack.
  EXPECT_THAT(Run("pgt"), HasSubstr("RunningOnesShowTheirStack"));
#endif
  EXPECT_EQ(Run("pgt(False)"), line);
}

TEST_F(ActivityCommandsTest, NothingIsAnEmptyAnswer) {
  EXPECT_EQ(Run("pgt"), "");
}

}  // namespace
}  // namespace bergen::backdoor
