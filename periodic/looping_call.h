// SPDX-License-Identifier: Apache-2.0
//
// Calls a function again and again.
//
//   FixedIntervalLoopingCall heartbeat("heartbeat", [&] { return Beat(); },
//                                      clock, log);
//   absl::Status started = heartbeat.Start({.interval = absl::Seconds(1)});
//   if (!started.ok()) return started;
//   ...
//   heartbeat.Stop();
//   absl::StatusOr<bool> outcome = heartbeat.Wait();
//
// Given a clock, a call has a thread of its own. Given a scheduler, it uses the
// scheduler's threads, and there may be many thousands of them.
//
// Source: oslo_service.loopingcall. Differences: an interval is not rounded to
// hundredths of a second, there is a shortest one, and calls lie on a grid of
// intervals, so a late wake-up does not delay those after it.

#ifndef PERIODIC_LOOPING_CALL_H_
#define PERIODIC_LOOPING_CALL_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/activity.h"
#include "periodic/backoff.h"
#include "periodic/clock.h"
#include "periodic/loop.h"
#include "periodic/random.h"
#include "periodic/scheduler.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

// What a call says about the next one: go on, or (a Status that is not OK) that
// it failed, or one of the below. A function may simply return absl::Status.
class LoopResult {
 public:
  LoopResult(absl::Status status)  // NOLINT(google-explicit-constructor)
      : status_(std::move(status)) {}

  // Ends the loop; `value` is what `Wait` returns. What else there is to tell
  // belongs into a variable of the caller's.
  // Source: LoopingCallDone.
  static LoopResult Done(bool value = true);

  // Ends the loop; `error`, which must not be OK, is what `Wait` returns, even
  // where errors do not end it.
  static LoopResult Abort(absl::Status error);

  // For a DynamicLoopingCall, others ignore it: the next call is `delay` from
  // now.
  static LoopResult After(absl::Duration delay);

  const absl::Status& status() const { return status_; }
  // Whether the loop ends, with `outcome`.
  bool ends() const { return ends_; }
  absl::StatusOr<bool> outcome() const;
  std::optional<absl::Duration> delay() const { return delay_; }

 private:
  absl::Status status_;
  bool ends_ = false;
  bool value_ = true;
  std::optional<absl::Duration> delay_;
};

// What a looping call has done since it was made.
struct LoopStats {
  int64_t calls = 0;
  int64_t errors = 0;
  // Calls that took longer than the interval.
  int64_t overruns = 0;
  // Calls left out because an earlier one began or ended too late.
  int64_t missed = 0;
  // From when a call was due to when it began.
  absl::Duration last_lateness;
  absl::Duration max_lateness;
};

// What the kinds of looping call have in common. Thread-safe.
class LoopingCall {
 public:
  // What it throws counts as an Internal error.
  using Function = std::function<LoopResult()>;

  // Keeps a forgotten interval from becoming a busy loop.
  static constexpr absl::Duration kShortestInterval = absl::Milliseconds(1);

  virtual ~LoopingCall() = default;

  // Asks the loop to end: wakes it if it sleeps, during the initial delay
  // too; a call in progress is completed. May be called repeatedly, by the
  // function itself, and when not running, which does nothing.
  void Stop() { loop_->Stop(); }

  // Blocks until the loop has ended, and returns, as often as it is called,
  // how: true after `Stop`, the value of `LoopResult::Done`, or the error that
  // ended it. FailedPrecondition if it was never started, or when called by
  // the function; DeadlineExceeded at `deadline`.
  absl::StatusOr<bool> Wait(absl::Time deadline = absl::InfiniteFuture()) {
    return loop_->Wait(deadline);
  }

  bool running() const { return loop_->running(); }
  const std::string& name() const { return name_; }
  LoopStats stats() const;
  // What it is doing, for people.
  Activity activity() const;

 protected:
  // `kind` begins the log line of an error.
  LoopingCall(absl::string_view kind, absl::string_view name, Function function,
              Clock& clock, spdlog::logger& log);
  LoopingCall(absl::string_view kind, absl::string_view name, Function function,
              const Scheduler& scheduler, spdlog::logger& log);

  struct Call {
    LoopResult result;
    bool threw = false;
    absl::Time begin;
    absl::Time end;
  };

  // Calls the function, which was due at `due`, and logs its error. Within a
  // step.
  Call CallFunction(absl::Time due);
  absl::Status StartLoop(absl::Duration initial_delay, Loop::StepFunction step);
  // To be called by each destructor: no step runs any more afterwards.
  void End() { loop_.reset(); }
  // `text` preceded by whose it is.
  std::string Message(absl::string_view text) const;
  void CountMissed(bool overrun, int64_t missed);

