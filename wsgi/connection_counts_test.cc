// SPDX-License-Identifier: Apache-2.0

#include "wsgi/connection_counts.h"

#include "gtest/gtest.h"

namespace bergen::wsgi {
namespace {

TEST(ConnectionCountsTest, AdmitsUpToTheMostInAll) {
  ConnectionCounts counts(2, 0);
  EXPECT_TRUE(counts.Admit("a"));
  EXPECT_TRUE(counts.Admit(""));
  EXPECT_FALSE(counts.Admit("b"));
  counts.Remove("a");
  EXPECT_TRUE(counts.Admit("b"));
  EXPECT_FALSE(counts.Admit("a"));
  EXPECT_EQ(counts.all(), 2);
}

TEST(ConnectionCountsTest, AdmitsUpToTheMostOfAnAddress) {
  ConnectionCounts counts(0, 2);
  EXPECT_TRUE(counts.Admit("a"));
  EXPECT_TRUE(counts.Admit("a"));
  EXPECT_FALSE(counts.Admit("a"));
  EXPECT_TRUE(counts.Admit("b"));
  counts.Remove("a");
  EXPECT_TRUE(counts.Admit("a"));
  EXPECT_EQ(counts.all(), 3);
}

TEST(ConnectionCountsTest, ForgetsAddressesThatAreGone) {
  ConnectionCounts counts(1, 1);
  EXPECT_TRUE(counts.Admit("a"));
  EXPECT_FALSE(counts.Admit("b"));
  EXPECT_EQ(counts.addresses(), 1u);
  counts.Remove("a");
  EXPECT_EQ(counts.addresses(), 0u);
}

TEST(ConnectionCountsTest, UnixSocketsHaveNoAddressToCount) {
  ConnectionCounts counts(0, 1);
  EXPECT_TRUE(counts.Admit(""));
  EXPECT_TRUE(counts.Admit(""));
  counts.Remove("");
  EXPECT_EQ(counts.all(), 1);
  EXPECT_EQ(counts.addresses(), 0u);
}

TEST(ConnectionCountsTest, ZeroIsAnyNumber) {
  ConnectionCounts counts(0, 0);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(counts.Admit("a"));
  EXPECT_EQ(counts.all(), 1000);
}

}  // namespace
}  // namespace bergen::wsgi
