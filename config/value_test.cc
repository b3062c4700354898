// SPDX-License-Identifier: Apache-2.0

#include "config/value.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(BoolTest, AcceptsItsEightWordsOnly) {
  for (const char* text : {"true", "1", "on", "yes", "TRUE", "On"}) {
    EXPECT_THAT(ParseValue<bool>(text), IsOkAndHolds(true)) << text;
  }
  for (const char* text : {"false", "0", "off", "no", "NO"}) {
    EXPECT_THAT(ParseValue<bool>(text), IsOkAndHolds(false)) << text;
  }
  for (const char* text : {"", "t", "y", "enabled", " true", "2"}) {
    EXPECT_THAT(ParseValue<bool>(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         "not a boolean (true or false)"))
        << text;
  }
}

TEST(IntegerTest, IsDecimalWithin64Bits) {
  EXPECT_THAT(ParseValue<int64_t>("12"), IsOkAndHolds(12));
  EXPECT_THAT(ParseValue<int64_t>(" -3 "), IsOkAndHolds(-3));
  EXPECT_THAT(ParseValue<int64_t>("+010"), IsOkAndHolds(10));
  EXPECT_THAT(ParseValue<int64_t>("9223372036854775807"),
              IsOkAndHolds(std::numeric_limits<int64_t>::max()));
  EXPECT_THAT(ParseValue<int64_t>("-9223372036854775808"),
              IsOkAndHolds(std::numeric_limits<int64_t>::min()));
  EXPECT_THAT(ParseValue<int64_t>("9223372036854775808"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "beyond the range of a 64-bit integer"));
  for (const char* text : {"", "0x10", "1.5", "12a45", "1_000", "1 2", "--1"}) {
    EXPECT_THAT(ParseValue<int64_t>(text),
                StatusIs(absl::StatusCode::kInvalidArgument, "not an integer"))
        << text;
  }
}

TEST(FloatTest, IsDecimalOrWithAnExponent) {
  EXPECT_THAT(ParseValue<double>("0.25"), IsOkAndHolds(0.25));
  EXPECT_THAT(ParseValue<double>(" .5 "), IsOkAndHolds(0.5));
  EXPECT_THAT(ParseValue<double>("-1e3"), IsOkAndHolds(-1000.0));
  EXPECT_TRUE(std::isinf(ParseValue<double>("inf").value()));
  EXPECT_TRUE(std::isnan(ParseValue<double>("nan").value()));
  EXPECT_THAT(ParseValue<double>("1e999"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "beyond the range of a double"));
  for (const char* text : {"", "abc", "1,5", "1.0s", "0x10", "nan(1)"}) {
    EXPECT_THAT(ParseValue<double>(text),
                StatusIs(absl::StatusCode::kInvalidArgument, "not a number"))
        << text;
  }
}

TEST(FloatTest, PrintsAsPythonDoes) {
  EXPECT_EQ(PrintValue<double>(1.0), "1.0");
  EXPECT_EQ(PrintValue<double>(0.0), "0.0");
  EXPECT_EQ(PrintValue<double>(-0.25), "-0.25");
  EXPECT_EQ(PrintValue<double>(0.1), "0.1");
  EXPECT_EQ(PrintValue<double>(0.0001), "0.0001");
  EXPECT_EQ(PrintValue<double>(0.00001), "1e-05");
  EXPECT_EQ(PrintValue<double>(123456789012345.0), "123456789012345.0");
  EXPECT_EQ(PrintValue<double>(1e16), "1e+16");
  EXPECT_EQ(PrintValue<double>(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(PrintValue<double>(-std::numeric_limits<double>::infinity()),
            "-inf");
  EXPECT_EQ(PrintValue<double>(std::nan("")), "nan");
}

TEST(PortTest, Has16Bits) {
  EXPECT_THAT(ParseValue<Port>("0"), IsOkAndHolds(Port{0}));
  EXPECT_THAT(ParseValue<Port>("65535"), IsOkAndHolds(Port{65535}));
  for (const char* text : {"-1", "65536", "http"}) {
    EXPECT_THAT(ParseValue<Port>(text), Not(IsOk())) << text;
  }
  EXPECT_EQ(PrintValue<Port>(Port{8080}), "8080");
}

TEST(ListTest, SplitsAtCommasAndDropsThoseAtTheEnd) {
  using List = std::vector<std::string>;
  EXPECT_THAT(ParseValue<List>("a,b"), IsOkAndHolds(ElementsAre("a", "b")));
  EXPECT_THAT(ParseValue<List>(" a , b "), IsOkAndHolds(ElementsAre("a", "b")));
  EXPECT_THAT(ParseValue<List>("a,,b"),
              IsOkAndHolds(ElementsAre("a", "", "b")));
  EXPECT_THAT(ParseValue<List>(",a"), IsOkAndHolds(ElementsAre("", "a")));
  EXPECT_THAT(ParseValue<List>(" a, ,"), IsOkAndHolds(ElementsAre("a", "")));
  EXPECT_THAT(ParseValue<List>("a,,,"), IsOkAndHolds(ElementsAre("a")));
  EXPECT_THAT(ParseValue<List>(","), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseValue<List>(""), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(PrintValue<List>({"a", "", "b"}), "a,,b");
}

TEST(ListTest, NamesTheItemThatIsWrong) {
  using List = std::vector<int64_t>;
  EXPECT_THAT(ParseValue<List>("1, 2,"), IsOkAndHolds(ElementsAre(1, 2)));
  EXPECT_THAT(
      ParseValue<List>("1,x"),
      StatusIs(absl::StatusCode::kInvalidArgument, "item 2: not an integer"));
  EXPECT_THAT(
      ParseValue<List>("1,,2"),
      StatusIs(absl::StatusCode::kInvalidArgument, "item 2: not an integer"));
}

}  // namespace
}  // namespace bergen::config
