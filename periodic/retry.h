// SPDX-License-Identifier: Apache-2.0
//
// Calls a function until it succeeds, waiting longer after each failure.
//
//   absl::StatusOr<Retry> retry = Retry::Create(
//       "connect",
//       {.codes = {absl::StatusCode::kUnavailable}, .max_retries = 5}, clock,
//       log);
//   if (!retry.ok()) return retry.status();
//   absl::StatusOr<Connection> connection =
//       retry->Call([&] { return Connect(address); });
//
// or, as a function that can be passed on:
//
//   auto connect = retry->Wrap(Connect);
//   absl::StatusOr<Connection> connection = connect(address);
//
// Source: RetryDecorator of oslo.service, which counts for the function and not
// for the call: its second call has only the tries that the first has left.

#ifndef PERIODIC_RETRY_H_
#define PERIODIC_RETRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/guarded_call.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

struct RetryOptions {
  // Errors that are worth another try; any other is returned at once. Empty:
  // never tries again. What a function throws is an Internal error.
  std::vector<absl::StatusCode> codes;
  // After the first try. Unset: as many as it takes.
  std::optional<int64_t> max_retries;
  // The wait after the n-th failure is n times this, but no longer than
  // `max_wait`.
  absl::Duration wait_increment = absl::Seconds(10);
  absl::Duration max_wait = absl::Seconds(60);
};

// Decides, for one call, whether and when to try again. Not thread-safe.
class RetrySchedule {
 public:
  // `options` must have passed `Check`.
  explicit RetrySchedule(const RetryOptions& options) : options_(options) {}

  // InvalidArgument unless both durations are positive and `max_retries` is not
  // negative.
  static absl::Status Check(const RetryOptions& options);

  // How long to wait before the next try, or nothing to give up.
  std::optional<absl::Duration> OnError(const absl::Status& error);

  // Tries that `OnError` has granted.
  int64_t retries() const { return retries_; }

 private:
  const RetryOptions options_;
  int64_t retries_ = 0;
};

// A value. Calls may be made by several threads at once and know nothing of
// each other.
class Retry {
 public:
  // Fails as RetrySchedule::Check. `name` appears in errors and in the log,
  // which is told of retries at debug level. Setting `stop`, if given, ends all
  // waits: the call then returns its last error. `clock`, `log` and `stop` must
  // outlive the copies of this, and what `Wrap` returns.
  static absl::StatusOr<Retry> Create(absl::string_view name,
                                      const RetryOptions& options, Clock& clock,
                                      spdlog::logger& log,
                                      Event* stop = nullptr);

  // Calls `function`, which returns absl::Status or an absl::StatusOr, on this
  // thread. Returns its success, or the last error.
  template <typename Function>
  std::invoke_result_t<Function&> Call(Function&& function) const {
    RetrySchedule schedule(options_);
    while (true) {
      std::invoke_result_t<Function&> result = CallGuarded(function);
      if (result.ok() || !WaitToRetry(schedule, StatusOf(result))) {
        return result;
      }
    }
  }

  // A function that calls `function` with the arguments it is given, each time
  // the same ones.
  template <typename Function>
  auto Wrap(Function function) const {
    return [retry = *this,
            function = std::move(function)](const auto&... arguments) mutable {
      return retry.Call([&] { return function(arguments...); });
    };
  }

 private:
  Retry(absl::string_view name, const RetryOptions& options, Clock& clock,
        spdlog::logger& log, Event* stop)
      : name_(name),
        options_(options),
        clock_(&clock),
        log_(&log),
        stop_(stop) {}

  static const absl::Status& StatusOf(const absl::Status& status) {
    return status;
  }
  template <typename T>
  static const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
    return result.status();
  }

  // False to give up.
  bool WaitToRetry(RetrySchedule& schedule, const absl::Status& error) const;

  std::string name_;
  RetryOptions options_;
  Clock* clock_;
  spdlog::logger* log_;
  Event* stop_;  // May be null.
};

}  // namespace bergen::periodic

#endif  // PERIODIC_RETRY_H_
