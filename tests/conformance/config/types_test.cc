// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.config's types (checks.txt) against ours. A comment says
// where we differ on purpose.

#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/command_line.h"
#include "config/handle.h"
#include "config/host.h"
#include "config/option.h"
#include "config/range.h"
#include "config/registry.h"
#include "config/source.h"
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

using Texts = std::vector<std::string>;
using Numbers = std::vector<int64_t>;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// A program with the option `foo` in `DEFAULT`.
template <typename T>
class Program {
 public:
  explicit Program(Option<T> option) {
    option.name = "foo";
    option.cli = true;
    const absl::StatusOr<Handle<T>> handle =
        registry_.Register(kDefaultGroup, option, {"code.cc", 7});
    EXPECT_THAT(handle, IsOk());
    if (handle.ok()) foo_ = *handle;
  }

  // Starts with `--foo VALUE`.
  absl::Status Flag(const std::string& value) {
    const absl::StatusOr<CommandLineParser> parser =
        CommandLineParser::Create(registry_.Options(), {.name = "demo"});
    if (!parser.ok()) return parser.status();
    absl::StatusOr<ParsedArguments> parsed = parser->Parse({"--foo", value});
    if (!parsed.ok()) return parsed.status();
    parsed->command_line.use_environment = false;
    return registry_.Load(MakeSources(parsed->command_line)).status();
  }

  // Starts with files that say `foo = VALUE` each, called 0.conf and so on.
  absl::Status Files(const std::vector<std::string>& values) {
    std::vector<std::unique_ptr<Source>> sources;
    for (const std::string& value : values) {
      const std::string path =
          absl::StrCat(::testing::TempDir(), "/", sources.size(), ".conf");
      std::ofstream(path) << "[DEFAULT]\nfoo = " << value << "\n";
      sources.push_back(std::make_unique<FileSource>(path));
    }
    return registry_.Load(std::move(sources)).status();
  }

  bool is_set() const { return foo_.has_value(); }
  auto Get() const { return foo_.Get(); }

 private:
  Registry registry_;
  Handle<T> foo_;
};

// Whether an option could be registered.
absl::Status Definition(const AnyOption& option) {
  return option.erased().definition_status();
}

Option<std::string> Choosing(std::initializer_list<const char*> choices) {
  std::vector<Choice<std::string>> list;
  for (const char* choice : choices) list.push_back({choice, ""});
  return {.name = "foo", .choices = list};
}

TEST(Types, Oc117ChoicesOfFlagsAndFiles) {
  Option<std::string> option = Choosing({"bar1", "bar2", ""});
  option.default_value = "bar1";
  Program<std::string> program(option);
  EXPECT_EQ(program.Get(), "bar1");
  EXPECT_THAT(program.Flag("bar2"), IsOk());
  EXPECT_EQ(program.Get(), "bar2");
  EXPECT_THAT(program.Flag("bar3"),
              StatusIs(kInvalid, HasSubstr("--foo=bar3: ")));
  EXPECT_THAT(program.Files({"bar2"}), IsOk());
  EXPECT_EQ(program.Get(), "bar2");
  EXPECT_THAT(program.Files({"bar3"}),
              StatusIs(kInvalid, HasSubstr("must be one of bar1, bar2, , got "
                                           "\"bar3\"")));
  EXPECT_EQ(program.Get(), "bar2");
  EXPECT_THAT(program.Files({""}), IsOk());
  EXPECT_EQ(program.Get(), "");
}

// "Unset" is no value, so it need not be, and cannot be, among the choices.
TEST(Types, Oc117AnOptionWithChoicesMayBeUnset) {
  Program<std::string> program(Choosing({"bar1"}));
  EXPECT_FALSE(program.is_set());
  EXPECT_THAT(program.Files({"None"}), Not(IsOk()));
}

TEST(Types, Oc118TheLastFileCountsAndTheDefaultIsAChoice) {
  Program<std::string> program(Choosing({"bar1", "bar2"}));
  EXPECT_THAT(program.Files({"bar1", "bar2"}), IsOk());
  EXPECT_EQ(program.Get(), "bar2");
  Option<std::string> wrong = Choosing({"bar1", "bar2"});
  wrong.default_value = "bar3";
  EXPECT_THAT(Definition(wrong),
              StatusIs(kInvalid, HasSubstr("its default must be one of")));
}

