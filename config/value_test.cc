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
    EXPECT_THAT(ValueType<bool>::Parse(text), IsOkAndHolds(true)) << text;
  }
  for (const char* text : {"false", "0", "off", "no", "NO"}) {
    EXPECT_THAT(ValueType<bool>::Parse(text), IsOkAndHolds(false)) << text;
  }
  for (const char* text : {"", "t", "y", "enabled", " true", "2"}) {
    EXPECT_THAT(ValueType<bool>::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         "not a boolean (true or false)"))
        << text;
  }
}

TEST(IntegerTest, IsDecimalWithin64Bits) {
  using Integer = ValueType<int64_t>;
  EXPECT_THAT(Integer::Parse("12"), IsOkAndHolds(12));
  EXPECT_THAT(Integer::Parse(" -3 "), IsOkAndHolds(-3));
  EXPECT_THAT(Integer::Parse("+010"), IsOkAndHolds(10));
  EXPECT_THAT(Integer::Parse("9223372036854775807"),
              IsOkAndHolds(std::numeric_limits<int64_t>::max()));
  EXPECT_THAT(Integer::Parse("-9223372036854775808"),
              IsOkAndHolds(std::numeric_limits<int64_t>::min()));
  EXPECT_THAT(Integer::Parse("9223372036854775808"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "beyond the range of a 64-bit integer"));
  for (const char* text : {"", "0x10", "1.5", "12a45", "1_000", "1 2", "--1"}) {
    EXPECT_THAT(Integer::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument, "not an integer"))
        << text;
  }
}

TEST(FloatTest, IsDecimalOrWithAnExponent) {
  using Float = ValueType<double>;
  EXPECT_THAT(Float::Parse("0.25"), IsOkAndHolds(0.25));
  EXPECT_THAT(Float::Parse(" .5 "), IsOkAndHolds(0.5));
  EXPECT_THAT(Float::Parse("-1e3"), IsOkAndHolds(-1000.0));
  EXPECT_TRUE(std::isinf(Float::Parse("inf").value()));
  EXPECT_TRUE(std::isnan(Float::Parse("nan").value()));
  EXPECT_THAT(Float::Parse("1e999"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "beyond the range of a double"));
  for (const char* text : {"", "abc", "1,5", "1.0s"}) {
    EXPECT_THAT(Float::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument, "not a number"))
        << text;
  }
}

TEST(FloatTest, PrintsAsPythonDoes) {
  using Float = ValueType<double>;
  EXPECT_EQ(Float::Print(1), "1.0");
  EXPECT_EQ(Float::Print(0), "0.0");
  EXPECT_EQ(Float::Print(-0.25), "-0.25");
  EXPECT_EQ(Float::Print(0.1), "0.1");
  EXPECT_EQ(Float::Print(0.0001), "0.0001");
  EXPECT_EQ(Float::Print(0.00001), "1e-05");
  EXPECT_EQ(Float::Print(123456789012345.0), "123456789012345.0");
  EXPECT_EQ(Float::Print(1e16), "1e+16");
  EXPECT_EQ(Float::Print(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(Float::Print(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(Float::Print(std::nan("")), "nan");
}

TEST(PortTest, Has16Bits) {
  EXPECT_THAT(ValueType<Port>::Parse("0"), IsOkAndHolds(Port{0}));
  EXPECT_THAT(ValueType<Port>::Parse("65535"), IsOkAndHolds(Port{65535}));
  for (const char* text : {"-1", "65536", "http"}) {
    EXPECT_THAT(ValueType<Port>::Parse(text), Not(IsOk())) << text;
  }
  EXPECT_EQ(ValueType<Port>::Print(Port{8080}), "8080");
}

TEST(ListTest, SplitsAtCommasAndDropsThoseAtTheEnd) {
  using List = ValueType<std::vector<std::string>>;
  EXPECT_THAT(List::Parse("a,b"), IsOkAndHolds(ElementsAre("a", "b")));
  EXPECT_THAT(List::Parse(" a , b "), IsOkAndHolds(ElementsAre("a", "b")));
  EXPECT_THAT(List::Parse("a,,b"), IsOkAndHolds(ElementsAre("a", "", "b")));
  EXPECT_THAT(List::Parse(",a"), IsOkAndHolds(ElementsAre("", "a")));
  EXPECT_THAT(List::Parse(" a, ,"), IsOkAndHolds(ElementsAre("a", "")));
  EXPECT_THAT(List::Parse("a,,,"), IsOkAndHolds(ElementsAre("a")));
  EXPECT_THAT(List::Parse(","), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(List::Parse(""), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(List::Print({"a", "", "b"}), "a,,b");
}

TEST(ListTest, NamesTheItemThatIsWrong) {
  using List = ValueType<std::vector<int64_t>>;
  EXPECT_THAT(List::Parse("1, 2,"), IsOkAndHolds(ElementsAre(1, 2)));
  EXPECT_THAT(List::Parse("1,x"), StatusIs(absl::StatusCode::kInvalidArgument,
                                           "item 2 is not an integer"));
  EXPECT_THAT(List::Parse("1,,2"),
              StatusIs(absl::StatusCode::kInvalidArgument, "item 2 is empty"));
}

}  // namespace
}  // namespace bergen::config
