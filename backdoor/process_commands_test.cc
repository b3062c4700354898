// SPDX-License-Identifier: Apache-2.0

#include "backdoor/process_commands.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/string_output_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class ProcessCommandsTest : public ::testing::Test {
 protected:
  ProcessCommandsTest() {
    ProcessControl control = {.program = "demo", .version = "1.4", .worker = 2};
    control.now = [] { return absl::UnixEpoch() + absl::Seconds(3725); };
    control.started = absl::UnixEpoch();
    // Any process will do.
    control.supervisor = ::getpid();
    control.workers = [this] { return workers_; };
    control.set_workers = [this](int service, int count) {
      if (service >= static_cast<int>(workers_.size())) {
        return absl::InvalidArgumentError("there is no such service");
      }
      workers_[static_cast<size_t>(service)] = count;
      return absl::OkStatus();
    };
    control.crashes = [this] { return crashes_; };
    control.reload = [this] { ++asked_; };
    control.reloads = [this] { return reloads_; };
    EXPECT_THAT(AddProcessCommands(std::move(control), table_), IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line, Role role = Role::kOperate) {
    StringOutput output;
    const absl::Status status =
        Dispatch(table_, line, {.name = "ann", .role = role}, output, log_);
    return output.text() + std::string(status.message());
  }

  std::vector<int> workers_ = {3, 1};
  std::vector<std::string> crashes_;
  int asked_ = 0;
  ProcessControl::Reloads reloads_;
  CommandTable table_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(ProcessCommandsTest, VersionSaysWhatRunsAndHowItWasBuilt) {
  EXPECT_THAT(Run("version"), MatchesRegex("demo 1\\.4\nbuilt with .+, .+\n"));
}

TEST_F(ProcessCommandsTest, TheSupervisorIsSeenByTheSystemAndByWhatItShows) {
  const std::string text = Run("supervisor", Role::kView);
  EXPECT_THAT(text, StartsWith(absl::StrCat("pid: ", ::getpid(), "\nstate: ")));
  EXPECT_THAT(text, HasSubstr("\nthreads: "));
  EXPECT_THAT(text, HasSubstr(" kB\n"));
  EXPECT_THAT(text, HasSubstr("\nworkers: 3 1\nlast crash: none\n"));
}

TEST_F(ProcessCommandsTest, StatusSaysEverythingOnALineEach) {
  EXPECT_EQ(Run("status", Role::kView),
            absl::StrCat("program: demo 1.4\npid: ", ::getpid(),
                         "\nworker: 2\nuptime: 1h2m5s\nworkers: 3 1\n"
                         "last crash: none\nreloads: none\n"));
  crashes_ = {"worker 0", "worker 1 was killed"};
  reloads_ = {.begun = 2,
              .ended = 1,
              .verdict = absl::InvalidArgumentError("demo.conf:3: no")};
  const std::string status = Run("status");
  EXPECT_THAT(status, HasSubstr("last crash: worker 1 was killed\n"));
  EXPECT_THAT(status, HasSubstr("reloads: 2, one under way, the last that "
                                "ended: demo.conf:3: no\n"));
}

TEST_F(ProcessCommandsTest, WorkersAreShownAndChanged) {
  EXPECT_EQ(Run("workers", Role::kView), "service 0: 3\nservice 1: 1\n");
  EXPECT_EQ(Run("set_workers(5)"), "");
  EXPECT_EQ(Run("set_workers(2, service=1)"), "");
  EXPECT_EQ(workers_, std::vector<int>({5, 2}));
  EXPECT_EQ(Run("set_workers(2, service=7)"), "there is no such service");
  EXPECT_THAT(Run("set_workers(0)"), HasSubstr("count"));
  EXPECT_THAT(Run("set_workers"), HasSubstr("count"));
  EXPECT_THAT(Run("set_workers(5)", Role::kView), HasSubstr("set_workers"));
  EXPECT_EQ(workers_, std::vector<int>({5, 2}));
}

TEST_F(ProcessCommandsTest, CrashesAreListed) {
  EXPECT_EQ(Run("crashes", Role::kView), "");
  crashes_ = {"one", "two"};
  EXPECT_EQ(Run("crashes", Role::kView), "one\ntwo\n");
}

TEST_F(ProcessCommandsTest, AReloadIsAskedForByNumberAndItsVerdictTold) {
  EXPECT_EQ(Run("reload"), "reload 1 was asked for\n");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(Run("reload_verdict(1)"), "reload 1 has not ended");
  reloads_ = {.begun = 1, .ended = 0};
  EXPECT_EQ(Run("reload_verdict(1)"), "reload 1 has not ended");
  // Asked for during another, it is the next.
  EXPECT_EQ(Run("reload"), "reload 2 was asked for\n");
  reloads_ = {.begun = 2, .ended = 2};
  EXPECT_EQ(Run("reload_verdict(1)", Role::kView), "reload 2: OK\n");
  reloads_.verdict = absl::InvalidArgumentError("demo.conf:3: no");
  EXPECT_EQ(Run("reload_verdict(2)"), "reload 2 failed: demo.conf:3: no");
  EXPECT_THAT(Run("reload", Role::kView), HasSubstr("reload"));
  EXPECT_EQ(asked_, 2);
}

TEST_F(ProcessCommandsTest, WhatNobodyAnswersIsNoCommand) {
  CommandTable table;
  ASSERT_THAT(AddProcessCommands({.program = "tool"}, table), IsOk());
  EXPECT_NE(table.Find("status"), nullptr);
  for (const char* name :
       {"workers", "set_workers", "crashes", "reload", "reload_verdict"}) {
    EXPECT_EQ(table.Find(name), nullptr) << name;
  }
  StringOutput output;
  ASSERT_THAT(Dispatch(table, "status", {}, output, log_), IsOk());
  EXPECT_THAT(output.text(), StartsWith("program: tool"));
}

}  // namespace
}  // namespace bergen::backdoor
