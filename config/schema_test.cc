// SPDX-License-Identifier: Apache-2.0

#include "config/schema.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "config/host.h"
#include "config/listing.h"
#include "config/option.h"
#include "config/range.h"
#include "config/regex.h"
#include "config/testdata/relay_options.h"
#include "config/units.h"
#include "config/uri.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Schema SchemaOf(const std::vector<AnyOption>& options) {
  const absl::StatusOr<Listing> listing =
      Listing::Create({{"m", {{.name = "demo", .options = options}}}});
  EXPECT_THAT(listing, IsOk());
  if (!listing.ok()) std::abort();
  return Schema::Of(*listing);
}

// What breaks when `before` becomes `after`.
std::vector<std::string> Broken(const AnyOption& before,
                                const AnyOption& after) {
  return SchemaOf({before}).BrokenBy(SchemaOf({after}));
}

TEST(SchemaTest, SurvivesAFile) {
  const absl::StatusOr<Listing> listing =
      Listing::Create({{"acme.relay", acme::ListRelayOpts()}});
  ASSERT_THAT(listing, IsOk());
  const Schema schema = Schema::Of(*listing);
  const absl::StatusOr<Schema> read = Schema::FromJson(schema.ToJson());
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->ToJson(), schema.ToJson());
  EXPECT_THAT(read->BrokenBy(schema), IsEmpty());
  EXPECT_THAT(schema.ToJson(), HasSubstr("\"name\": \"drop_ratio\""));
}

