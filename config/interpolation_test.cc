// SPDX-License-Identifier: Apache-2.0

#include "config/interpolation.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

// Every name stands for itself in angle brackets.
absl::StatusOr<std::string> Show(absl::string_view name) {
  return absl::StrCat("<", name, ">");
}

TEST(InterpolationTest, NamesEndWhereTheyLookAsIfTheyDid) {
  EXPECT_THAT(Expand("$host:$port", Show), IsOkAndHolds("<host>:<port>"));
  EXPECT_THAT(Expand("${a}b$c", Show), IsOkAndHolds("<a>b<c>"));
  EXPECT_THAT(Expand("see $host.", Show), IsOkAndHolds("see <host>."));
  EXPECT_THAT(Expand("$host.conf", Show), IsOkAndHolds("<host>.conf"));
  EXPECT_THAT(Expand("${group.name}.x", Show), IsOkAndHolds("<group.name>.x"));
  EXPECT_THAT(Expand("$_a1-b", Show), IsOkAndHolds("<_a1>-b"));
}

TEST(InterpolationTest, DollarsCanBeWritten) {
  EXPECT_THAT(Expand("$$a", Show), IsOkAndHolds("$a"));
  EXPECT_THAT(Expand("\\$a", Show), IsOkAndHolds("$a"));
  EXPECT_THAT(Expand("$$$a", Show), IsOkAndHolds("$<a>"));
}

TEST(InterpolationTest, WhatIsNoReferenceStays) {
  for (const char* text : {"", "plain", "$", "$1", "$ a", "a$", "${", "${}",
                           "${a", "${1}", "${a b}", "\\", "\\a", "{a}"}) {
    EXPECT_THAT(Expand(text, Show), IsOkAndHolds(text)) << text;
  }
}

TEST(InterpolationTest, TheResultOfAReferenceIsNotScanned) {
  EXPECT_THAT(Expand("$a", [](absl::string_view) { return "$b"; }),
              IsOkAndHolds("$b"));
}

TEST(InterpolationTest, ErrorsOfTheLookupAreReturned) {
  EXPECT_THAT(Expand("x $a",
                     [](absl::string_view name) -> absl::StatusOr<std::string> {
                       return absl::NotFoundError(name);
                     }),
              StatusIs(absl::StatusCode::kNotFound, "a"));
}

TEST(InterpolationTest, ResultsHaveALongestSize) {
  const std::string half(kMaxExpandedSize / 2, 'x');
  const auto lookup = [&](absl::string_view) { return std::string(half); };
  EXPECT_THAT(Expand("$a$a", lookup), IsOk());
  EXPECT_THAT(Expand("$a$a.", lookup),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "becomes longer than 1048576 bytes"));
}

}  // namespace
}  // namespace bergen::config
