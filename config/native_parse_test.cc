// SPDX-License-Identifier: Apache-2.0

#include "config/native_parse.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "config/native_text.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::HasSubstr;

using Dict = NativeValue::Dict;
using List = NativeValue::List;

auto Rejected(const std::string& what) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
}

TEST(NativeParseTest, WhatWasWrittenIsReadBack) {
  const NativeValue data = {
      Dict{{"", {}},
           {"bool", {true}},
           {"float", {1e-07}},
           {"int", {int64_t{-7}}},
           {"list", {List{{std::string()}, {List{}}, {Dict{}}}}},
           {"text",
            {List{{"true"},
                  {"12"},
                  {"1.5"},
                  {"~"},
                  {" a: \"b\"\n#'c'\t"},
                  {"\xf0\x9f\x98\x80 \xc3\xa9"},
                  {std::string(200, 'x') + " y"}}}}}};
  EXPECT_THAT(ParseNative(WriteJson(data)), IsOkAndHolds(data));
  EXPECT_THAT(ParseNative(WriteYaml(data)), IsOkAndHolds(data));
}

TEST(NativeParseTest, ScalarsOfYamlAreThoseOfItsCoreSchema) {
  EXPECT_THAT(
      ParseNative("k: [&a null, ~, true, FALSE, 007, +1, -.5, 2., 1e3, .inf, "
                  "-.INF, yes, 1_000, 0x1f, infinity, 1.2.3, ., \"1\", '~', "
                  "!!str 1, *a]"),
      IsOkAndHolds(
          NativeValue{Dict{{"k", {List{{},         {},           {true},
                                       {false},    {int64_t{7}}, {int64_t{1}},
                                       {-.5},      {2.0},        {1000.0},
                                       {HUGE_VAL}, {-HUGE_VAL},  {"yes"},
                                       {"1_000"},  {"0x1f"},     {"infinity"},
                                       {"1.2.3"},  {"."},        {"1"},
                                       {"~"},      {"1"},        {}}}}}}));
  const auto nan = ParseNative(".nan");
  ASSERT_THAT(nan, IsOk());
  EXPECT_TRUE(std::isnan(std::get<double>(nan->value)));
  EXPECT_THAT(ParseNative(""), IsOkAndHolds(NativeValue()));
}

TEST(NativeParseTest, ErrorsHaveALine) {
  EXPECT_THAT(ParseNative("a: 1\nb: [\n"), Rejected("line 3: "));
  EXPECT_THAT(ParseNative("a: 1\na: 2\n"),
              Rejected("line 2: the key a is repeated"));
  EXPECT_THAT(ParseNative("[a]: 1\n? [b]\n: 2\n"), Rejected("parse error"));
  EXPECT_THAT(ParseNative("? [b]\n: 2\n"),
              Rejected("line 1: a key must be text"));
  EXPECT_THAT(ParseNative("a: 9223372036854775808\n"),
              Rejected("line 1: the number 9223372036854775808 is too large"));
  EXPECT_THAT(ParseNative("a: *b\n"), Rejected("line 1: "));
  EXPECT_THAT(ParseNative("--- 1\n--- 2\n"),
              Rejected("more than one document"));
  EXPECT_THAT(ParseNative("{\n\"a\": }"), Rejected("line 2"));
  EXPECT_THAT(ParseNative("{\"a\": 1, \"a\": 2}"),
              Rejected("the key a is repeated"));
  for (const char* const number :
       {"9223372036854775808", "-9223372036854775809",
        "99999999999999999999"}) {
    EXPECT_THAT(ParseNative(absl::StrCat("[", number, "]")),
                Rejected(absl::StrCat("the number ", number, " is too large")));
  }
  EXPECT_THAT(ParseNative("[1] 2"), Rejected("parse error"));
}

TEST(NativeParseTest, DepthAndNumberOfValuesAreBounded) {
  const auto nested = [](int depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_THAT(ParseNative(nested(kMaxNativeDepth + 1)), IsOk());
  EXPECT_THAT(ParseNative(nested(kMaxNativeDepth + 2)),
              Rejected("nested more than 100 deep"));
  EXPECT_THAT(ParseNative("k: " + nested(kMaxNativeDepth)), IsOk());
  EXPECT_THAT(ParseNative("k: " + nested(kMaxNativeDepth + 1)),
              Rejected("nested more than 100 deep"));
  EXPECT_THAT(ParseNative("k: " + nested(100'000)), Rejected("line 1: "));
  EXPECT_THAT(ParseNative("&a [*a]"), Rejected("line 1: an alias of what"));
  EXPECT_THAT(ParseNative("a: &a 1\n*a : 2"),
              Rejected("line 2: a key must be text"));
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    absl::StrAppend(&laughs, "a", i, ": &a", i, " [");
    for (int n = 0; n < 10; ++n) {
      absl::StrAppend(&laughs, n == 0 ? "" : ", ", "*a", i - 1);
    }
    laughs += "]\n";
  }
  EXPECT_THAT(ParseNative(laughs), Rejected("more than 5000000 values"));
}

}  // namespace
}  // namespace bergen::config
