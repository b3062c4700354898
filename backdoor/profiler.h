// SPDX-License-Identifier: Apache-2.0
//
// Finds out where this process spends its time: interrupts each thread so many
// times a second and notes its stack. Works on any binary; costs nothing while
// it does not record.
//
//   Profiler profiler;
//   absl::Status started = profiler.Start({.hz = 99});
//   ...
//   absl::StatusOr<Profile> profile = profiler.Stop();
//   if (!profile.ok()) return profile.status();
//
// Source: `prof` of oslo.service, which traces each call of Python code; C++
// compiled as usual has nothing to trace, so it is sampled.

#ifndef BACKDOOR_PROFILER_H_
#define BACKDOOR_PROFILER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backdoor/profile.h"

namespace bergen::backdoor {

enum class ProfileClock {
  // Time on a processor, of each thread.
  kCpu,
  // Time that passes, waiting included. Interrupts system calls of sleeping
  // threads, which must cope with EINTR.
  kWall,
};

struct ProfilerOptions {
  // Samples of a thread in a second of its clock, from 1 to kMaxHz. The kernel
  // looks at processor time at its own tick (often 250 Hz) and not more often;
  // a sample then stands for several.
  int hz = 99;
  ProfileClock clock = ProfileClock::kCpu;
};

// Thread-safe. Uses SIGPROF while it records: nothing else may then use that
// signal, and threads that block it are not seen. Is created before or after
// threads, and used in the process that it looks at. Each profiler that has
// recorded leaves one page of memory behind when it is destroyed.
class Profiler {
 public:
  static constexpr int kMaxHz = 1000;

  Profiler();
  // Drops what is being recorded.
  ~Profiler();

  // Begins to record all threads, those started later included (within
  // kRescanInterval). AlreadyExists if it records already, which goes on
  // undisturbed; InvalidArgument for options out of bounds;
  // FailedPrecondition if something else handles SIGPROF; ResourceExhausted if
  // memory, timers or threads are lacking.
  absl::Status Start(const ProfilerOptions& options);

  // Ends the recording and returns it; it may be empty. FailedPrecondition if
  // nothing is being recorded.
  absl::StatusOr<Profile> Stop();

  // When the recording began; InfinitePast() while there is none.
  absl::Time recording_since() const;

  static constexpr absl::Duration kRescanInterval = absl::Milliseconds(50);

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PROFILER_H_
