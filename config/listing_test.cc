// SPDX-License-Identifier: Apache-2.0

#include "config/listing.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/option.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

OptionGroup Group(const std::string& name,
                  const std::vector<std::string>& names,
                  const std::string& help = "") {
  OptionGroup group = {.name = name, .help = help};
  for (const std::string& option : names) {
    group.options.push_back(Option<bool>{.name = option});
  }
  return group;
}

// `[group] help: module a b` of each block.
std::vector<std::string> Texts(const absl::StatusOr<Listing>& listing) {
  EXPECT_THAT(listing, IsOk());
  std::vector<std::string> texts;
  if (!listing.ok()) return texts;
  for (const Listing::Group& group : listing->groups()) {
    std::string text = absl::StrCat("[", group.name, "] ", group.help);
    for (const Listing::Block& block : group.blocks) {
      absl::StrAppend(&text, ": ", block.name_space);
      for (const AnyOption& option : block.options) {
        absl::StrAppend(&text, " ", option.description().name);
      }
    }
    texts.push_back(text);
  }
  return texts;
}

TEST(ListingTest, DefaultComesFirstEvenIfItIsEmpty) {
  EXPECT_THAT(Texts(Listing::Create({})), ElementsAre("[DEFAULT] "));
  EXPECT_THAT(Texts(Listing::Create({{"m", {Group("A", {"x"})}}})),
              ElementsAre("[DEFAULT] ", "[A] : m x"));
}

TEST(ListingTest, GroupsAndModulesAreSortedAndBroughtTogether) {
  EXPECT_THAT(
      Texts(Listing::Create({{"n", {Group("b", {"y"}), Group("a", {"z"})}},
                             {"m", {Group("B", {"x", "y"}, "help")}},
                             {"m", {Group("b", {"w", "x"})}},
                             {"o", {Group("empty", {})}}})),
      ElementsAre("[DEFAULT] ", "[a] : n z", "[b] help: m x y w: n y"));
}

TEST(ListingTest, DifferentOptionsOfOneNameAreRefused) {
  EXPECT_THAT(
      Listing::Create(
          {{"m", {Group("a", {"x"})}},
           {"n", {{.name = "a", .options = {Option<int64_t>{.name = "x"}}}}}}),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("a.x: ")));
}

}  // namespace
}  // namespace bergen::config
