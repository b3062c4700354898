// SPDX-License-Identifier: Apache-2.0
//
// The stacks of all threads of this process, taken while it runs.
//
//   ThreadDumper dumper;
//   absl::StatusOr<ThreadDump> dump = dumper.Dump(absl::Seconds(1));
//   if (!dump.ok()) return dump.status();
//   output.Write(FormatThreadDump(*dump));
//
// Source: `pnt` of oslo.service, for native threads and not for Python's.

#ifndef BACKDOOR_THREAD_DUMP_H_
#define BACKDOOR_THREAD_DUMP_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backdoor/symbolizer.h"

namespace bergen::backdoor {

struct DumpedThread {
  pid_t id = 0;
  std::string name;
};

// Threads that were found in the same place.
struct StackGroup {
  std::vector<DumpedThread> threads;
  // The innermost first.
  std::vector<SourceFrame> frames;
  bool truncated = false;
};

struct SilentThread {
  DumpedThread thread;
  // `blocks signal 39` or `no answer within 1s`, and what /proc says of it.
  std::string reason;
};

struct ThreadDump {
  // The largest group first, then by thread.
  std::vector<StackGroup> groups;
  std::vector<SilentThread> silent;
};

struct ThreadDumperOptions {
  // Counted from SIGRTMIN; must be a real-time signal that nothing else uses.
  int signal_offset = 5;
};

// Thread-safe; one dump at a time, others wait. Its signal is taken at the
// first dump and given back by the destructor. System calls of sleeping
// threads are interrupted, which they must cope with (EINTR).
class ThreadDumper {
 public:
  explicit ThreadDumper(const ThreadDumperOptions& options = {});
  ~ThreadDumper();

  // Waits up to `deadline` for all threads together. FailedPrecondition if
  // something else handles the signal, ResourceExhausted if memory is lacking.
  absl::StatusOr<ThreadDump> Dump(absl::Duration deadline);

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

// A line for each frame, and `...` if there are more.
std::string FormatFrames(const StackGroup& group);

// `Threads 12 (demo), 13 (demo):` and a line for each frame, then an empty
// line.
std::string FormatThreadDump(const ThreadDump& dump);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_THREAD_DUMP_H_