// A choice beyond 16 bits does not compile.
TEST(Types, Oc119ChoicesOfAPortAreWithinItsBounds) {
  const Option<Port> option = {.name = "foo",
                               .choices = {{Port{80}, ""}, {Port{457}, ""}}};
  Program<Port> program(option);
  EXPECT_THAT(program.Flag("457"), IsOk());
  EXPECT_EQ(program.Get(), Port{457});
  EXPECT_THAT(program.Flag("81"),
              StatusIs(kInvalid, HasSubstr("must be one of 80, 457, got 81")));
  Option<Port> narrow = option;
  narrow.max = Port{100};
  EXPECT_THAT(Definition(narrow),
              StatusIs(kInvalid, "a choice must be at most 100, got 457"));
}

TEST(Types, Oc120ARegexFindsAnywhere) {
  Program<std::string> program({.type = {.regex = "foo|bar"}});
  for (const char* text : {"bar", "foo", "foobar", "a bar b"}) {
    EXPECT_THAT(program.Flag(text), IsOk()) << text;
    EXPECT_EQ(program.Get(), text);
  }
  EXPECT_THAT(program.Flag("baz"),
              StatusIs(kInvalid, AllOf(HasSubstr("--foo=baz"),
                                       HasSubstr("the regex foo|bar"))));
  EXPECT_THAT(program.Files({"baz"}),
              StatusIs(kInvalid, AllOf(HasSubstr("0.conf:2: DEFAULT.foo"),
                                       HasSubstr("the regex foo|bar"))));
  Option<std::string> both = Choosing({"bar"});
  both.type.regex = "bar";
  EXPECT_THAT(Definition(both),
              StatusIs(kInvalid, "a choice excludes a regex"));
}

// A file's own quotes around the whole value are taken off first.
TEST(Types, Oc121QuotesAreTakenOffInPairs) {
  Program<std::string> program({.type = {.quotes = true}});
  for (const char* text : {"\"foobar\"", "'foobar'", "foobar"}) {
    EXPECT_THAT(program.Flag(text), IsOk()) << text;
    EXPECT_EQ(program.Get(), "foobar");
  }
  EXPECT_THAT(program.Flag("foobar'"), IsOk());
  EXPECT_EQ(program.Get(), "foobar'");
  for (const char* text : {"'foobar\"", "\"foobar'", "'foobar", "\"", "'"}) {
    EXPECT_THAT(program.Flag(text),
                StatusIs(kInvalid, HasSubstr("its quote is not closed")))
        << text;
  }
  EXPECT_THAT(program.Files({"\"'foobar'\""}), IsOk());
  EXPECT_EQ(program.Get(), "foobar");
  EXPECT_THAT(program.Files({"'foobar\""}),
              StatusIs(kInvalid, HasSubstr("0.conf:2: DEFAULT.foo")));
}

TEST(Types, Oc122IgnoringCaseKeepsTheTextAsTyped) {
  Option<std::string> choosing = Choosing({"bar1", "bar2"});
  choosing.type.ignore_case = true;
  Program<std::string> choices(choosing);
  EXPECT_THAT(choices.Flag("BAR1"), IsOk());
  EXPECT_EQ(choices.Get(), "BAR1");
  EXPECT_THAT(choices.Flag("BAR3"), Not(IsOk()));
  Program<std::string> regex(
      {.type = {.regex = "foo|bar", .ignore_case = true}});
  EXPECT_THAT(regex.Flag("FooBar"), IsOk());
  EXPECT_EQ(regex.Get(), "FooBar");
}

TEST(Types, Oc123LengthsAndSchemes) {
  Program<std::string> text({.type = {.max_length = 5}});
  EXPECT_THAT(text.Flag("12345"), IsOk());
  EXPECT_THAT(text.Flag("123456"),
              StatusIs(kInvalid, HasSubstr("longer than 5 characters")));
  Program<Uri> uri({.type = {.max_length = 30, .schemes = {"http", "https"}}});
  EXPECT_THAT(uri.Flag("http://www.example.com/12345/6"), IsOk());
  EXPECT_THAT(uri.Flag("http://www.example.com/12345/67"),
              StatusIs(kInvalid, HasSubstr("longer than 30 characters")));
  EXPECT_THAT(uri.Flag("https://example.com"), IsOk());
  EXPECT_THAT(uri.Flag("ftp://example.com"),
              StatusIs(kInvalid, HasSubstr("one of http, https")));
}

