// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.config's command line (checks.txt) against ours. A comment
// says where we differ on purpose.

#include "config/command_line.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/host.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/sources.h"
#include "config/uri.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

using Arguments = std::vector<std::string>;

constexpr absl::string_view kDefault = kDefaultGroup;

// A program whose options are given by its command line alone.
struct Program {
  Registry registry;
  ProgramInfo info = {.name = "test", .use_environment = false};

  template <typename T>
  Handle<T> Add(absl::string_view group, Option<T> option) {
    absl::StatusOr<Handle<T>> handle = registry.Register(group, option);
    EXPECT_THAT(handle, IsOk());
    return handle.ok() ? *handle : Handle<T>();
  }

  // The same, with a flag.
  template <typename T>
  Handle<T> AddFlag(absl::string_view group, Option<T> option) {
    option.cli = true;
    return Add(group, std::move(option));
  }

  // The same, in the place of a word.
  template <typename T>
  Handle<T> AddWord(absl::string_view group, Option<T> option) {
    option.positional = true;
    return Add(group, std::move(option));
  }

  absl::StatusOr<CommandLineParser> Parser() const {
    return CommandLineParser::Create(registry.Options(), info);
  }

  absl::StatusOr<ParsedArguments> Parse(const Arguments& arguments) const {
    const absl::StatusOr<CommandLineParser> parser = Parser();
    if (!parser.ok()) return parser.status();
    return parser->Parse(arguments);
  }

  absl::StatusOr<Report> Run(const Arguments& arguments) {
    const absl::StatusOr<ParsedArguments> parsed = Parse(arguments);
    if (!parsed.ok()) return parsed.status();
    return registry.Load(MakeSources(parsed->command_line));
  }

  std::string Usage() const {
    const absl::StatusOr<CommandLineParser> parser = Parser();
    return parser.ok() ? parser->Usage() : parser.status().ToString();
  }
  std::string Help() const {
    const absl::StatusOr<CommandLineParser> parser = Parser();
    return parser.ok() ? parser->Help() : parser.status().ToString();
  }
};

// The option is unset or has its default until `arguments` give `wanted`.
template <typename T>
void ExpectFlag(const Option<T>& option, const Arguments& arguments,
                const T& wanted, absl::string_view group = kDefault) {
  SCOPED_TRACE(testing::PrintToString(arguments));
  Program program;
  const Handle<T> handle = program.AddFlag(group, option);
  ASSERT_THAT(program.Run({}), IsOk());
  EXPECT_EQ(handle.has_value(), option.default_value.has_value());
  EXPECT_EQ(handle.Get(), option.default_value.value_or(T{}));
  ASSERT_THAT(program.Run(arguments), IsOk());
  EXPECT_EQ(handle.Get(), wanted);
}

TEST(Oc, Oc003TheUsageHasEveryFlagButNoDescription) {
  Program program;
  program.info.version = "1.0";
  program.info.description = "Somewhat descriptive.";
  program.info.epilog = "At the end.";
  EXPECT_THAT(program.Usage(),
              AllOf(HasSubstr("usage: test"), HasSubstr("[-h]"),
                    HasSubstr("[--version]"), HasSubstr("[--config_file FILE]"),
                    HasSubstr("[--config_dir DIR]"),
                    Not(HasSubstr("descriptive")), Not(HasSubstr("end"))));
}

TEST(Oc, Oc004AUsageOfTheProgramsOwn) {
  Program program;
  program.info.usage = "%(prog)s FOO BAR";
  EXPECT_EQ(program.Usage(), "usage: test FOO BAR\n");
  EXPECT_THAT(program.Help(), HasSubstr("usage: test FOO BAR\n"));
}

TEST(Oc, Oc005TheHelpHasDescriptionAndEpilog) {
  Program program;
  program.info.description = "Somewhat descriptive.";
  program.info.epilog = "At the end.";
  EXPECT_THAT(program.Help(),
              AllOf(HasSubstr("Somewhat descriptive."),
                    HasSubstr("At the end."), HasSubstr("-h, --help")));
}

// An option that is not unset by choice has no choice "unset": it has no value
// until somebody gives one. So `<None>` is never shown.
TEST(Oc, Oc006TheHelpShowsChoices) {
  Program program;
  program.AddFlag(
      kDefault, Option<std::string>{
                    .name = "aa", .choices = {{"x", ""}, {"", ""}, {"y", ""}}});
  EXPECT_THAT(program.Help(), HasSubstr("Allowed values: x, '', y"));
}

