// SPDX-License-Identifier: Apache-2.0

#include "config/blanks.h"

#include <string>

#include "gtest/gtest.h"

namespace bergen::config {
namespace {

TEST(BlanksTest, ThoseOfUnicodeAreTakenOffBothEnds) {
  EXPECT_EQ(StripBlanks(" \t\n\v\f\r\x1c\x1f a b \u00a0 \u3000"), "a b");
  EXPECT_EQ(StripBlanks("\u2003\u00a0 a\u00a0b"), "a\u00a0b");
  EXPECT_EQ(StripBlanks("\u00a0 \u0085"), "");
  EXPECT_EQ(StripBlanks(""), "");
  EXPECT_EQ(StripBlanksAtStart(" \u00a0 a "), "a ");
  EXPECT_EQ(StripBlanksAtEnd(" a \u00a0 "), " a");
}

TEST(BlanksTest, OthersStay) {
  // Zero-width space, the byte-order mark, half of a blank.
  for (const std::string text :
       {"\u00e4", "\u200b", "\ufeff", "\xa0", "\xc2"}) {
    EXPECT_EQ(StripBlanks(text), text);
  }
}

// A broken promise would be a stack that grows with the text.
TEST(BlanksTest, ThereMayBeMany) {
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) text += "\u00a0";
  EXPECT_EQ(StripBlanks(text + "a" + text), "a");
}

}  // namespace
}  // namespace bergen::config
