// SPDX-License-Identifier: Apache-2.0

#include "config/range.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/option.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::vector<int64_t> Numbers(const std::string& text, bool inclusive = true) {
  const absl::StatusOr<Range> range =
      ParseValue<Range>(text, {.inclusive = inclusive});
  EXPECT_THAT(range, IsOk()) << text;
  if (!range.ok()) return {};
  EXPECT_EQ(PrintValue(*range), text);
  std::vector<int64_t> numbers(range->begin(), range->end());
  EXPECT_EQ(range->size(), numbers.size());
  EXPECT_EQ(range->empty(), numbers.empty());
  return numbers;
}

TEST(RangeTest, GoesUpOrDown) {
  EXPECT_THAT(Numbers("0-2"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Numbers("2-0"), ElementsAre(2, 1, 0));
  EXPECT_THAT(Numbers("-3--1"), ElementsAre(-3, -2, -1));
  EXPECT_THAT(Numbers("-1-1"), ElementsAre(-1, 0, 1));
  EXPECT_THAT(Numbers("1--1"), ElementsAre(1, 0, -1));
  EXPECT_THAT(Numbers("7"), ElementsAre(7));
  EXPECT_THAT(Numbers("-1"), ElementsAre(-1));
}

TEST(RangeTest, MayExcludeItsLastNumber) {
  EXPECT_THAT(Numbers("0-2", false), ElementsAre(0, 1));
  EXPECT_THAT(Numbers("2-0", false), ElementsAre(2, 1));
  EXPECT_THAT(Numbers("-1-1", false), ElementsAre(-1, 0));
  EXPECT_THAT(Numbers("7", false), IsEmpty());
}

TEST(RangeTest, HasItsEndsIn64Bits) {
  EXPECT_THAT(Numbers(absl::StrCat(kMax - 1, "-", kMax)),
              ElementsAre(kMax - 1, kMax));
  EXPECT_THAT(Numbers(absl::StrCat(kMin + 1, "-", kMin)),
              ElementsAre(kMin + 1, kMin));
  EXPECT_THAT(ParseValue<Range>("0-9223372036854775808"),
              StatusIs(kInvalid, "beyond the range of a 64-bit integer"));
  EXPECT_THAT(ParseValue<Range>(absl::StrCat(kMin, "-", kMax)),
              StatusIs(kInvalid, "must have fewer than 2^64 numbers"));
  EXPECT_EQ((Range{kMin, kMax, false}.size()),
            std::numeric_limits<uint64_t>::max());
}

TEST(RangeTest, RefusesOtherForms) {
  for (const char* text :
       {"", "-", "4-", "--1", "05", "-0", "0-05", "1.1-1.2", "1-2-3", "1 - 2",
        " 1", "1 ", "1-2\n", "+1", "a", "1-b", "0x1", "1--", "---1"}) {
    EXPECT_THAT(ParseValue<Range>(text),
                StatusIs(kInvalid, "not a range (N or N-N)"))
        << text;
  }
}

TEST(RangeTest, BoundsAndChoicesAreThoseOfBothNumbers) {
  const AnyOption option = Option<Range>{.name = "a", .min = 1, .max = 5};
  for (const char* text : {"1-5", "5-1", "3"}) {
    EXPECT_THAT(option.CheckText(text), IsOk()) << text;
  }
  EXPECT_THAT(option.CheckText("0-2"),
              StatusIs(kInvalid, "must be at least 1, got 0"));
  EXPECT_THAT(option.CheckText("2-0"),
              StatusIs(kInvalid, "must be at least 1, got 0"));
  EXPECT_THAT(option.CheckText("2-6"),
              StatusIs(kInvalid, "must be at most 5, got 6"));
  EXPECT_THAT(option.CheckText("6"),
              StatusIs(kInvalid, "must be at most 5, got 6"));
  EXPECT_EQ(option.description().type_name, "range value");
  EXPECT_EQ(option.description().min, "1");
  const AnyOption list = Option<std::vector<Range>>{.name = "a", .max = 9};
  EXPECT_THAT(list.CheckText("1-2,8-10"),
              StatusIs(kInvalid, "item 2: must be at most 9, got 10"));
  const AnyOption choices =
      Option<Range>{.name = "a", .choices = {{0, ""}, {8, ""}}};
  EXPECT_THAT(choices.CheckText("8-0"), IsOk());
  EXPECT_THAT(choices.CheckText("0-7"),
              StatusIs(kInvalid, "must be one of 0, 8, got 7"));
}

TEST(RangeTest, ValuesOfCodeAreCheckedToo) {
  const AnyOption inclusive = Option<Range>{
      .name = "a", .default_value = Range{0, 2}, .type = {.inclusive = false}};
  EXPECT_THAT(inclusive.erased().definition_status(),
              StatusIs(kInvalid, "its default must be exclusive: \"0-2\""));
  const AnyOption low =
      Option<Range>{.name = "a", .default_value = Range{2, 0}, .min = 1};
  EXPECT_THAT(low.erased().definition_status(),
              StatusIs(kInvalid, "its default must be at least 1, got 0"));
}

TEST(RangeTest, WhetherTheLastNumberCountsIsPartOfTheOption) {
  const AnyOption inclusive = Option<Range>{.name = "a"};
  const AnyOption exclusive =
      Option<Range>{.name = "a", .type = {.inclusive = false}};
  EXPECT_FALSE(inclusive == exclusive);
  EXPECT_THAT(inclusive.description().form, IsEmpty());
  EXPECT_THAT(exclusive.description().form,
              ElementsAre("the last number is no part of the range"));
}

}  // namespace
}  // namespace bergen::config