TEST(Oc, Oc007TheHelpIsSorted) {
  for (const bool with_word : {false, true}) {
    Program program;
    if (with_word) {
      program.AddWord(kDefault, Option<std::string>{.name = "pos"});
    }
    for (const char* name : {"zz", "aa", "mm"}) {
      program.AddFlag(kDefault, Option<std::string>{.name = name});
    }
    const std::string help = program.Help();
    EXPECT_LT(help.find("--aa AA"), help.find("--mm MM"));
    EXPECT_LT(help.find("--mm MM"), help.find("--zz ZZ"));
    EXPECT_NE(help.find("--zz ZZ"), help.npos);
  }
}

// A flag has one spelling in the help and works with `-` and `_` alike.
TEST(Oc, Oc008TheHelpListsDeprecatedNames) {
  Program program;
  const Handle<std::string> foo = program.AddFlag(
      kDefault, Option<std::string>{.name = "foo",
                                    .deprecated_names = {{.name = "old-bar"}}});
  EXPECT_THAT(program.Help(), HasSubstr("Deprecated: --old_bar"));
  for (const char* flag : {"--old-bar=x", "--old_bar=x"}) {
    ASSERT_THAT(program.Run({}), IsOk());
    EXPECT_FALSE(foo.has_value());
    ASSERT_THAT(program.Run({flag}), IsOk());
    EXPECT_EQ(foo.Get(), "x");
  }
}

TEST(Oc, Oc010HelpAndVersionEndAndFilesMayBeSeveral) {
  Program program;
  program.info.version = "1.0";
  EXPECT_EQ(program.Parse({"--version", "--nonsense"})->print, "1.0\n");
  for (const char* flag : {"-h", "--help"}) {
    EXPECT_EQ(program.Parse({flag, "--nonsense"})->print, program.Help());
  }
  const absl::StatusOr<ParsedArguments> parsed =
      program.Parse({"--config-file=1.conf", "--config-file", "2.conf"});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->print, std::nullopt);
  EXPECT_THAT(parsed->command_line.config_paths,
              ElementsAre(ConfigFile("1.conf"), ConfigFile("2.conf")));
}

TEST(Oc, Oc015AFlagThatBeginsLikeConfigFileKeepsTheDefaults) {
  Program program;
  program.info.default_config_files = {"default.conf"};
  program.info.default_config_dirs = {"default.d"};
  program.AddFlag(kDefault, Option<std::string>{.name = "config-file-format"});
  program.AddFlag(kDefault, Option<std::string>{.name = "config-dir-mode"});
  const absl::StatusOr<ParsedArguments> parsed =
      program.Parse({"--config-file-format", "x", "--config-dir-mode=y"});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(
      parsed->command_line.config_paths,
      ElementsAre(ConfigFile("default.conf"), ConfigDirectory("default.d")));
}

TEST(Oc, Oc016AnExplicitPathReplacesTheDefaultsOfItsKind) {
  Program program;
  program.info.default_config_files = {"default.conf"};
  program.info.default_config_dirs = {"default.d"};
  const auto paths = [&](const Arguments& arguments) {
    return program.Parse(arguments).value().command_line.config_paths;
  };
  for (const Arguments& arguments :
       {Arguments{"--config-file", "x"}, Arguments{"--config-file=x"}}) {
    EXPECT_THAT(paths(arguments),
                ElementsAre(ConfigDirectory("default.d"), ConfigFile("x")));
  }
  for (const Arguments& arguments :
       {Arguments{"--config-dir", "x"}, Arguments{"--config-dir=x"}}) {
    EXPECT_THAT(paths(arguments),
                ElementsAre(ConfigFile("default.conf"), ConfigDirectory("x")));
  }
}

TEST(Oc, Oc017ThePathsAreTheDefaultsOrNone) {
  Program program;
  EXPECT_THAT(program.Parse({})->command_line.config_paths, IsEmpty());
  program.info.default_config_files = {"a.conf", "b.conf"};
  EXPECT_THAT(program.Parse({})->command_line.config_paths,
              ElementsAre(ConfigFile("a.conf"), ConfigFile("b.conf")));
}

