// SPDX-License-Identifier: Apache-2.0

#include "periodic/looping_call.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "periodic/guarded_call.h"
#include "periodic/loop_thread.h"
#include "periodic/scheduled_loop.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {
namespace {

// An overrun below this is noise of the scheduler and not reported.
constexpr absl::Duration kSilentOverrun = absl::Milliseconds(5);

constexpr char kFixed[] = "Fixed interval looping call";
constexpr char kDynamic[] = "Dynamic interval looping call";
constexpr char kBackOff[] = "Dynamic backoff interval looping call";

}  // namespace

LoopResult LoopResult::Done(bool value) {
  LoopResult result = absl::OkStatus();
  result.ends_ = true;
  result.value_ = value;
  return result;
}

LoopResult LoopResult::Abort(absl::Status error) {
  if (error.ok()) {
    std::fputs("LoopResult::Abort: without an error\n", stderr);
    std::abort();
  }
  LoopResult result = std::move(error);
  result.ends_ = true;
  return result;
}

LoopResult LoopResult::After(absl::Duration delay) {
  LoopResult result = absl::OkStatus();
  result.delay_ = delay;
  return result;
}

absl::StatusOr<bool> LoopResult::outcome() const {
  if (!status_.ok()) return status_;
  return value_;
}

LoopingCall::LoopingCall(absl::string_view kind, absl::string_view name,
                         Function function, Clock& clock, spdlog::logger& log)
    : kind_(kind),
      name_(name),
      function_(std::move(function)),
      clock_(&clock),
      log_(&log),
      loop_(std::make_unique<LoopThread>(name, clock, log)) {}

LoopingCall::LoopingCall(absl::string_view kind, absl::string_view name,
                         Function function, const Scheduler& scheduler,
                         spdlog::logger& log)
    : kind_(kind),
      name_(name),
      function_(std::move(function)),
      clock_(&scheduler.clock),
      log_(&log),
      loop_(std::make_unique<ScheduledLoop>(name, scheduler, log)) {}

LoopStats LoopingCall::stats() const {
  const absl::MutexLock lock(&mutex_);
  return stats_;
}

Activity LoopingCall::activity() const {
  const bool running = loop_->running();
  const absl::Time now = clock_->Now();
  const absl::MutexLock lock(&mutex_);
  Activity activity{.name = name_,
                    .kind = kind_,
                    .thread = thread_,
                    .calls = stats_.calls + (thread_ != 0 ? 1 : 0),
                    .errors = stats_.errors};
  if (thread_ != 0) {
    activity.state = Activity::State::kRunning;
  } else if (running) {
    activity.state = Activity::State::kWaiting;
    activity.next = next_ - now;
  }
  activity.age = now - since_;
  return activity;
}

LoopingCall::Call LoopingCall::CallFunction(absl::Time due) {
  Call call{.result = absl::OkStatus(), .begin = clock_->Now()};
  {
    const pid_t thread = ::gettid();
    const absl::MutexLock lock(&mutex_);
    since_ = call.begin;
    thread_ = thread;
  }
  const absl::Duration lateness = call.begin - due;
  const absl::StatusOr<LoopResult> result = CallGuarded(
      [this]() -> absl::StatusOr<LoopResult> { return function_(); });
  call.end = clock_->Now();
  call.threw = !result.ok();
  call.result = result.ok() ? *result : LoopResult(result.status());
  const bool failed = !call.result.status().ok();
  if (failed) {
    log_->error("{} '{}' failed: {}", kind_, name_,
                call.result.status().ToString());
  }
  const absl::MutexLock lock(&mutex_);
  since_ = call.end;
  thread_ = 0;
  ++stats_.calls;
  if (failed) ++stats_.errors;
  stats_.last_lateness = lateness;
  stats_.max_lateness = std::max(stats_.max_lateness, lateness);
  return call;
}

void LoopingCall::CountMissed(bool overrun, int64_t missed) {
  if (!overrun && missed == 0) return;
  const absl::MutexLock lock(&mutex_);
  if (overrun) ++stats_.overruns;
  stats_.missed += missed;
}

absl::Status LoopingCall::StartLoop(absl::Duration initial_delay,
                                    Loop::StepFunction step) {
  if (initial_delay < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(Message(
        absl::StrCat("initial delay ", absl::FormatDuration(initial_delay),
                     " must not be negative")));
  }
  if (!running()) {
    const absl::Time now = clock_->Now();
    const absl::MutexLock lock(&mutex_);
    since_ = now;
    next_ = now + initial_delay;
  }
  return loop_->Start(initial_delay, [this, step = std::move(step)] {
    Loop::Step next = step();
    const absl::MutexLock lock(&mutex_);
    next_ = next.next;
    return next;
  });
}

std::string LoopingCall::Message(absl::string_view text) const {
  return absl::StrCat("looping call ", name_, ": ", text);
}

FixedIntervalLoopingCall::FixedIntervalLoopingCall(absl::string_view name,
                                                   Function function,
                                                   Clock& clock,
                                                   spdlog::logger& log)
    : LoopingCall(kFixed, name, std::move(function), clock, log) {}

FixedIntervalLoopingCall::FixedIntervalLoopingCall(absl::string_view name,
                                                   Function function,
                                                   const Scheduler& scheduler,
                                                   spdlog::logger& log)
    : LoopingCall(kFixed, name, std::move(function), scheduler, log) {}

