// SPDX-License-Identifier: Apache-2.0
//
// How long something took, how often: counts in buckets that double.
//
//   DurationHistogram durations;
//   durations.Record(absl::Milliseconds(3));
//   durations.UpperBoundOf(0.99);

#ifndef PERIODIC_DURATION_HISTOGRAM_H_
#define PERIODIC_DURATION_HISTOGRAM_H_

#include <array>
#include <cstdint>

#include "absl/time/time.h"

namespace bergen::periodic {

// A value. Not thread-safe.
class DurationHistogram {
 public:
  // Up to 0.1 ms, 0.2 ms, 0.4 ms, ..., 14 minutes, and longer.
  static constexpr int kBuckets = 25;

  // The longest duration that `bucket` counts.
  static absl::Duration UpperBound(int bucket) {
    return bucket == kBuckets - 1
               ? absl::InfiniteDuration()
               : absl::Microseconds(100) * (int64_t{1} << bucket);
  }

  void Record(absl::Duration duration) {
    int bucket = 0;
    while (duration > UpperBound(bucket)) ++bucket;
    ++counts_[bucket];
    ++total_;
  }

  int64_t count(int bucket) const { return counts_[bucket]; }
  int64_t total() const { return total_; }

  // The bound of the bucket below which `part` of all durations are, in (0, 1].
  // Zero without any.
  absl::Duration UpperBoundOf(double part) const {
    if (total_ == 0) return absl::ZeroDuration();
    int64_t below = 0;
    int bucket = -1;
    while (bucket < kBuckets - 1 &&
           static_cast<double>(below) < part * static_cast<double>(total_)) {
      below += counts_[++bucket];
    }
    return UpperBound(bucket);
  }

 private:
  std::array<int64_t, kBuckets> counts_ = {};
  int64_t total_ = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_DURATION_HISTOGRAM_H_
