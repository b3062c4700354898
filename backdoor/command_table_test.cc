// SPDX-License-Identifier: Apache-2.0

#include "backdoor/command_table.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backdoor/command.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

absl::Status DoNothing(const Arguments&, const Caller&, Output&) {
  return absl::OkStatus();
}

class CommandTableTest : public ::testing::Test {
 protected:
  CommandTableTest() {
    Add({.name = "help", .handler = DoNothing});
    Add({.name = "exit", .handler = DoNothing});
    Add({.name = "prof",
         .parameters = {{.name = "name"},
                        {.name = "hz",
                         .type = ParameterType::kInt,
                         .default_value = int64_t{99},
                         .min = 1,
                         .max = 1000},
                        {.name = "clock",
                         .default_value = std::string("cpu"),
                         .choices = {"cpu", "wall"}}},
         .role = Role::kOperate,
         .handler = DoNothing});
    Add({.name = "wait",
         .parameters = {{.name = "seconds",
                         .type = ParameterType::kDouble,
                         .required = true,
                         .min = 0},
                        {.name = "loud",
                         .type = ParameterType::kBool,
                         .default_value = false}},
         .handler = DoNothing});
  }

  void Add(Command command) {
    ASSERT_THAT(table_.Add(std::move(command)), IsOk());
  }

  absl::StatusOr<Invocation> Parse(absl::string_view line) {
    return table_.Parse(line, Role::kAdmin);
  }

  // The `name` argument of a line that is a call of prof.
  std::string NameIn(absl::string_view line) {
    absl::StatusOr<Invocation> call = Parse(line);
    EXPECT_THAT(call, IsOk()) << line;
    if (!call.ok() || !call->arguments.Has("name")) return "(none)";
    EXPECT_EQ(call->command->name, "prof");
    return call->arguments.String("name");
  }

  CommandTable table_;
};

TEST_F(CommandTableTest, WhatChangesStateIsNotForViewers) {
  CommandTable table;
  EXPECT_THAT(table.Add({.name = "reset",
                         .changes_state = true,
                         .role = Role::kView,
                         .handler = DoNothing}),
              StatusIs(kInvalid, HasSubstr("reset: what changes state")));
}

TEST_F(CommandTableTest, ReadsANameWithAndWithoutParentheses) {
  for (const char* line : {"help", "help()", "  help  ", "help ( )\t"}) {
    absl::StatusOr<Invocation> call = Parse(line);
    ASSERT_THAT(call, IsOk()) << line;
    EXPECT_EQ(call->command->name, "help") << line;
  }
}

TEST_F(CommandTableTest, ABlankLineIsNoCommand) {
  for (const char* line : {"", " ", "\t "}) {
    absl::StatusOr<Invocation> call = Parse(line);
    ASSERT_THAT(call, IsOk());
    EXPECT_EQ(call->command, nullptr);
  }
}

TEST_F(CommandTableTest, TakesAStringInEitherQuotesBareOrNamed) {
  for (const char* line :
       {"prof('neutron')", "prof(\"neutron\")", "prof(neutron)",
        "prof(name='neutron')", "prof(name=neutron)",
        "prof ( name = 'neutron' )", "prof(hz=5, name=\"neutron\")"}) {
    EXPECT_EQ(NameIn(line), "neutron") << line;
  }
}

TEST_F(CommandTableTest, AnArgumentThatIsLeftOutIsAbsentOrItsDefault) {
  absl::StatusOr<Invocation> call = Parse("prof()");
  ASSERT_THAT(call, IsOk());
  EXPECT_FALSE(call->arguments.Has("name"));
  EXPECT_EQ(call->arguments.Int("hz"), 99);
  EXPECT_EQ(call->arguments.String("clock"), "cpu");
}