// All fields count, those of types too, which the original forgets in part.
TEST(Types, Oc129OptionsAreEqualByTheirFields) {
  const Option<std::string> option = {.name = "foo", .help = "Foo."};
  EXPECT_TRUE(AnyOption(option) == AnyOption(option));
  Option<std::string> other = option;
  other.help = "Bar.";
  EXPECT_FALSE(AnyOption(option) == AnyOption(other));
  other = option;
  other.type.max_length = 3;
  EXPECT_FALSE(AnyOption(option) == AnyOption(other));
  EXPECT_FALSE(AnyOption(option) == AnyOption(Option<int64_t>{.name = "foo"}));
  for (const char* name : {"_foo", "-foo", ""}) {
    EXPECT_THAT(Definition(Option<bool>{.name = name}), Not(IsOk())) << name;
  }
}

TEST(Types, Oc144Strings) {
  EXPECT_THAT(ParseValue<std::string>(""), IsOkAndHolds(""));
  EXPECT_THAT(ParseValue<std::string>(" foo bar "), IsOkAndHolds(" foo bar "));
  EXPECT_THAT(AnyOption(Choosing({"foo", "bar"})).CheckText("bar"), IsOk());
  EXPECT_THAT(AnyOption(Choosing({"foo", "bar"})).CheckText("baz"),
              StatusIs(kInvalid, "must be one of foo, bar, got \"baz\""));
  EXPECT_THAT(Definition(Choosing({})),
              StatusIs(kInvalid, "its list of choices is empty"));
  const TypeRules<std::string> quotes = {.quotes = true};
  EXPECT_THAT(ParseValue<std::string>("\"foo bar\"", quotes),
              IsOkAndHolds("foo bar"));
  EXPECT_THAT(ParseValue<std::string>("'\"foo\"'", quotes),
              IsOkAndHolds("\"foo\""));
  EXPECT_THAT(ParseValue<std::string>("", quotes), IsOkAndHolds(""));
  EXPECT_THAT(ParseValue<std::string>("\"\"", quotes), IsOkAndHolds(""));
  EXPECT_THAT(ParseValue<std::string>("foo\"", quotes), IsOkAndHolds("foo\""));
  EXPECT_THAT(ParseValue<std::string>("\"foo", quotes), Not(IsOk()));
  const TypeRules<std::string> length = {.max_length = 5, .quotes = true};
  EXPECT_THAT(ParseValue<std::string>("'12345'", length), IsOk());
  EXPECT_THAT(ParseValue<std::string>("\u00e4\u00e4\u00e4\u00e4\u00e4", length),
              IsOk());
  EXPECT_THAT(ParseValue<std::string>("123456", length), Not(IsOk()));
}

// Flags of a regex are written in it.
TEST(Types, Oc145RegexesOfStrings) {
  const TypeRules<std::string> capital = {.regex = "^[A-Z]"};
  EXPECT_THAT(ParseValue<std::string>("Foo", capital), IsOkAndHolds("Foo"));
  EXPECT_THAT(ParseValue<std::string>("foo", capital),
              StatusIs(kInvalid, HasSubstr("the regex ^[A-Z]")));
  const TypeRules<std::string> any_case = {.regex = "^[A-Z]",
                                           .ignore_case = true};
  EXPECT_THAT(ParseValue<std::string>("foo", any_case), IsOk());
  const TypeRules<std::string> flagged = {.regex = "(?m)^a$"};
  EXPECT_THAT(ParseValue<std::string>("b\na\nb", flagged), IsOk());
  EXPECT_THAT(
      Definition(Option<std::string>{.name = "foo", .type = {.regex = "("}}),
      StatusIs(kInvalid, HasSubstr("its regex is wrong")));
}

