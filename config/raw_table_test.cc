// SPDX-License-Identifier: Apache-2.0

#include "config/raw_table.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/option.h"
#include "config/source.h"
#include "gtest/gtest.h"

namespace bergen::config {
namespace {

// One document: each assignment is `{group, name, text}`, on a line of its own.
std::vector<Document> Read(
    const std::string& where,
    const std::vector<std::vector<std::string>>& assignments) {
  std::vector<Document> documents;
  Document& document = documents.emplace_back(where);
  int line = 0;
  for (const std::vector<std::string>& a : assignments) {
    document.AddCopy(a[0], a[1], a[2], ++line);
  }
  return documents;
}

TEST(RawTableTest, TheNewestFileBeatsTheCurrentName) {
  const OptionDescription option = {.name = "a",
                                    .deprecated_names = {{.name = "old"}}};
  RawTable table;
  table.Add(SourceKind::kFile,
            Read("x", {{"g", "old", "1"}, {"g", "a", "2"}, {"g", "old", "3"}}));
  std::optional<RawTable::Found> found = table.Find("g", option);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value.raw->text, "2");
  EXPECT_EQ(found->alias, nullptr);
  EXPECT_EQ(found->ignored, nullptr);

  table.Add(SourceKind::kFile, Read("y", {{"g", "old", "4"}}));
  found = table.Find("G", option);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value.raw->text, "4");
  ASSERT_NE(found->alias, nullptr);
  EXPECT_EQ(found->alias->name, "old");
  EXPECT_EQ(found->position, 3u);
}

TEST(RawTableTest, TheLastOfEqualNamesCountsAndTheOneBeforeIsTold) {
  RawTable table;
  table.Add(SourceKind::kFile, Read("x", {{"g", "a", "1"}}));
  table.Add(SourceKind::kFile, Read("y", {{"g", "a", "2"}, {"g", "a", "3"}}));
  const std::optional<RawTable::Found> found = table.Find("g", {.name = "a"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value.raw->text, "3");
  ASSERT_NE(found->ignored, nullptr);
  EXPECT_EQ(found->ignored->text, "2");
}

TEST(RawTableTest, GroupsIgnoreCaseExceptDefault) {
  RawTable table;
  table.Add(SourceKind::kFile, Read("x", {{"Demo", "a", "1"},
                                          {"default", "a", "1"},
                                          {"demo", "B", "1"}}));
  EXPECT_TRUE(table.Find("dEMO", {.name = "a"}));
  EXPECT_FALSE(table.Find("DEFAULT", {.name = "a"}));
  EXPECT_FALSE(table.Find("demo", {.name = "b"}));
}

TEST(RawTableTest, LaterSourcesWinAlsoAgainstTheEnvironment) {
  RawTable table;
  table.Add(SourceKind::kEnvironment, Read("OS_X", {{"DEMO", "A_B", "1"}}));
  EXPECT_EQ(table.Find("demo", {.name = "a_b"})->value.raw->text, "1");
  table.Add(SourceKind::kCommandLine, Read("--set", {{"demo", "a_b", "2"}}));
  EXPECT_EQ(table.Find("demo", {.name = "a_b"})->value.raw->text, "2");
  table.Add(SourceKind::kEnvironment, Read("OS_X", {{"DEMO", "A_B", "3"}}));
  EXPECT_EQ(table.Find("demo", {.name = "a_b"})->value.raw->text, "3");
}

}  // namespace
}  // namespace bergen::config
