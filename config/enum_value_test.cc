// SPDX-License-Identifier: Apache-2.0

#include "config/enum_value.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace {

enum class Framing : char { kFast, kSafe, kOther };

}  // namespace

template <>
struct bergen::config::EnumNames<Framing> {
  static constexpr EnumName<Framing> kNames[] = {
      {Framing::kFast, "fast", "no checksum"},
      {Framing::kSafe, "safe", ""},
      {Framing::kSafe, "secure", "an older name"}};
};

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(EnumValueTest, IsReadAndPrintedByName) {
  EXPECT_THAT(ParseValue<Framing>("fast"), IsOkAndHolds(Framing::kFast));
  EXPECT_THAT(ParseValue<Framing>("secure"), IsOkAndHolds(Framing::kSafe));
  EXPECT_EQ(PrintValue(Framing::kSafe), "safe");
  for (const char* text : {"", "Fast", "fast ", "0"}) {
    EXPECT_THAT(ParseValue<Framing>(text),
                StatusIs(kInvalid, "must be one of fast, safe, secure"))
        << text;
  }
  EXPECT_THAT(ParseValue<Framing>("FAST", {.ignore_case = true}),
              IsOkAndHolds(Framing::kFast));
}

TEST(EnumValueTest, IsDocumentedAsAStringWithChoices) {
  const AnyOption option =
      Option<Framing>{.name = "framing", .default_value = Framing::kSafe};
  EXPECT_THAT(option.erased().definition_status(), IsOk());
  const OptionDescription& description = option.description();
  EXPECT_EQ(description.type_name, "string value");
  EXPECT_EQ(description.default_text, "safe");
  EXPECT_TRUE(description.default_value == NativeValue{std::string("safe")});
  EXPECT_THAT(description.choices,
              ElementsAre(Choice<std::string>{"fast", "no checksum"},
                          Choice<std::string>{"safe", ""}));
}

TEST(EnumValueTest, ChoicesOfAnOptionAreFewer) {
  const AnyOption option = Option<std::vector<Framing>>{
      .name = "a", .choices = {{Framing::kFast, "the only one"}}};
  EXPECT_THAT(option.erased().definition_status(), IsOk());
  EXPECT_THAT(option.CheckText("fast,fast"), IsOk());
  EXPECT_THAT(
      option.CheckText("fast,safe"),
      StatusIs(kInvalid, HasSubstr("must be one of fast, got \"safe\"")));
  EXPECT_THAT(option.description().choices,
              ElementsAre(Choice<std::string>{"fast", "the only one"}));
}

TEST(EnumValueTest, AValueWithoutANameIsRefused) {
  const AnyOption option =
      Option<Framing>{.name = "a", .default_value = Framing::kOther};
  EXPECT_THAT(option.erased().definition_status(),
              StatusIs(kInvalid, "its default a value without a name: \"2\""));
}

TEST(EnumValueTest, IsReadFromARegistry) {
  Registry registry;
  const auto framing = registry.Register(
      "demo",
      Option<Framing>{.name = "framing", .default_value = Framing::kSafe});
  ASSERT_THAT(framing, IsOk());
  EXPECT_EQ(framing->Get(), Framing::kSafe);
  ASSERT_THAT(registry.SetOverride("demo", "framing", Framing::kFast), IsOk());
  EXPECT_EQ(framing->Get(), Framing::kFast);
}

}  // namespace
}  // namespace bergen::config