// Choices in another order or with other descriptions are another option: its
// documentation differs.
TEST(Types, Oc146StringsDescribeThemselvesAndAreEqual) {
  const OptionDescription choices =
      AnyOption(Choosing({"foo", "bar"})).description();
  EXPECT_THAT(choices.choices, ElementsAre(Choice<std::string>{"foo", ""},
                                           Choice<std::string>{"bar", ""}));
  const OptionDescription regex =
      AnyOption(Option<std::string>{.name = "foo",
                                    .type = {.max_length = 9, .regex = "^a"}})
          .description();
  EXPECT_THAT(regex.rules,
              ElementsAre("at most 9 characters", "matches the regex ^a"));
  EXPECT_TRUE(AnyOption(Choosing({"a", "b"})) ==
              AnyOption(Choosing({"a", "b"})));
  EXPECT_FALSE(AnyOption(Choosing({"a", "b"})) ==
               AnyOption(Choosing({"b", "a"})));
  Option<std::string> described = Choosing({});
  described.choices = {{"a", "A."}, {"b", ""}};
  EXPECT_FALSE(AnyOption(described) == AnyOption(Choosing({"a", "b"})));
  const auto with = [](TypeRules<std::string> rules) {
    return AnyOption(Option<std::string>{.name = "foo", .type = rules});
  };
  EXPECT_TRUE(with({.regex = "a"}) == with({.regex = "a"}));
  EXPECT_FALSE(with({.regex = "a"}) == with({.regex = "b"}));
  EXPECT_FALSE(with({.quotes = true}) == with({}));
  EXPECT_FALSE(with({.ignore_case = true}) == with({}));
}

TEST(Types, Oc147BooleansAreEightWords) {
  for (const char* text : {"True", "1", "on", "YES"}) {
    EXPECT_THAT(ParseValue<bool>(text), IsOkAndHolds(true)) << text;
  }
  for (const char* text : {"False", "0", "OFF", "no"}) {
    EXPECT_THAT(ParseValue<bool>(text), IsOkAndHolds(false)) << text;
  }
  for (const char* text : {"", "foo", "t", "2", " true", "enabled"}) {
    EXPECT_THAT(ParseValue<bool>(text), Not(IsOk())) << text;
  }
}

TEST(Types, Oc148IntegersOrNothing) {
  Program<int64_t> program({});
  EXPECT_THAT(program.Flag("5"), IsOk());
  EXPECT_EQ(program.Get(), 5);
  for (const char* nothing : {"", "  ", "\t\t"}) {
    EXPECT_THAT(program.Flag(nothing), IsOk());
    EXPECT_FALSE(program.is_set());
  }
  EXPECT_THAT(ParseValue<int64_t>(" 123 "), IsOkAndHolds(123));
  EXPECT_THAT(ParseValue<int64_t>("+123"), IsOkAndHolds(123));
  EXPECT_THAT(ParseValue<int64_t>("-123"), IsOkAndHolds(-123));
  EXPECT_THAT(ParseValue<int64_t>("0123"), IsOkAndHolds(123));
  for (const char* text : {"foo", "12a45", "1.5", "0x1f", "1_000", "1 2"}) {
    EXPECT_THAT(ParseValue<int64_t>(text), Not(IsOk())) << text;
  }
}

// Bounds are printed in full, where the original prints 1e+06.
TEST(Types, Oc149BoundsAndChoicesOfIntegers) {
  const auto bounded = [](std::optional<int64_t> min,
                          std::optional<int64_t> max) {
    return AnyOption(Option<int64_t>{.name = "foo", .min = min, .max = max});
  };
  EXPECT_THAT(bounded(0, 1000000).CheckText("1000000"), IsOk());
  EXPECT_THAT(bounded(0, 1000000).CheckText("1000001"),
              StatusIs(kInvalid, "must be at most 1000000, got 1000001"));
  EXPECT_THAT(bounded(0, {}).CheckText("-1"), Not(IsOk()));
  EXPECT_THAT(bounded(0, {}).CheckText("0"), IsOk());
  EXPECT_THAT(bounded({}, 0).CheckText("1"), Not(IsOk()));
  EXPECT_THAT(bounded({}, 0).CheckText("-1"), IsOk());
  EXPECT_THAT(bounded(0, 0).CheckText("0"), IsOk());
  EXPECT_THAT(bounded(0, 0).CheckText("1"), Not(IsOk()));
  EXPECT_THAT(Definition(bounded(2, 1)),
              StatusIs(kInvalid, "its maximum is below its minimum"));
  EXPECT_EQ(bounded(0, 9).description().min, "0");
  EXPECT_EQ(bounded(0, 9).description().max, "9");
  EXPECT_TRUE(bounded(0, 9) == bounded(0, 9));
  EXPECT_FALSE(bounded(0, 9) == bounded(0, 8));
  EXPECT_FALSE(bounded({}, 9) == bounded(0, 9));
  const Option<int64_t> choosing = {.name = "foo",
                                    .choices = {{80, ""}, {457, ""}}};
  EXPECT_THAT(AnyOption(choosing).CheckText("457"), IsOk());
  EXPECT_THAT(AnyOption(choosing).CheckText("81"),
              StatusIs(kInvalid, "must be one of 80, 457, got 81"));
  EXPECT_TRUE(AnyOption(choosing) == AnyOption(choosing));
  Option<int64_t> outside = choosing;
  outside.min = 100;
  EXPECT_THAT(Definition(outside),
              StatusIs(kInvalid, "a choice must be at least 100, got 80"));
}

