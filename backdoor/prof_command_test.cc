// SPDX-License-Identifier: Apache-2.0

#include "backdoor/prof_command.h"

#include <time.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/calltrace.h"
#include "backdoor/calltrace_work_for_test.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/profiler.h"
#include "backdoor/short_temp_dir_for_test.h"
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

class ProfCommandTest : public ::testing::Test {
 protected:
  ProfCommandTest() {
    EXPECT_THAT(table_.Add(ProfCommand({.output_directory = dir_.path()},
                                       profiler_, tracer_)),
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
  CallTracer tracer_;
  CommandTable table_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(ProfCommandTest, ProfRecordsAndSaves) {
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

TEST_F(ProfCommandTest, ASecondProfSaysWhoBeganAndWhen) {
  Run("prof()");
  EXPECT_THAT(Run("prof()"), MatchesRegex("already recording since 20.*T.*, "
                                          "begun by ann\n"));
}

TEST_F(ProfCommandTest, ProfWithoutARecordingIsAnErrorAndWritesNoFile) {
  EXPECT_THAT(Run("prof('x')"),
              StartsWith("Error while saving the trace stats: nothing was "
                         "recorded"));
  EXPECT_NE(access((dir_.path() + "/x.prof").c_str(), F_OK), 0);
}

TEST_F(ProfCommandTest, ARecordingWithoutSamplesIsSavedToo) {
  Run("prof(hz=1)");
  EXPECT_THAT(Run("prof('x')"), MatchesRegex("wrote .*/x.prof \\(0 samples.*"));
  EXPECT_EQ(access((dir_.path() + "/x.prof").c_str(), R_OK), 0);
  EXPECT_EQ(profiler_.recording_since(), absl::InfinitePast());
}

TEST_F(ProfCommandTest, ABadNameKeepsTheRecording) {
  Run("prof()");
  EXPECT_THAT(Run("prof('../x')"),
              StartsWith("Error while saving the trace stats: the name"));
  EXPECT_THAT(Run("prof('')"), HasSubstr("the name is empty"));
  UseTheProcessor();
  EXPECT_THAT(Run("prof(x)"), StartsWith("wrote "));
}

TEST_F(ProfCommandTest, ProfForATimeSavesInEveryFormatAskedFor) {
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

TEST_F(ProfCommandTest, ProfForATimeEndsWhenTheCallerLeaves) {
  StringOutput output;
  output.Cancel();
  EXPECT_THAT(Run("prof('n', seconds=3600)", output), HasSubstr("wrote "));
}

TEST_F(ProfCommandTest, ProfForATimeCanBeEndedBySomebodyElse) {
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

TEST_F(ProfCommandTest, ProfSaysWhatIsWrongBeforeItDoesAnything) {
  EXPECT_EQ(Run("prof(seconds=3)"),
            "seconds: needs a name to save under: prof('NAME', seconds=10)");
  EXPECT_EQ(Run("prof('n', formats='svg,perf')"),
            "formats: 'perf' is none of pstats, pprof, folded, svg");
  EXPECT_EQ(Run("prof('n', formats='')"),
            "formats: '' is none of pstats, pprof, folded, svg");
  EXPECT_EQ(profiler_.recording_since(), absl::InfinitePast());
}

TEST_F(ProfCommandTest, ATraceCountsCallsAndIsSavedForPstats) {
  EXPECT_EQ(Run("prof(mode='trace')"),
            "recording, every call; prof('NAME') ends it and saves\n");
  EXPECT_THAT(Run("prof()"), HasSubstr("already recording since"));
  work::CallLeaf(9);
  EXPECT_THAT(Run("prof('x', formats='svg')"),
              HasSubstr("a count of calls has no stacks for svg"));
  EXPECT_THAT(Run("prof('x')"), MatchesRegex("wrote .*/x.prof \\(10 calls in "
                                             "[0-9.]+ s\\)\n"));
  EXPECT_EQ(access((dir_.path() + "/x.prof").c_str(), R_OK), 0);
  EXPECT_THAT(Run("prof('x')"), HasSubstr("nothing was recorded"));
}

TEST_F(ProfCommandTest, ATraceForATimeSavesToo) {
  EXPECT_THAT(Run("prof('n', seconds=0, mode='trace')"),
              MatchesRegex("recording, every call; for 0 s\nwrote .* \\(0 "
                           "calls in [0-9.]+ s\\)\n"));
  EXPECT_THAT(Run("prof('n', seconds=1, mode='trace', formats='pprof')"),
              StartsWith("formats: a count of calls has no stacks for pprof"));
  EXPECT_EQ(tracer_.recording_since(), absl::InfinitePast());
}

}  // namespace
}  // namespace bergen::backdoor
