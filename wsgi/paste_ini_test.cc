// SPDX-License-Identifier: Apache-2.0

#include "wsgi/paste_ini.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::wsgi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

// `section@line`, then `name@line=text` of its options; [DEFAULT] last.
std::vector<std::string> Lines(const PasteIni& ini) {
  std::vector<std::string> lines;
  std::vector<PasteSection> sections = ini.sections;
  sections.push_back(ini.defaults);
  for (const PasteSection& section : sections) {
    lines.push_back(absl::StrCat(section.name, "@", section.line));
    for (const PasteOption& option : section.options) {
      lines.push_back(
          absl::StrCat(option.name, "@", option.line, "=", option.text));
    }
  }
  return lines;
}

std::vector<std::string> Parsed(absl::string_view text) {
  const absl::StatusOr<PasteIni> ini = ParsePasteIni(text, "f.ini");
  if (!ini.ok()) return {std::string(ini.status().message())};
  return Lines(*ini);
}

absl::StatusOr<std::string> Interpolated(absl::string_view text) {
  const absl::StatusOr<PasteIni> ini = ParsePasteIni(text, "f.ini");
  if (!ini.ok()) return ini.status();
  return Interpolate(ini->sections[0], ini->defaults,
                     ini->sections[0].options[0]);
}

TEST(PasteIniTest, TakesSectionsOptionsAndDefaultsWithTheirLines) {
  EXPECT_THAT(Parsed("[app:main]\nuse = egg:x#y\nA.b : c=d\n[DEFAULT]\nk=v\n"),
              ElementsAre("app:main@1", "use@2=egg:x#y", "A.b@3=c=d",
                          "DEFAULT@0", "k@5=v"));
}

TEST(PasteIniTest, CommentsAreWholeLinesOnly) {
  EXPECT_THAT(Parsed("# x\n ; y\n[s]\n# z\na = 1 # 2 ; 3\n"),
              ElementsAre("s@3", "a@5=1 # 2 ; 3", "DEFAULT@0"));
}

TEST(PasteIniTest, DeeperLinesContinueAcrossCommentsAndEmptyLines) {
  EXPECT_THAT(Parsed("[s]\n  p = a\n   b\n# no\n\n   \tc\n    # d\n\tq = e\n"),
              ElementsAre("s@1", "p@2=a\nb\n\nc", "q@8=e", "DEFAULT@0"));
}

TEST(PasteIniTest, AnEmptyLineInsideAValueStaysAndOneAfterItGoes) {
  EXPECT_THAT(Parsed("[s]\na =\n  1\n\n  2\n\n\nb = 3"),
              ElementsAre("s@1", "a@2=\n1\n\n2", "b@8=3", "DEFAULT@0"));
}

TEST(PasteIniTest, AnOptionAfterASectionIsNoContinuationHoweverDeep) {
  EXPECT_THAT(Parsed("[s]\na=1\n   [t]\n      b = 2\n"),
              ElementsAre("s@1", "a@2=1\n[t]\nb = 2", "DEFAULT@0"));
  EXPECT_THAT(Parsed("[s]\n[t]\n      b = 2\n"),
              ElementsAre("s@1", "t@2", "b@3=2", "DEFAULT@0"));
}

TEST(PasteIniTest, ASectionsNameEndsWithTheLastBracketAndKeepsItsBlanks) {
  EXPECT_THAT(Parsed("[ a]b ] x\n[]]\n"),
              ElementsAre(" a]b @1", "]@2", "DEFAULT@0"));
}

TEST(PasteIniTest, LinesEndAsTheyDoInPython) {
  EXPECT_THAT(Parsed("\ufeff[s]\r\na=1\rb=2\x0c\u00a0\n\u2003\u2003c\n"),
              ElementsAre("s@1", "a@2=1", "b@3=2\nc", "DEFAULT@0"));
}

TEST(PasteIniTest, ReportsEachMistakeWithItsLine) {
  EXPECT_THAT(Parsed("[s]\nfoo\n= 1\na=1\n"),
              ElementsAre("f.ini:2: neither [section] nor name = value: "
                          "\"foo\"\nf.ini:3: no name before the value"));
  EXPECT_THAT(Parsed("a = 1\n"),
              ElementsAre("f.ini:1: an option before the first [section]"));
  EXPECT_THAT(Parsed("[s]\n[t]\n[s]\n"),
              ElementsAre("f.ini:3: section [s] is also on line 1"));
  EXPECT_THAT(
      Parsed("[s]\na=1\n[DEFAULT]\na=2\n[DEFAULT]\na=3\n"),
      ElementsAre("f.ini:6: option \"a\" of section [DEFAULT] is also on line "
                  "4"));
  EXPECT_THAT(Parsed("[s]\na=\xff\n"), ElementsAre("f.ini:2: not UTF-8"));
  EXPECT_THAT(Parsed("[s]\n[]\n"),
              ElementsAre(HasSubstr("f.ini:2: neither [section]")));
}

TEST(PasteIniTest, InterpolatesFromTheSectionThenTheDefaults) {
  EXPECT_THAT(Interpolated("[s]\na = 100%% %(b)s%(c)s\nb = 1%(c)s\n"
                           "[DEFAULT]\nb = no\nc = <%(d)s>\nd = 2\n"),
              IsOkAndHolds("100% 1<2><2>"));
}

TEST(PasteIniTest, InterpolationRefusesWhatPythonRefuses) {
  EXPECT_THAT(Interpolated("[s]\na = 5%\n"),
              StatusIs(kInvalid, "neither %% nor %(name)s: \"%\""));
  EXPECT_THAT(Interpolated("[s]\na = %(b)d\nb = 1\n"),
              StatusIs(kInvalid, HasSubstr("neither %% nor %(name)s")));
  EXPECT_THAT(Interpolated("[s]\na = %()s\n"),
              StatusIs(kInvalid, HasSubstr("neither %% nor %(name)s")));
  EXPECT_THAT(
      Interpolated("[s]\na = %(B)s\nb = 1\n"),
      StatusIs(kInvalid, "%(B)s: no such option in section [s] or [DEFAULT]"));
}

TEST(PasteIniTest, InterpolationEndsWhereValuesReferToThemselves) {
  EXPECT_THAT(Interpolated("[s]\na = %(a)s\n"),
              StatusIs(kInvalid, "values refer to values more than 10 deep"));
  std::string ten = "[s]\na0 = %(a1)s\n";
  for (int i = 1; i < 10; ++i) {
    absl::StrAppend(&ten, "a", i, " = %(a", i + 1, ")s\n");
  }
  EXPECT_THAT(Interpolated(absl::StrCat(ten, "a10 = x\n")), IsOkAndHolds("x"));
  EXPECT_THAT(Interpolated(absl::StrCat(ten, "a10 = %%\n")),
              StatusIs(kInvalid, HasSubstr("10 deep")));
}

TEST(PasteIniTest, InterpolationEndsWhereValuesMultiply) {
  std::string text = "[s]\na0 = %(a1)s%(a1)s%(a1)s%(a1)s\n";
  for (int i = 1; i < 9; ++i) {
    absl::StrAppend(&text, "a", i, " = %(a", i + 1, ")s%(a", i + 1, ")s%(a",
                    i + 1, ")s%(a", i + 1, ")s\n");
  }
  EXPECT_THAT(Interpolated(absl::StrCat(text, "a9 =\n")),
              StatusIs(kInvalid, "more than 1000 references"));
}

}  // namespace
}  // namespace bergen::wsgi