// A bounded float is a number.
TEST(Types, Oc150Floats) {
  EXPECT_THAT(ParseValue<double>("123.456"), IsOkAndHolds(123.456));
  EXPECT_THAT(ParseValue<double>("123"), IsOkAndHolds(123.0));
  EXPECT_THAT(ParseValue<double>("-1.5e3"), IsOkAndHolds(-1500.0));
  EXPECT_THAT(ParseValue<double>("123,345"), Not(IsOk()));
  EXPECT_THAT(ParseValue<double>("foo"), Not(IsOk()));
  const auto bounded = [](std::optional<double> min,
                          std::optional<double> max) {
    return AnyOption(Option<double>{.name = "foo", .min = min, .max = max});
  };
  EXPECT_THAT(bounded(1.1, 3.5).CheckText("1.1"), IsOk());
  EXPECT_THAT(bounded(1.1, 3.5).CheckText("1.0"), Not(IsOk()));
  EXPECT_THAT(bounded(1.1, 3.5).CheckText("3.6"),
              StatusIs(kInvalid, "must be at most 3.5, got 3.6"));
  EXPECT_THAT(bounded(0.0, {}).CheckText("-0.1"), Not(IsOk()));
  EXPECT_THAT(bounded({}, 1.0).CheckText("nan"), Not(IsOk()));
  EXPECT_THAT(bounded({}, {}).CheckText("nan"), IsOk());
  EXPECT_THAT(Definition(bounded(2, 1)), Not(IsOk()));
  EXPECT_EQ(bounded(1.1, 3.5).description().min, "1.1");
  EXPECT_TRUE(bounded(1.1, 3.5) == bounded(1.1, 3.5));
  EXPECT_FALSE(bounded(1.1, 3.5) == bounded(1.1, 3.6));
  EXPECT_FALSE(bounded(1.1, 3.5) == bounded({}, 3.5));
}

// Bounds beyond 16 bits do not compile.
TEST(Types, Oc151PortsHaveBoundsOfTheirOwn) {
  for (const char* text : {"-1", "65536", "99999999999999999999"}) {
    EXPECT_THAT(ParseValue<Port>(text), Not(IsOk())) << text;
  }
  EXPECT_THAT(ParseValue<Port>("0"), IsOkAndHolds(Port{0}));
  EXPECT_THAT(ParseValue<Port>("65535"), IsOkAndHolds(Port{65535}));
  const AnyOption option =
      Option<Port>{.name = "foo", .min = Port{1024}, .max = Port{2048}};
  EXPECT_THAT(option.CheckText("1024"), IsOk());
  EXPECT_THAT(option.CheckText("1023"),
              StatusIs(kInvalid, "must be at least 1024, got 1023"));
  EXPECT_THAT(option.CheckText("2049"), Not(IsOk()));
  EXPECT_THAT(Definition(Option<Port>{
                  .name = "foo", .min = Port{100}, .max = Port{50}}),
              Not(IsOk()));
}

TEST(Types, Oc152Lists) {
  EXPECT_THAT(ParseValue<Texts>(""), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseValue<Texts>(" "), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseValue<Texts>("foo"), IsOkAndHolds(ElementsAre("foo")));
  EXPECT_THAT(ParseValue<Texts>(" foo bar ,baz"),
              IsOkAndHolds(ElementsAre("foo bar", "baz")));
  EXPECT_THAT(ParseValue<Texts>("foo,bar, "),
              IsOkAndHolds(ElementsAre("foo", "bar")));
  EXPECT_THAT(ParseValue<Texts>("foo,bar,"),
              IsOkAndHolds(ElementsAre("foo", "bar")));
  EXPECT_THAT(ParseValue<Texts>("a,,b"),
              IsOkAndHolds(ElementsAre("a", "", "b")));
  EXPECT_THAT(
      ParseValue<Texts>(R"("foo, bar", 'baz',"a)", {.item = {.quotes = true}}),
      Not(IsOk()));
  EXPECT_THAT(
      ParseValue<Texts>(R"("foo, bar", 'b,az', c)", {.item = {.quotes = true}}),
      IsOkAndHolds(ElementsAre("foo, bar", "b,az", "c")));
  EXPECT_THAT(ParseValue<Numbers>("1, 2,3"),
              IsOkAndHolds(ElementsAre(1, 2, 3)));
  EXPECT_THAT(ParseValue<Numbers>("1, x"),
              StatusIs(kInvalid, HasSubstr("item 2: not an integer")));
  EXPECT_THAT(
      ParseValue<std::vector<Numbers>>("[1,2],[],[3]",
                                       {.item = {.bounds = true}}),
      IsOkAndHolds(ElementsAre(ElementsAre(1, 2), IsEmpty(), ElementsAre(3))));
  EXPECT_THAT(ParseValue<std::vector<Uri>>("http://a,http://b"),
              IsOkAndHolds(ElementsAre(Uri{"http://a"}, Uri{"http://b"})));
}