absl::Status FixedIntervalLoopingCall::Start(
    const FixedIntervalOptions& options) {
  if (options.interval < absl::ZeroDuration() ||
      options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(Message(absl::StrCat(
        "interval ", absl::FormatDuration(options.interval),
        " must not be negative, and timeout ",
        absl::FormatDuration(options.timeout), " must be positive")));
  }
  FixedIntervalOptions checked = options;
  checked.interval = std::max(options.interval, kShortestInterval);
  const absl::Time now = clock().Now();
  return StartLoop(options.initial_delay,
                   [this, checked, end = now + options.timeout,
                    due = now + options.initial_delay]() mutable {
                     return Step(checked, end, due);
                   });
}

Loop::Step FixedIntervalLoopingCall::Step(const FixedIntervalOptions& options,
                                          absl::Time end, absl::Time& due) {
  const Call call = CallFunction(due);
  if (call.result.ends()) return {.outcome = call.result.outcome()};
  if (!call.result.status().ok() && options.stop_on_error) {
    return {.outcome = call.result.status()};
  }
  if (call.end > end) {
    return {.outcome = absl::DeadlineExceededError(Message(absl::StrFormat(
                "timed out after %.2f seconds",
                absl::ToDoubleSeconds(call.end - end + options.timeout))))};
  }

  const absl::Duration overrun = call.end - call.begin - options.interval;
  if (overrun >= kSilentOverrun) {
    log().warn("Function '{}' run outlasted interval by {:.2f} sec", name(),
               absl::ToDoubleSeconds(overrun));
  }
  const absl::Time was_due = due;
  // So late that a call was missed: a new grid begins, or two would follow each
  // other.
  if (call.begin - due >= options.interval) due = call.begin;
  due = std::max(due + options.interval, call.end);
  absl::Duration rest;
  CountMissed(call.end - call.begin > options.interval,
              absl::IDivDuration(due - was_due, options.interval, &rest) - 1);
  return {.next = due};
}

DynamicLoopingCall::DynamicLoopingCall(absl::string_view name,
                                       Function function, Clock& clock,
                                       spdlog::logger& log)
    : LoopingCall(kDynamic, name, std::move(function), clock, log) {}

DynamicLoopingCall::DynamicLoopingCall(absl::string_view name,
                                       Function function,
                                       const Scheduler& scheduler,
                                       spdlog::logger& log)
    : LoopingCall(kDynamic, name, std::move(function), scheduler, log) {}

absl::Status DynamicLoopingCall::Start(const DynamicOptions& options) {
  if (options.periodic_interval_max <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(Message(
        absl::StrCat("longest interval ",
                     absl::FormatDuration(options.periodic_interval_max),
                     " must be positive")));
  }
  return StartLoop(
      options.initial_delay,
      [this, options, due = clock().Now() + options.initial_delay]() mutable {
        return Step(options, due);
      });
}

Loop::Step DynamicLoopingCall::Step(const DynamicOptions& options,
                                    absl::Time& due) {
  const Call call = CallFunction(due);
  if (call.result.ends()) return {.outcome = call.result.outcome()};
  const bool failed = !call.result.status().ok();
  if (failed && options.stop_on_error) {
    return {.outcome = call.result.status()};
  }
  absl::Duration delay = options.periodic_interval_max;
  if (call.result.delay().has_value()) {
    delay = std::min(*call.result.delay(), options.periodic_interval_max);
  } else if (delay == absl::InfiniteDuration()) {
    if (!failed) {
      return {.outcome = absl::InvalidArgumentError(
                  Message("its function names no delay, and there is no "
                          "longest interval"))};
    }
    delay = kDelayAfterError;
  }
  due = call.end + std::max(delay, kShortestInterval);
  return {.next = due};
}

BackOffLoopingCall::BackOffLoopingCall(absl::string_view name,
                                       Function function, Random& random,
                                       Clock& clock, spdlog::logger& log)
    : LoopingCall(kBackOff, name, std::move(function), clock, log),
      random_(&random) {}

BackOffLoopingCall::BackOffLoopingCall(absl::string_view name,
                                       Function function, Random& random,
                                       const Scheduler& scheduler,
                                       spdlog::logger& log)
    : LoopingCall(kBackOff, name, std::move(function), scheduler, log),
      random_(&random) {}

absl::Status BackOffLoopingCall::Start(const BackOffOptions& options) {
  const absl::Status checked = Backoff::Check(options.backoff);
  if (!checked.ok()) {
    return absl::InvalidArgumentError(Message(checked.message()));
  }
  return StartLoop(options.initial_delay,
                   [this, backoff = Backoff(options.backoff, *random_),
                    due = clock().Now() + options.initial_delay]() mutable {
                     return Step(backoff, due);
                   });
}

Loop::Step BackOffLoopingCall::Step(Backoff& backoff, absl::Time& due) {
  const Call call = CallFunction(due);
  if (call.result.ends()) return {.outcome = call.result.outcome()};
  if (call.threw) return {.outcome = call.result.status()};
  const absl::StatusOr<absl::Duration> wait =
      call.result.status().ok() ? backoff.OnSuccess() : backoff.OnError();
  if (!wait.ok()) {
    return {.outcome = absl::DeadlineExceededError(Message(
                absl::StrCat(wait.status().message(),
                             ", last: ", call.result.status().ToString())))};
  }
  due = call.end + *wait;
  return {.next = due};
}

}  // namespace bergen::periodic
