// SPDX-License-Identifier: Apache-2.0

#include "config/option.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

TEST(OptionTest, DescribesItselfInText) {
  const AnyOption option = Option<int64_t>{.name = "num-workers",
                                           .default_value = 2,
                                           .help = "Workers.",
                                           .min = 1,
                                           .max = 1000000,
                                           .is_mutable = true};
  const OptionDescription& description = option.description();
  EXPECT_EQ(description.name, "num_workers");
  EXPECT_EQ(description.type_name, "integer value");
  EXPECT_EQ(description.default_text, "2");
  EXPECT_EQ(description.min, "1");
  EXPECT_EQ(description.max, "1000000");
  EXPECT_TRUE(description.is_mutable);
}

TEST(OptionTest, MasksTheDefaultOfASecret) {
  const AnyOption option = Option<std::string>{
      .name = "token", .default_value = "hunter2", .secret = true};
  EXPECT_EQ(option.description().default_text, "****");
}

TEST(OptionTest, PortsAreBoundedWithoutSayingSo) {
  const AnyOption option = Option<Port>{.name = "port"};
  EXPECT_EQ(option.description().min, "0");
  EXPECT_EQ(option.description().max, "65535");
  EXPECT_THAT(option.CheckText("65536"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "not a port (0 to 65535): \"65536\""));
}

TEST(OptionTest, EqualityCoversEveryField) {
  const Option<int64_t> plain = {.name = "a-b", .default_value = 1};
  EXPECT_TRUE(AnyOption(plain) == AnyOption(plain));
  Option<int64_t> other = plain;
  other.name = "a_b";
  EXPECT_FALSE(AnyOption(plain) == AnyOption(other));
  other = plain;
  other.max = 5;
  EXPECT_FALSE(AnyOption(plain) == AnyOption(other));
  EXPECT_FALSE(AnyOption(plain) ==
               AnyOption(Option<double>{.name = "a_b", .default_value = 1}));
}

TEST(OptionTest, BoundsAreInclusive) {
  const AnyOption option = Option<double>{.name = "x", .min = 0, .max = 1};
  EXPECT_THAT(option.CheckText("0"), IsOk());
  EXPECT_THAT(option.CheckText("1.0"), IsOk());
  EXPECT_THAT(option.CheckText("-0.1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "must be at least 0.0, got -0.1"));
  EXPECT_THAT(option.CheckText("1.1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "must be at most 1.0, got 1.1"));
  EXPECT_THAT(option.CheckText("nan"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "must be a number, got nan"));
}

TEST(OptionTest, ChoicesAreTheOnlyValues) {
  const AnyOption option = Option<std::string>{
      .name = "mode", .choices = {{"fast", "no checksum"}, {"safe", ""}}};
  EXPECT_THAT(option.CheckText("safe"), IsOk());
  EXPECT_THAT(option.CheckText("Safe"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "must be one of fast, safe, got \"Safe\""));
}

TEST(OptionTest, BoundsAndChoicesOfAListAreThoseOfItsItems) {
  const AnyOption option = Option<std::vector<int64_t>>{.name = "x", .min = 1};
  EXPECT_THAT(option.CheckText("1,2"), IsOk());
  EXPECT_THAT(option.CheckText("1,0"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "item 2: must be at least 1, got 0"));
}

TEST(OptionTest, ErrorsOfSecretsDoNotQuoteThem) {
  const AnyOption option =
      Option<int64_t>{.name = "pin", .min = 10, .secret = true};
  EXPECT_THAT(option.CheckText("x7"),
              StatusIs(absl::StatusCode::kInvalidArgument, "not an integer"));
  EXPECT_THAT(
      option.CheckText("7"),
      StatusIs(absl::StatusCode::kInvalidArgument, "must be at least 10"));
}

}  // namespace
}  // namespace bergen::config
