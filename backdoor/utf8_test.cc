// SPDX-License-Identifier: Apache-2.0

#include "backdoor/utf8.h"

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace bergen::backdoor {
namespace {

TEST(Utf8Test, LeavesCharactersOfEveryLengthAlone) {
  for (const char* text :
       {"", "a\n\x7f", "\xc2\x80\xdf\xbf", "\xe0\xa0\x80\xed\x9f\xbf",
        "\xee\x80\x80\xef\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(ToValidUtf8(text), text);
  }
  const absl::string_view nul("a\0b", 3);
  EXPECT_EQ(ToValidUtf8(nul), nul);
}

TEST(Utf8Test, ReplacesBytesThatAreNoCharacter) {
  EXPECT_EQ(ToValidUtf8("a\xff\xfe z"), "a?? z");
  EXPECT_EQ(ToValidUtf8("\x80\xbf"), "??");
  EXPECT_EQ(ToValidUtf8("\xc3"), "?");
  EXPECT_EQ(ToValidUtf8("\xe2\x82"), "??");
  EXPECT_EQ(ToValidUtf8("\xe2\x82x"), "??x");
}

TEST(Utf8Test, ReplacesLongFormsSurrogatesAndTooLargeValues) {
  EXPECT_EQ(ToValidUtf8("\xc0\x80"), "??");
  EXPECT_EQ(ToValidUtf8("\xe0\x9f\xbf"), "???");
  EXPECT_EQ(ToValidUtf8("\xed\xa0\x80"), "???");
  EXPECT_EQ(ToValidUtf8("\xf4\x90\x80\x80"), "????");
  EXPECT_EQ(ToValidUtf8("\xf8\x88\x80\x80\x80"), "?????");
}

}  // namespace
}  // namespace bergen::backdoor