TEST(Oc, Oc019EachScalarTypeAsAFlag) {
  ExpectFlag(Option<std::string>{.name = "foo"}, {"--foo", "bar"},
             std::string("bar"));
  ExpectFlag(Option<std::string>{.name = "foo", .default_value = "a"},
             {"--foo=b"}, std::string("b"));
  ExpectFlag(Option<std::string>{.name = "foo", .default_value = "a"},
             {"--foo="}, std::string());
  ExpectFlag(Option<bool>{.name = "foo"}, {"--foo"}, true);
  ExpectFlag(Option<bool>{.name = "foo", .default_value = true}, {"--nofoo"},
             false);
  ExpectFlag(Option<int64_t>{.name = "foo"}, {"--foo=20"}, int64_t{20});
  ExpectFlag(Option<int64_t>{.name = "foo", .default_value = 10},
             {"--foo", "-20"}, int64_t{-20});
  ExpectFlag(Option<double>{.name = "foo", .default_value = 1.5},
             {"--foo", "2.5e3"}, 2500.0);
  ExpectFlag(Option<Port>{.name = "foo", .default_value = Port(80)},
             {"--foo=8080"}, Port(8080));
}

TEST(Oc, Oc020FlagsOfDeprecatedNamesOfEveryForm) {
  const struct {
    std::vector<DeprecatedName> names;
    const char* flag;
  } kCases[] = {
      {{{.name = "oldfoo"}}, "--new-oldfoo"},
      {{{.group = "old"}}, "--old-foo"},
      {{{.group = "DEFAULT"}}, "--foo"},
      {{{.name = "oof", .group = "old"}}, "--old-oof"},
      {{{.name = "oof", .group = "DEFAULT"}}, "--oof"},
  };
  for (const auto& [names, flag] : kCases) {
    ExpectFlag(Option<std::string>{.name = "foo", .deprecated_names = names},
               {flag, "x"}, std::string("x"), "new");
    ExpectFlag(Option<int64_t>{.name = "foo", .deprecated_names = names},
               {flag, "7"}, int64_t{7}, "new");
    ExpectFlag(Option<double>{.name = "foo", .deprecated_names = names},
               {flag, "7"}, 7.0, "new");
    ExpectFlag(Option<Port>{.name = "foo", .deprecated_names = names},
               {flag, "7"}, Port(7), "new");
    ExpectFlag(Option<bool>{.name = "foo", .deprecated_names = names}, {flag},
               true, "new");
    ExpectFlag(
        Option<std::vector<int64_t>>{.name = "foo", .deprecated_names = names},
        {flag, "7,8"}, {7, 8}, "new");
    ExpectFlag(
        Option<Dict<std::string>>{.name = "foo", .deprecated_names = names},
        {flag, "a:b"}, {{"a", "b"}}, "new");
    ExpectFlag(Option<Multi<int64_t>>{.name = "foo", .deprecated_names = names},
               {flag, "7", flag, "8"}, {7, 8}, "new");
  }
}

TEST(Oc, Oc021TheLastOfFooAndNofooCounts) {
  const Option<bool> foo = {.name = "foo", .default_value = true};
  ExpectFlag(foo, {"--foo", "--nofoo"}, false);
  ExpectFlag(Option<bool>{.name = "foo"}, {"--nofoo", "--foo"}, true);
  Option<bool> old = {.name = "foo",
                      .default_value = true,
                      .deprecated_names = {{.name = "oldfoo"},
                                           {.group = "old"},
                                           {.name = "oof", .group = "old"}}};
  ExpectFlag(old, {"--nooldfoo"}, false);
  ExpectFlag(old, {"--old-nofoo"}, false);
  ExpectFlag(old, {"--old-nooof"}, false);
  // The one that comes last, whatever it is called.
  ExpectFlag(old, {"--nofoo", "--old-oof"}, true);
  ExpectFlag(old, {"--foo", "--old-nooof"}, false);
}

TEST(Oc, Oc022AFloatWithAnIntegerAsDefault) {
  ExpectFlag(Option<double>{.name = "foo", .default_value = 10}, {"--foo=2"},
             2.0);
  Program program;
  const Handle<double> foo = program.AddFlag(
      kDefault, Option<double>{.name = "foo", .default_text = "10"});
  EXPECT_EQ(foo.Get(), 10.0);
}

