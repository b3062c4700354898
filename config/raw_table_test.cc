// SPDX-License-Identifier: Apache-2.0

#include "config/raw_table.h"

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
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

std::string TextOf(const RawTable& table, const RawTable::Selection& found) {
  return found.found() ? std::string(table.At(found.position()).raw.text) : "";
}

TEST(RawTableTest, TheNewestFileBeatsTheCurrentName) {
  const std::vector<RawTable::NameInGroup> names = {{"g", "a"}, {"g", "old"}};
  RawTable table;
  table.Add(SourceKind::kFile,
            Read("x", {{"g", "old", "1"}, {"g", "a", "2"}, {"g", "old", "3"}}));
  RawTable::Selection found = table.Find(names);
  EXPECT_EQ(TextOf(table, found), "2");
  EXPECT_EQ(found.rank(), 0u);
  EXPECT_EQ(found.ignored(), RawTable::kNone);

  table.Add(SourceKind::kFile, Read("y", {{"g", "old", "4"}}));
  found = table.Find({{"G", "a"}, {"G", "old"}});
  EXPECT_EQ(TextOf(table, found), "4");
  EXPECT_EQ(found.rank(), 1u);
  EXPECT_EQ(found.position(), 3u);
}

TEST(RawTableTest, InOneFileTheFirstOfSeveralDeprecatedNamesCounts) {
  RawTable table;
  table.Add(SourceKind::kFile,
            Read("x", {{"g", "b", "1"}, {"g", "c", "2"}, {"g", "b", "3"}}));
  const RawTable::Selection found =
      table.Find({{"g", "a"}, {"g", "b"}, {"g", "c"}});
  EXPECT_EQ(TextOf(table, found), "3");
  EXPECT_EQ(found.rank(), 1u);
  EXPECT_EQ(found.ignored(), 0u);
}

TEST(RawTableTest, TheLastOfEqualNamesCountsAndTheOneBeforeIsTold) {
  RawTable table;
  table.Add(SourceKind::kFile, Read("x", {{"g", "a", "1"}}));
  table.Add(SourceKind::kFile, Read("empty", {}));
  table.Add(SourceKind::kFile, Read("y", {{"g", "a", "2"}, {"g", "a", "3"}}));
  const RawTable::Selection found = table.Find({{"g", "a"}});
  EXPECT_EQ(TextOf(table, found), "3");
  ASSERT_EQ(found.ignored(), 1u);
  EXPECT_EQ(table.At(1).raw.text, "2");
  EXPECT_EQ(table.At(1).document->where(), "y");
}

TEST(RawTableTest, GroupsIgnoreCaseExceptDefault) {
  RawTable table;
  table.Add(SourceKind::kFile, Read("x", {{"Demo", "a", "1"},
                                          {"default", "a", "1"},
                                          {"demo", "B", "1"}}));
  EXPECT_TRUE(table.Find({{"dEMO", "a"}}).found());
  EXPECT_FALSE(table.Find({{"DEFAULT", "a"}}).found());
  EXPECT_FALSE(table.Find({{"demo", "b"}}).found());
}

TEST(RawTableTest, LaterSourcesWinAlsoAgainstTheEnvironment) {
  RawTable table;
  table.Add(SourceKind::kEnvironment, Read("OS_X", {{"DEMO", "A_B", "1"}}));
  EXPECT_EQ(TextOf(table, table.Find({{"demo", "a_b"}})), "1");
  table.Add(SourceKind::kCommandLine, Read("--set", {{"demo", "a_b", "2"}}));
  EXPECT_EQ(TextOf(table, table.Find({{"demo", "a_b"}})), "2");
  table.Add(SourceKind::kEnvironment, Read("OS_X", {{"DEMO", "A_B", "3"}}));
  EXPECT_EQ(TextOf(table, table.Find({{"demo", "a_b"}})), "3");
}

TEST(RawTableTest, SeveralValuesAreThoseOfAllFilesTheOldestFirst) {
  const std::vector<RawTable::NameInGroup> names = {{"g", "a"}, {"g", "old"}};
  RawTable table;
  table.Add(SourceKind::kFile, Read("x", {{"g", "a", "1"}, {"g", "old", "2"}}));
  table.Add(SourceKind::kFile, Read("y", {{"g", "a", "3"}}));
  table.Add(SourceKind::kCommandLine, Read("--set", {{"g", "a", "4"}}));
  const RawTable::ManySelected found = table.FindMany(names);
  EXPECT_EQ(absl::StrJoin(found.texts, " "), "1 2 3 4");
  EXPECT_EQ(found.rank, 1u);
  EXPECT_EQ(found.rank_position, 1u);
}

TEST(RawTableTest, AVariableOfTheEnvironmentReplacesSeveralValues) {
  RawTable table;
  table.Add(SourceKind::kFile, Read("x", {{"g", "a", "1"}}));
  table.Add(SourceKind::kEnvironment, Read("OS_G__A", {{"G", "A", "2, 3"}}));
  table.Add(SourceKind::kCommandLine, Read("--set", {{"g", "a", "4,5"}}));
  EXPECT_EQ(absl::StrJoin(table.FindMany({{"g", "a"}}).texts, "|"), "2|3|4,5");
  table.Add(SourceKind::kEnvironment, Read("OS_G__A", {{"G", "A", "6,7\n8"}}));
  EXPECT_EQ(absl::StrJoin(table.FindMany({{"g", "a"}}).texts, "|"), "6,7|8");
  table.Add(SourceKind::kEnvironment, Read("OS_G__A", {{"G", "A", ""}}));
  EXPECT_TRUE(table.FindMany({{"g", "a"}}).texts.empty());
  EXPECT_EQ(table.FindMany({{"g", "a"}}).positions.size(), 1u);
}

}  // namespace
}  // namespace bergen::config
