// SPDX-License-Identifier: Apache-2.0
//
// Calls a function again and again on a thread of its own.
//
//   FixedIntervalLoopingCall heartbeat("heartbeat", [&] { return Beat(); },
//                                      clock, log);
//   absl::Status started = heartbeat.Start({.interval = absl::Seconds(1)});
//   if (!started.ok()) return started;
//   ...
//   heartbeat.Stop();
//   absl::StatusOr<bool> outcome = heartbeat.Wait();
//
// Source: oslo_service.loopingcall. Differences: an interval is not rounded to
// hundredths of a second, there is a shortest one, and calls lie on a grid of
// intervals, so a late wake-up does not delay those after it.

#ifndef PERIODIC_LOOPING_CALL_H_
#define PERIODIC_LOOPING_CALL_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/loop_thread.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

// What a call says about the next one: go on, end the loop, or (a Status that
// is not OK) that it failed. A function may simply return absl::Status.
// Source: LoopingCallDone.
class LoopResult {
 public:
  LoopResult(absl::Status status)  // NOLINT(google-explicit-constructor)
      : status_(std::move(status)) {}

  // Ends the loop; `value` is what `Wait` returns.
  static LoopResult Done(bool value = true);

  const absl::Status& status() const { return status_; }
  bool done() const { return done_; }
  bool value() const { return value_; }

 private:
  absl::Status status_;
  bool done_ = false;
  bool value_ = true;
};

struct FixedIntervalOptions {
  // From the start of one call to the start of the next; not negative. Less
  // than `kShortestInterval` is taken as that, zero included.
  absl::Duration interval;
  // Before the first call; not negative.
  absl::Duration initial_delay = absl::ZeroDuration();
  // False: a failed call is logged, and the loop goes on.
  bool stop_on_error = true;
};

// Source: FixedIntervalLoopingCall. A call that outlasts the interval is
// followed at once by the next, with a warning that says by how much; calls
// that were missed are not made up for. Thread-safe.
class FixedIntervalLoopingCall {
 public:
  // What the function throws counts as an Internal error.
  using Function = std::function<LoopResult()>;

  // Keeps a forgotten interval from becoming a busy loop.
  static constexpr absl::Duration kShortestInterval = absl::Milliseconds(1);

  // `name` appears in logs, errors and the thread's name.
  FixedIntervalLoopingCall(absl::string_view name, Function function,
                           Clock& clock, spdlog::logger& log);

  // Stops, and waits for a call in progress. Must not be run by the function.
  ~FixedIntervalLoopingCall() = default;

  // Returns at once; `function` is called on another thread. FailedPrecondition
  // while running; after the end it may be started again. InvalidArgument for
  // a negative duration, ResourceExhausted if there is no thread left.
  absl::Status Start(const FixedIntervalOptions& options);

  // Asks the loop to end: wakes it if it sleeps, during the initial delay
  // too; a call in progress is completed. May be called repeatedly, by the
  // function itself, and when not running, which does nothing.
  void Stop() { loop_.Stop(); }

  // Blocks until the loop has ended, and returns, as often as it is called,
  // how: true after `Stop`, the value of `LoopResult::Done`, or the error of
  // the last call. FailedPrecondition if it was never started, or when called
  // by the function.
  absl::StatusOr<bool> Wait() { return loop_.Wait(); }

  bool running() const { return loop_.running(); }
  const std::string& name() const { return loop_.name(); }

 private:
  LoopThread::Step CallOnce(const FixedIntervalOptions& options,
                            absl::Time& due);

  Function function_;
  Clock* clock_;
  spdlog::logger* log_;
  LoopThread loop_;  // Last, so that it ends before what it uses.
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LOOPING_CALL_H_