TEST(Types, Oc153BracketsAndLengthOfLists) {
  const TypeRules<Numbers> bounds = {.bounds = true};
  EXPECT_THAT(ParseValue<Numbers>("[1,2]", bounds),
              IsOkAndHolds(ElementsAre(1, 2)));
  EXPECT_THAT(ParseValue<Numbers>("[]", bounds), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseValue<Numbers>("1,2]", bounds),
              StatusIs(kInvalid, "must start with ["));
  EXPECT_THAT(ParseValue<Numbers>("[1,2", bounds),
              StatusIs(kInvalid, "must end with ]"));
  EXPECT_THAT(ParseValue<Numbers>("", bounds), Not(IsOk()));
  const TypeRules<Numbers> two = {.min_length = 2};
  EXPECT_THAT(ParseValue<Numbers>("1,2", two), IsOk());
  EXPECT_THAT(ParseValue<Numbers>("1", two),
              StatusIs(kInvalid, "must have at least 2 items, has 1"));
  EXPECT_THAT(ParseValue<Numbers>("", two), Not(IsOk()));
  const auto list = [](TypeRules<Texts> rules) {
    return AnyOption(Option<Texts>{.name = "foo", .type = std::move(rules)});
  };
  EXPECT_THAT(list({.bounds = true, .min_length = 1}).description().rules,
              ElementsAre("at least 1 items"));
  EXPECT_THAT(list({.bounds = true}).description().form,
              ElementsAre("stands in []"));
  EXPECT_TRUE(list({}) == list({}));
  EXPECT_FALSE(list({}) == list({.item = {.quotes = true}}));
  EXPECT_FALSE(list({}) == list({.bounds = true}));
  EXPECT_FALSE(list({}) == AnyOption(Option<Numbers>{.name = "foo"}));
}

std::vector<int64_t> NumbersOf(const std::string& text, bool inclusive = true) {
  const absl::StatusOr<Range> range =
      ParseValue<Range>(text, {.inclusive = inclusive});
  EXPECT_THAT(range, IsOk()) << text;
  if (!range.ok()) return {};
  return {range->begin(), range->end()};
}

TEST(Types, Oc154Ranges) {
  EXPECT_THAT(NumbersOf("0-2"), ElementsAre(0, 1, 2));
  EXPECT_THAT(NumbersOf("-2-0"), ElementsAre(-2, -1, 0));
  EXPECT_THAT(NumbersOf("2-0"), ElementsAre(2, 1, 0));
  EXPECT_THAT(NumbersOf("-3--1"), ElementsAre(-3, -2, -1));
  EXPECT_THAT(NumbersOf("-1--3"), ElementsAre(-1, -2, -3));
  EXPECT_THAT(NumbersOf("1"), ElementsAre(1));
  EXPECT_THAT(NumbersOf("-1"), ElementsAre(-1));
  EXPECT_THAT(NumbersOf("0-2", false), ElementsAre(0, 1));
  EXPECT_THAT(NumbersOf("2-0", false), ElementsAre(2, 1));
  EXPECT_THAT(NumbersOf("-2-0", false), ElementsAre(-2, -1));
  EXPECT_THAT(NumbersOf("1", false), IsEmpty());
  for (const char* text :
       {"", "-", "4-", "--1", "05", "-0", "1.1-1.2", "a-b", "1 - 2", "0-2\n"}) {
    EXPECT_THAT(ParseValue<Range>(text), Not(IsOk())) << text;
  }
  const AnyOption bounded = Option<Range>{.name = "foo", .min = 1, .max = 5};
  EXPECT_THAT(bounded.CheckText("1-5"), IsOk());
  EXPECT_THAT(bounded.CheckText("5-1"), IsOk());
  for (const char* text : {"0-5", "5-0", "1-6", "6-1", "0", "6"}) {
    EXPECT_THAT(bounded.CheckText(text), Not(IsOk())) << text;
  }
  EXPECT_FALSE(bounded == AnyOption(Option<Range>{.name = "foo", .min = 1}));
}

