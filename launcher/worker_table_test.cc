// SPDX-License-Identifier: Apache-2.0

#include "launcher/worker_table.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/crash_record.h"
#include "launcher/launcher.h"
#include "periodic/fake_random.h"

namespace bergen::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr ProcessEnd kCrash = {.killed = true, .value = SIGSEGV};
constexpr ProcessEnd kBadConfiguration = {.value = kExitConfiguration};
constexpr absl::Duration kStartTimeout = absl::Seconds(60);
constexpr absl::Duration kGraceful = absl::Seconds(10);
constexpr absl::Duration kLittleMore = absl::Seconds(1);

std::string Print(const Action& action) {
  switch (action.kind) {
    case Action::kFork:
      return absl::StrCat("fork slot ", action.slot);
    case Action::kTerminate:
      return absl::StrCat("terminate ", action.pid);
    case Action::kHangUp:
      return absl::StrCat("hang up ", action.pid);
    case Action::kKill:
      return absl::StrCat("kill ", action.pid);
    case Action::kThrottled:
      return absl::StrCat("throttle slot ", action.slot, " ",
                          absl::FormatDuration(action.delay));
    case Action::kHeld:
      return absl::StrCat("hold slot ", action.slot);
    case Action::kAllStarted:
      return "all started";
    case Action::kReloadFinished:
      return "reload finished";
    case Action::kReloadFailed:
      return absl::StrCat("reload failed: ", action.reason);
    case Action::kRecycleFailed:
      return absl::StrCat("recycle failed: ", action.reason);
    case Action::kTimedOut:
      return "timed out";
    case Action::kGiveUp:
      return absl::StrCat("give up ", action.status);
  }
  return "unknown";
}

std::vector<std::string> Print(const Actions& actions) {
  std::vector<std::string> lines;
  for (const Action& action : actions) lines.push_back(Print(action));
  return lines;
}

// A table of two workers, 0 and 1, whose first processes are 10 and 11.
// Restarts are not free: each waits a second or more.
class WorkerTableTest : public ::testing::Test {
 protected:
  WorkerTableTest() {
    table_.AddWorkers(0, 2, {.free_restarts = 0});
    EXPECT_THAT(Print(table_.Advance(now_)),
                ElementsAre("fork slot 0", "fork slot 1"));
    table_.Forked(0, 10, now_);
    table_.Forked(1, 11, now_);
  }

  void StartAll() {
    EXPECT_THAT(Print(table_.Started(10, now_)), IsEmpty());
    EXPECT_THAT(Print(table_.Started(11, now_)), ElementsAre("all started"));
  }
  // Slot 0 is being replaced, by 20.
  void BeginReplacing() {
    EXPECT_THAT(Print(table_.BeginReload(now_)), ElementsAre("fork slot 0"));
    table_.Forked(0, 20, now_);
    EXPECT_EQ(state(0), WorkerState::kReplacing);
  }
  WorkerState state(int slot) const { return table_.slot(slot).state; }

  absl::Time now_ = absl::UnixEpoch();
  periodic::FakeRandom random_{0};
  WorkerTable table_{{.start_timeout = kStartTimeout}, random_};
};

TEST_F(WorkerTableTest, NumbersAreStableAndCountPerSet) {
  periodic::FakeRandom random(0);
  WorkerTable table({}, random);
  table.AddWorkers(0, 2, {});
  table.AddWorkers(1, 1, {});
  EXPECT_EQ(table.slot(1).number, 1);
  EXPECT_EQ(table.slot(1).total, 2);
  EXPECT_EQ(table.slot(2).set, 1);
  EXPECT_EQ(table.slot(2).number, 0);
  EXPECT_EQ(table.slot(2).total, 1);
}

TEST_F(WorkerTableTest, ASettledTableHasNothingToDo) {
  StartAll();
  EXPECT_EQ(table_.NextDeadline(), absl::InfiniteFuture());
  EXPECT_THAT(Print(table_.Advance(now_ + absl::Hours(1000))), IsEmpty());
}

// Starting.

