// SPDX-License-Identifier: Apache-2.0

#include "config/text_wrap.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TextWrapTest, BreaksBetweenWordsAndCountsThePrefix) {
  EXPECT_THAT(WrapText("aaa bbb ccc", "# ", 9),
              ElementsAre("# aaa bbb", "# ccc"));
  EXPECT_THAT(WrapText("aaa bbb ccc", "# ", 8),
              ElementsAre("# aaa", "# bbb", "# ccc"));
  EXPECT_THAT(WrapText("", "# ", 70), IsEmpty());
  EXPECT_THAT(WrapText("   ", "# ", 70), IsEmpty());
}

TEST(TextWrapTest, NeverCutsAWord) {
  EXPECT_THAT(WrapText("a abcdefghij b", "", 5),
              ElementsAre("a", "abcdefghij", "b"));
  EXPECT_THAT(WrapText("abc d", "# ", 0), ElementsAre("# abc", "# d"));
}

TEST(TextWrapTest, KeepsBlanksExceptAroundABreak) {
  EXPECT_THAT(WrapText("  a   b    c", "", 8), ElementsAre("  a   b", "c"));
  EXPECT_THAT(WrapText("a\tb", "# ", 70), ElementsAre("# a       b"));
}

TEST(TextWrapTest, BreaksAfterAHyphenBetweenLetters) {
  EXPECT_THAT(WrapText("over-ridden", "", 8), ElementsAre("over-", "ridden"));
  EXPECT_THAT(WrapText("x-ray a-b-cd", "", 8), ElementsAre("x-ray", "a-b-cd"));
  EXPECT_THAT(WrapText("2-way-plug", "", 7), ElementsAre("2-way-", "plug"));
}

TEST(TextWrapTest, BreaksAroundDashes) {
  EXPECT_THAT(WrapText("one--two", "", 5), ElementsAre("one--", "two"));
  EXPECT_THAT(WrapText("one---two", "", 3), ElementsAre("one", "---", "two"));
  EXPECT_THAT(WrapText("use --flag now", "", 6),
              ElementsAre("use", "--flag", "now"));
}

TEST(TextWrapTest, CountsCharactersAndNotBytes) {
  EXPECT_THAT(WrapText("\u00e4\u00e4 \u20ac\u20ac", "", 5),
              ElementsAre("\u00e4\u00e4 \u20ac\u20ac"));
  EXPECT_THAT(WrapText("\u00e4\u00e4 \u20ac\u20ac", "", 4),
              ElementsAre("\u00e4\u00e4", "\u20ac\u20ac"));
}

}  // namespace
}  // namespace bergen::config