TEST(Types, Oc155Dicts) {
  using Map = Dict<std::string>;
  EXPECT_THAT(ParseValue<Map>(""), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseValue<Map>("foo:bar"),
              IsOkAndHolds(ElementsAre(Pair("foo", "bar"))));
  EXPECT_THAT(ParseValue<Map>(" k1 : v1 , k2:v2:x, k3:"),
              IsOkAndHolds(ElementsAre(Pair("k1", "v1"), Pair("k2", "v2:x"),
                                       Pair("k3", ""))));
  EXPECT_THAT(ParseValue<Dict<int64_t>>("a:1, b:2"),
              IsOkAndHolds(ElementsAre(Pair("a", 1), Pair("b", 2))));
  EXPECT_THAT(ParseValue<Dict<int64_t>>("a:1, b:x"),
              StatusIs(kInvalid, HasSubstr("pair 2: not an integer")));
  EXPECT_THAT(ParseValue<Map>(R"(a:"x,y",b:z)", {.item = {.quotes = true}}),
              IsOkAndHolds(ElementsAre(Pair("a", "x,y"), Pair("b", "z"))));
  EXPECT_THAT(ParseValue<Map>("a=b:c,d=e", {.key_value_separator = "="}),
              IsOkAndHolds(ElementsAre(Pair("a", "b:c"), Pair("d", "e"))));
  EXPECT_EQ(PrintValue<Map>({{"a", "b"}}, {.key_value_separator = "="}), "a=b");
  EXPECT_THAT(ParseValue<Dict<Dict<int64_t>>>("a:{b:1,c:2},d:{}",
                                              {.item = {.bounds = true}}),
              IsOkAndHolds(ElementsAre(
                  Pair("a", ElementsAre(Pair("b", 1), Pair("c", 2))),
                  Pair("d", IsEmpty()))));
  EXPECT_THAT(ParseValue<Map>("{a:b}", {.bounds = true}),
              IsOkAndHolds(ElementsAre(Pair("a", "b"))));
  EXPECT_THAT(ParseValue<Map>("a:b}", {.bounds = true}),
              StatusIs(kInvalid, "must start with {"));
  EXPECT_THAT(ParseValue<Map>("{a:b", {.bounds = true}),
              StatusIs(kInvalid, "must end with }"));
  for (const char* text : {"foo", "foo:bar,baz", "a:1,", ":1", "a:1,a:2"}) {
    EXPECT_THAT(ParseValue<Map>(text), Not(IsOk())) << text;
  }
  EXPECT_THAT(ParseValue<Map>("a:b", {.min_length = 2}),
              StatusIs(kInvalid, "must have at least 2 items, has 1"));
  EXPECT_THAT(ParseValue<Map>("", {.min_length = 1}), Not(IsOk()));
  const auto dict = [](TypeRules<Map> rules) {
    return AnyOption(Option<Map>{.name = "foo", .type = std::move(rules)});
  };
  EXPECT_THAT(Definition(dict({.key_value_separator = ","})), Not(IsOk()));
  EXPECT_THAT(
      dict({.bounds = true, .key_value_separator = "="}).description().form,
      ElementsAre("stands in {}", "`=` between a key and its value"));
  EXPECT_TRUE(dict({}) == dict({}));
  EXPECT_FALSE(dict({}) == dict({.bounds = true}));
  EXPECT_FALSE(dict({}) == AnyOption(Option<Dict<int64_t>>{.name = "foo"}));
}

TEST(Types, Oc156IpAddressesOfBothFamiliesOrOne) {
  for (const char* text : {"192.168.0.1", "::1", "abcd:ef::1"}) {
    EXPECT_THAT(ParseValue<IpAddress>(text), IsOkAndHolds(IpAddress{text}));
  }
  for (const char* text : {"", "foo", "192.168", "0", "192.168.0.1/24"}) {
    EXPECT_THAT(ParseValue<IpAddress>(text), Not(IsOk())) << text;
  }
  EXPECT_THAT(ParseValue<IpAddress>("::1", {.version = IpVersion::k4}),
              Not(IsOk()));
  EXPECT_THAT(ParseValue<IpAddress>("192.168.0.1", {.version = IpVersion::k6}),
              Not(IsOk()));
  EXPECT_FALSE(AnyOption(Option<IpAddress>{.name = "foo"}) ==
               AnyOption(Option<IpAddress>{
                   .name = "foo", .type = {.version = IpVersion::k4}}));
}

