// SPDX-License-Identifier: Apache-2.0
//
// The supervisor's edge to the system: forks workers, hears what they and the
// signals say, and sends signals to them.

#ifndef LAUNCHER_PROCESSES_H_
#define LAUNCHER_PROCESSES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "launcher/health_monitor.h"
#include "launcher/upgrade.h"

namespace bergen::launcher {

struct ProcessEvent {
  enum Kind {
    kStarted,   // The process `pid` has started its services.
    kStopping,  // The worker `pid` has told its services to stop.
    kExited,    // `pid` ended with status `value`.
    kKilled,    // `pid` was ended by signal `value`.
    kSignal,    // This process got signal `value`.
    kResize,    // `service` shall have `value` workers.
  };
  Kind kind;
  int pid = 0;  // 0: not of a process.
  int value = 0;
  bool out_of_memory = false;  // Of kKilled: by the kernel, for that reason.
  int service = 0;
};

// What a worker has in common with its supervisor.
class SupervisorLink {
 public:
  virtual ~SupervisorLink() = default;
  // Becomes readable when the supervisor has died.
  virtual int parent_fd() const = 0;
  virtual void ReportStarted() = 0;
  // Thread-safe.
  virtual void ReportStopping() = 0;
  // A sign of life, and how many requests there were so far.
  virtual void Beat(uint64_t requests) = 0;
};

// Used by one thread.
class Processes {
 public:
  virtual ~Processes() = default;

  // Forks. Returns the child's pid in the parent; the child runs `body` and
  // ends with the status that it returns, or `kExitCrashed` if it throws,
  // without ever returning from here. Pids that are still watched are not
  // reused.
  virtual absl::StatusOr<int> Fork(
      const std::function<int(SupervisorLink& link)>& body) = 0;

  // Starts a new generation of the program, as `StartNextGeneration`; it is
  // heard of as a worker is.
  virtual absl::StatusOr<int> Upgrade(const UpgradeRequest& request) = 0;

  // The new generation `pid` is on its own from now on: lets it know.
  virtual void Release(int pid) = 0;

  // Does nothing if `pid` has ended.
  virtual void Send(int pid, int signal) = 0;

  // What is seen of the worker `pid`; nothing once it has ended.
  virtual VitalSigns Look(int pid) = 0;

  // Blocks until something has happened or `deadline` has come. Only children
  // made by `Fork` are waited for. What one process did is in order; its end is
  // reported once and last, and signals and requests come after processes.
  virtual std::vector<ProcessEvent> Await(absl::Time deadline) = 0;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_PROCESSES_H_
