// SPDX-License-Identifier: Apache-2.0

#include "launcher/health_monitor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bergen::launcher {
namespace {

// Fine enough for the hang timeout, and not finer.
constexpr int kChecksInATimeout = 4;
constexpr absl::Duration kShortestInterval = absl::Milliseconds(10);
// For limits that are reached slowly.
constexpr absl::Duration kLongestInterval = absl::Seconds(1);

}  // namespace

absl::Status CheckHealthLimits(const HealthLimits& limits) {
  if (limits.hang_timeout <= absl::ZeroDuration() ||
      limits.max_age <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "health limits: hang_timeout and max_age must be positive, got ",
        absl::FormatDuration(limits.hang_timeout), " and ",
        absl::FormatDuration(limits.max_age)));
  }
  if (limits.max_memory < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("health limits: max_memory must not be negative, got ",
                     limits.max_memory));
  }
  if (!(limits.jitter >= 0 && limits.jitter < 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "health limits: jitter must be in [0, 1), got ", limits.jitter));
  }
  return absl::OkStatus();
}

HealthMonitor::HealthMonitor(const HealthLimits& limits,
                             periodic::Random& random)
    : limits_(limits), random_(&random) {
  if (limits.hang_timeout < absl::InfiniteDuration()) {
    interval_ = limits.hang_timeout / kChecksInATimeout;
  }
  if (limits.max_age < absl::InfiniteDuration() || limits.max_requests > 0 ||
      limits.max_memory > 0) {
    interval_ = std::min(interval_, kLongestInterval);
  }
  interval_ = std::max(interval_, kShortestInterval);
}

void HealthMonitor::Watch(int pid, absl::Time now) {
  if (!enabled()) return;
  patients_[pid] = {
      .last_beat = now,
      .since = now,
      .max_requests =
          limits_.max_requests == 0
              ? 0
              : std::max<uint64_t>(
                    1, static_cast<uint64_t>(
                           Draw(static_cast<double>(limits_.max_requests)))),
      .max_memory =
          static_cast<int64_t>(Draw(static_cast<double>(limits_.max_memory))),
      .max_age = limits_.max_age * Draw(1)};
}

double HealthMonitor::Draw(double limit) const {
  return limit - limit * limits_.jitter * random_->Uniform();
}

Verdict HealthMonitor::Check(int pid, const VitalSigns& signs, absl::Time now) {
  const auto found = patients_.find(pid);
  if (found == patients_.end()) return Verdict::kFine;
  Patient& patient = found->second;
  if (signs.beats != patient.beats) {
    patient.beats = signs.beats;
    patient.last_beat = now;
    patient.said_hung = false;
  }
  const absl::Duration silent = now - patient.last_beat;
  if (silent >= limits_.hang_timeout) {
    reason_ =
        absl::StrCat("no sign of life for ", absl::FormatDuration(silent));
    if (silent >= 2 * limits_.hang_timeout) return Verdict::kHopeless;
    if (patient.said_hung) return Verdict::kFine;
    patient.said_hung = true;
    return Verdict::kHung;
  }
  if (patient.max_requests > 0 && signs.requests >= patient.max_requests) {
    reason_ = absl::StrCat(signs.requests, " requests");
    return Verdict::kWornOut;
  }
  if (patient.max_memory > 0 && signs.memory >= patient.max_memory) {
    reason_ = absl::StrCat(signs.memory, " bytes of memory");
    return Verdict::kWornOut;
  }
  if (now - patient.since >= patient.max_age) {
    reason_ =
        absl::StrCat("an age of ", absl::FormatDuration(now - patient.since));
    return Verdict::kWornOut;
  }
  return Verdict::kFine;
}

}  // namespace bergen::launcher
