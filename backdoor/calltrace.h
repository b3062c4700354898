// SPDX-License-Identifier: Apache-2.0
//
// Counts every call of a program that was built with `--config=calltrace`, or
// of those parts that were compiled as calltrace_hooks.h says.
//
//   CallTracer tracer;
//   absl::Status started = tracer.Start();
//   ...
//   absl::StatusOr<CallTrace> trace = tracer.Stop();
//   if (!trace.ok()) return trace.status();
//   std::string file = EncodePstats(trace->stats);
//
// Source: `prof` of oslo.service, and Python's cProfile.

#ifndef BACKDOOR_CALLTRACE_H_
#define BACKDOOR_CALLTRACE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "backdoor/call_stats.h"

namespace bergen::backdoor {

struct CallTrace {
  // Calls that began while it recorded. A call is primitive if its function was
  // not being called on its thread. Times are those that passed, until the
  // call or the recording ended.
  CallStats stats;
  int64_t calls = 0;
  // Not in `stats`: nested too deeply, from a signal handler that interrupted a
  // hook, or of more pairs of caller and callee than are kept for a thread.
  int64_t lost_calls = 0;
  // Threads that called.
  int64_t threads = 0;
  absl::Time begin;
  absl::Duration duration;
};

// Thread-safe. All threads are traced, those that end meanwhile included; of
// all tracers of a process one records at a time. A child that is forked
// meanwhile must not stop it. Functions that switch stacks confuse times and
// what is primitive, and no other count.
class CallTracer {
 public:
  // Of a thread.
  static constexpr int kMaxPairs = 1 << 16;
  static constexpr int kMaxDepth = 1 << 16;

  CallTracer() = default;
  CallTracer(const CallTracer&) = delete;
  CallTracer& operator=(const CallTracer&) = delete;
  // Drops what is being recorded.
  ~CallTracer();

  // Begins to record. FailedPrecondition if no part of the program was compiled
  // for it, or if the system cannot; AlreadyExists if this or another
  // tracer records, which goes on undisturbed.
  absl::Status Start();

  // Ends the recording and returns it. FailedPrecondition if this tracer is not
  // recording.
  absl::StatusOr<CallTrace> Stop();

  // When the recording began; InfinitePast() while there is none.
  absl::Time recording_since() const;

 private:
  mutable absl::Mutex mutex_;
  absl::Time since_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t begin_ticks_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration begin_ ABSL_GUARDED_BY(mutex_);  // Monotonic.
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_CALLTRACE_H_
