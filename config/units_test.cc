// SPDX-License-Identifier: Apache-2.0

#include "config/units.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "config/option.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(DurationTest, IsANumberWithAUnit) {
  const auto is = [](const char* text, absl::Duration value) {
    EXPECT_THAT(ParseValue<absl::Duration>(text), IsOkAndHolds(value)) << text;
  };
  is("0", absl::ZeroDuration());
  is("90", absl::Seconds(90));
  is("1.5", absl::Milliseconds(1500));
  is("500ms", absl::Milliseconds(500));
  is(" 2 s ", absl::Seconds(2));
  is("5min", absl::Minutes(5));
  is("1.5h", absl::Minutes(90));
  is("007d", absl::Hours(7 * 24));
  is(".5s", absl::Milliseconds(500));
  is("1.s", absl::Seconds(1));
  is("0.000001ms", absl::Nanoseconds(1));
  is("9223372036.854775807", absl::Nanoseconds(kMax));
  is("1.0000000000000000000000000s", absl::Seconds(1));
}

TEST(DurationTest, SaysWhatIsWrong) {
  for (const char* text :
       {"s", ".", ".s", "-1s", "+1s", "1m", "1S", "1e3", "inf", "1 2", "1s1",
        "1h30min", "1,5s", "0x1", "1_0"}) {
    EXPECT_THAT(ParseValue<absl::Duration>(text),
                StatusIs(kInvalid,
                         "not a duration (a number with one of ms, s, min, h, "
                         "d; a plain number is in s)"))
        << text;
  }
  for (const char* text :
       {"106752d", "9223372036.854775808s", "99999999999999999999"}) {
    EXPECT_THAT(ParseValue<absl::Duration>(text),
                StatusIs(kInvalid, "more than 2^63 - 1 nanoseconds"))
        << text;
  }
  for (const char* text : {"0.0000001ms", "1.00000000000000000000000001s"}) {
    EXPECT_THAT(ParseValue<absl::Duration>(text),
                StatusIs(kInvalid, "not a whole number of nanoseconds"))
        << text;
  }
}

TEST(DurationTest, IsPrintedWithTheLargestUnit) {
  const auto is = [](absl::Duration value, const char* text) {
    EXPECT_EQ(PrintValue(value), text);
    EXPECT_THAT(ParseValue<absl::Duration>(text), IsOkAndHolds(value));
  };
  is(absl::ZeroDuration(), "0s");
  is(absl::Seconds(90), "90s");
  is(absl::Seconds(60), "1min");
  is(absl::Hours(3), "3h");
  is(absl::Hours(48), "2d");
  is(absl::Milliseconds(1500), "1500ms");
  is(absl::Microseconds(1500), "1.5ms");
  is(absl::Nanoseconds(1), "0.000001ms");
  is(absl::Nanoseconds(kMax), "9223372036854.775807ms");
}

TEST(DurationTest, ValuesOfCodeAreCheckedToo) {
  const auto listed = [](absl::Duration value) {
    const AnyOption option =
        Option<absl::Duration>{.name = "a", .default_value = value};
    return option.erased().definition_status();
  };
  EXPECT_THAT(listed(absl::Seconds(1)), IsOk());
  EXPECT_THAT(listed(-absl::Seconds(1)),
              StatusIs(kInvalid, HasSubstr("must not be negative")));
  EXPECT_THAT(listed(absl::InfiniteDuration()),
              StatusIs(kInvalid, HasSubstr("more than 2^63 - 1 nanoseconds")));
  EXPECT_THAT(listed(absl::Nanoseconds(1) / 2),
              StatusIs(kInvalid, HasSubstr("not a whole number")));
}