TEST(SchemaTest, RefusesFilesOfAnotherShape) {
  const auto refused = [](const std::string& text, const std::string& what) {
    EXPECT_THAT(Schema::FromJson(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused("", "not JSON");
  refused("{", "not JSON");
  refused("[]", "\"schema\" must be 1");
  refused("{\"schema\": 2, \"options\": []}", "\"schema\" must be 1");
  refused("{\"schema\": \"1\", \"options\": []}", "\"schema\" must be 1");
  refused("{\"schema\": 1}", "no array \"options\"");
  refused("{\"schema\": 1, \"options\": [3]}", "missing or has the wrong type");
  refused("{\"schema\": 1, \"options\": [{\"group\": \"g\", \"name\": \"n\"}]}",
          "g.n: a member is missing");
}

TEST(SchemaTest, AdditionsBreakNothingUnlessTheyAreRequired) {
  const AnyOption old = Option<bool>{.name = "a"};
  EXPECT_THAT(SchemaOf({old}).BrokenBy(SchemaOf(
                  {old, Option<bool>{.name = "b"},
                   Option<bool>{
                       .name = "c", .default_value = true, .required = true}})),
              IsEmpty());
  EXPECT_THAT(SchemaOf({old}).BrokenBy(
                  SchemaOf({old, Option<bool>{.name = "b", .required = true}})),
              ElementsAre("demo.b: is new and required, and has no default"));
}

TEST(SchemaTest, ARemovedOptionBreaksUnlessItIsADeprecatedName) {
  const AnyOption old = Option<bool>{.name = "a"};
  EXPECT_THAT(
      Broken(old, Option<bool>{.name = "b"}),
      ElementsAre(
          "demo.a: is gone, and no option has it as a deprecated name"));
  const AnyOption renamed =
      Option<bool>{.name = "b", .deprecated_names = {{.name = "a"}}};
  EXPECT_THAT(Broken(old, renamed), IsEmpty());
  EXPECT_THAT(Broken(renamed, Option<bool>{.name = "b"}),
              ElementsAre("demo.b: its deprecated name demo.a is gone"));
}

TEST(SchemaTest, AnotherTypeBreaks) {
  EXPECT_THAT(Broken(Option<int64_t>{.name = "a"}, Option<double>{.name = "a"}),
              ElementsAre("demo.a: its type was integer value, now it is "
                          "floating point value"));
}

TEST(SchemaTest, OnlyNarrowerBoundsBreak) {
  const Option<int64_t> narrow = {.name = "a", .min = 10, .max = 90};
  const Option<int64_t> wide = {.name = "a", .min = 9, .max = 100};
  const Option<int64_t> open = {.name = "a"};
  EXPECT_THAT(Broken(narrow, wide), IsEmpty());
  EXPECT_THAT(Broken(wide, open), IsEmpty());
  EXPECT_THAT(Broken(wide, narrow),
              ElementsAre("demo.a: its minimum was \"9\", now it is \"10\"",
                          "demo.a: its maximum was \"100\", now it is \"90\""));
  EXPECT_THAT(Broken(open, narrow),
              ElementsAre("demo.a: its minimum was none, now it is \"10\"",
                          "demo.a: its maximum was none, now it is \"90\""));
  EXPECT_THAT(Broken(Option<double>{.name = "a", .min = 0.5},
                     Option<double>{.name = "a", .min = 0.25}),
              IsEmpty());
}

TEST(SchemaTest, BoundsOfQuantitiesAreComparedWhateverTheirUnits) {
  const Option<absl::Duration> narrow = {
      .name = "a", .min = absl::Seconds(90), .max = absl::Hours(1)};
  const Option<absl::Duration> wide = {
      .name = "a", .min = absl::Minutes(1), .max = absl::Minutes(61)};
  EXPECT_THAT(Broken(narrow, wide), IsEmpty());
  EXPECT_THAT(
      Broken(wide, narrow),
      ElementsAre("demo.a: its minimum was \"1min\", now it is \"90s\"",
                  "demo.a: its maximum was \"61min\", now it is \"1h\""));
  EXPECT_THAT(Broken(Option<ByteSize>{.name = "a", .max = MiB(1)},
                     Option<ByteSize>{.name = "a", .max = KiB(1023)}),
              ElementsAre("demo.a: its maximum was \"1MiB\", now it is "
                          "\"1023KiB\""));
  EXPECT_THAT(Broken(Option<Range>{.name = "a", .min = 9},
                     Option<Range>{.name = "a", .min = 10}),
              ElementsAre("demo.a: its minimum was \"9\", now it is \"10\""));
}

TEST(SchemaTest, OnlyStricterRulesBreak) {
  const auto text = [](size_t max_length, Regex regex = {}) {
    return Option<Multi<std::string>>{
        .name = "a",
        .type = {.item = {.max_length = max_length, .regex = regex}}};
  };
  EXPECT_THAT(Broken(text(9), text(10)), IsEmpty());
  EXPECT_THAT(Broken(text(9, "^v"), text(0, "^v")), IsEmpty());
  EXPECT_THAT(Broken(text(10), text(9)),
              ElementsAre("demo.a: it has a new rule: at most 9 characters"));
  EXPECT_THAT(Broken(text(0), text(9, "^v")),
              ElementsAre("demo.a: it has a new rule: at most 9 characters",
                          "demo.a: it has a new rule: matches the regex ^v"));
  EXPECT_THAT(Broken(text(9, "at most 5"), text(9, "at most 9")),
              ElementsAre("demo.a: it has a new rule: matches the regex at "
                          "most 9"));
  const auto list = [](size_t min_length, IpVersion version) {
    return Option<std::vector<IpAddress>>{
        .name = "a",
        .type = {.item = {.version = version}, .min_length = min_length}};
  };
  EXPECT_THAT(Broken(list(2, IpVersion::k4), list(1, IpVersion::kAny)),
              IsEmpty());
  EXPECT_THAT(
      Broken(list(1, IpVersion::kAny), list(2, IpVersion::k4)),
      ElementsAre("demo.a: it has a new rule: at least 2 items",
                  "demo.a: it has a new rule: each item: addresses of IPv4 "
                  "only"));
  const auto uri = [](std::vector<std::string> schemes) {
    return Option<Uri>{.name = "a", .type = {.schemes = std::move(schemes)}};
  };
  EXPECT_THAT(Broken(uri({"b", "a"}), uri({"a", "b", "c"})), IsEmpty());
  EXPECT_THAT(Broken(uri({"a", "b"}), uri({"a", "c"})),
              ElementsAre("demo.a: it has a new rule: its scheme is one of a, "
                          "c"));
}

TEST(SchemaTest, AnotherFormBreaks) {
  const Option<Range> inclusive = {.name = "a"};
  const Option<Range> exclusive = {.name = "a", .type = {.inclusive = false}};
  EXPECT_THAT(Broken(inclusive, exclusive),
              ElementsAre("demo.a: its form was plain, now it is \"the last "
                          "number is no part of the range\""));
  EXPECT_THAT(Broken(exclusive, exclusive), IsEmpty());
  const Schema schema = SchemaOf(
      {exclusive, Option<std::string>{.name = "b", .type = {.max_length = 2}}});
  const absl::StatusOr<Schema> read = Schema::FromJson(schema.ToJson());
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->ToJson(), schema.ToJson());
  EXPECT_THAT(read->BrokenBy(schema), IsEmpty());
}

TEST(SchemaTest, OnlyFewerChoicesBreak) {
  const Option<std::string> one = {.name = "a", .choices = {{"x", ""}}};
  const Option<std::string> two = {.name = "a",
                                   .choices = {{"x", ""}, {"y", ""}}};
  const Option<std::string> any = {.name = "a"};
  EXPECT_THAT(Broken(one, two), IsEmpty());
  EXPECT_THAT(Broken(two, any), IsEmpty());
  EXPECT_THAT(Broken(two, one),
              ElementsAre("demo.a: its choice \"y\" is gone"));
  EXPECT_THAT(
      Broken(any, one),
      ElementsAre("demo.a: any value was allowed, now there are choices"));
}

TEST(SchemaTest, AnotherDefaultBreaksUnlessItHasASample) {
  EXPECT_THAT(Broken(Option<int64_t>{.name = "a", .default_value = 1},
                     Option<int64_t>{.name = "a"}),
              ElementsAre("demo.a: its default was \"1\", now it is none"));
  EXPECT_THAT(Broken(
                  Option<int64_t>{
                      .name = "a", .default_value = 1, .sample_default = "x"},
                  Option<int64_t>{
                      .name = "a", .default_value = 2, .sample_default = "x"}),
              IsEmpty());
}

TEST(SchemaTest, LosingMutabilityOrBecomingRequiredBreaks) {
  const Option<bool> plain = {.name = "a"};
  const Option<bool> is_mutable = {.name = "a", .is_mutable = true};
  const Option<bool> required = {.name = "a", .required = true};
  const Option<bool> literal = {.name = "a", .literal = true};
  EXPECT_THAT(Broken(plain, is_mutable), IsEmpty());
  EXPECT_THAT(Broken(required, plain), IsEmpty());
  EXPECT_THAT(Broken(is_mutable, plain),
              ElementsAre("demo.a: it was mutable, now it is not"));
  EXPECT_THAT(Broken(plain, required),
              ElementsAre("demo.a: it was not required, now it is"));
  EXPECT_THAT(Broken(plain, literal),
              ElementsAre("demo.a: the meaning of $ in its value has changed"));
}

}  // namespace
}  // namespace bergen::config