TEST_F(CommandTableTest, QuotesMayHoldAnyTextAndEscapes) {
  EXPECT_EQ(NameIn("prof('')"), "");
  EXPECT_EQ(NameIn("prof('a, b) = \"c\"')"), "a, b) = \"c\"");
  EXPECT_EQ(NameIn(R"(prof('it\'s \\ \"x\" \n\t'))"), "it's \\ \"x\" \n\t");
  EXPECT_EQ(NameIn("prof('bl\xc3\xa5')"), "bl\xc3\xa5");
}

TEST_F(CommandTableTest, ReadsNumbersAndTruthValues) {
  absl::StatusOr<Invocation> call = Parse("wait(1.5, TRUE)");
  ASSERT_THAT(call, IsOk());
  EXPECT_EQ(call->arguments.Double("seconds"), 1.5);
  EXPECT_TRUE(call->arguments.Bool("loud"));

  call = Parse("wait(loud=0, seconds=2)");
  ASSERT_THAT(call, IsOk());
  EXPECT_EQ(call->arguments.Double("seconds"), 2.0);
  EXPECT_FALSE(call->arguments.Bool("loud"));
}

TEST_F(CommandTableTest, AWrongValueSaysWhichAndWhatIsAllowed) {
  EXPECT_THAT(Parse("prof(x, 0)"),
              StatusIs(kInvalid,
                       "prof: hz: want a whole number from 1 up to 1000, got "
                       "'0'"));
  EXPECT_THAT(Parse("prof(x, 1001)"), StatusIs(kInvalid, HasSubstr("1000")));
  EXPECT_THAT(Parse("prof(x, '5')"),
              StatusIs(kInvalid, HasSubstr("got the string '5'")));
  EXPECT_THAT(
      Parse("prof(clock=gpu)"),
      StatusIs(kInvalid, "prof: clock: want one of cpu, wall, got 'gpu'"));
  EXPECT_THAT(Parse("wait(nan)"), StatusIs(kInvalid, HasSubstr("a number")));
  EXPECT_THAT(Parse("wait(1, maybe)"),
              StatusIs(kInvalid, HasSubstr("true or false")));
}

TEST_F(CommandTableTest, AcceptsBothBoundsOfANumber) {
  EXPECT_THAT(Parse("prof(x, 1)"), IsOk());
  EXPECT_THAT(Parse("prof(x, 1000)"), IsOk());
}

TEST_F(CommandTableTest, AWrongSetOfArgumentsShowsTheRightOne) {
  EXPECT_THAT(Parse("exit(1)"), StatusIs(kInvalid, "exit: takes no arguments"));
  EXPECT_THAT(Parse("wait(1, 0, 3)"),
              StatusIs(kInvalid,
                       "wait: takes at most 2 arguments: "
                       "wait(seconds, loud=false)"));
  EXPECT_THAT(Parse("wait()"), StatusIs(kInvalid,
                                        "wait: seconds is missing: "
                                        "wait(seconds, loud=false)"));
  EXPECT_THAT(Parse("prof(nme=x)"),
              StatusIs(kInvalid,
                       "prof: no argument is called 'nme': "
                       "prof(name=, hz=99, clock='cpu')"));
  EXPECT_THAT(Parse("prof(x, name=y)"),
              StatusIs(kInvalid, "prof: name is given twice"));
  EXPECT_THAT(Parse("prof(name=y, 5)"),
              StatusIs(kInvalid, HasSubstr("follows a named argument")));
}

TEST_F(CommandTableTest, BadGrammarSaysWhere) {
  EXPECT_THAT(Parse("prof neutron"),
              StatusIs(kInvalid,
                       "column 6: arguments go in parentheses, as "
                       "in 'prof(...)'"));
  EXPECT_THAT(Parse("prof('x"), StatusIs(kInvalid, HasSubstr("no closing '")));
  EXPECT_THAT(Parse("prof('x\\q')"), StatusIs(kInvalid, HasSubstr("after")));
  EXPECT_THAT(Parse("prof('x\\"), StatusIs(kInvalid));
  EXPECT_THAT(Parse("prof(x"), StatusIs(kInvalid, HasSubstr("',' or ')'")));
  EXPECT_THAT(Parse("prof(x,)"),
              StatusIs(kInvalid, HasSubstr("expected an argument")));
  EXPECT_THAT(Parse("prof(name=)"), StatusIs(kInvalid, HasSubstr("a value")));
  EXPECT_THAT(Parse("prof() x"), StatusIs(kInvalid, HasSubstr("follow ')'")));
  EXPECT_THAT(Parse("(x)"), StatusIs(kInvalid, HasSubstr("name of a command")));
  EXPECT_THAT(Parse("help\x01"), StatusIs(kInvalid, HasSubstr("column 5")));
  EXPECT_THAT(Parse(absl::string_view("he\0p", 4)), StatusIs(kInvalid));
}

