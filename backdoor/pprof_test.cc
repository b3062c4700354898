// SPDX-License-Identifier: Apache-2.0

#include "backdoor/pprof.h"

#include <zlib.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/pprof.pb.h"
#include "backdoor/profile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

constexpr int kGzipWindow = 15 + 16;

::perftools::profiles::Profile Decode(const std::string& bytes) {
  std::string text(1 << 20, '\0');
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, kGzipWindow), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  ::perftools::profiles::Profile profile;
  EXPECT_TRUE(profile.ParseFromString(text));
  return profile;
}

TEST(PprofTest, WritesSamplesWithLinesAndLabels) {
  const Profile profile = {
      .functions = {{"a.cc", 1, "main"}, {"b.cc", 9, "demo::Work"}},
      .stacks = {{.functions = {1, 0},
                  .samples = 3,
                  .lines = {12, 2},
                  .thread = "pool"},
                 {.functions = {0}, .samples = 1}},
      .period = absl::Milliseconds(10),
      .begin = absl::FromUnixSeconds(1000),
      .duration = absl::Seconds(5),
      .clock = "cpu"};
  const auto decoded = Decode(EncodePprof(profile, 7));
  const auto text = [&](int64_t index) {
    return decoded.string_table(static_cast<int>(index));
  };
  EXPECT_EQ(text(0), "");
  ASSERT_EQ(decoded.sample_type_size(), 2);
  EXPECT_EQ(text(decoded.sample_type(0).type()), "samples");
  EXPECT_EQ(text(decoded.sample_type(1).type()), "cpu");
  EXPECT_EQ(text(decoded.sample_type(1).unit()), "nanoseconds");
  EXPECT_EQ(decoded.period(), 10'000'000);
  EXPECT_EQ(decoded.time_nanos(), 1'000'000'000'000);
  EXPECT_EQ(decoded.duration_nanos(), 5'000'000'000);
  ASSERT_EQ(decoded.sample_size(), 2);
  const auto& sample = decoded.sample(0);
  EXPECT_EQ(sample.value(0), 3);
  EXPECT_EQ(sample.value(1), 30'000'000);
  ASSERT_EQ(sample.location_id_size(), 2);
  const auto& inner =
      decoded.location(static_cast<int>(sample.location_id(0)) - 1);
  EXPECT_EQ(inner.line(0).line(), 12);
  const auto& function =
      decoded.function(static_cast<int>(inner.line(0).function_id()) - 1);
  EXPECT_EQ(text(function.name()), "demo::Work");
  EXPECT_EQ(text(function.filename()), "b.cc");
  EXPECT_EQ(function.start_line(), 9);
  ASSERT_EQ(sample.label_size(), 2);
  EXPECT_EQ(text(sample.label(0).key()), "thread");
  EXPECT_EQ(text(sample.label(0).str()), "pool");
  EXPECT_EQ(text(sample.label(1).key()), "worker");
  EXPECT_EQ(sample.label(1).num(), 7);
  EXPECT_EQ(decoded.sample(1).label_size(), 1);
}

TEST(PprofTest, EqualProfilesGiveEqualBytes) {
  EXPECT_EQ(EncodePprof({.clock = "wall"}, 0),
            EncodePprof({.clock = "wall"}, 0));
}

TEST(PprofTest, NamesThatAreNotUtf8AreMended) {
  const Profile profile = {.functions = {{"\xff", 0, "f\xfe"}},
                           .stacks = {{.functions = {0}, .samples = 1}},
                           .clock = "cpu"};
  EXPECT_EQ(Decode(EncodePprof(profile, 0)).function_size(), 1);
}

TEST(PprofTest, WhatWasWrittenCanBeRead) {
  const Profile profile = {
      .functions = {{"a.cc", 1, "main"}, {"b.cc", 9, "demo::Work"}},
      .stacks = {{.functions = {1, 0},
                  .samples = 3,
                  .lines = {12, 2},
                  .thread = "pool"},
                 {.functions = {0}, .samples = 1, .worker = 4}},
      .period = absl::Milliseconds(10),
      .begin = absl::FromUnixSeconds(1000),
      .duration = absl::Seconds(5),
      .clock = "cpu"};
  const absl::StatusOr<Profile> again = DecodePprof(EncodePprof(profile, 7));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->functions, profile.functions);
  EXPECT_EQ(again->samples, 4);
  EXPECT_EQ(again->period, profile.period);
  EXPECT_EQ(again->begin, profile.begin);
  EXPECT_EQ(again->duration, profile.duration);
  EXPECT_EQ(again->clock, "cpu");
  ASSERT_EQ(again->stacks.size(), 2u);
  EXPECT_EQ(again->stacks[0].functions, profile.stacks[0].functions);
  EXPECT_EQ(again->stacks[0].lines, profile.stacks[0].lines);
  EXPECT_EQ(again->stacks[0].thread, "pool");
  EXPECT_EQ(again->stacks[0].worker, 7);
  EXPECT_EQ(again->stacks[1].worker, 4);
}

TEST(PprofTest, WhatIsNoSuchFileIsAnError) {
  const std::string bytes = EncodePprof({.clock = "cpu"}, 0);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodePprof(absl::string_view(bytes).substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(DecodePprof("no"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace bergen::backdoor
