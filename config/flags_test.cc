// SPDX-License-Identifier: Apache-2.0

#include "config/flags.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/sources.h"
#include "gflags/gflags.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

DEFINE_int32(workers, 0, "A flag that main defines.");
DEFINE_bool(quiet, false, "A flag without a value.");
DEFINE_string(text, "", "A flag that may look like another.");

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Restores all flags after each test.
class FlagsTest : public ::testing::Test {
 protected:
  absl::StatusOr<CommandLine> Parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "demo");
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    int argc = static_cast<int>(arguments.size());
    char** argv = pointers.data();
    absl::StatusOr<CommandLine> line = ParseCommandLine(&argc, &argv);
    rest_.assign(argv + 1, argv + argc);
    return line;
  }

  gflags::FlagSaver saver_;
  std::vector<std::string> rest_;
};

TEST_F(FlagsTest, RepeatedFlagsKeepTheirOrderInEveryForm) {
  const absl::StatusOr<CommandLine> line =
      Parse({"--config_file=a", "--set", "demo.x=1", "-config_file", "b",
             "--config-dir=d", "--set=demo.y=2=3", "--config_file", "c"});
  ASSERT_THAT(line, IsOk());
  EXPECT_THAT(line->config_files, ElementsAre("a", "b", "c"));
  EXPECT_THAT(line->config_dirs, ElementsAre("d"));
  EXPECT_THAT(line->assignments, ElementsAre("demo.x=1", "demo.y=2=3"));
  EXPECT_THAT(rest_, IsEmpty());
}

TEST_F(FlagsTest, OtherFlagsAreLeftToGflagsAndTheRestToMain) {
  const absl::StatusOr<CommandLine> line =
      Parse({"one", "--workers=3", "--quiet", "two", "--set=a=b"});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(FLAGS_workers, 3);
  EXPECT_TRUE(FLAGS_quiet);
  EXPECT_THAT(line->assignments, ElementsAre("a=b"));
  EXPECT_THAT(rest_, ElementsAre("one", "two"));
}

TEST_F(FlagsTest, WhatIsTheValueOfAnotherFlagIsNotAFlag) {
  const absl::StatusOr<CommandLine> line =
      Parse({"--text", "--set", "--quiet", "x", "-", "--", "--set=a=b"});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(FLAGS_text, "--set");
  EXPECT_THAT(line->assignments, IsEmpty());
  EXPECT_THAT(rest_, UnorderedElementsAre("x", "-", "--set=a=b"));
}

TEST_F(FlagsTest, EmptyFlagsAreRefused) {
  EXPECT_THAT(
      Parse({"--config_file="}),
      StatusIs(absl::StatusCode::kInvalidArgument, "--config_file: is empty"));
  EXPECT_THAT(Parse({"--set", ""}), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("--set: is empty")));
}

TEST_F(FlagsTest, NoFlagsGiveNoSources) {
  const absl::StatusOr<CommandLine> line = Parse({});
  ASSERT_THAT(line, IsOk());
  EXPECT_THAT(line->config_files, IsEmpty());
  EXPECT_THAT(line->config_dirs, IsEmpty());
  EXPECT_THAT(line->assignments, IsEmpty());
  EXPECT_TRUE(line->use_environment);
}

using FlagsDeathTest = FlagsTest;

TEST_F(FlagsDeathTest, AnUnknownFlagEndsTheProgram) {
  EXPECT_EXIT((void)Parse({"--no_such_flag"}), ::testing::ExitedWithCode(1),
              "no_such_flag");
  EXPECT_EXIT((void)Parse({"--set"}), ::testing::ExitedWithCode(1), "set");
}

}  // namespace
}  // namespace bergen::config
