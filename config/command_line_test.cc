// SPDX-License-Identifier: Apache-2.0

#include "config/command_line.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/sources.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kDefault(kDefaultGroup);

// `flag: group.name=text` of each value, or the error.
std::vector<std::string> Texts(const absl::StatusOr<ParsedArguments>& parsed) {
  if (!parsed.ok()) return {std::string(parsed.status().message())};
  std::vector<std::string> texts;
  for (const FlagValue& value : parsed->command_line.flag_values) {
    texts.push_back(absl::StrCat(value.flag, ": ", value.group, ".", value.name,
                                 "=", value.text));
  }
  return texts;
}

absl::StatusOr<ParsedArguments> Parse(
    const OptionList& options, const std::vector<std::string>& arguments,
    ProgramInfo program = {},
    const std::vector<ForeignFlag>& foreign_flags = {}) {
  program.name = "demo";
  absl::StatusOr<CommandLineParser> parser =
      CommandLineParser::Create(options, std::move(program), foreign_flags);
  if (!parser.ok()) return parser.status();
  return parser->Parse(arguments);
}

OptionList Flags() {
  return {{.name = kDefault,
           .options = {Option<bool>{
                           .name = "debug", .short_name = 'd', .cli = true},
                       Option<std::string>{.name = "log-dir", .cli = true},
                       Option<std::string>{.name = "unlisted"}}},
          {.name = "demo",
           .options = {Option<int64_t>{.name = "workers",
                                       .short_name = 'w',
                                       .cli = true,
                                       .deprecated_names = {{.name = "procs"},
                                                            {.group = "pool"}}},
                       Option<bool>{.name = "loud", .cli = true}}}};
}

TEST(CommandLineTest, AFlagHasItsGroupInFrontAndEitherKindOfSeparator) {
  EXPECT_THAT(Texts(Parse(Flags(), {"--demo-workers", "3", "--demo_workers=4",
                                    "-demo-workers", "-5", "--log-dir=a",
                                    "--log_dir", "--debug"})),
              ElementsAre("--demo-workers: demo.workers=3",
                          "--demo_workers: demo.workers=4",
                          "-demo-workers: demo.workers=-5",
                          "--log-dir: DEFAULT.log_dir=a",
                          "--log_dir: DEFAULT.log_dir=--debug"));
}

TEST(CommandLineTest, BooleansTakeNoValueAndHaveANegativeForm) {
  EXPECT_THAT(Texts(Parse(Flags(), {"--debug", "--nodebug", "--demo-noloud"})),
              ElementsAre("--debug: DEFAULT.debug=true",
                          "--nodebug: DEFAULT.debug=false",
                          "--demo-noloud: demo.loud=false"));
  EXPECT_THAT(Texts(Parse(Flags(), {"--debug=hunter2"})),
              ElementsAre("--debug: takes no value"));
}

TEST(CommandLineTest, LettersMayStandTogetherAndBeforeAValue) {
  EXPECT_THAT(Texts(Parse(Flags(), {"-w3", "-w=4", "-w", "5", "-dw6", "-d"})),
              ElementsAre("-w: demo.workers=3", "-w: demo.workers=4",
                          "-w: demo.workers=5", "-d: DEFAULT.debug=true",
                          "-w: demo.workers=6", "-d: DEFAULT.debug=true"));
  EXPECT_THAT(Texts(Parse(Flags(), {"-x"})), ElementsAre("-x: unknown flag"));
  EXPECT_THAT(Texts(Parse(Flags(), {"-dw"})),
              ElementsAre("-w: a value must follow"));
}

TEST(CommandLineTest, DeprecatedNamesHaveFlagsThatTheLoadWarnsOf) {
  const absl::StatusOr<ParsedArguments> parsed =
      Parse(Flags(), {"--demo-procs=3", "--pool-workers=4"});
  EXPECT_THAT(Texts(parsed), ElementsAre("--demo-procs: demo.procs=3",
                                         "--pool-workers: pool.workers=4"));
  Registry registry;
  ASSERT_THAT(registry.RegisterAll(Flags()), IsOk());
  CommandLine line = parsed->command_line;
  line.use_environment = false;
  const absl::StatusOr<Report> report = registry.Load(MakeSources(line));
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->warnings, ElementsAre(AllOf(HasSubstr("--pool-workers"),
                                                  HasSubstr("workers"))));
  EXPECT_EQ(registry.Find<int64_t>("demo", "workers").value().Get(), 4);
}

