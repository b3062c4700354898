// SPDX-License-Identifier: Apache-2.0
//
// Processes made by fork(2), each watched through a pidfd; what workers say
// comes through one pipe, so that a worker costs one descriptor.
//
// Source: the supervision in ProcessLauncher of oslo.service, which polled, and
// reaped every child of its process group (W-10, W-11).

#ifndef LAUNCHER_POSIX_PROCESSES_H_
#define LAUNCHER_POSIX_PROCESSES_H_

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "launcher/oom_counter.h"
#include "launcher/processes.h"
#include "launcher/scoreboard.h"
#include "launcher/signals.h"
#include "launcher/upgrade.h"
#include "periodic/clock.h"
#include "service/unique_fd.h"
#include "spdlog/fwd.h"

namespace bergen::launcher {

// Sleeps until something happens: an idle supervisor is never woken.
class PosixProcesses : public Processes {
 public:
  // `signals` must outlive it. `reap_strangers`: processes that others have
  // left to this one are reaped; for process 1 of a container. `signals` must
  // then include SIGCHLD, and the program must have no children of its own.
  // Unimplemented on a kernel before 5.4, which has
  // no pidfds to wait on; else fails only without descriptors. `oom` tells
  // kills for lack of memory from others.
  static absl::StatusOr<std::unique_ptr<PosixProcesses>> Create(
      Signals& signals, periodic::Clock& clock, spdlog::logger& log,
      bool reap_strangers = false, OomCounter oom = OomCounter());

  ~PosixProcesses() override;

  // Has `Await` report kResize. Thread-safe; in a child it reaches the parent.
  // Unavailable if that is gone, ResourceExhausted if it has more to read than
  // it can take.
  absl::Status RequestWorkers(int service, int workers) const;

  absl::StatusOr<int> Fork(
      const std::function<int(SupervisorLink& link)>& body) override;
  absl::StatusOr<int> Upgrade(const UpgradeRequest& request) override;
  void Release(int pid) override;
  void Send(int pid, int signal) override;
  VitalSigns Look(int pid) override;
  std::vector<ProcessEvent> Await(absl::Time deadline) override;

 private:
  struct Child {
    UniqueFd pidfd;
    UniqueFd reports;  // Of a new generation, until it has closed its end.
    Scoreboard::Line* line = nullptr;  // Of a worker, if there is one left.
    bool told_to_die = false;          // Got SIGKILL from here.
    bool ended = false;                // And was reported.
  };

  PosixProcesses(Scoreboard scoreboard, UniqueFd poll, Signals& signals,
                 periodic::Clock& clock, spdlog::logger& log)
      : scoreboard_(std::move(scoreboard)),
        poll_(std::move(poll)),
        signals_(&signals),
        clock_(&clock),
        log_(&log) {}

  [[noreturn]] void RunChild(
      Scoreboard::Line* line,
      const std::function<int(SupervisorLink& link)>& body);
  // Adds `fd` to `poll_` and `descriptors_`, and removes it and closes it.
  absl::Status Listen(const UniqueFd& fd, int pid);
  void Unlisten(UniqueFd& fd);
  // Has `Await` wait for what the child `pid` does. If the system refuses, the
  // child is killed and reaped.
  absl::Status Watch(int pid, Child child);
  void Forget(std::map<int, Child>::iterator at);
  // `pid` may have ended, or, a new generation, have reported.
  void Examine(int pid, std::vector<ProcessEvent>& events);
  void ReapEnded();
  void ReapStrangers();
  void ReadRequests(std::vector<ProcessEvent>& events) const;
  void ReadReports(std::vector<ProcessEvent>& events) const;
  void ReadReportsOf(int pid, Child& child, std::vector<ProcessEvent>& events);

  Scoreboard scoreboard_;
  // Of epoll(7): signals, and the descriptors of all children. What is added is
  // removed before it is closed, since a child that was just forked still has
  // it. Children must close this one and not change it: it is the same for all.
  UniqueFd poll_;
  Signals* const signals_;
  periodic::Clock* const clock_;
  spdlog::logger* const log_;
  // Nothing is ever written: children see its end when this process is gone.
  UniqueFd life_read_;
  UniqueFd life_write_;
  // One `Report` at a time. A worker waits while the supervisor has too many to
  // read.
  UniqueFd reports_read_;
  UniqueFd reports_write_;
  // One `ResizeRequest` at a time.
  UniqueFd requests_read_;
  UniqueFd requests_write_;
  OomCounter oom_;
  std::map<int, Child> children_;
  // Of all children, in order: what a child that was just forked closes.
  std::vector<int> descriptors_;
  // Reported, and not reaped before the next `Await`: what replaces them does
  // not have to wait for that.
  std::vector<int> ended_;
  bool reap_strangers_ = false;
  bool look_for_strangers_ = false;
  bool poll_failed_ = false;  // And was logged.
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_POSIX_PROCESSES_H_
