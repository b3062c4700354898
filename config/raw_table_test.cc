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

RawValue Value(const std::string& group, const std::string& name,
               const std::string& text, const std::string& file, int line) {
  return {group, name, text, {.where = file, .line = line}};
}

TEST(RawTableTest, TheNewestFileBeatsTheCurrentName) {
  const OptionDescription option = {.name = "a",
                                    .deprecated_names = {{.name = "old"}}};
  RawTable table;
  table.Add(SourceKind::kFile,
            {Value("g", "old", "1", "x", 1), Value("g", "a", "2", "x", 2),
             Value("g", "old", "3", "x", 3)});
  std::optional<RawTable::Found> found = table.Find("g", option);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value->text, "2");
  EXPECT_EQ(found->alias, nullptr);
  EXPECT_EQ(found->ignored, nullptr);

  table.Add(SourceKind::kFile, {Value("g", "old", "4", "y", 1)});
  found = table.Find("G", option);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value->text, "4");
  ASSERT_NE(found->alias, nullptr);
  EXPECT_EQ(found->alias->name, "old");
  EXPECT_EQ(found->position, 3u);
}

TEST(RawTableTest, TheLastOfEqualNamesCountsAndTheOneBeforeIsTold) {
  RawTable table;
  table.Add(SourceKind::kFile,
            {Value("g", "a", "1", "x", 1), Value("g", "a", "2", "y", 1),
             Value("g", "a", "3", "y", 2)});
  const std::optional<RawTable::Found> found = table.Find("g", {.name = "a"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value->text, "3");
  ASSERT_NE(found->ignored, nullptr);
  EXPECT_EQ(found->ignored->text, "2");
}

TEST(RawTableTest, GroupsIgnoreCaseExceptDefault) {
  RawTable table;
  table.Add(SourceKind::kFile, {Value("Demo", "a", "1", "x", 1),
                                Value("default", "a", "1", "x", 2),
                                Value("demo", "B", "1", "x", 3)});
  EXPECT_TRUE(table.Find("dEMO", {.name = "a"}));
  EXPECT_FALSE(table.Find("DEFAULT", {.name = "a"}));
  EXPECT_FALSE(table.Find("demo", {.name = "b"}));
}

TEST(RawTableTest, LaterSourcesWinAlsoAgainstTheEnvironment) {
  RawTable table;
  table.Add(SourceKind::kEnvironment, {Value("DEMO", "A_B", "1", "OS_X", 0)});
  EXPECT_EQ(table.Find("demo", {.name = "a_b"})->value->text, "1");
  table.Add(SourceKind::kCommandLine, {Value("demo", "a_b", "2", "--set", 0)});
  EXPECT_EQ(table.Find("demo", {.name = "a_b"})->value->text, "2");
  table.Add(SourceKind::kEnvironment, {Value("DEMO", "A_B", "3", "OS_X", 0)});
  EXPECT_EQ(table.Find("demo", {.name = "a_b"})->value->text, "3");
}

}  // namespace
}  // namespace bergen::config