TEST(CommandLineTest, TheLoadNamesTheFlagOfABadValueButNoSecret) {
  const OptionList options = {
      {.name = "demo",
       .options = {
           Option<int64_t>{.name = "workers", .max = 8, .cli = true},
           Option<int64_t>{.name = "pin", .cli = true, .secret = true}}}};
  Registry registry;
  ASSERT_THAT(registry.RegisterAll(options), IsOk());
  const absl::StatusOr<ParsedArguments> parsed =
      Parse(registry.Options(), {"--demo-workers=9", "--demo-pin=hunter2"},
            {.use_environment = false});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(
      registry.Load(MakeSources(parsed->command_line)),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          AllOf(HasSubstr("--demo-workers=9"), HasSubstr("must be at most 8"),
                HasSubstr("--demo-pin"), Not(HasSubstr("hunter2")))));
}

TEST(CommandLineTest, UnknownFlagsAreRefusedWithoutTheirValueButWithAHint) {
  EXPECT_THAT(Texts(Parse(Flags(), {"--demo-wrokers=hunter2"})),
              ElementsAre("--demo-wrokers: unknown flag; did you mean "
                          "--demo-workers?"));
  EXPECT_THAT(Texts(Parse(Flags(), {"--unlisted=x"})),
              ElementsAre(HasSubstr("--unlisted: unknown flag")));
  EXPECT_THAT(Texts(Parse(Flags(), {"--demo-work=3"})),
              ElementsAre(HasSubstr("--demo-work: unknown flag")));
  EXPECT_THAT(Texts(Parse(Flags(), {"--demo-workers"})),
              ElementsAre("--demo-workers: a value must follow"));
  EXPECT_THAT(Texts(Parse(Flags(), {"--config_dir="})),
              ElementsAre("--config_dir: is empty"));
  EXPECT_THAT(Texts(Parse(Flags(), {"--set", "nonsense"})),
              ElementsAre("--set nonsense: must be GROUP.NAME=VALUE"));
}

TEST(CommandLineTest, OnlyExactSpellingsCountWhereOthersHaveTwoMeanings) {
  const OptionList options = {
      {.name = "a", .options = {Option<int64_t>{.name = "b_c", .cli = true}}},
      {.name = "a_b", .options = {Option<int64_t>{.name = "c", .cli = true}}}};
  EXPECT_THAT(Texts(Parse(options, {"--a-b_c=1", "--a_b-c=2"})),
              ElementsAre("--a-b_c: a.b_c=1", "--a_b-c: a_b.c=2"));
  EXPECT_THAT(Texts(Parse(options, {"--a_b_c=1"})),
              ElementsAre("--a_b_c: is either --a-b_c or --a_b-c"));
}

TEST(CommandLineTest, TwoOptionsWithOneFlagAreNamed) {
  const OptionList options = {
      {.name = kDefault,
       .options = {Option<int64_t>{
           .name = "a-b", .short_name = 'x', .cli = true}}},
      {.name = "a", .options = {Option<int64_t>{.name = "b", .cli = true}}}};
  EXPECT_THAT(Parse(options, {}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "--a-b: is a flag of both DEFAULT.a_b and a.b"));
  EXPECT_THAT(
      Parse({{.name = "a",
              .options =
                  {Option<bool>{.name = "b", .short_name = 'x', .cli = true},
                   Option<bool>{.name = "c", .short_name = 'x', .cli = true}}}},
            {}),
      StatusIs(absl::StatusCode::kAlreadyExists,
               "-x: is a flag of both a.b and a.c"));
  EXPECT_THAT(Parse({{.name = kDefault,
                      .options = {Option<bool>{.name = "set", .cli = true}}}},
                    {}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "--set: is a flag of both the program and DEFAULT.set"));
}

TEST(CommandLineTest, OptionsWithOneEarlierNameShareItsFlag) {
  const OptionList options = {
      {.name = "a",
       .options = {Option<int64_t>{
           .name = "x",
           .cli = true,
           .deprecated_names = {{.name = "foo", .group = kDefault}}}}},
      {.name = "b",
       .options = {Option<int64_t>{
           .name = "y",
           .cli = true,
           .deprecated_names = {{.name = "foo", .group = kDefault}}}}}};
  EXPECT_THAT(Texts(Parse(options, {"--foo=3"})),
              ElementsAre("--foo: DEFAULT.foo=3"));
}