TEST_F(WorkerTableTest, StartingThenStartedRuns) {
  EXPECT_EQ(state(0), WorkerState::kStarting);
  EXPECT_THAT(Print(table_.Started(10, now_)), IsEmpty());
  EXPECT_EQ(state(0), WorkerState::kRunning);
}

TEST_F(WorkerTableTest, StartingThenExitedIsDownUntilTheBudgetSays) {
  EXPECT_THAT(Print(table_.Exited(10, kCrash, now_)),
              ElementsAre("throttle slot 0 1s"));
  EXPECT_EQ(state(0), WorkerState::kDown);
  EXPECT_EQ(table_.NextDeadline(), now_ + absl::Seconds(1));
  EXPECT_THAT(Print(table_.Advance(now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Advance(now_ + absl::Seconds(1))),
              ElementsAre("fork slot 0"));
  EXPECT_EQ(state(0), WorkerState::kStarting);
}

TEST_F(WorkerTableTest, StartingThenForkFailedIsDown) {
  table_.Exited(10, kCrash, now_);
  now_ += absl::Seconds(1);
  EXPECT_THAT(Print(table_.Advance(now_)), ElementsAre("fork slot 0"));
  EXPECT_THAT(Print(table_.ForkFailed(0, now_)),
              ElementsAre("throttle slot 0 2s"));
  EXPECT_EQ(state(0), WorkerState::kDown);
}

TEST_F(WorkerTableTest, StartingThenReloadIsReplacedToo) {
  BeginReplacing();
  // The old one has not even started; the new one serves first.
  EXPECT_THAT(Print(table_.Started(20, now_)),
              ElementsAre("terminate 10", "fork slot 1"));
}

TEST_F(WorkerTableTest, StartingThenStopIsTerminated) {
  EXPECT_THAT(Print(table_.Stop(now_, kGraceful)),
              ElementsAre("terminate 10", "terminate 11"));
  EXPECT_EQ(state(0), WorkerState::kStopped);
}

// Running.

TEST_F(WorkerTableTest, RunningThenStartedAgainChangesNothing) {
  StartAll();
  EXPECT_THAT(Print(table_.Started(10, now_)), IsEmpty());
  EXPECT_EQ(state(0), WorkerState::kRunning);
}

TEST_F(WorkerTableTest, RunningThenExitedIsDownAndReplacedUnderItsNumber) {
  StartAll();
  table_.Exited(11, kCrash, now_);
  EXPECT_EQ(state(1), WorkerState::kDown);
  EXPECT_THAT(Print(table_.Advance(now_ + absl::Seconds(1))),
              ElementsAre("fork slot 1"));
  table_.Forked(1, 12, now_);
  // It was announced once that all have started.
  EXPECT_THAT(Print(table_.Started(12, now_)), IsEmpty());
}

TEST_F(WorkerTableTest, RunningThenStopIsTerminated) {
  StartAll();
  EXPECT_THAT(Print(table_.Stop(now_, kGraceful)),
              ElementsAre("terminate 10", "terminate 11"));
  EXPECT_FALSE(table_.stopped());
  table_.Exited(10, kCrash, now_);
  EXPECT_FALSE(table_.stopped());
  table_.Exited(11, kCrash, now_);
  EXPECT_TRUE(table_.stopped());
  EXPECT_FALSE(table_.timed_out());
}

// Down.

TEST_F(WorkerTableTest, DownThenReloadIsForkedAtOnceWithAFullBudget) {
  StartAll();
  table_.Exited(10, kCrash, now_);
  EXPECT_THAT(Print(table_.BeginReload(now_)), ElementsAre("fork slot 1"));
  table_.Forked(1, 21, now_);
  EXPECT_THAT(Print(table_.Advance(now_)), ElementsAre("fork slot 0"));
  table_.Forked(0, 20, now_);
  EXPECT_THAT(Print(table_.Exited(20, kCrash, now_)),
              ElementsAre("throttle slot 0 1s"));
}

TEST_F(WorkerTableTest, DownThenStopIsOver) {
  table_.Exited(10, kCrash, now_);
  table_.Exited(11, kCrash, now_);
  EXPECT_THAT(Print(table_.Stop(now_, kGraceful)), IsEmpty());
  EXPECT_TRUE(table_.stopped());
  EXPECT_THAT(Print(table_.Advance(now_ + absl::Hours(1))), IsEmpty());
  EXPECT_EQ(table_.NextDeadline(), now_ + kGraceful);
}

// Replacing.

TEST_F(WorkerTableTest, AReloadReplacesOneAfterTheOther) {
  StartAll();
  BeginReplacing();
  EXPECT_THAT(Print(table_.Started(20, now_)),
              ElementsAre("terminate 10", "fork slot 1"));
  EXPECT_EQ(state(0), WorkerState::kRunning);
  EXPECT_TRUE(table_.reloading());
  table_.Forked(1, 21, now_);
  EXPECT_THAT(Print(table_.Started(21, now_)),
              ElementsAre("terminate 11", "reload finished"));
  EXPECT_FALSE(table_.reloading());
  // What retires is not restarted.
  EXPECT_THAT(Print(table_.Exited(10, kCrash, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Exited(11, kCrash, now_)), IsEmpty());
  EXPECT_EQ(table_.NextDeadline(), absl::InfiniteFuture());
}

TEST_F(WorkerTableTest, ReplacingThenOldStartedGoesOn) {
  BeginReplacing();
  EXPECT_THAT(Print(table_.Started(10, now_)), IsEmpty());
  EXPECT_EQ(state(0), WorkerState::kReplacing);
}

TEST_F(WorkerTableTest, ReplacingThenOldExitedWaitsForTheSuccessor) {
  StartAll();
  BeginReplacing();
  EXPECT_THAT(Print(table_.Exited(10, kCrash, now_)), IsEmpty());
  EXPECT_EQ(state(0), WorkerState::kStarting);
  EXPECT_TRUE(table_.reloading());
  EXPECT_THAT(Print(table_.Started(20, now_)), ElementsAre("fork slot 1"));
}

TEST_F(WorkerTableTest, ReplacingThenBothExitedEndsTheReload) {
  StartAll();
  BeginReplacing();
  table_.Exited(10, kCrash, now_);
  EXPECT_THAT(Print(table_.Exited(20, kCrash, now_)),
              ElementsAre("reload failed: worker 0: process 20 killed by "
                          "signal 11 before it had "
                          "started",
                          "throttle slot 0 1s"));
  EXPECT_EQ(state(0), WorkerState::kDown);
  EXPECT_EQ(state(1), WorkerState::kRunning);
}

TEST_F(WorkerTableTest, ReplacingThenSuccessorExitedKeepsTheOld) {
  StartAll();
  BeginReplacing();
  EXPECT_THAT(
      Print(table_.Exited(20, kCrash, now_)),
      ElementsAre(
          "reload failed: worker 0: process 20 killed by signal 11 before it "
          "had started"));
  EXPECT_EQ(state(0), WorkerState::kRunning);
  EXPECT_EQ(table_.slot(0).pid, 10);
  EXPECT_FALSE(table_.reloading());
}

TEST_F(WorkerTableTest, ReplacingThenForkFailedKeepsTheOld) {
  StartAll();
  EXPECT_THAT(Print(table_.BeginReload(now_)), ElementsAre("fork slot 0"));
  EXPECT_THAT(Print(table_.ForkFailed(0, now_)),
              ElementsAre("reload failed: worker 0: could not be forked"));
  EXPECT_EQ(state(0), WorkerState::kRunning);
}

TEST_F(WorkerTableTest, ReplacingThenLateTerminatesTheSuccessor) {
  StartAll();
  BeginReplacing();
  EXPECT_EQ(table_.NextDeadline(), now_ + kStartTimeout);
  EXPECT_THAT(
      Print(table_.Advance(now_ + kStartTimeout - absl::Nanoseconds(1))),
      IsEmpty());
  EXPECT_THAT(Print(table_.Advance(now_ + kStartTimeout)),
              ElementsAre("terminate 20",
                          "reload failed: worker 0: not started within 1m"));
  EXPECT_EQ(state(0), WorkerState::kRunning);
  // Its belated report is of no consequence.
  EXPECT_THAT(Print(table_.Started(20, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Exited(20, kCrash, now_)), IsEmpty());
}

TEST_F(WorkerTableTest, ReplacingThenOldExitedAndLateGoesOnWaitingInPlace) {
  StartAll();
  BeginReplacing();
  table_.Exited(10, kCrash, now_);
  EXPECT_THAT(Print(table_.Advance(now_ + kStartTimeout)),
              ElementsAre("reload failed: worker 0: not started within 1m"));
  EXPECT_EQ(state(0), WorkerState::kStarting);
  EXPECT_THAT(Print(table_.Started(20, now_)), IsEmpty());
  EXPECT_EQ(state(0), WorkerState::kRunning);
}

TEST_F(WorkerTableTest, ReplacingThenStopTerminatesBoth) {
  StartAll();
  BeginReplacing();
  EXPECT_THAT(Print(table_.Stop(now_, kGraceful)),
              ElementsAre("terminate 10", "terminate 20", "terminate 11"));
  EXPECT_FALSE(table_.reloading());
  EXPECT_THAT(Print(table_.Started(20, now_)), IsEmpty());
  for (int pid : {10, 20, 11}) table_.Exited(pid, kCrash, now_);
  EXPECT_TRUE(table_.stopped());
}

TEST_F(WorkerTableTest, AnotherWorkerThatExitsDuringAReloadIsNotReplacedTwice) {
  StartAll();
  BeginReplacing();
  table_.Exited(11, kCrash, now_);
  now_ += absl::Seconds(1);
  EXPECT_THAT(Print(table_.Advance(now_)), ElementsAre("fork slot 1"));
  table_.Forked(1, 21, now_);
  EXPECT_THAT(Print(table_.Started(20, now_)),
              ElementsAre("terminate 10", "reload finished"));
}

TEST_F(WorkerTableTest, ASecondReloadReplacesWhatTheFirstMade) {
  StartAll();
  BeginReplacing();
  table_.Started(20, now_);
  table_.Forked(1, 21, now_);
  table_.Started(21, now_);
  EXPECT_THAT(Print(table_.BeginReload(now_)), ElementsAre("fork slot 0"));
}

// Stopped.

TEST_F(WorkerTableTest, StoppedThenReloadDoesNothing) {
  StartAll();
  table_.Stop(now_, kGraceful);
  EXPECT_THAT(Print(table_.BeginReload(now_)), IsEmpty());
  EXPECT_THAT(Print(table_.HangUp()), IsEmpty());
}

TEST_F(WorkerTableTest, WhatIsLeftAfterTheGracefulTimeoutIsKilled) {
  StartAll();
  table_.Stop(now_, kGraceful);
  table_.Exited(10, kCrash, now_);
  EXPECT_EQ(table_.NextDeadline(), now_ + kGraceful);
  EXPECT_THAT(Print(table_.Advance(now_ + kGraceful)),
              ElementsAre("timed out"));
  EXPECT_EQ(table_.NextDeadline(), now_ + kGraceful + kLittleMore);
  EXPECT_THAT(Print(table_.Advance(now_ + kGraceful + kLittleMore)),
              ElementsAre("kill 11"));
  EXPECT_EQ(table_.NextDeadline(), absl::InfiniteFuture());
  EXPECT_THAT(Print(table_.Exited(11, kCrash, now_ + kGraceful + kLittleMore)),
              IsEmpty());
  EXPECT_TRUE(table_.stopped());
  EXPECT_TRUE(table_.timed_out());
}

TEST_F(WorkerTableTest, AWorkerThatEndsAtTheDeadlineWasTooLate) {
  StartAll();
  table_.Stop(now_, kGraceful);
  table_.Exited(10, kCrash, now_ + kGraceful - absl::Nanoseconds(1));
  EXPECT_FALSE(table_.timed_out());
  EXPECT_THAT(Print(table_.Exited(11, kCrash, now_ + kGraceful)),
              ElementsAre("timed out"));
}

TEST_F(WorkerTableTest, AnInfiniteTimeoutNeverKills) {
  StartAll();
  table_.Stop(now_, absl::InfiniteDuration());
  EXPECT_EQ(table_.NextDeadline(), absl::InfiniteFuture());
}

TEST_F(WorkerTableTest, WhatRetiresInAReloadIsKilledInTheEndToo) {
  StartAll();
  table_.set_retire_timeout(kGraceful);
  BeginReplacing();
  table_.Started(20, now_);
  table_.Forked(1, 21, now_);
  table_.Started(21, now_);
  table_.Exited(11, kCrash, now_);
  EXPECT_THAT(Print(table_.Advance(now_ + kGraceful + kLittleMore)),
              ElementsAre("kill 10"));
}

TEST_F(WorkerTableTest, StopShortensTheTimeOfWhatAlreadyRetires) {
  StartAll();
  BeginReplacing();
  table_.Started(20, now_);
  table_.Forked(1, 21, now_);
  table_.Stop(now_, kGraceful);
  for (int pid : {20, 11, 21}) table_.Exited(pid, kCrash, now_);
  EXPECT_FALSE(table_.stopped());
  EXPECT_THAT(Print(table_.Advance(now_ + kGraceful + kLittleMore)),
              ElementsAre("timed out", "kill 10"));
}

// Others.

TEST_F(WorkerTableTest, HangUpReachesAllButTheRetiring) {
  StartAll();
  BeginReplacing();
  EXPECT_THAT(Print(table_.HangUp()),
              ElementsAre("hang up 10", "hang up 20", "hang up 11"));
  table_.Started(20, now_);
  EXPECT_THAT(Print(table_.HangUp()), ElementsAre("hang up 20", "hang up 11"));
}

TEST_F(WorkerTableTest, UnknownProcessesAreIgnored) {
  EXPECT_THAT(Print(table_.Started(99, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Exited(99, kCrash, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Exited(0, kCrash, now_)), IsEmpty());
}

TEST_F(WorkerTableTest, PidsAreThoseOfEveryProcess) {
  StartAll();
  BeginReplacing();
  table_.Started(20, now_);
  EXPECT_THAT(table_.pids(), UnorderedElementsAre(10, 20, 11));
  EXPECT_EQ(table_.process_count(), 3);
}

// A wrong configuration.

TEST_F(WorkerTableTest,
       AWorkerThatDoesNotAcceptTheConfigurationWaitsForAReload) {
  StartAll();
  EXPECT_THAT(Print(table_.Exited(10, kBadConfiguration, now_)),
              ElementsAre("hold slot 0"));
  EXPECT_EQ(state(0), WorkerState::kDown);
  EXPECT_EQ(table_.NextDeadline(), absl::InfiniteFuture());
  EXPECT_THAT(Print(table_.Advance(now_ + absl::Hours(1000))), IsEmpty());
  table_.BeginReload(now_);
  EXPECT_THAT(Print(table_.Advance(now_)), ElementsAre("fork slot 0"));
}

TEST_F(WorkerTableTest, GivesUpWhenNoWorkerAcceptsTheConfiguration) {
  EXPECT_THAT(Print(table_.Exited(11, kBadConfiguration, now_)),
              ElementsAre("hold slot 1"));
  EXPECT_THAT(Print(table_.Exited(10, kBadConfiguration, now_)),
              ElementsAre("give up 78"));
}

TEST_F(WorkerTableTest, AWorkerThatIsDueCountsAsOneThatMayAccept) {
  table_.Exited(11, kCrash, now_);
  EXPECT_THAT(Print(table_.Exited(10, kBadConfiguration, now_)),
              ElementsAre("hold slot 0"));
}

// More and fewer workers.

TEST_F(WorkerTableTest, AnAddedWorkerHasTheNextNumberAndIsForked) {
  StartAll();
  table_.AddWorker(0, now_);
  EXPECT_EQ(table_.worker_count(0), 3);
  EXPECT_THAT(Print(table_.Advance(now_)), ElementsAre("fork slot 2"));
  EXPECT_EQ(table_.slot(2).number, 2);
  EXPECT_EQ(table_.slot(2).total, 3);
  EXPECT_EQ(table_.slot(0).total, 3);
}

TEST_F(WorkerTableTest, TheHighestNumberIsRemovedAndUsedAgain) {
  StartAll();
  EXPECT_THAT(Print(table_.RemoveWorker(0, now_)), ElementsAre("terminate 11"));
  EXPECT_EQ(table_.worker_count(0), 1);
  EXPECT_EQ(table_.slot(0).total, 1);
  EXPECT_THAT(Print(table_.RemoveWorker(0, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Exited(11, {}, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Advance(now_)), IsEmpty());
  table_.AddWorker(0, now_);
  EXPECT_THAT(Print(table_.Advance(now_)), ElementsAre("fork slot 1"));
  EXPECT_EQ(table_.slot(1).number, 1);
}

TEST_F(WorkerTableTest, AReloadPassesOverARemovedWorker) {
  StartAll();
  table_.RemoveWorker(0, now_);
  BeginReplacing();
  EXPECT_THAT(Print(table_.Started(20, now_)),
              ElementsAre("terminate 10", "reload finished"));
}

TEST_F(WorkerTableTest, RemovingTheWorkerWhoseTurnItIsEndsItsTurn) {
  StartAll();
  BeginReplacing();
  EXPECT_THAT(Print(table_.Started(20, now_)),
              ElementsAre("terminate 10", "fork slot 1"));
  table_.Forked(1, 21, now_);
  EXPECT_THAT(Print(table_.RemoveWorker(0, now_)),
              ElementsAre("terminate 11", "terminate 21", "reload finished"));
  EXPECT_THAT(Print(table_.Started(21, now_)), IsEmpty());
}

TEST_F(WorkerTableTest, ARemovedWorkerIsNotWaitedForAtTheStart) {
  EXPECT_THAT(Print(table_.Started(10, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.RemoveWorker(0, now_)),
              ElementsAre("terminate 11", "all started"));
}

TEST_F(WorkerTableTest, NobodyIsAddedOrRemovedWhenStopping) {
  StartAll();
  table_.Stop(now_, kGraceful);
  table_.AddWorker(0, now_);
  EXPECT_THAT(Print(table_.RemoveWorker(0, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Advance(now_)), IsEmpty());
}

TEST_F(WorkerTableTest, CountsOfOtherServicesStay) {
  table_.AddWorkers(1, 1, {});
  table_.AddWorker(1, now_);
  EXPECT_EQ(table_.worker_count(0), 2);
  EXPECT_EQ(table_.worker_count(1), 2);
  EXPECT_EQ(table_.slot(3).number, 1);
}

// Recycling.

TEST_F(WorkerTableTest, ARecycledWorkerLeavesWhenItsSuccessorServes) {
  StartAll();
  EXPECT_THAT(Print(table_.Recycle(11, now_)), ElementsAre("fork slot 1"));
  table_.Forked(1, 21, now_);
  // One at a time.
  EXPECT_THAT(Print(table_.Recycle(10, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Started(21, now_)), ElementsAre("terminate 11"));
  EXPECT_EQ(state(1), WorkerState::kRunning);
  EXPECT_THAT(Print(table_.Recycle(10, now_)), ElementsAre("fork slot 0"));
}

TEST_F(WorkerTableTest, ASuccessorThatFailsLeavesTheRecycledWorker) {
  StartAll();
  table_.Recycle(11, now_);
  table_.Forked(1, 21, now_);
  EXPECT_THAT(Print(table_.Exited(21, kCrash, now_)),
              ElementsAre("recycle failed: worker 1: process 21 killed by "
                          "signal 11 before it had started"));
  EXPECT_EQ(state(1), WorkerState::kRunning);
  table_.Recycle(11, now_);
  table_.Forked(1, 22, now_);
  now_ += kStartTimeout;
  EXPECT_THAT(Print(table_.Advance(now_)),
              ElementsAre("terminate 22",
                          "recycle failed: worker 1: not started within 1m"));
}

TEST_F(WorkerTableTest, AReloadAmidARecyclingReplacesTheSuccessorToo) {
  StartAll();
  table_.Recycle(11, now_);
  table_.Forked(1, 21, now_);
  EXPECT_THAT(Print(table_.BeginReload(now_)), IsEmpty());
  EXPECT_TRUE(table_.reloading());
  EXPECT_THAT(Print(table_.Recycle(10, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Started(21, now_)),
              ElementsAre("terminate 11", "fork slot 0"));
  table_.Forked(0, 20, now_);
  EXPECT_THAT(Print(table_.Started(20, now_)),
              ElementsAre("terminate 10", "fork slot 1"));
  table_.Forked(1, 22, now_);
  EXPECT_THAT(Print(table_.Started(22, now_)),
              ElementsAre("terminate 21", "reload finished"));
}

TEST_F(WorkerTableTest, OnlyAWorkerThatServesIsRecycled) {
  EXPECT_THAT(Print(table_.Recycle(10, now_)), IsEmpty());
  EXPECT_THAT(Print(table_.Recycle(99, now_)), IsEmpty());
  StartAll();
  table_.Stop(now_, kGraceful);
  EXPECT_THAT(Print(table_.Recycle(10, now_)), IsEmpty());
}

// Crashes.

TEST_F(WorkerTableTest, RemembersTheLastWorkersThatEndedByThemselves) {
  now_ += absl::Seconds(5);
  table_.Exited(11, kCrash, now_);
  ASSERT_EQ(table_.crashes().size(), 1u);
  const CrashRecord& crash = table_.crashes().back();
  EXPECT_EQ(crash.number, 1);
  EXPECT_EQ(crash.pid, 11);
  EXPECT_EQ(crash.end.ToString(), "killed by signal 11");
  EXPECT_EQ(crash.uptime, absl::Seconds(5));
  EXPECT_EQ(crash.time, now_);
  for (int pid = 100; pid < 120; ++pid) {
    now_ += absl::Hours(1);
    table_.Advance(now_);
    table_.Forked(1, pid, now_);
    table_.Exited(pid, {.value = 1}, now_);
  }
  EXPECT_EQ(table_.crash_count(), 21);
  EXPECT_EQ(table_.crashes().size(), WorkerTable::kCrashesKept);
  EXPECT_EQ(table_.crashes().back().pid, 119);
  EXPECT_EQ(table_.crashes().back().end.ToString(), "exited with status 1");
}

TEST_F(WorkerTableTest, AWorkerThatWasToldToStopIsNoCrash) {
  StartAll();
  table_.RemoveWorker(0, now_);
  table_.Exited(11, {}, now_);
  table_.Stop(now_, kGraceful);
  table_.Exited(10, kCrash, now_);
  EXPECT_EQ(table_.crash_count(), 0);
}

TEST(WorkerTableBudgetTest, IsSharedByTheWorkersOfASetAndHasOneMoreForFree) {
  periodic::FakeRandom random(0);
  WorkerTable table({}, random);
  table.AddWorkers(0, 2, {});
  absl::Time now = absl::UnixEpoch();
  int pid = 1;
  for (int round = 0; round < 3; ++round) {
    for (const Action& action : table.Advance(now)) {
      table.Forked(action.slot, pid++, now);
    }
    // Three restarts are free, the fourth is not.
    EXPECT_THAT(Print(table.Exited(pid - 1, kCrash, now)), IsEmpty());
  }
  for (const Action& action : table.Advance(now)) {
    table.Forked(action.slot, pid++, now);
  }
  EXPECT_THAT(Print(table.Exited(pid - 1, kCrash, now)),
              ElementsAre("throttle slot 1 1s"));
}

TEST(WorkerTableBudgetTest, GivesUpWhenItIsExhausted) {
  periodic::FakeRandom random(0);
  WorkerTable table({}, random);
  table.AddWorkers(0, 1, {.give_up_after = 1});
  const absl::Time now = absl::UnixEpoch();
  table.Advance(now);
  table.Forked(0, 1, now);
  EXPECT_THAT(Print(table.Exited(1, kCrash, now)), IsEmpty());
  table.Advance(now);
  table.Forked(0, 2, now);
  EXPECT_THAT(Print(table.Exited(2, kCrash, now)), ElementsAre("give up 3"));
}

}  // namespace
}  // namespace bergen::launcher
