// SPDX-License-Identifier: Apache-2.0

#include "launcher/restart_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bergen::launcher {

absl::Status CheckRestartLimits(const RestartLimits& limits) {
  if (limits.free_restarts < -1) {
    return absl::InvalidArgumentError(
        absl::StrCat("restart limits: free_restarts must be at least -1, got ",
                     limits.free_restarts));
  }
  if (limits.first_delay <= absl::ZeroDuration() ||
      limits.longest_delay < limits.first_delay) {
    return absl::InvalidArgumentError(absl::StrCat(
        "restart limits: need 0 < first_delay <= longest_delay, got ",
        absl::FormatDuration(limits.first_delay), " and ",
        absl::FormatDuration(limits.longest_delay)));
  }
  if (limits.quiet_period < limits.longest_delay) {
    return absl::InvalidArgumentError(
        absl::StrCat("restart limits: quiet_period ",
                     absl::FormatDuration(limits.quiet_period),
                     " is shorter than longest_delay ",
                     absl::FormatDuration(limits.longest_delay)));
  }
  if (!(limits.jitter >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "restart limits: jitter must be at least 0, got ", limits.jitter));
  }
  if (limits.give_up_after < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("restart limits: give_up_after must not be negative, got ",
                     limits.give_up_after));
  }
  return absl::OkStatus();
}

absl::Time RestartBudget::Spend(absl::Time now) {
  if (now - last_ > limits_.quiet_period) spent_ = 0;
  ++spent_;
  const int delayed = spent_ - std::max(limits_.free_restarts, 0);
  absl::Duration delay =
      delayed > 0 ? limits_.first_delay : absl::ZeroDuration();
  for (int i = 1; i < delayed && delay < limits_.longest_delay; ++i) delay *= 2;
  delay = std::min(delay, limits_.longest_delay);
  delay += delay * limits_.jitter * random_->Uniform();
  // Of several that end at once, the last says when it is quiet again.
  last_ = now + delay;
  return last_;
}

bool RestartBudget::exhausted() const {
  return limits_.give_up_after > 0 && spent_ > limits_.give_up_after;
}

}  // namespace bergen::launcher