OptionList Words() {
  return {
      {.name = kDefault,
       .options = {Option<std::string>{.name = "first", .positional = true},
                   Option<Multi<std::string>>{
                       .name = "middle", .positional = true, .required = false},
                   Option<std::string>{.name = "last", .positional = true}}}};
}

TEST(CommandLineTest, WordsFillPositionalOptionsInTheirOrder) {
  EXPECT_THAT(Texts(Parse(Words(), {"a", "b"})),
              ElementsAre("argument first: DEFAULT.first=a",
                          "argument last: DEFAULT.last=b"));
  EXPECT_THAT(
      Texts(Parse(Words(), {"a", "--set", "g.x=1", "b", "--", "--c", "d"})),
      ElementsAre("--set g.x: g.x=1", "argument first: DEFAULT.first=a",
                  "argument middle: DEFAULT.middle=b",
                  "argument middle: DEFAULT.middle=--c",
                  "argument last: DEFAULT.last=d"));
  EXPECT_THAT(Texts(Parse(Words(), {"-1", "-"})),
              ElementsAre("argument first: DEFAULT.first=-1",
                          "argument last: DEFAULT.last=-"));
  EXPECT_THAT(Texts(Parse(Words(), {"a"})),
              ElementsAre("these arguments are missing: last"));
  EXPECT_THAT(Texts(Parse(Words(), {})),
              ElementsAre("these arguments are missing: first, last"));
}

TEST(CommandLineTest, OtherWordsAreErrorsUnlessTheProgramWantsThem) {
  EXPECT_THAT(Texts(Parse({}, {"a"})),
              ElementsAre("a: an argument that no option takes"));
  const absl::StatusOr<ParsedArguments> parsed =
      Parse(Flags(), {"a", "-d", "b"}, {.extra_words = true});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(parsed->words, ElementsAre(0, 2));
}

TEST(CommandLineTest, AWordThatMayBeASecretIsNotShown) {
  const OptionList secrets = {
      {.name = "demo",
       .options = {
           Option<std::string>{.name = "token", .cli = true, .secret = true}}}};
  EXPECT_THAT(Texts(Parse(secrets, {"--demo-token=", "hunter2"})),
              ElementsAre("argument 2: an argument that no option takes"));
  EXPECT_THAT(Texts(Parse(secrets, {"hunter2"}, {.sub_commands = {{"add"}}})),
              ElementsAre("argument 1: is none of add"));
}

TEST(CommandLineTest, FilesAndDirectoriesKeepTheirOrderAfterTheDefaults) {
  const ProgramInfo program = {.default_config_files = {"f"},
                               .default_config_dirs = {"d"}};
  const auto paths = [&](const std::vector<std::string>& arguments) {
    return Parse({}, arguments, program).value().command_line.config_paths;
  };
  EXPECT_THAT(paths({}), ElementsAre(ConfigFile("f"), ConfigDirectory("d")));
  EXPECT_THAT(paths({"--config-file=x"}),
              ElementsAre(ConfigDirectory("d"), ConfigFile("x")));
  EXPECT_THAT(paths({"--config_dir", "x"}),
              ElementsAre(ConfigFile("f"), ConfigDirectory("x")));
  EXPECT_THAT(
      paths({"--config_file=x", "--config-dir=y", "--config-file=z"}),
      ElementsAre(ConfigFile("x"), ConfigDirectory("y"), ConfigFile("z")));
}

TEST(CommandLineTest, ForeignFlagsAreLeftToTheirOwner) {
  const absl::StatusOr<ParsedArguments> parsed =
      Parse(Flags(), {"--v", "1", "--nolog", "--debug", "--log=false", "--v=2"},
            {}, {{.name = "v"}, {.name = "log", .is_boolean = true}});
  EXPECT_THAT(Texts(parsed), ElementsAre("--debug: DEFAULT.debug=true"));
  EXPECT_THAT(parsed->foreign,
              ElementsAre("--v", "1", "--nolog", "--log=false", "--v=2"));
}