  Clock& clock() const { return *clock_; }
  spdlog::logger& log() const { return *log_; }

 private:
  const std::string kind_;
  const std::string name_;
  const Function function_;
  Clock* const clock_;
  spdlog::logger* const log_;
  mutable absl::Mutex mutex_;
  LoopStats stats_ ABSL_GUARDED_BY(mutex_);
  // When the call in progress, or the wait for the next one, began.
  absl::Time since_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time next_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  pid_t thread_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: no call in progress.
  std::unique_ptr<Loop> loop_;
};

struct FixedIntervalOptions {
  // From the start of one call to the start of the next; not negative. Less
  // than `kShortestInterval` is taken as that, zero included.
  absl::Duration interval;
  // Before the first call; not negative.
  absl::Duration initial_delay = absl::ZeroDuration();
  // False: a failed call is logged, and the loop goes on.
  bool stop_on_error = true;
  // Since `Start`; once a call ends later, the loop ends with DeadlineExceeded,
  // whatever `stop_on_error` says.
  absl::Duration timeout = absl::InfiniteDuration();
};

// A call that outlasts the interval is followed at once by the next, with a
// warning that says by how much. Calls that were missed are not made up for.
// Source: FixedIntervalLoopingCall, FixedIntervalWithTimeoutLoopingCall, whose
// timeout follows the wall clock, and has 0 for none.
class FixedIntervalLoopingCall : public LoopingCall {
 public:
  // `name` appears in logs, errors and the thread's name.
  FixedIntervalLoopingCall(absl::string_view name, Function function,
                           Clock& clock, spdlog::logger& log);
  FixedIntervalLoopingCall(absl::string_view name, Function function,
                           const Scheduler& scheduler, spdlog::logger& log);

  // Stops, and waits for a call in progress. Must not be run by the function.
  ~FixedIntervalLoopingCall() override { End(); }

  // Returns at once; `function` is called on another thread. FailedPrecondition
  // while running; after the end it may be started again. InvalidArgument for
  // a negative duration, ResourceExhausted if there is no thread left.
  absl::Status Start(const FixedIntervalOptions& options);

 private:
  Loop::Step Step(const FixedIntervalOptions& options, absl::Time end,
                  absl::Time& due);
};

struct DynamicOptions {
  absl::Duration initial_delay = absl::ZeroDuration();
  // The longest wait, and the one after a call that names none. Infinite: such
  // a call ends the loop with an error.
  absl::Duration periodic_interval_max = absl::InfiniteDuration();
  // False: a failed call is logged, and the loop goes on, after
  // `periodic_interval_max` or, if there is none, `kDelayAfterError`.
  bool stop_on_error = true;
};

// The function says when it is called next, by `LoopResult::After`; the time it
// takes is not subtracted.
// Source: DynamicLoopingCall, which retries a failing function at once.
class DynamicLoopingCall : public LoopingCall {
 public:
  static constexpr absl::Duration kDelayAfterError = absl::Seconds(1);

  DynamicLoopingCall(absl::string_view name, Function function, Clock& clock,
                     spdlog::logger& log);
  DynamicLoopingCall(absl::string_view name, Function function,
                     const Scheduler& scheduler, spdlog::logger& log);
  ~DynamicLoopingCall() override { End(); }

  // As FixedIntervalLoopingCall::Start.
  absl::Status Start(const DynamicOptions& options);

 private:
  Loop::Step Step(const DynamicOptions& options, absl::Time& due);
};

struct BackOffOptions {
  absl::Duration initial_delay = absl::ZeroDuration();
  BackoffOptions backoff;
};

// An error means: try again, after a wait that grows. What the function throws,
// and `LoopResult::Abort`, ends the loop.
// Source: BackOffLoopingCall, whose function returns true, false or throws.
class BackOffLoopingCall : public LoopingCall {
 public:
  BackOffLoopingCall(absl::string_view name, Function function, Random& random,
                     Clock& clock, spdlog::logger& log);
  BackOffLoopingCall(absl::string_view name, Function function, Random& random,
                     const Scheduler& scheduler, spdlog::logger& log);
  ~BackOffLoopingCall() override { End(); }

  // As FixedIntervalLoopingCall::Start; InvalidArgument as Backoff::Check.
  absl::Status Start(const BackOffOptions& options);

 private:
  Loop::Step Step(Backoff& backoff, absl::Time& due);

  Random* const random_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LOOPING_CALL_H_
