// SPDX-License-Identifier: Apache-2.0

#include "backdoor/profile_merge.h"

#include <unistd.h>

#include <fstream>
#include <ios>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "backdoor/call_stats.h"
#include "backdoor/output_file.h"
#include "backdoor/pprof.h"
#include "backdoor/profile.h"
#include "backdoor/profile_formats.h"
#include "backdoor/pstats.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

Profile OneStack(const char* function, int64_t samples) {
  return {
      .functions = {{"a.cc", 1, "main"}, {"b.cc", 2, function}},
      .stacks = {{.functions = {1, 0}, .samples = samples, .thread = "pool"}},
      .period = absl::Milliseconds(10),
      .samples = samples,
      .begin = absl::FromUnixSeconds(1000),
      .duration = absl::Seconds(1),
      .clock = "cpu"};
}

CallStats Calls(const char* function, int64_t calls) {
  return {{{"b.cc", 2, function},
           {{1, calls, absl::Seconds(1), absl::Seconds(2)}, {}}}};
}

class ProfileMergeTest : public ::testing::Test {
 protected:
  // What a worker says that has saved `bytes`.
  std::string Saved(const std::string& name, const std::string& suffix,
                    const std::string& bytes) {
    const absl::StatusOr<std::string> path =
        WriteOutputFile(dir_.path(), name, suffix, bytes);
    EXPECT_THAT(path, IsOk());
    return absl::StrCat("recording, ...\nwrote ", *path, " (9 of it)\n");
  }

  std::string Read(const std::string& name) {
    std::ifstream file(absl::StrCat(dir_.path(), "/", name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file),
            std::istreambuf_iterator<char>()};
  }

  bool Exists(const std::string& name) {
    return access(absl::StrCat(dir_.path(), "/", name).c_str(), F_OK) == 0;
  }

  absl::StatusOr<std::string> Merge(const std::vector<std::string>& answers,
                                    const char* formats) {
    return MergeSavedProfiles(answers, "x", *ParseProfileFormats(formats));
  }

  const ShortTempDirForTest dir_;
};

TEST_F(ProfileMergeTest, SamplesOfWorkersAddUpInEveryFormat) {
  const std::vector<std::string> answers = {
      Saved("x-0", ".pb.gz", EncodePprof(OneStack("f", 3), 0)),
      Saved("x-1", ".pb.gz", EncodePprof(OneStack("g", 4), 1))};
  EXPECT_THAT(Merge(answers, "pstats,pprof,folded,svg"),
              IsOkAndHolds(absl::StrCat("wrote ", dir_.path(), "/x.prof ",
                                        dir_.path(), "/x.pb.gz ", dir_.path(),
                                        "/x.folded ", dir_.path(),
                                        "/x.svg (7 samples of 2 workers)\n")));
  EXPECT_EQ(Read("x.folded"),
            "worker 0 pool;main;f 3\nworker 1 pool;main;g 4\n");
  const absl::StatusOr<CallStats> stats = DecodePstats(Read("x.prof"));
  ASSERT_THAT(stats, IsOk());
  EXPECT_EQ(stats->at({"a.cc", 1, "main"}).counts.calls, 7);
  const absl::StatusOr<Profile> profile = DecodePprof(Read("x.pb.gz"));
  ASSERT_THAT(profile, IsOk());
  EXPECT_EQ(profile->functions.size(), 3u);
  EXPECT_EQ(profile->stacks[1].worker, 1);
  EXPECT_THAT(Read("x.svg"), HasSubstr("x, all workers"));
  EXPECT_FALSE(Exists("x-0.pb.gz"));
  EXPECT_FALSE(Exists("x-1.pb.gz"));
}

TEST_F(ProfileMergeTest, CountsOfCallsAddUp) {
  const std::vector<std::string> answers = {
      Saved("x-0", ".prof", EncodePstats(Calls("f", 3))),
      Saved("x-1", ".prof", EncodePstats(Calls("f", 4))),
      Saved("x-2", ".prof", EncodePstats(Calls("g", 5)))};
  EXPECT_THAT(Merge(answers, "svg"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no stacks for svg")));
  EXPECT_TRUE(Exists("x-0.prof"));
  EXPECT_THAT(Merge(answers, "pstats"),
              IsOkAndHolds(absl::StrCat("wrote ", dir_.path(),
                                        "/x.prof (12 calls of 3 workers)\n")));
  const absl::StatusOr<CallStats> stats = DecodePstats(Read("x.prof"));
  ASSERT_THAT(stats, IsOk());
  EXPECT_EQ(stats->at({"b.cc", 2, "f"}).counts.calls, 7);
  EXPECT_EQ(stats->at({"b.cc", 2, "f"}).counts.primitive_calls, 2);
  EXPECT_EQ(stats->at({"b.cc", 2, "f"}).counts.own_time, absl::Seconds(2));
  EXPECT_EQ(stats->at({"b.cc", 2, "g"}).counts.calls, 5);
  EXPECT_FALSE(Exists("x-0.prof"));
}

TEST_F(ProfileMergeTest, WhatCannotBeMergedStays) {
  const std::string good =
      Saved("x-0", ".pb.gz", EncodePprof(OneStack("f", 3), 0));
  Profile wall = OneStack("f", 3);
  wall.clock = "wall";
  EXPECT_THAT(
      Merge({good, Saved("x-1", ".pb.gz", EncodePprof(wall, 1))}, "pstats"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("clocks")));
  EXPECT_THAT(Merge({good, Saved("x-1", ".pb.gz", "no profile")}, "pstats"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Merge({good, "wrote /nonexistent/x (1)\n"}, "pstats"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("cannot read /nonexistent/x")));
  EXPECT_THAT(Merge({good, "already recording\n"}, "pstats"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no file in")));
  EXPECT_TRUE(Exists("x-0.pb.gz"));
  EXPECT_FALSE(Exists("x.prof"));
}

}  // namespace
}  // namespace bergen::backdoor
