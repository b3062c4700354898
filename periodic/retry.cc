// SPDX-License-Identifier: Apache-2.0

#include "periodic/retry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {

absl::Status RetrySchedule::Check(const RetryOptions& options) {
  if (options.wait_increment <= absl::ZeroDuration() ||
      options.max_wait <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "wait increment ", absl::FormatDuration(options.wait_increment),
        " and longest wait ", absl::FormatDuration(options.max_wait),
        " must be positive"));
  }
  if (options.max_retries.value_or(0) < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "number of retries ", *options.max_retries, " must not be negative"));
  }
  return absl::OkStatus();
}

std::optional<absl::Duration> RetrySchedule::OnError(
    const absl::Status& error) {
  const bool listed = std::find(options_.codes.begin(), options_.codes.end(),
                                error.code()) != options_.codes.end();
  if (!listed || retries_ == options_.max_retries) return std::nullopt;
  ++retries_;
  return std::min(retries_ * options_.wait_increment, options_.max_wait);
}

absl::StatusOr<Retry> Retry::Create(absl::string_view name,
                                    const RetryOptions& options, Clock& clock,
                                    spdlog::logger& log, Event* stop) {
  const absl::Status checked = RetrySchedule::Check(options);
  if (!checked.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("retry of ", name, ": ", checked.message()));
  }
  return Retry(name, options, clock, log, stop);
}

bool Retry::WaitToRetry(RetrySchedule& schedule,
                        const absl::Status& error) const {
  const std::optional<absl::Duration> wait = schedule.OnError(error);
  if (!wait.has_value()) {
    log_->debug("{}: gives up after {} retries: {}", name_, schedule.retries(),
                error.ToString());
    return false;
  }
  log_->debug("{}: retry {} in {}: {}", name_, schedule.retries(),
              absl::FormatDuration(*wait), error.ToString());
  const absl::Time deadline = clock_->Now() + *wait;
  if (stop_ != nullptr) return !clock_->WaitUntil(*stop_, deadline);
  clock_->SleepUntil(deadline);
  return true;
}

}  // namespace bergen::periodic