TEST(Types, Oc157HostAddressesAndDomains) {
  for (const char* text : {"foo", "foo.bar", "host-01.co.uk", "192.168.0.1",
                           "::1", "3.14.xn--x", "ab-c.com"}) {
    EXPECT_THAT(ParseValue<HostAddress>(text), IsOk()) << text;
    EXPECT_THAT(ParseValue<HostDomain>(text), IsOk()) << text;
  }
  for (const char* text : {"", "-foo", "foo-", "foo.-bar", "10.0.0.300", "3.14",
                           "a b", "foo..bar", "_9", "[::1]"}) {
    EXPECT_THAT(ParseValue<HostAddress>(text), Not(IsOk())) << text;
    EXPECT_THAT(ParseValue<HostDomain>(text), Not(IsOk())) << text;
  }
  for (const char* text : {"_foo", "host_01.co.uk", "foo._bar"}) {
    EXPECT_THAT(ParseValue<HostAddress>(text), Not(IsOk())) << text;
    EXPECT_THAT(ParseValue<HostDomain>(text), IsOk()) << text;
  }
  EXPECT_THAT(ParseValue<HostAddress>("::1", {.version = IpVersion::k4}),
              Not(IsOk()));
  EXPECT_THAT(ParseValue<HostDomain>("1.2.3.4", {.version = IpVersion::k6}),
              Not(IsOk()));
}

TEST(Types, Oc158Hostnames) {
  for (const char* text :
       {"", "\"foo\"", "foo bar", "foo_bar", "h*st", "10.0.0.0", "3.14",
        "org.10", "-foo", "foo-", "foo.bar-", "..", "foo..bar"}) {
    EXPECT_THAT(ParseValue<Hostname>(text), Not(IsOk())) << text;
  }
  EXPECT_THAT(ParseValue<Hostname>("cell1.nova.site1"),
              IsOkAndHolds(Hostname{"cell1.nova.site1"}));
  EXPECT_THAT(ParseValue<Hostname>("ab-c.com."),
              IsOkAndHolds(Hostname{"ab-c.com"}));
  EXPECT_THAT(ParseValue<Hostname>(std::string(63, 'a')), IsOk());
  EXPECT_THAT(ParseValue<Hostname>(std::string(64, 'a')), Not(IsOk()));
  std::string name;
  for (int i = 0; i < 126; ++i) name += "a.";
  EXPECT_THAT(ParseValue<Hostname>(name + "b"), IsOk());  // 253.
  EXPECT_THAT(ParseValue<Hostname>(name + "b."), Not(IsOk()));
  EXPECT_THAT(ParseValue<Hostname>(name + "bcd"), Not(IsOk()));  // 255.
}

TEST(Types, Oc159Uris) {
  for (const char* text : {"http://example.com", "https://127.0.0.1:80/a?b#c",
                           "redis://[::1]:6379"}) {
    EXPECT_THAT(ParseValue<Uri>(text), IsOkAndHolds(Uri{text}));
  }
  for (const char* text : {"", "foo", "http:", "http:/foo", "://foo", "/foo",
                           "www.example.com", "file:///foo"}) {
    EXPECT_THAT(ParseValue<Uri>(text), Not(IsOk())) << text;
  }
  const auto uri = [](TypeRules<Uri> rules) {
    return AnyOption(Option<Uri>{.name = "foo", .type = std::move(rules)});
  };
  EXPECT_THAT(uri({.max_length = 8}).CheckText("http://a"), IsOk());
  EXPECT_THAT(uri({.max_length = 8}).CheckText("http://ab"), Not(IsOk()));
  EXPECT_TRUE(uri({.max_length = 8}) == uri({.max_length = 8}));
  EXPECT_FALSE(uri({.max_length = 8}) == uri({.max_length = 9}));
  EXPECT_FALSE(uri({.schemes = {"a"}}) == uri({.schemes = {"b"}}));
}

}  // namespace
}  // namespace bergen::config
