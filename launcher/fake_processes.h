// SPDX-License-Identifier: Apache-2.0
//
// A system without processes: forks hand out numbers, and a script says what
// happens next.

#ifndef LAUNCHER_FAKE_PROCESSES_H_
#define LAUNCHER_FAKE_PROCESSES_H_

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "launcher/processes.h"
#include "launcher/upgrade.h"
#include "periodic/fake_clock.h"

namespace bergen::launcher {

// Not thread-safe. Children are numbered from 101.
class FakeProcesses : public Processes {
 public:
  explicit FakeProcesses(periodic::FakeClock& clock) : clock_(&clock) {}

  // The next `Await` returns `events`.
  void Then(std::vector<ProcessEvent> events) {
    script_.push_back(
        [events = std::move(events)](absl::Time) { return events; });
  }
  // The next `Await` calls `act`, and nothing happens until its deadline.
  void ThenTimeoutAfter(std::function<void()> act) {
    script_.push_back([this, act = std::move(act)](absl::Time deadline) {
      act();
      if (deadline > clock_->Now()) clock_->Advance(deadline - clock_->Now());
      return std::vector<ProcessEvent>();
    });
  }
  // In the next `Await` nothing happens until its deadline, to which the clock
  // moves.
  void ThenTimeout() {
    script_.push_back([this](absl::Time deadline) {
      if (deadline > clock_->Now()) clock_->Advance(deadline - clock_->Now());
      return std::vector<ProcessEvent>();
    });
  }
  // The next fork or upgrade fails.
  void FailNextFork(absl::Status status) { fork_error_ = std::move(status); }

  // `fork 101`, `TERM 101`, ... since the last call.
  std::vector<std::string> TakeCalls() { return std::exchange(calls_, {}); }

  absl::StatusOr<int> Fork(
      const std::function<int(SupervisorLink& link)>&) override {
    if (!fork_error_.ok()) return std::exchange(fork_error_, {});
    const int pid = next_pid_++;
    calls_.push_back(absl::StrCat("fork ", pid));
    return pid;
  }

  absl::StatusOr<int> Upgrade(const UpgradeRequest& request) override {
    if (!fork_error_.ok()) return std::exchange(fork_error_, {});
    const int pid = next_pid_++;
    calls_.push_back(
        absl::StrCat("exec ", pid, " ", absl::StrJoin(request.command, " ")));
    return pid;
  }

  void Release(int pid) override {
    calls_.push_back(absl::StrCat("release ", pid));
  }

  void Send(int pid, int signal) override {
    calls_.push_back(absl::StrCat(::sigabbrev_np(signal), " ", pid));
  }

  VitalSigns Look(int pid) override { return signs_[pid]; }
  // What `Look` sees from now on.
  VitalSigns& signs(int pid) { return signs_[pid]; }

  std::vector<ProcessEvent> Await(absl::Time deadline) override {
    if (script_.empty()) {
      std::fputs("FakeProcesses: waits after the script's end\n", stderr);
      std::abort();
    }
    const auto step = std::move(script_.front());
    script_.pop_front();
    return step(deadline);
  }

 private:
  periodic::FakeClock* clock_;
  int next_pid_ = 101;
  absl::Status fork_error_;
  std::vector<std::string> calls_;
  std::map<int, VitalSigns> signs_;
  std::deque<std::function<std::vector<ProcessEvent>(absl::Time)>> script_;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_FAKE_PROCESSES_H_
