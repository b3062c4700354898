// SPDX-License-Identifier: Apache-2.0

#include "backdoor/folded.h"

#include "backdoor/profile.h"
#include "gtest/gtest.h"

namespace bergen::backdoor {
namespace {

TEST(FoldedTest, TheOutermostFunctionComesFirstAndEqualStacksAreOne) {
  const Profile profile = {
      .functions = {{"a.cc", 1, "main"}, {"a.cc", 9, "demo::Work"}},
      .stacks = {{.functions = {1, 0}, .samples = 3, .lines = {9, 2}},
                 {.functions = {1, 0}, .samples = 4, .lines = {8, 2}},
                 {.functions = {0}, .samples = 1, .thread = "pool 1"}}};
  EXPECT_EQ(EncodeFolded(profile), "main;demo::Work 7\npool 1;main 1\n");
}

TEST(FoldedTest, NamesDoNotBreakTheFormat) {
  const Profile profile = {.functions = {{"", 0, "a;b\n\xc3\xa5"}},
                           .stacks = {{.functions = {0}, .samples = 1}}};
  EXPECT_EQ(EncodeFolded(profile), "a:b___ 1\n");
}

TEST(FoldedTest, WithoutSamplesThereIsNoText) {
  EXPECT_EQ(EncodeFolded({}), "");
}

}  // namespace
}  // namespace bergen::backdoor
