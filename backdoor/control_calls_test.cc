// SPDX-License-Identifier: Apache-2.0

#include "backdoor/control_calls.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/control.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

TEST(ControlCallsTest, ARequestIsALineWithWhatItHas) {
  v1::ProfileRequest profile;
  EXPECT_EQ(LineOf(profile), "prof()");
  profile.set_name("it's");
  profile.set_seconds(0.5);
  profile.set_hz(250);
  profile.set_clock("wall");
  profile.add_formats("pstats");
  profile.add_formats("svg");
  profile.set_mode("sample");
  EXPECT_EQ(LineOf(profile),
            "prof(name='it\\'s', hz=250, clock=wall, seconds=0.5, "
            "formats='pstats,svg', mode=sample)");
  v1::LogLevelRequest level;
  EXPECT_EQ(LineOf(level), "log_level()");
  level.set_logger("demo");
  EXPECT_EQ(LineOf(level), "log_level(logger=demo)");
  v1::MutateConfigRequest mutate;
  mutate.set_dry_run(true);
  EXPECT_EQ(LineOf(mutate), "mutate(dry_run=true)");
  v1::GetReloadVerdictRequest verdict;
  verdict.set_number(3);
  EXPECT_EQ(LineOf(verdict), "reload_verdict(3)");
  EXPECT_EQ(LineOf(v1::GetConfigRequest()), "config('')");
}

TEST(ControlCallsTest, ATaskIsRunPausedOrResumedAndNothingElse) {
  v1::ControlTaskRequest request;
  request.set_task("beat");
  EXPECT_EQ(LineOf(request), "");
  request.set_action(v1::TASK_ACTION_PAUSE);
  EXPECT_EQ(LineOf(request), "pause(beat)");
  request.set_action(static_cast<v1::TaskAction>(77));
  EXPECT_EQ(LineOf(request), "");
}

TEST(ControlCallsTest, NoTextIsMoreThanAnArgument) {
  CommandTable table;
  ASSERT_THAT(table.Add({.name = "config_set",
                         .parameters = {{.name = "option", .required = true},
                                        {.name = "value", .required = true}},
                         .handler = [](const Arguments&, const Caller&,
                                       Output&) { return absl::OkStatus(); }}),
              IsOk());
  for (const std::string text :
       {"", "x", "a, b", "'", "\"", "\\", "\\'", "a\nb\r\t", "), exit(",
        "name=x", "-1", "bl\xc3\xa5"}) {
    v1::SetConfigRequest request;
    request.set_name(text);
    request.set_value(text);
    const absl::StatusOr<Invocation> call =
        table.Parse(LineOf(request), Role::kAdmin);
    ASSERT_THAT(call, IsOk()) << text;
    EXPECT_EQ(call->arguments.String("option"), text);
    EXPECT_EQ(call->arguments.String("value"), text);
  }
}

TEST(ControlCallsTest, RecordsAreEntriesOfAListOrTheReplyItself) {
  v1::ListTasksReply tasks;
  AddRecord({{"name", "a"}, {"runs", int64_t{7}}, {"paused", true}}, tasks);
  AddRecord({{"name", "b\xff"}, {"unknown", 1.5}}, tasks);
  ASSERT_EQ(tasks.tasks_size(), 2);
  EXPECT_EQ(tasks.tasks(0).name(), "a");
  EXPECT_EQ(tasks.tasks(0).runs(), 7);
  EXPECT_TRUE(tasks.tasks(0).paused());
  EXPECT_EQ(tasks.tasks(1).name(), "b?");
  v1::ReloadReply reload;
  AddRecord({{"number", int64_t{3}}}, reload);
  EXPECT_EQ(reload.number(), 3u);
}

TEST(ControlCallsDeathTest, ARecordOfAnotherTypeIsABug) {
  v1::ReloadReply reload;
  EXPECT_DEATH(AddRecord({{"number", "3"}}, reload),
               "ReloadReply.number is recorded with another type");
}

}  // namespace
}  // namespace bergen::backdoor
