// SPDX-License-Identifier: Apache-2.0

#include "config/opt_data.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "config/docs.h"
#include "config/listing.h"
#include "config/machine_readable.h"
#include "config/native_text.h"
#include "config/option.h"
#include "config/testdata/field_options.h"
#include "config/testdata/relay_options.h"
#include "config/testdata/type_options.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::HasSubstr;

// What options say after they were written, and after they were read back.
struct Texts {
  std::string before;
  std::string after;
};

Texts ReadBack(const std::vector<ModuleOptions>& modules, bool as_yaml) {
  const absl::StatusOr<Listing> listing = Listing::Create(modules);
  EXPECT_THAT(listing, IsOk());
  if (!listing.ok()) return {};
  const NativeValue data = MachineReadable(*listing, {});
  const absl::StatusOr<std::vector<ModuleOptions>> read =
      ParseOptData(as_yaml ? WriteYaml(data) : WriteJson(data));
  EXPECT_THAT(read, IsOk());
  if (!read.ok()) return {};
  const absl::StatusOr<Listing> again = Listing::Create(*read);
  EXPECT_THAT(again, IsOk());
  if (!again.ok()) return {};
  return {WriteIni(*listing, {}), WriteIni(*again, {})};
}

TEST(OptDataTest, OptionsThatAreReadBackMakeTheSameSample) {
  for (const bool as_yaml : {false, true}) {
    const Texts relay = ReadBack({{"acme.relay", acme::ListRelayOpts()},
                                  {"acme.base", acme::ListBaseOpts()}},
                                 as_yaml);
    EXPECT_EQ(relay.after, relay.before);
    // What the data lacks: brackets around a list, and what a range is.
    Texts types = ReadBack({{"acme.types", acme::ListTypeOpts()},
                            {"acme.fields", acme::ListFieldOpts()}},
                           as_yaml);
    types.before = absl::StrReplaceAll(
        types.before,
        {{"#bounded = [1,2]\n", "#bounded = 1,2\n"},
         {"# Minimum value: 0\n# Maximum value: 9\n#range", "#range"}});
    EXPECT_EQ(types.after, types.before);
  }
}

// The option that the members of one option make.
absl::StatusOr<AnyOption> Read(absl::string_view members) {
  const auto modules = ParseOptData(absl::StrCat(
      R"({"options": {"g": {"help": "H.", "opts": [{"name": "x", )", members,
      "}]}}}"));
  if (!modules.ok()) return modules.status();
  return modules->at(0).groups.at(0).options.at(0);
}

TEST(OptDataTest, NothingIsRefusedThatTheProgramMightAllow) {
  // Choices may ignore case.
  auto option = Read(R"("type": "string value", "choices": [["a", null]])");
  ASSERT_THAT(option, IsOk());
  EXPECT_THAT(option->CheckText("A"), IsOk());
  EXPECT_THAT(option->CheckText("b"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // Items may have any type.
  option = Read(R"("type": "list value", "min": 1, "default": [1, "b"])");
  ASSERT_THAT(option, IsOk());
  EXPECT_THAT(option->CheckText("[0],{x:y}"), IsOk());
  // Separators may be anything.
  option = Read(R"("type": "dict value", "default": {"k": 1})");
  ASSERT_THAT(option, IsOk());
  EXPECT_EQ(option->description().default_text, "k:1");
  EXPECT_THAT(option->CheckText("k=1"), IsOk());
  // A type that nobody knows.
  option = Read(R"("type": "colour value", "default": "red")");
  ASSERT_THAT(option, IsOk());
  EXPECT_EQ(option->description().type_name, "colour value");
  EXPECT_THAT(option->CheckText("blue"), IsOk());
  // The mask of a secret's default is not its default.
  option =
      Read(R"("type": "integer value", "secret": true, "default": "****")");
  ASSERT_THAT(option, IsOk());
  EXPECT_FALSE(option->description().default_text.has_value());
}

TEST(OptDataTest, NumbersAndBoundsAreChecked) {
  auto option =
      Read(R"("type": "integer value", "min": 1, "default": "7", "max": 9)");
  ASSERT_THAT(option, IsOk());
  EXPECT_EQ(option->description().default_text, "7");
  EXPECT_EQ(option->description().default_value, NativeValue{int64_t{7}});
  EXPECT_THAT(option->CheckText("9"), IsOk());
  EXPECT_THAT(option->CheckText("10"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  option = Read(R"("type": "port value", "default": [80, 81])");
  ASSERT_THAT(option, IsOk());
  EXPECT_TRUE(option->description().is_multi);
  EXPECT_THAT(option->CheckText("65536"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(OptDataTest, AFileKnowsAnOptionByItsDest) {
  const auto option = Read(R"("dest": "x_", "type": "string value")");
  ASSERT_THAT(option, IsOk());
  EXPECT_EQ(option->name(), "x_");
}

TEST(OptDataTest, ErrorsNameThePlace) {
  const auto message = [](absl::string_view text) {
    return std::string(ParseOptData(text).status().message());
  };
  EXPECT_EQ(message("- 1"), "must be a dict");
  EXPECT_EQ(message("a: 1"), "options: must be a dict");
  EXPECT_EQ(message("options: {g: 1}"), "options.g: must be a dict");
  EXPECT_EQ(message("options: {g: {}}"), "options.g.opts: must be a list");
  EXPECT_EQ(message("options: {g: {opts: [1]}}"),
            "options.g.opts[0]: must be a dict");
  EXPECT_THAT(message("options: {g: {opts: [{}]}}"),
              HasSubstr("options.g.opts[0]: the name of an option must be"));
  EXPECT_THAT(message("options: {"), HasSubstr("line 1: "));
  for (const auto& [members, expected] :
       std::vector<std::pair<std::string, std::string>>{
           {R"("type": [])", "type: must be text"},
           {R"("secret": 1)", "secret: must be true or false"},
           {R"("choices": 1)", "choices: must be a list"},
           {R"("choices": [1])",
            "choices: must be pairs of value and description"},
           {R"("deprecated_opts": 1)", "deprecated_opts: must be a list"},
           {R"("deprecated_opts": [1])", "deprecated_opts: must be dicts"},
           {R"("default": {})", "default: must be one value"},
           {R"("type": "list value", "default": {})",
            "default: must be a list"},
           {R"("type": "dict value", "default": [])",
            "default: must be a dict"},
           {R"("type": "integer value", "min": "a")", "min: not an integer"},
           {R"("type": "integer value", "default": ["a"])",
            "default: not an integer"},
           {R"("type": "integer value", "default": "a")",
            "its default not an integer: \"a\""}}) {
    EXPECT_THAT(Read(members),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("options.g.opts[0]: " + expected)));
  }
}

}  // namespace
}  // namespace bergen::config
