// SPDX-License-Identifier: Apache-2.0

#include "config/etcd_key.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace bergen::config {
namespace {

std::string Parsed(absl::string_view key) {
  const std::optional<EtcdKey> parsed = ParseEtcdKey("/demo", key);
  if (!parsed) return "none";
  return absl::StrCat("[", parsed->group, "] ", parsed->name);
}

TEST(EtcdKeyTest, GroupAndNameFollowThePrefix) {
  EXPECT_EQ(Parsed("/demo/ssl/ca_file"), "[ssl] ca_file");
  EXPECT_EQ(Parsed("/demo/DEFAULT/debug"), "[DEFAULT] debug");
  EXPECT_EQ(Parsed("/demo/a.b/c-d"), "[a.b] c-d");
}

TEST(EtcdKeyTest, WhatFollowsTheNameTellsSeveralValuesApart) {
  EXPECT_EQ(Parsed("/demo/DEFAULT/plugin/001"), "[DEFAULT] plugin");
  EXPECT_EQ(Parsed("/demo/DEFAULT/plugin/a/b"), "[DEFAULT] plugin");
  EXPECT_EQ(Parsed("/demo/DEFAULT/plugin/"), "[DEFAULT] plugin");
}

TEST(EtcdKeyTest, AKeyWithoutGroupOrNameIsNoOptions) {
  EXPECT_EQ(Parsed("/demo/debug"), "[debug] ");
  EXPECT_EQ(Parsed("/demo/debug/"), "[debug] ");
  EXPECT_EQ(Parsed("/demo//debug"), "[] debug");
  EXPECT_EQ(Parsed("/demo/"), "[] ");
}

TEST(EtcdKeyTest, AKeyElsewhereIsNone) {
  EXPECT_EQ(Parsed("/demo"), "none");
  EXPECT_EQ(Parsed("/demolition/a/b"), "none");
  EXPECT_EQ(Parsed(""), "none");
}

TEST(EtcdKeyTest, TheRangeHasThePrefixAndNoNeighbours) {
  const EtcdRange range = RangeOfPrefix("/demo");
  const auto has = [&](const std::string& key) {
    return range.first <= key && key < range.end;
  };
  EXPECT_TRUE(has("/demo/a/b"));
  EXPECT_TRUE(has("/demo/"));
  EXPECT_TRUE(has("/demo/\xff"));
  EXPECT_FALSE(has("/demo"));
  EXPECT_FALSE(has("/demo0"));
  EXPECT_FALSE(has("/demolition/a/b"));
}

}  // namespace
}  // namespace bergen::config
