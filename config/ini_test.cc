// SPDX-License-Identifier: Apache-2.0

#include "config/ini.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The value of the only key, which follows `[s]`.
std::string ValueOf(const std::string& assignment) {
  const absl::StatusOr<std::vector<IniAssignment>> parsed =
      ParseIni("[s]\n" + assignment, "f");
  EXPECT_THAT(parsed, IsOk());
  if (!parsed.ok() || parsed->size() != 1) return "(not one assignment)";
  return parsed->front().value;
}

std::string ErrorOf(const std::string& text) {
  return std::string(ParseIni(text, "f").status().message());
}

TEST(IniTest, ReadsSectionsAndAssignmentsWithTheirLines) {
  EXPECT_THAT(
      ParseIni("# comment\n"
               "[DEFAULT]\n"
               "debug = true\n"
               "\n"
               "[ a b ]\n"
               "; comment\n"
               "key with blanks : v # not a comment\n"
               "[DEFAULT]\n"
               "debug=false\n",
               "f"),
      IsOkAndHolds(ElementsAre(
          IniAssignment{"DEFAULT", "debug", "true", 3},
          IniAssignment{" a b ", "key with blanks", "v # not a comment", 7},
          IniAssignment{"DEFAULT", "debug", "false", 9})));
  EXPECT_THAT(ParseIni("", "f"), IsOkAndHolds(IsEmpty()));
}

TEST(IniTest, TheFirstSeparatorCounts) {
  EXPECT_EQ(ValueOf("k = a:b=c"), "a:b=c");
  EXPECT_EQ(ValueOf("k: a=b"), "a=b");
  EXPECT_EQ(ValueOf("k="), "");
  EXPECT_EQ(ValueOf("k:=x"), "=x");
}

TEST(IniTest, ALineThatBeginsWithABlankContinuesTheValue) {
  EXPECT_EQ(ValueOf("k = one\n  two\n\t# three\n"), "one\ntwo\n# three");
  EXPECT_EQ(ValueOf("k =\n  two"), "\ntwo");
  EXPECT_EQ(ValueOf("k = \"one\"\n  \"two\""), "one\n\"two\"");
}

TEST(IniTest, OnePairOfQuotesAroundTheWholeValueIsTakenOff) {
  EXPECT_EQ(ValueOf("k = \" a \""), " a ");
  EXPECT_EQ(ValueOf("k = ' | '"), " | ");
  EXPECT_EQ(ValueOf("k = \"it's\""), "it's");
  EXPECT_EQ(ValueOf("k = \"\""), "");
  EXPECT_EQ(ValueOf("k = \""), "\"");
  EXPECT_EQ(ValueOf("k = \"a'"), "\"a'");
  EXPECT_EQ(ValueOf("k = \"a\", \"b\""), "\"a\", \"b\"");
}

TEST(IniTest, LineEndsAndTheByteOrderMarkDoNotMatter) {
  EXPECT_THAT(ParseIni("\xef\xbb\xbf[s]\r\nk = v  \t\r\n", "f"),
              IsOkAndHolds(ElementsAre(IniAssignment{"s", "k", "v", 2})));
}

TEST(IniTest, SectionsEndInABracketAndAreTakenAsWritten) {
  EXPECT_THAT(ParseIni("[a]]\nk=v", "f"),
              IsOkAndHolds(ElementsAre(IniAssignment{"a]", "k", "v", 2})));
  EXPECT_EQ(ErrorOf("[a] b"), "f:1: a section is written [name]");
  EXPECT_EQ(ErrorOf("[]"), "f:1: a section is written [name]");
  EXPECT_EQ(ErrorOf("[a"), "f:1: a section is written [name]");
}

TEST(IniTest, EveryMistakeIsReported) {
  EXPECT_THAT(
      ParseIni("early = secret\n"
               "[s]\n"
               " indented = secret\n"
               "secret\n"
               "= secret\n"
               "k = v\n"
               "# ends it\n"
               " secret\n"
               "k = \xff\n",
               "demo.conf"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "demo.conf:1: early: stands before the first [section]\n"
               "demo.conf:3: a line that begins with a blank must follow an "
               "assignment\n"
               "demo.conf:4: neither key = value nor [section]\n"
               "demo.conf:5: there is no key before the separator\n"
               "demo.conf:8: a line that begins with a blank must follow an "
               "assignment\n"
               "demo.conf:9: not UTF-8"));
}

TEST(IniTest, OnlyUtf8IsRead) {
  EXPECT_EQ(ValueOf("k = \u00e4\u20ac\U0001f600"), "\u00e4\u20ac\U0001f600");
  for (const char* bytes : {
           "\x80",              // Continuation alone.
           "\xc3",              // Too short.
           "\xc0\xaf",          // Longer than needed.
           "\xe0\x80\xaf",      // Longer than needed.
           "\xed\xa0\x80",      // Surrogate.
           "\xf4\x90\x80\x80",  // Beyond the last code point.
           "\xf8\x88\x80\x80\x80",
       }) {
    EXPECT_EQ(ErrorOf(std::string("[s]\nk = ") + bytes), "f:2: not UTF-8");
  }
}

}  // namespace
}  // namespace bergen::config
