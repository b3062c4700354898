// SPDX-License-Identifier: Apache-2.0

#include "backdoor/builtin_commands.h"

#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
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
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class BuiltinCommandsTest : public ::testing::Test {
 protected:
  BuiltinCommandsTest() {
    EXPECT_THAT(AddBuiltinCommands({.output_directory = dir_.path()}, profiler_,
                                   dumper_, table_),
                IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line) {
    StringOutput output;
    return Run(line, output);
  }
  std::string Run(absl::string_view line, StringOutput& output) {
    const absl::Status status = Dispatch(
        table_, line, {.name = "ann", .role = Role::kAdmin}, output, log_);
    return output.text() + std::string(status.message());
  }

  // Until the profiler has certainly seen this thread.
  static void UseTheProcessor() {
    const auto time = [] {
      timespec now = {};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
      return absl::DurationFromTimespec(now);
    };
    const absl::Duration end = time() + absl::Milliseconds(100);
    while (time() < end) {
    }
  }

  const ShortTempDirForTest dir_;
  Profiler profiler_;
  ThreadDumper dumper_;
  CommandTable table_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(BuiltinCommandsTest, HelpListsTheCommandsOneALine) {
  const std::string text = Run("help");
  for (const char* name :
       {"exit()", "fo(type=)", "help(command=)", "pgt(", "pnt()",
        "prof(name=, hz=99, clock='cpu', seconds=, formats='pstats')",
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

TEST_F(BuiltinCommandsTest, WhatHasNoMeaningInThisLanguageSaysSo) {
  EXPECT_THAT(Run("fo(Port)"), StartsWith("fo: C++ keeps no list"));
  EXPECT_THAT(Run("pgt()"), HasSubstr("pnt()"));
  EXPECT_THAT(Run("pgt(False)"), HasSubstr("pnt()"));
}

TEST_F(BuiltinCommandsTest, PntPrintsTheThreads) {
  EXPECT_THAT(Run("pnt"), StartsWith(absl::StrCat("Thread ", getpid(), " (")));
}

TEST_F(BuiltinCommandsTest, ProfRecordsAndSaves) {
  EXPECT_EQ(Run("prof()"),
            "recording, 99 samples a second of processor time; prof('NAME') "
            "ends it and saves\n");
  UseTheProcessor();
  EXPECT_THAT(Run("prof('neutron')"),
              MatchesRegex("wrote " + dir_.path() +
                           "/neutron.prof \\([0-9]+ samples in "
                           "[0-9.]+ s\\)\n"));
  EXPECT_EQ(access((dir_.path() + "/neutron.prof").c_str(), R_OK), 0);
}

TEST_F(BuiltinCommandsTest, ASecondProfSaysWhoBeganAndWhen) {
  Run("prof()");
  EXPECT_THAT(Run("prof()"), MatchesRegex("already recording since 20.*T.*, "
                                          "begun by ann\n"));
}

TEST_F(BuiltinCommandsTest, ProfWithoutARecordingIsAnErrorAndWritesNoFile) {
  EXPECT_THAT(Run("prof('x')"),
              StartsWith("Error while saving the trace stats: nothing was "
                         "recorded"));
  EXPECT_NE(access((dir_.path() + "/x.prof").c_str(), F_OK), 0);
}

TEST_F(BuiltinCommandsTest, ARecordingWithoutSamplesIsSavedToo) {
  Run("prof(hz=1)");
  EXPECT_THAT(Run("prof('x')"), MatchesRegex("wrote .*/x.prof \\(0 samples.*"));
  EXPECT_EQ(access((dir_.path() + "/x.prof").c_str(), R_OK), 0);
  EXPECT_EQ(profiler_.recording_since(), absl::InfinitePast());
}

TEST_F(BuiltinCommandsTest, ABadNameKeepsTheRecording) {
  Run("prof()");
  EXPECT_THAT(Run("prof('../x')"),
              StartsWith("Error while saving the trace stats: the name"));
  EXPECT_THAT(Run("prof('')"), HasSubstr("the name is empty"));
  UseTheProcessor();
  EXPECT_THAT(Run("prof(x)"), StartsWith("wrote "));
}

TEST_F(BuiltinCommandsTest, ProfForATimeSavesInEveryFormatAskedFor) {
  EXPECT_THAT(
      Run("prof('n', seconds=0.05, clock='wall', formats='svg, pprof,folded')"),
      MatchesRegex(absl::StrCat("recording, 99 .* for 0.05 s\nwrote ",
                                dir_.path(), "/n.pb.gz ", dir_.path(),
                                "/n.folded ", dir_.path(),
                                "/n.svg \\([0-9]+ samples.*")));
  for (const char* suffix : {".pb.gz", ".folded", ".svg"}) {
    EXPECT_EQ(access((dir_.path() + "/n" + suffix).c_str(), R_OK), 0);
  }
  EXPECT_NE(access((dir_.path() + "/n.prof").c_str(), F_OK), 0);
  EXPECT_EQ(profiler_.recording_since(), absl::InfinitePast());
}

TEST_F(BuiltinCommandsTest, ProfForATimeEndsWhenTheCallerLeaves) {
  StringOutput output;
  output.Cancel();
  EXPECT_THAT(Run("prof('n', seconds=3600)", output), HasSubstr("wrote "));
}

TEST_F(BuiltinCommandsTest, ProfForATimeCanBeEndedBySomebodyElse) {
  StringOutput output;
  std::thread timed(
      [this, &output] { Run("prof('n', seconds=3600)", output); });
  while (profiler_.recording_since() == absl::InfinitePast()) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Run("prof('m', seconds=1)"), HasSubstr("begun by ann"));
  EXPECT_THAT(Run("prof('m')"), HasSubstr("/m.prof"));
  timed.join();
  EXPECT_THAT(output.text(), HasSubstr("somebody else has ended"));
  EXPECT_NE(access((dir_.path() + "/n.prof").c_str(), F_OK), 0);
}

TEST_F(BuiltinCommandsTest, ProfSaysWhatIsWrongBeforeItDoesAnything) {
  EXPECT_EQ(Run("prof(seconds=3)"),
            "seconds: needs a name to save under: prof('NAME', seconds=10)");
  EXPECT_EQ(Run("prof('n', formats='svg,perf')"),
            "formats: 'perf' is none of pstats, pprof, folded, svg");
  EXPECT_EQ(Run("prof('n', formats='')"),
            "formats: '' is none of pstats, pprof, folded, svg");
  EXPECT_EQ(profiler_.recording_since(), absl::InfinitePast());
}

TEST_F(BuiltinCommandsTest, AddingThemTwiceIsAnError) {
  EXPECT_THAT(AddBuiltinCommands({}, profiler_, dumper_, table_),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

}  // namespace
}  // namespace bergen::backdoor