TEST(DurationTest, HasBoundsAndStandsInLists) {
  const AnyOption option =
      Option<absl::Duration>{.name = "a",
                             .default_value = absl::Seconds(90),
                             .min = absl::Milliseconds(500),
                             .max = absl::Hours(1)};
  EXPECT_THAT(option.erased().definition_status(), IsOk());
  EXPECT_THAT(option.CheckText("1h"), IsOk());
  EXPECT_THAT(option.CheckText("61min"),
              StatusIs(kInvalid, "must be at most 1h, got 61min"));
  EXPECT_THAT(option.CheckText("0"),
              StatusIs(kInvalid, "must be at least 500ms, got 0s"));
  EXPECT_THAT(option.CheckText(""), IsOk());  // No value.
  EXPECT_EQ(option.description().type_name, "duration value");
  EXPECT_EQ(option.description().default_text, "90s");
  EXPECT_TRUE(option.description().default_value == NativeValue{int64_t{90}});
  EXPECT_TRUE(option.description().min_value == NativeValue{0.5});
  EXPECT_EQ(option.description().units,
            "ms, s, min, h, d; a plain number is in s");
  EXPECT_THAT(ParseValue<std::vector<absl::Duration>>("1, 2min"),
              IsOkAndHolds(ElementsAre(absl::Seconds(1), absl::Minutes(2))));
}

TEST(ByteSizeTest, IsANumberWithAUnit) {
  const auto is = [](const char* text, uint64_t bytes) {
    EXPECT_THAT(ParseValue<ByteSize>(text), IsOkAndHolds(ByteSize{bytes}))
        << text;
  };
  is("0", 0);
  is("512", 512);
  is("512 B", 512);
  is("64KiB", 65536);
  is("1.5 GiB", uint64_t{3} << 29);
  is("2MiB", 2 << 20);
  is("1kB", 1000);
  is("0.001MB", 1000);
  is("3GB", 3'000'000'000);
  is("9223372036854775807", kMax);
}

TEST(ByteSizeTest, SaysWhatIsWrong) {
  for (const char* text :
       {"B", "-1", "1K", "1KB", "1kb", "1kib", "1M", "1e3"}) {
    EXPECT_THAT(ParseValue<ByteSize>(text),
                StatusIs(kInvalid,
                         "not a byte size (a number with one of B, KiB, MiB, "
                         "GiB, kB, MB, GB; a plain number is in B)"))
        << text;
  }
  EXPECT_THAT(ParseValue<ByteSize>("9223372036854775808"),
              StatusIs(kInvalid, "more than 2^63 - 1 bytes"));
  EXPECT_THAT(ParseValue<ByteSize>("9000000000GiB"),
              StatusIs(kInvalid, "more than 2^63 - 1 bytes"));
  for (const char* text : {"0.5", "0.1KiB", "1.0001kB"}) {
    EXPECT_THAT(ParseValue<ByteSize>(text),
                StatusIs(kInvalid, "not a whole number of bytes"))
        << text;
  }
}

TEST(ByteSizeTest, IsPrintedWithTheLargestUnit) {
  const auto is = [](ByteSize value, const char* text) {
    EXPECT_EQ(PrintValue(value), text);
    EXPECT_THAT(ParseValue<ByteSize>(text), IsOkAndHolds(value));
  };
  is({0}, "0B");
  is({1}, "1B");
  is({1000}, "1kB");
  is(KiB(4), "4KiB");
  is(MiB(1000), "1000MiB");
  is(GiB(2), "2GiB");
  is({5'000'000}, "5MB");
  is({static_cast<uint64_t>(kMax)}, "9223372036854775807B");
}

TEST(ByteSizeTest, HasBoundsAndANumberInJson) {
  const AnyOption option =
      Option<Dict<ByteSize>>{.name = "a",
                             .default_value = Dict<ByteSize>{{"x", KiB(4)}},
                             .min = KiB(1)};
  EXPECT_THAT(option.erased().definition_status(), IsOk());
  EXPECT_THAT(option.CheckText("x:1KiB,y:1kB"),
              StatusIs(kInvalid, "pair 2: must be at least 1KiB, got 1kB"));
  EXPECT_EQ(option.description().default_text, "x:4KiB");
  EXPECT_TRUE(option.description().default_value ==
              (NativeValue{NativeValue::Dict{{"x", {int64_t{4096}}}}}));
  const AnyOption huge = Option<ByteSize>{
      .name = "a", .default_value = ByteSize{uint64_t{1} << 63}};
  EXPECT_THAT(huge.erased().definition_status(),
              StatusIs(kInvalid, HasSubstr("more than 2^63 - 1 bytes")));
}

}  // namespace
}  // namespace bergen::config