TEST(Oc, Oc023AddressesOfEitherFamilyOrOfOne) {
  using Option = Option<IpAddress>;
  const IpAddress four = {"192.168.0.1"};
  const IpAddress six = {"abcd:ef::1"};
  ExpectFlag(Option{.name = "foo"}, {"--foo", four.text}, four);
  ExpectFlag(Option{.name = "foo", .default_value = four}, {"--foo", six.text},
             six);
  ExpectFlag(Option{.name = "foo", .type = {.version = IpVersion::k4}},
             {"--foo", four.text}, four);
  ExpectFlag(Option{.name = "foo", .type = {.version = IpVersion::k6}},
             {"--foo", six.text}, six);
  Program program;
  program.AddFlag(kDefault,
                  Option{.name = "four", .type = {.version = IpVersion::k4}});
  program.AddFlag(kDefault,
                  Option{.name = "six", .type = {.version = IpVersion::k6}});
  EXPECT_THAT(program.Run({"--four", six.text}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--four"), HasSubstr(six.text))));
  EXPECT_THAT(program.Run({"--six", four.text}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--six"), HasSubstr(four.text))));
}

// A flag of a list replaces those before it, as the flag of any one value does.
TEST(Oc, Oc024ListsAndDictsAsFlags) {
  ExpectFlag(Option<std::vector<std::string>>{.name = "foo"},
             {"--foo", "a , b,  c"}, {"a", "b", "c"});
  ExpectFlag(Option<std::vector<std::string>>{.name = "foo"},
             {"--foo=a", "--foo=b"}, {"b"});
  ExpectFlag(Option<Dict<std::string>>{.name = "foo"}, {"--foo", "a : 1 , b:2"},
             {{"a", "1"}, {"b", "2"}});
  ExpectFlag(Option<Dict<std::string>>{.name = "foo"},
             {"--foo=a:1", "--foo=b:2"}, {{"b", "2"}});
}

TEST(Oc, Oc025RepeatedFlagsOfAMultiOptionCollect) {
  ExpectFlag(Option<Multi<std::string>>{.name = "foo"},
             {"--foo", "b", "--foo=a", "--foo=b"}, {"b", "a", "b"});
  ExpectFlag(
      Option<Multi<std::string>>{.name = "foo",
                                 .default_value = Multi<std::string>{"x"}},
      {"--foo=a,b"}, {"a,b"});
  ExpectFlag(Option<Multi<int64_t>>{.name = "foo"}, {"--foo=2", "--foo=1"},
             {2, 1});
  ExpectFlag(Option<Multi<double>>{.name = "foo"}, {"--foo=2.5", "--foo=1"},
             {2.5, 1});
}

TEST(Oc, Oc026UrisAndPortsAsFlags) {
  ExpectFlag(Option<Uri>{.name = "foo"}, {"--foo", "http://example.com"},
             Uri{"http://example.com"});
  ExpectFlag(
      Option<Uri>{.name = "foo", .default_value = Uri{"http://example.com"}},
      {"--foo=ssh://h/p"}, Uri{"ssh://h/p"});
  ExpectFlag(Option<Port>{.name = "foo"}, {"--foo", "0"}, Port(0));
  ExpectFlag(Option<Port>{.name = "foo", .default_value = Port(1)},
             {"--foo=65535"}, Port(65535));
}

// The option keeps its default, if it has one, or takes what a word says.
template <typename T>
void ExpectWord(Option<T> option, const Arguments& words, const T& wanted) {
  SCOPED_TRACE(testing::PrintToString(words));
  option.required = false;
  option.positional = true;
  Program program;
  const Handle<T> handle = program.Add(kDefault, option);
  ASSERT_THAT(program.Run({}), IsOk());
  EXPECT_EQ(handle.has_value(), option.default_value.has_value());
  EXPECT_EQ(handle.Get(), option.default_value.value_or(T{}));
  ASSERT_THAT(program.Run(words), IsOk());
  EXPECT_EQ(handle.Get(), wanted);
}

TEST(Oc, Oc027OptionalWordsOfEachType) {
  ExpectWord(Option<std::string>{.name = "foo"}, {"bar"}, std::string("bar"));
  ExpectWord(Option<std::string>{.name = "foo", .default_value = "a"}, {"b"},
             std::string("b"));
  ExpectWord(Option<int64_t>{.name = "foo"}, {"-7"}, int64_t{-7});
  ExpectWord(Option<double>{.name = "foo", .default_value = 1}, {".5"}, 0.5);
  ExpectWord(Option<Port>{.name = "foo"}, {"80"}, Port(80));
}

TEST(Oc, Oc028OptionalWordsOfSeveralValues) {
  ExpectWord(Option<std::vector<std::string>>{.name = "foo"}, {"a,b"},
             {"a", "b"});
  ExpectWord(
      Option<std::vector<std::string>>{.name = "foo", .default_value = {{}}},
      {"a"}, {"a"});
  ExpectWord(Option<Dict<std::string>>{.name = "foo", .default_value = {{}}},
             {"a:b"}, {{"a", "b"}});
  ExpectWord(Option<Multi<std::string>>{.name = "foo"}, {"a", "b"}, {"a", "b"});
  ExpectWord(
      Option<Multi<std::string>>{.name = "foo",
                                 .default_value = Multi<std::string>{"x"}},
      {"a"}, {"a"});
}

TEST(Oc, Oc029ABooleanWordIsRefused) {
  Program program;
  EXPECT_THAT(program.registry.Register(
                  kDefault, Option<bool>{.name = "foo", .positional = true}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("foo")));
}

TEST(Oc, Oc030RequiredAndOptionalWords) {
  Program program;
  program.AddWord(kDefault, Option<std::string>{.name = "foo"});
  const Handle<std::string> bar = program.AddWord(
      kDefault, Option<std::string>{.name = "bar", .required = false});
  EXPECT_THAT(program.Usage(), HasSubstr(" foo [bar]\n"));
  EXPECT_THAT(program.Run({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("missing: foo")));
  ASSERT_THAT(program.Run({"x"}), IsOk());
  EXPECT_FALSE(bar.has_value());
}

TEST(Oc, Oc031AHyphenatedWordHasUnderscores) {
  Program program;
  const Handle<std::string> foo =
      program.AddWord(kDefault, Option<std::string>{.name = "foo-bar"});
  EXPECT_THAT(program.Usage(), HasSubstr(" foo_bar\n"));
  ASSERT_THAT(program.Run({"x"}), IsOk());
  EXPECT_EQ(foo.Get(), "x");
  EXPECT_THAT(program.registry.Find<std::string>("DEFAULT", "foo_bar"), IsOk());
}

TEST(Oc, Oc032WordsAreFilledInTheOrderOfRegistration) {
  Program program;
  ASSERT_THAT(
      program.registry.RegisterAll(
          {{.name = "g",
            .options = {Option<std::string>{.name = "two", .positional = true},
                        Option<std::string>{.name = "one",
                                            .positional = true}}}}),
      IsOk());
  const Handle<int64_t> three =
      program.AddWord(kDefault, Option<int64_t>{.name = "a"});
  ASSERT_THAT(program.Run({"x", "y", "3"}), IsOk());
  EXPECT_EQ(program.registry.Find<std::string>("g", "two")->Get(), "x");
  EXPECT_EQ(program.registry.Find<std::string>("g", "one")->Get(), "y");
  EXPECT_EQ(three.Get(), 3);
}

TEST(Oc, Oc033WordsThatAreUnregisteredAndRegisteredAnew) {
  Program program;
  const auto add = [&](const char* name) {
    return program.AddWord(kDefault, Option<std::string>{.name = name});
  };
  const Handle<std::string> one = add("one");
  add("two");
  add("three");
  ASSERT_THAT(program.Run({"1", "2", "3"}), IsOk());
  ASSERT_THAT(program.registry.Reset(), IsOk());
  ASSERT_THAT(program.registry.Unregister(kDefault, "two"), IsOk());
  ASSERT_THAT(program.registry.Unregister(kDefault, "three"), IsOk());
  const Handle<std::string> three = add("three");
  const Handle<std::string> two = add("two");
  EXPECT_THAT(program.Usage(), HasSubstr(" one three two\n"));
  ASSERT_THAT(program.Run({"1", "2", "3"}), IsOk());
  EXPECT_EQ(one.Get(), "1");
  EXPECT_EQ(three.Get(), "2");
  EXPECT_EQ(two.Get(), "3");
}

TEST(Oc, Oc050FlagsOfTenGroups) {
  Program program;
  std::vector<Handle<std::string>> handles;
  for (int i = 0; i < 10; ++i) {
    handles.push_back(program.AddFlag(absl::StrCat("group", i),
                                      Option<std::string>{.name = "foo"}));
  }
  ASSERT_THAT(program.Run({"--group7-foo=bar"}), IsOk());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(handles[i].has_value(), i == 7);
  EXPECT_EQ(handles[7].Get(), "bar");
}

TEST(Oc, Oc067AFlagIsSpelledLikeTheName) {
  for (const char* name : {"foo-bar", "foo_bar"}) {
    Program program;
    const Handle<std::string> foo =
        program.AddFlag("g", Option<std::string>{.name = name});
    EXPECT_THAT(program.Help(), HasSubstr(absl::StrCat("--g-", name, " ")));
    // Either spelling is understood.
    for (const char* flag : {"--g-foo-bar=x", "--g-foo_bar=x"}) {
      ASSERT_THAT(program.Run({}), IsOk());
      EXPECT_FALSE(foo.has_value());
      ASSERT_THAT(program.Run({flag}), IsOk());
      EXPECT_EQ(foo.Get(), "x");
    }
  }
}

// A second parse knows the new flag, so that late options need no error.
TEST(Oc, Oc094AnOptionRegisteredAfterTheParse) {
  Program program;
  ASSERT_THAT(program.Run({"--set=g.late=x"}), IsOk());
  const Handle<std::string> late =
      program.AddFlag("g", Option<std::string>{.name = "late"});
  EXPECT_EQ(late.Get(), "x");
  ASSERT_THAT(program.Run({"--g-late=y"}), IsOk());
  EXPECT_EQ(late.Get(), "y");
}

TEST(Oc, Oc095ErrorsNameTheFlagAndTheValue) {
  Program program;
  program.Add(kDefault, Option<std::string>{.name = "foo"});
  program.AddFlag(kDefault, Option<int64_t>{.name = "number"});
  program.AddFlag(kDefault, Option<double>{.name = "ratio"});
  EXPECT_THAT(program.Run({"--foo=x"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--foo: unknown flag")));
  EXPECT_THAT(program.Run({"--number=foo"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--number"), HasSubstr("foo"))));
  EXPECT_THAT(program.Run({"--ratio", "foo"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--ratio"), HasSubstr("foo"))));
}

TEST(Oc, Oc102AllDirectoriesAreListedInOrder) {
  Program program;
  EXPECT_THAT(program.Parse({})->command_line.config_paths, IsEmpty());
  EXPECT_THAT(program.Parse({"--config-dir=/b", "--config-dir", "/a"})
                  ->command_line.config_paths,
              ElementsAre(ConfigDirectory("/b"), ConfigDirectory("/a")));
}

SubCommand Add() {
  return {
      .name = "add",
      .help = "Adds one.",
      .options = {
          {.name = std::string(kDefault),
           .options = {Option<int64_t>{.name = "number", .positional = true},
                       Option<std::string>{.name = "note", .cli = true}}},
          {.name = "g",
           .options = {Option<bool>{.name = "quick", .cli = true}}}}};
}

// A sub-command's options are loaded into a registry of their own.
TEST(Oc, Oc110ASubCommandAndItsArguments) {
  Program program;
  const Handle<bool> debug =
      program.AddFlag(kDefault, Option<bool>{.name = "debug"});
  program.info.sub_commands = {Add(), {.name = "list"}};
  const absl::StatusOr<ParsedArguments> parsed =
      program.Parse({"--debug", "add", "7", "--note", "x", "--g-quick"});
  ASSERT_THAT(parsed, IsOk());
  const CommandLine& line = parsed->command_line;
  EXPECT_EQ(line.sub_command, "add");
  ASSERT_THAT(program.registry.Load(MakeSources(line)), IsOk());
  EXPECT_TRUE(debug.Get());

  Registry arguments;
  ASSERT_THAT(arguments.RegisterAll(Add().options), IsOk());
  ASSERT_THAT(
      arguments.Load(MakeSources(
          {.flag_values = line.sub_command_values, .use_environment = false})),
      IsOk());
  EXPECT_EQ(arguments.Find<int64_t>(kDefault, "number")->Get(), 7);
  EXPECT_EQ(arguments.Find<std::string>(kDefault, "note")->Get(), "x");
  EXPECT_TRUE(arguments.Find<bool>("g", "quick")->Get());
}

TEST(Oc, Oc112SubCommandsInTheHelpAndNoneAtAll) {
  Program program;
  program.info.sub_commands = {Add(), {.name = "list", .help = "Lists all."}};
  program.info.sub_commands_title = "what to do";
  program.info.sub_commands_description = "One of these.";
  EXPECT_THAT(program.Help(),
              AllOf(HasSubstr("what to do:\n"), HasSubstr("One of these."),
                    HasSubstr("Adds one."), HasSubstr("Lists all.")));
  EXPECT_THAT(program.Run({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("missing: add, list")));
  EXPECT_THAT(program.Run({"list", "word"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("word")));
}

// An argument may be called like an option of the program, because it is in
// another registry.
TEST(Oc, Oc113ArgumentsOfASubCommandDoNotClash) {
  Program program;
  program.AddFlag(kDefault, Option<std::string>{.name = "note"});
  program.info.sub_commands = {Add()};
  const absl::StatusOr<ParsedArguments> parsed =
      program.Parse({"--note=a", "add", "7", "--note=b"});
  ASSERT_THAT(parsed, IsOk());
  const auto texts = [](const std::vector<FlagValue>& values) {
    std::vector<std::pair<std::string, std::string>> texts;
    for (const FlagValue& value : values) {
      texts.emplace_back(value.name, value.text);
    }
    return texts;
  };
  EXPECT_THAT(texts(parsed->command_line.flag_values),
              ElementsAre(Pair("note", "a")));
  EXPECT_THAT(texts(parsed->command_line.sub_command_values),
              ElementsAre(Pair("note", "b"), Pair("number", "7")));
  EXPECT_THAT(program.Run({"add", "7", "--nothing"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--nothing: unknown flag")));
  // Two of the same name are a mistake of the program.
  program.info.sub_commands = {Add(), Add()};
  EXPECT_THAT(program.Parser(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("add")));
}

TEST(Oc, Oc205AFlagThatClashesLeavesTheRegistryUsable) {
  Program program;
  const Handle<std::string> foo = program.AddFlag(
      kDefault, Option<std::string>{.name = "foo", .short_name = 'f'});
  EXPECT_THAT(
      program.registry.Register(
          kDefault,
          Option<std::string>{.name = "foo", .help = "Another.", .cli = true}),
      StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_THAT(program.Run({"-f", "x"}), IsOk());
  EXPECT_EQ(foo.Get(), "x");
  // One that only the command line minds is found there, and can be undone.
  program.AddFlag("g", Option<std::string>{.name = "bar", .short_name = 'f'});
  EXPECT_THAT(program.Run({}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("-f"), HasSubstr("DEFAULT.foo"),
                             HasSubstr("g.bar"))));
  ASSERT_THAT(program.registry.Unregister("g", "bar"), IsOk());
  EXPECT_THAT(program.Run({"-f", "x"}), IsOk());
}

TEST(Oc, Oc206NamesThatJoinToTheSameTextStayApart) {
  Program program;
  const Handle<std::string> one =
      program.AddFlag("a", Option<std::string>{.name = "b_c"});
  const Handle<std::string> other =
      program.AddFlag("a_b", Option<std::string>{.name = "c"});
  ASSERT_THAT(program.Run({"--a-b_c=x"}), IsOk());
  EXPECT_EQ(one.Get(), "x");
  EXPECT_FALSE(other.has_value());
  ASSERT_THAT(program.Run({"--a_b-c=y"}), IsOk());
  EXPECT_FALSE(one.has_value());
  EXPECT_EQ(other.Get(), "y");
  EXPECT_THAT(program.Run({"--a-b-c=z"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--a-b_c"), HasSubstr("--a_b-c"))));
  ASSERT_THAT(program.Run({"--set", "a.b_c=1", "--set", "a_b.c=2"}), IsOk());
  EXPECT_EQ(one.Get(), "1");
  EXPECT_EQ(other.Get(), "2");
}

TEST(Oc, Oc206AnOptionOfDefaultAndOneOfAGroupWithTheSameFlag) {
  Program program;
  program.AddFlag(kDefault, Option<std::string>{.name = "a-foo"});
  program.AddFlag("a", Option<std::string>{.name = "foo"});
  EXPECT_THAT(program.Run({}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("--a-foo"), HasSubstr("DEFAULT.a_foo"),
                             HasSubstr("a.foo"))));
}

}  // namespace
}  // namespace bergen::config
