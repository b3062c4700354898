// SPDX-License-Identifier: Apache-2.0

#include "periodic/looping_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "periodic/guarded_call.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {
namespace {

// An overrun below this is noise of the scheduler and not reported.
constexpr absl::Duration kSilentOverrun = absl::Milliseconds(5);

}  // namespace

LoopResult LoopResult::Done(bool value) {
  LoopResult result = absl::OkStatus();
  result.done_ = true;
  result.value_ = value;
  return result;
}

FixedIntervalLoopingCall::FixedIntervalLoopingCall(absl::string_view name,
                                                   Function function,
                                                   Clock& clock,
                                                   spdlog::logger& log)
    : function_(std::move(function)),
      clock_(&clock),
      log_(&log),
      loop_(name, clock, log) {}

absl::Status FixedIntervalLoopingCall::Start(
    const FixedIntervalOptions& options) {
  if (options.interval < absl::ZeroDuration() ||
      options.initial_delay < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "looping call ", name(), ": interval ",
        absl::FormatDuration(options.interval), " and initial delay ",
        absl::FormatDuration(options.initial_delay), " must not be negative"));
  }
  FixedIntervalOptions checked = options;
  checked.interval = std::max(options.interval, kShortestInterval);
  // `due` is when the call in progress should have begun.
  return loop_.Start(checked.initial_delay,
                     [this, checked, due = absl::InfinitePast()]() mutable {
                       return CallOnce(checked, due);
                     });
}

LoopThread::Step FixedIntervalLoopingCall::CallOnce(
    const FixedIntervalOptions& options, absl::Time& due) {
  const absl::Time begin = clock_->Now();
  if (due == absl::InfinitePast()) due = begin;
  const LoopResult result = CallGuarded(function_);
  const absl::Time end = clock_->Now();

  if (result.done()) return {.outcome = result.value()};
  if (!result.status().ok()) {
    log_->error("Fixed interval looping call '{}' failed: {}", name(),
                result.status().ToString());
    if (options.stop_on_error) return {.outcome = result.status()};
  }

  const absl::Duration overrun = end - begin - options.interval;
  if (overrun >= kSilentOverrun) {
    log_->warn("Function '{}' run outlasted interval by {:.2f} sec", name(),
               absl::ToDoubleSeconds(overrun));
  }
  due = std::max(due + options.interval, end);
  return {.next = due};
}

}  // namespace bergen::periodic
