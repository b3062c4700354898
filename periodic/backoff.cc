// SPDX-License-Identifier: Apache-2.0

#include "periodic/backoff.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bergen::periodic {
namespace {

constexpr double kDeviation = 0.1;
// Far beyond any longest interval; without a bound it would become infinite.
constexpr absl::Duration kLongestInterval = absl::Hours(24 * 365 * 100);

}  // namespace

Backoff::Backoff(const BackoffOptions& options, Random& random)
    : options_(options),
      random_(&random),
      interval_(options.starting_interval) {}

absl::Status Backoff::Check(const BackoffOptions& options) {
  const absl::Duration zero = absl::ZeroDuration();
  if (options.starting_interval <= zero || options.timeout <= zero ||
      options.min_interval <= zero ||
      options.max_interval < options.min_interval ||
      options.min_interval > kLongestInterval) {
    return absl::InvalidArgumentError(absl::StrCat(
        "need a positive starting interval, got ",
        absl::FormatDuration(options.starting_interval),
        ", a positive timeout, ", "got ", absl::FormatDuration(options.timeout),
        ", and 0 < min_interval <= max_interval, got ",
        absl::FormatDuration(options.min_interval), " and ",
        absl::FormatDuration(options.max_interval)));
  }
  if (!(options.jitter >= 0) || std::isinf(options.jitter)) {
    return absl::InvalidArgumentError(
        absl::StrCat("jitter must not be negative, got ", options.jitter));
  }
  return absl::OkStatus();
}

double Backoff::Factor() {
  return std::abs(random_->Gaussian(options_.jitter, kDeviation));
}

absl::Duration Backoff::OnSuccess() {
  interval_ = options_.starting_interval;
  waited_ = absl::ZeroDuration();
  return std::max(interval_ * Factor(), options_.min_interval);
}

absl::StatusOr<absl::Duration> Backoff::OnError() {
  const absl::Duration wait = std::clamp(
      interval_ * (2 * Factor()), options_.min_interval, options_.max_interval);
  interval_ = std::clamp(interval_ * (2 * options_.jitter),
                         options_.min_interval, kLongestInterval);
  if (waited_ + wait > options_.timeout) {
    return absl::DeadlineExceededError(absl::StrFormat(
        "timed out after %.2f seconds", absl::ToDoubleSeconds(waited_ + wait)));
  }
  waited_ += wait;
  return wait;
}

}  // namespace bergen::periodic
