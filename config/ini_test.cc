// SPDX-License-Identifier: Apache-2.0

#include "config/ini.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// `line group|name|text` of each assignment, or the error.
std::vector<std::string> Read(std::string text) {
  const absl::StatusOr<Document> parsed = ParseIni(std::move(text), "f");
  if (!parsed.ok()) return {std::string(parsed.status().message())};
  std::vector<std::string> all;
  for (const RawValue& value : parsed->values()) {
    all.push_back(absl::StrCat(value.line, " ", value.group, "|", value.name,
                               "|", value.text));
  }
  return all;
}

// The value of the only key, which follows `[s]`.
std::string ValueOf(const std::string& assignment) {
  const absl::StatusOr<Document> parsed = ParseIni("[s]\n" + assignment, "f");
  EXPECT_THAT(parsed, IsOk());
  if (!parsed.ok() || parsed->values().size() != 1) return "(not one)";
  return std::string(parsed->values()[0].text);
}

std::string ErrorOf(const std::string& text) {
  return std::string(ParseIni(text, "f").status().message());
}

TEST(IniTest, ReadsSectionsAndAssignmentsWithTheirLines) {
  EXPECT_THAT(Read("# comment\n"
                   "[DEFAULT]\n"
                   "debug = true\n"
                   "\n"
                   "[ a b ]\n"
                   "; comment\n"
                   "key with blanks : v # not a comment\n"
                   "[DEFAULT]\n"
                   "debug=false\n"),
              ElementsAre("3 DEFAULT|debug|true",
                          "7  a b |key with blanks|v # not a comment",
                          "9 DEFAULT|debug|false"));
  EXPECT_THAT(Read(""), IsEmpty());
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
  EXPECT_THAT(Read("[s]\na = 1\n\t2\nb = 3\n 4\n 5\n[t]\nc = 6"),
              ElementsAre("2 s|a|1\n2", "4 s|b|3\n4\n5", "8 t|c|6"));
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
  EXPECT_THAT(Read("\xef\xbb\xbf[s]\r\nk = v  \t\r\n"), ElementsAre("2 s|k|v"));
  EXPECT_THAT(Read("[s]\rk = v\r\rl = w\n\r\nm = x\r"),
              ElementsAre("2 s|k|v", "4 s|l|w", "6 s|m|x"));
}

TEST(IniTest, SectionsEndInABracketAndAreTakenAsWritten) {
  EXPECT_THAT(Read("[a]]\nk=v"), ElementsAre("2 a]|k|v"));
  EXPECT_EQ(ErrorOf("[a] b"), "f:1: a section is written [name]: \"[a] b\"");
  EXPECT_EQ(ErrorOf("[]"), "f:1: a section is written [name]: \"[]\"");
  EXPECT_EQ(ErrorOf("[a\nk = v"), "f:1: a section is written [name]: \"[a\"");
}

TEST(IniTest, BlanksAreThoseOfUnicode) {
  EXPECT_EQ(ValueOf("k\u00a0=\u3000v\u2003\x1f "), "v");
  EXPECT_EQ(ValueOf("k = \u00a0"), "");
  EXPECT_EQ(ValueOf("k = a\u00a0b"), "a\u00a0b");
  EXPECT_EQ(ValueOf("k = \u00e4"), "\u00e4");
}

TEST(IniTest, EveryMistakeIsReportedAndNoValueShown) {
  EXPECT_EQ(ErrorOf("early = hunter2\n"
                    "[s]\n"
                    " indented = hunter2\n"
                    "password hunter2\n"
                    "hunter2\n"
                    "= hunter2\n"
                    "k = v\n"
                    "# ends it\n"
                    " hunter2\n"
                    "k = \xff\n"),
            "f:1: an assignment before the first [section]: \"early = ****\"\n"
            "f:3: a line that begins with a blank must follow an assignment: "
            "\" indented = ****\"\n"
            "f:4: neither key = value nor [section]: \"password ****\"\n"
            "f:5: neither key = value nor [section]\n"
            "f:6: there is no key before the separator: \"= ****\"\n"
            "f:9: a line that begins with a blank must follow an assignment\n"
            "f:10: not UTF-8");
}

TEST(IniTest, ALineThatMayBeAPartOfAValueIsNotQuoted) {
  EXPECT_EQ(ErrorOf("[s]\n"
                    "k = v,\n"
                    "hunter2 hunter3\n"
                    "k = v,\n"
                    "[hunter2,\n"
                    "k = v\n"
                    "\n"
                    " hunter2: hunter3\n"),
            "f:3: neither key = value nor [section]\n"
            "f:5: a section is written [name]\n"
            "f:8: a line that begins with a blank must follow an assignment");
}

TEST(IniTest, AQuotedLineIsPrintableAndShort) {
  EXPECT_EQ(ErrorOf("[\x1b[31m\t"),
            "f:1: a section is written [name]: \"[\\x1b[31m\"");
  EXPECT_EQ(ErrorOf("[" + std::string(100, 'x')),
            absl::StrCat("f:1: a section is written [name]: \"[",
                         std::string(59, 'x'), "...\""));
  EXPECT_EQ(ErrorOf("[" + std::string(58, 'x') + "\u00e4\u00e4"),
            absl::StrCat("f:1: a section is written [name]: \"[",
                         std::string(58, 'x'), "...\""));
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
