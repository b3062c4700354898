// SPDX-License-Identifier: Apache-2.0

#include "periodic/duration_histogram.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace bergen::periodic {
namespace {

TEST(DurationHistogramTest, ABucketCountsUpToItsBound) {
  DurationHistogram durations;
  for (int bucket = 0; bucket < DurationHistogram::kBuckets; ++bucket) {
    durations.Record(DurationHistogram::UpperBound(bucket));
    EXPECT_EQ(durations.count(bucket), 1);
  }
  durations.Record(absl::Microseconds(100) + absl::Nanoseconds(1));
  EXPECT_EQ(durations.count(1), 2);
  durations.Record(absl::ZeroDuration());
  EXPECT_EQ(durations.count(0), 2);
  EXPECT_EQ(durations.total(), DurationHistogram::kBuckets + 2);
}

TEST(DurationHistogramTest, KnowsBelowWhichBoundAPartIs) {
  DurationHistogram durations;
  EXPECT_EQ(durations.UpperBoundOf(0.5), absl::ZeroDuration());
  for (int i = 0; i < 99; ++i) durations.Record(absl::Microseconds(50));
  durations.Record(absl::Milliseconds(1));
  EXPECT_EQ(durations.UpperBoundOf(0.99), absl::Microseconds(100));
  EXPECT_EQ(durations.UpperBoundOf(1), absl::Microseconds(1600));
}

}  // namespace
}  // namespace bergen::periodic