TEST_F(CommandTableTest, AnUnknownCommandNamesTheNearest) {
  const absl::StatusCode not_found = absl::StatusCode::kNotFound;
  EXPECT_THAT(
      Parse("prfo()"),
      StatusIs(not_found, "unknown command 'prfo'; did you mean prof?"));
  EXPECT_THAT(Parse("PROF"), StatusIs(not_found, HasSubstr("mean prof?")));
  EXPECT_THAT(Parse("1+1"), StatusIs(not_found, AllOf(HasSubstr("'1+1'"),
                                                      HasSubstr("help() lists"),
                                                      Not(HasSubstr("mean")))));
  EXPECT_THAT(Parse(std::string(4000, 'x')),
              StatusIs(not_found, HasSubstr("x...'")));
}

TEST_F(CommandTableTest, RefusesALineOverTheLimit) {
  const std::string longest =
      "prof('" + std::string(CommandTable::kMaxLineLength - 8, 'x') + "')";
  EXPECT_THAT(Parse(longest), IsOk());
  EXPECT_THAT(Parse(longest + " "),
              StatusIs(kInvalid,
                       "the line has 4097 bytes; at most 4096 are "
                       "allowed"));
}

TEST_F(CommandTableTest, ARoleBelowTheCommandsIsRefused) {
  EXPECT_THAT(table_.Parse("prof()", Role::kView),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "prof: needs the role operate, you have view"));
  EXPECT_THAT(table_.Parse("prof()", Role::kOperate), IsOk());
  EXPECT_THAT(table_.Parse("help", Role::kView), IsOk());
}

TEST_F(CommandTableTest, AddRefusesWhatIsNotWellFormed) {
  EXPECT_THAT(table_.Add({.name = "prof", .handler = DoNothing}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("prof")));
  EXPECT_THAT(table_.Add({.name = "Prof", .handler = DoNothing}),
              StatusIs(kInvalid));
  EXPECT_THAT(table_.Add({.name = "", .handler = DoNothing}),
              StatusIs(kInvalid));
  EXPECT_THAT(table_.Add({.name = "nothing"}), StatusIs(kInvalid));
  EXPECT_THAT(table_.Add({.name = "x",
                          .parameters = {{.name = "a"}, {.name = "a"}},
                          .handler = DoNothing}),
              StatusIs(kInvalid, HasSubstr("two parameters")));
  EXPECT_THAT(table_.Add({.name = "x",
                          .parameters = {{.name = "a",
                                          .type = ParameterType::kInt,
                                          .default_value = 1.0}},
                          .handler = DoNothing}),
              StatusIs(kInvalid, HasSubstr("another type")));
  EXPECT_THAT(table_.Add({.name = "x",
                          .parameters = {{.name = "a",
                                          .default_value = std::string(),
                                          .required = true}},
                          .handler = DoNothing}),
              StatusIs(kInvalid, HasSubstr("no default")));
}

TEST(ArgumentsDeathTest, AskingForAnotherTypeAborts) {
  Arguments arguments;
  arguments.Set("hz", int64_t{5});
  EXPECT_DEATH(arguments.String("hz"), "no argument 'hz' of this type");
  EXPECT_DEATH(arguments.Int("x"), "no argument 'x'");
}

}  // namespace
}  // namespace bergen::backdoor
