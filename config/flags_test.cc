// SPDX-License-Identifier: Apache-2.0

#include "config/flags.h"

#include <cstdint>
#include <fstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/command_line.h"
#include "config/option.h"
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
using ::testing::IsEmpty;

// `flag: group.name=text` of each value.
std::vector<std::string> Texts(const CommandLine& line) {
  std::vector<std::string> texts;
  for (const FlagValue& value : line.flag_values) {
    texts.push_back(absl::StrCat(value.flag, ": ", value.group, ".", value.name,
                                 "=", value.text));
  }
  return texts;
}

// Restores all flags after each test.
class FlagsTest : public ::testing::Test {
 protected:
  absl::StatusOr<CommandLine> Parse(std::vector<std::string> arguments) {
    return Parse(std::move(arguments), [](int* argc, char*** argv) {
      return ParseCommandLine(argc, argv);
    });
  }

  absl::StatusOr<CommandLine> Parse(std::vector<std::string> arguments,
                                    const OptionList& options,
                                    const ProgramInfo& program = {}) {
    return Parse(std::move(arguments), [&](int* argc, char*** argv) {
      return ParseCommandLine(argc, argv, options, program);
    });
  }

  template <typename F>
  requires std::is_invocable_v<F, int*, char***> absl::StatusOr<CommandLine>
  Parse(std::vector<std::string> arguments, F parse) {
    arguments.insert(arguments.begin(), "demo");
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    int argc = static_cast<int>(arguments.size());
    char** argv = pointers.data();
    absl::StatusOr<CommandLine> line = parse(&argc, &argv);
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
  EXPECT_THAT(line->config_paths,
              ElementsAre(ConfigFile("a"), ConfigFile("b"),
                          ConfigDirectory("d"), ConfigFile("c")));
  EXPECT_THAT(Texts(*line), ElementsAre("--set demo.x: demo.x=1",
                                        "--set demo.y: demo.y=2=3"));
  EXPECT_THAT(rest_, IsEmpty());
}

TEST_F(FlagsTest, OtherFlagsAreLeftToGflagsAndTheRestToMain) {
  const absl::StatusOr<CommandLine> line =
      Parse({"one", "--workers=3", "--quiet", "two", "--set=a=b"});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(FLAGS_workers, 3);
  EXPECT_TRUE(FLAGS_quiet);
  EXPECT_THAT(Texts(*line), ElementsAre("--set a: DEFAULT.a=b"));
  EXPECT_THAT(rest_, ElementsAre("one", "two"));
}

TEST_F(FlagsTest, WhatIsTheValueOfAnotherFlagIsNotAFlag) {
  const absl::StatusOr<CommandLine> line =
      Parse({"--text", "--set", "--quiet", "x", "-", "--", "--set=a=b"});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(FLAGS_text, "--set");
  EXPECT_THAT(line->flag_values, IsEmpty());
  EXPECT_THAT(rest_, ElementsAre("x", "-", "--set=a=b"));
}

TEST_F(FlagsTest, NoFlagsGiveNoSources) {
  const absl::StatusOr<CommandLine> line = Parse({});
  ASSERT_THAT(line, IsOk());
  EXPECT_THAT(line->config_paths, IsEmpty());
  EXPECT_THAT(line->flag_values, IsEmpty());
  EXPECT_TRUE(line->use_environment);
}

OptionList Options() {
  return {{.name = "demo",
           .options = {Option<int64_t>{.name = "processes", .cli = true},
                       Option<bool>{.name = "loud", .cli = true}}}};
}

TEST_F(FlagsTest, FlagsOfOptionsAndOfMainStandBesideEachOther) {
  const absl::StatusOr<CommandLine> line = Parse(
      {"--demo-processes", "3", "--workers", "4", "--demo-noloud", "--noquiet"},
      Options());
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(FLAGS_workers, 4);
  EXPECT_THAT(Texts(*line), ElementsAre("--demo-processes: demo.processes=3",
                                        "--demo-noloud: demo.loud=false"));
  EXPECT_THAT(rest_, IsEmpty());
}

TEST_F(FlagsTest, AFlagFileHoldsFlagsOfMainAndConfigFiles) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/flags");
  std::ofstream(path) << "--workers=5\n--config_file=first.conf\n";
  const absl::StatusOr<CommandLine> line =
      Parse({"--flagfile", path, "one", "--config_file=second.conf"}, Options(),
            {.default_config_files = {"default.conf"}, .extra_words = true});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(FLAGS_workers, 5);
  EXPECT_THAT(line->config_paths,
              ElementsAre(ConfigFile("first.conf"), ConfigFile("second.conf")));
  EXPECT_THAT(rest_, ElementsAre("one"));
}

TEST_F(FlagsTest, AnOptionWithAFlagOfMainIsNamed) {
  EXPECT_THAT(
      Parse(
          {},
          {{.name = "DEFAULT",
            .options = {Option<std::string>{.name = "workers", .cli = true}}}}),
      StatusIs(absl::StatusCode::kAlreadyExists,
               "--workers: is a flag of both DEFAULT.workers and another "
               "library"));
}

using FlagsDeathTest = FlagsTest;

TEST_F(FlagsDeathTest, WhatIsNotUnderstoodEndsTheProgramWithStatus2) {
  EXPECT_EXIT((void)Parse({"--no_such_flag"}), ::testing::ExitedWithCode(2),
              "no_such_flag: unknown flag");
  EXPECT_EXIT((void)Parse({"--set"}), ::testing::ExitedWithCode(2),
              "--set: a value must follow");
  EXPECT_EXIT((void)Parse({"--config_file="}), ::testing::ExitedWithCode(2),
              "--config_file: is empty");
  EXPECT_EXIT((void)Parse({"word"}, Options()), ::testing::ExitedWithCode(2),
              "usage: .*word: an argument that no option takes");
}

TEST_F(FlagsDeathTest, GflagsRefusesItsOwnValuesWithStatus1) {
  EXPECT_EXIT((void)Parse({"--workers=many"}, Options()),
              ::testing::ExitedWithCode(1), "workers");
}

TEST_F(FlagsDeathTest, HelpAndVersionEndTheProgramWell) {
  EXPECT_EXIT((void)Parse({"--help"}, Options()), ::testing::ExitedWithCode(0),
              "");
  EXPECT_EXIT((void)Parse({"--version"}, Options(), {.version = "demo 1"}),
              ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace bergen::config
