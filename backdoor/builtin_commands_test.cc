// SPDX-License-Identifier: Apache-2.0

#include "backdoor/builtin_commands.h"

#include <unistd.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "backdoor/calltrace.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/profiler.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "backdoor/string_output_for_test.h"
#include "backdoor/thread_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BuiltinCommandsTest : public ::testing::Test {
 protected:
  BuiltinCommandsTest() {
    EXPECT_THAT(AddBuiltinCommands({.output_directory = dir_.path()}, profiler_,
                                   tracer_, dumper_, table_),
                IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line) {
    StringOutput output;
    const absl::Status status = Dispatch(
        table_, line, {.name = "ann", .role = Role::kAdmin}, output, log_);
    return output.text() + std::string(status.message());
  }

  const ShortTempDirForTest dir_;
  Profiler profiler_;
  CallTracer tracer_;
  ThreadDumper dumper_;
  CommandTable table_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(BuiltinCommandsTest, HelpListsTheCommandsOneALine) {
  const std::string text = Run("help");
  for (const char* name :
       {"exit()", "help(command=)", "pnt()",
        "prof(name=, hz=99, clock='cpu', seconds=, formats='pstats', mode=",
        "quit()"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
}

TEST_F(BuiltinCommandsTest, HelpExplainsOneCommand) {
  EXPECT_THAT(Run("help(prof)"),
              AllOf(HasSubstr("hz: a whole number from 1 up to 1000"),
                    HasSubstr("clock: one of cpu, wall"),
                    HasSubstr("Needs the role operate.")));
  EXPECT_EQ(Run("help(porf)"), "unknown command 'porf'; did you mean prof?");
}

TEST_F(BuiltinCommandsTest, ExitTellsToDisconnect) {
  for (const char* line : {"exit()", "exit", "quit()", "quit"}) {
    EXPECT_EQ(Run(line), "Don't use this, just disconnect instead\n");
  }
}

TEST_F(BuiltinCommandsTest, PntPrintsTheThreads) {
  EXPECT_THAT(Run("pnt"), StartsWith(absl::StrCat("Thread ", getpid(), " (")));
}

TEST_F(BuiltinCommandsTest, AddingThemTwiceIsAnError) {
  EXPECT_THAT(AddBuiltinCommands({}, profiler_, tracer_, dumper_, table_),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

}  // namespace
}  // namespace bergen::backdoor
