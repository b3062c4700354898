// SPDX-License-Identifier: Apache-2.0

#include "config/name_index.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "config/handle.h"
#include "gtest/gtest.h"

namespace bergen::config {
namespace {

TEST(NameIndexTest, GroupsIgnoreCaseExceptDefaultAndNamesDoNot) {
  NameIndex names;
  const internal::Cell cell(nullptr, 0, typeid(int64_t));
  names.Add(names.AddGroup("Demo"), "bind_port").cell.store(&cell);
  names.Add(names.AddGroup("DEFAULT"), "debug").cell.store(&cell);
  EXPECT_EQ(names.FindCell("demo", "bind_port"), &cell);
  EXPECT_EQ(names.FindCell("DEMO", "bind-port"), &cell);
  EXPECT_EQ(names.FindCell("demo", "Bind_port"), nullptr);
  EXPECT_EQ(names.FindCell("DEFAULT", "debug"), &cell);
  EXPECT_EQ(names.FindCell("default", "debug"), nullptr);
  EXPECT_EQ(names.FindGroup("dEMO")->name, "Demo");
  EXPECT_EQ(names.FindGroup("default"), nullptr);
}

TEST(NameIndexTest, TheSameNameIsAddedOnce) {
  NameIndex names;
  NameIndex::Group& group = names.AddGroup("demo");
  EXPECT_EQ(&names.Add(group, "a"), &names.Add(names.AddGroup("DEMO"), "a"));
  EXPECT_NE(&names.Add(group, "a"), &names.Add(names.AddGroup("other"), "a"));
}

TEST(NameIndexTest, ReadersFindNamesWhileOthersAreAdded) {
  constexpr int kNames = 5000;
  NameIndex names;
  const internal::Cell cell(nullptr, 0, typeid(int64_t));
  NameIndex::Group& group = names.AddGroup("demo");
  std::deque<std::string> texts;
  std::atomic<int> added = 0;
  std::thread reader([&] {
    for (int known = 0; known < kNames;) {
      known = added.load();
      for (int i = 0; i < known; i += 97) {
        ASSERT_EQ(names.FindCell("demo", absl::StrCat("name", i)), &cell);
      }
    }
  });
  for (int i = 0; i < kNames; ++i) {
    texts.push_back(absl::StrCat("name", i));
    names.Add(group, texts.back()).cell.store(&cell);
    added.store(i + 1);
  }
  reader.join();
  EXPECT_EQ(names.FindCell("demo", "name"), nullptr);
}

}  // namespace
}  // namespace bergen::config
