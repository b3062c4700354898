// SPDX-License-Identifier: Apache-2.0

#include "backdoor/pstats.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/call_stats.h"
#include "backdoor/profile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

const absl::Duration kHalf = absl::Milliseconds(500);

std::string Bytes(absl::string_view hex) {
  return absl::HexStringToBytes(absl::StrReplaceAll(hex, {{" ", ""}}));
}

TEST(PstatsTest, WritesTheBytesThatPythonReads) {
  CallStats stats;
  stats[{"a.cc", 1, "f"}].counts = {1, 1, kHalf, kHalf};
  EXPECT_EQ(EncodePstats(stats),
            Bytes("7b 28 03 00 00 00 75 04 00 00 00 61 2e 63 63"
                  "   69 01 00 00 00 75 01 00 00 00 66"
                  "   28 05 00 00 00 69 01 00 00 00 69 01 00 00 00"
                  "   67 00 00 00 00 00 00 e0 3f 67 00 00 00 00 00 00 e0 3f"
                  "   7b 30 30"));
}

TEST(PstatsTest, AFunctionHasPrimitiveCallsFirstAndACallerAllCalls) {
  CallStats stats;
  stats[{"a", 0, "f"}].counts = {.primitive_calls = 1, .calls = 51};
  stats[{"a", 0, "f"}].callers[{"a", 0, "g"}] = {.primitive_calls = 2,
                                                 .calls = 52};
  const std::string bytes = EncodePstats(stats);
  EXPECT_THAT(bytes, HasSubstr(Bytes("28 05 00 00 00 69 01 00 00 00"
                                     "               69 33 00 00 00")));
  EXPECT_THAT(bytes, HasSubstr(Bytes("28 04 00 00 00 69 34 00 00 00"
                                     "               69 02 00 00 00")));
}

TEST(PstatsTest, LargeCountsBecomeLongIntegers) {
  CallStats stats;
  stats[{"a", 2147483647, "f"}].counts = {.primitive_calls = 2147483648,
                                          .calls = 5000000000};
  const std::string bytes = EncodePstats(stats);
  EXPECT_THAT(bytes, HasSubstr(Bytes("69 ff ff ff 7f")));
  EXPECT_THAT(bytes, HasSubstr(Bytes("6c 03 00 00 00 00 00 00 00 02 00"
                                     "6c 03 00 00 00 00 72 0b 54 04 00")));
}

TEST(PstatsTest, BytesThatPythonMightNotDecodeAreReplaced) {
  CallStats stats;
  stats[{"\xff\xc3\xa5", 0, "f"}].counts = {};
  EXPECT_THAT(EncodePstats(stats), HasSubstr(Bytes("75 03 00 00 00 3f 3f 3f")));
}

TEST(PstatsTest, WithoutSamplesThereIsOneFunctionThatSaysSo) {
  EXPECT_THAT(EncodePstats({}), HasSubstr("<no samples>"));
}

TEST(PstatsTest, WhatWasWrittenCanBeRead) {
  const CallStats stats = {
      {{"a.cc", 1, "main"},
       {{1, 6'000'000'000, absl::Seconds(0.5), absl::Seconds(2)}, {}}},
      {{"b.cc", 0, "demo::Work"},
       {{1, 3, absl::Seconds(1), absl::Seconds(1.5)},
        {{{"a.cc", 1, "main"},
          {1, 3, absl::Seconds(1), absl::Seconds(1.5)}}}}}};
  const absl::StatusOr<CallStats> again = DecodePstats(EncodePstats(stats));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(EncodePstats(*again), EncodePstats(stats));
}

TEST(PstatsTest, EveryBeginningOfAFileIsAnError) {
  const std::string bytes = EncodePstats(
      {{{"a.cc", 1, "f"}, {{1, 1}, {{{"b.cc", 2, "g"}, {1, 1}}}}}});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodePstats(absl::string_view(bytes).substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("not as this program writes it")));
  }
  EXPECT_THAT(DecodePstats(bytes + "x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(DecodePstats(bytes), IsOk());
}

}  // namespace
}  // namespace bergen::backdoor