TEST(CommandLineTest, ASubCommandHasOptionsOfItsOwn) {
  const ProgramInfo program = {
      .sub_commands = {{.name = "add",
                        .help = "Adds one.",
                        .options = {{.name = kDefault,
                                     .options = {Option<int64_t>{
                                         .name = "id", .positional = true}}}}},
                       {.name = "list"}}};
  const absl::StatusOr<ParsedArguments> parsed =
      Parse(Flags(), {"--debug", "add", "7"}, program);
  EXPECT_THAT(Texts(parsed), ElementsAre("--debug: DEFAULT.debug=true"));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->command_line.sub_command, "add");
  ASSERT_EQ(parsed->command_line.sub_command_values.size(), 1);
  EXPECT_EQ(parsed->command_line.sub_command_values[0].text, "7");

  EXPECT_THAT(Texts(Parse(Flags(), {}, program)),
              ElementsAre("one of these commands is missing: add, list"));
  EXPECT_THAT(Texts(Parse(Flags(), {"drop"}, program)),
              ElementsAre("drop: is none of add, list"));
  EXPECT_THAT(Texts(Parse(Flags(), {"list", "x"}, program)),
              ElementsAre("x: an argument that no option takes"));
  EXPECT_THAT(Texts(Parse(Flags(), {"list", "--debug"}, program)),
              ElementsAre(HasSubstr("--debug: unknown flag")));
  EXPECT_THAT(Parse(Words(), {}, program),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      Parse(Flags(), {"add", "--help"}, program)->print.value_or(""),
      AllOf(HasSubstr("usage: demo add [-h] id"), HasSubstr("Adds one.")));
}

TEST(CommandLineTest, HelpListsEverythingByGroup) {
  const OptionList options = {
      {.name = "zoo",
       .help = "About animals.",
       .options = {Option<std::string>{
           .name = "kind",
           .help = "100 % of them.",
           .choices = {{"cat"}, {""}},
           .metavar = "KIND",
           .cli = true,
           .deprecated_names = {{.name = "sort"}}}}},
      {.name = kDefault,
       .options = {Option<bool>{.name = "verbose",
                                .help = "Say more.",
                                .short_name = 'v',
                                .cli = true},
                   Option<std::string>{
                       .name = "a-file", .help = "A file.", .positional = true},
                   Option<std::string>{.name = "any", .cli = true}}}};
  const absl::StatusOr<ParsedArguments> parsed =
      Parse(options, {"--help"},
            {.version = "1",
             .description = "Serves.",
             .epilog = "The end.",
             .default_config_files = {"/etc/demo.conf"}},
            {{.name = "loud", .help = "Of main.", .is_boolean = true},
             {.name = "hidden", .hidden = true}});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(
      parsed->print.value_or(""),
      R"(usage: demo [-h] [--version] [--config_file FILE] [--config_dir DIR]
            [--set GROUP.NAME=VALUE] [--any ANY] [--verbose] [--zoo-kind KIND]
            a_file

Serves.

positional arguments:
  a_file                  A file.

options (in their names - and _ are the same):
  -h, --help              Show this help and exit.
  --version               Show the version and exit.
  --config_file FILE      Read values from a file; may be repeated, later ones
                          win. Without this flag: /etc/demo.conf
  --config_dir DIR        Read values from the *.conf files of a directory,
                          sorted by name; may be repeated.
  --set GROUP.NAME=VALUE  Set one option, whatever files and environment say;
                          may be repeated.
  --any ANY
  -v, --verbose, --noverbose
                          Say more.

zoo options:
  About animals.

  --zoo-kind KIND         100 % of them.
                          Allowed values: cat, ''
                          Deprecated: --zoo-sort

other flags:
  --loud                  Of main.

The end.
)");
}

TEST(CommandLineTest, AUsageTextReplacesTheGeneratedOne) {
  EXPECT_EQ(
      CommandLineParser::Create({}, {.name = "demo", .usage = "%(prog)s FILE"})
          ->Usage(),
      "usage: demo FILE\n");
}

TEST(CommandLineTest, FourThousandOptionsAreNoTrouble) {
  OptionList options = {{.name = "demo"}};
  for (int i = 0; i < 4000; ++i) {
    options[0].options.push_back(
        Option<int64_t>{.name = absl::StrCat("option_", i), .cli = true});
  }
  EXPECT_THAT(Texts(Parse(options, {"--demo-option_3999=1"})),
              ElementsAre("--demo-option_3999: demo.option_3999=1"));
}

}  // namespace
}  // namespace bergen::config
