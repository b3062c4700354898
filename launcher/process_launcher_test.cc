// SPDX-License-Identifier: Apache-2.0
//
// What the supervisor does, without processes and in no time. Real ones are in
// launch_test.

#include "launcher/process_launcher.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/crash_record.h"
#include "launcher/fake_processes.h"
#include "launcher/launcher.h"
#include "launcher/processes.h"
#include "launcher/status_board.h"
#include "launcher/upgrade.h"
#include "periodic/fake_clock.h"
#include "periodic/fake_random.h"
#include "service/fake_notify_manager.h"
#include "service/listener.h"
#include "service/notify.h"
#include "service/service_group.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ProcessEvent Started(int pid) {
  return {.kind = ProcessEvent::kStarted, .pid = pid};
}
ProcessEvent Exited(int pid, int status) {
  return {.kind = ProcessEvent::kExited, .pid = pid, .value = status};
}
ProcessEvent Signal(int signal) {
  return {.kind = ProcessEvent::kSignal, .value = signal};
}

class ProcessLauncherTest : public ::testing::Test {
 protected:
  ProcessLauncherTest() { log_.set_level(spdlog::level::debug); }

  // Runs two workers through the script.
  int Run(LaunchOptions options) {
    options.on_phase = [this](Phase phase) { phases_.push_back(phase); };
    return RunWithObserver(std::move(options));
  }

  int RunWithObserver(LaunchOptions options) {
    ProcessLauncher launcher(std::move(options), {}, processes_, board_, clock_,
                             random_, log_);
    EXPECT_THAT(
        launcher.LaunchService(
            [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); },
            2),
        IsOk());
    return launcher.Run();
  }

  periodic::FakeClock clock_;
  periodic::FakeRandom random_{0};
  FakeProcesses processes_{clock_};
  StatusBoard board_ = *StatusBoard::Create();
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  std::vector<Phase> phases_;
  int workers_ = 3;
};

// OS-021.
TEST_F(ProcessLauncherTest, StartsRunsAndStops) {
  processes_.Then({Started(101)});
  processes_.Then({Started(102)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(Run({}), kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "TERM 101", "TERM 102"));
  EXPECT_THAT(phases_, ElementsAre(Phase::kStarting, Phase::kRunning,
                                   Phase::kStopping, Phase::kStopped));
  for (const char* line :
       {"Starting 2 workers", "Started child 101",
        "Caught SIGTERM, stopping children", "Killing children.",
        "Waiting on 2 children to exit", "Child 101 exited with status 0",
        "Stopped listening"}) {
    EXPECT_THAT(text_.str(), HasSubstr(line));
  }
  // Once.
  EXPECT_EQ(text_.str().find("Stopped listening"),
            text_.str().rfind("Stopped listening"));
}

TEST_F(ProcessLauncherTest, KillsWhatIsLeftAfterTheGracefulTimeout) {
  processes_.Then({Started(101), Started(102), Signal(SIGTERM)});
  processes_.Then({Exited(101, 0)});
  processes_.ThenTimeout();  // Listeners.
  processes_.ThenTimeout();  // The deadline.
  processes_.ThenTimeout();  // A little more.
  processes_.Then({{.kind = ProcessEvent::kKilled, .pid = 102, .value = 9}});
  const absl::Time begin = clock_.Now();
  EXPECT_EQ(Run({.graceful_shutdown_timeout = [] { return absl::Seconds(9); }}),
            kExitFailed);
  EXPECT_EQ(clock_.Now() - begin, absl::Seconds(10));
  EXPECT_THAT(
      processes_.TakeCalls(),
      ElementsAre("fork 101", "fork 102", "TERM 101", "TERM 102", "KILL 102"));
  EXPECT_THAT(text_.str(), HasSubstr("Graceful shutdown timeout exceeded, "
                                     "instantaneous exiting"));
  EXPECT_THAT(text_.str(), HasSubstr("Child 102 killed by signal 9"));
}

TEST_F(ProcessLauncherTest, AnInterruptIsFollowedByAKill) {
  processes_.Then({Started(101), Started(102), Signal(SIGINT)});
  processes_.Then({Exited(101, 1)});
  processes_.ThenTimeout();
  processes_.Then({{.kind = ProcessEvent::kKilled, .pid = 102, .value = 9}});
  EXPECT_EQ(Run({}), kExitFailed);
  EXPECT_THAT(
      processes_.TakeCalls(),
      ElementsAre("fork 101", "fork 102", "INT 101", "INT 102", "KILL 102"));
}

TEST_F(ProcessLauncherTest, AnInterruptDoesNotWaitForTheUnkillable) {
  processes_.Then({Signal(SIGINT)});
  processes_.ThenTimeout();
  processes_.ThenTimeout();
  EXPECT_EQ(Run({}), kExitFailed);
}

// OS-028, W-13.
TEST_F(ProcessLauncherTest, HupsDuringAReloadBecomeOneMore) {
  int reads = 0;
  processes_.Then({Started(101), Started(102), Signal(SIGHUP)});
  processes_.Then({Signal(SIGHUP), Signal(SIGHUP)});
  processes_.Then({Started(103), Signal(SIGHUP)});
  processes_.Then({Started(104)});
  processes_.Then({Started(105)});
  processes_.Then({Started(106), Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0), Exited(103, 0),
                   Exited(104, 0), Exited(105, 0), Exited(106, 0)});
  EXPECT_EQ(Run({.reload =
                     [&reads] {
                       ++reads;
                       return absl::OkStatus();
                     }}),
            kExitOk);
  EXPECT_EQ(reads, 2);
  EXPECT_THAT(phases_,
              ElementsAre(Phase::kStarting, Phase::kRunning, Phase::kReloading,
                          Phase::kRunning, Phase::kReloading, Phase::kRunning,
                          Phase::kStopping, Phase::kStopped));
}

TEST_F(ProcessLauncherTest, TermWinsOverAReload) {
  processes_.Then({Started(101), Started(102), Signal(SIGHUP)});
  processes_.Then({Signal(SIGTERM), Signal(SIGHUP)});
  processes_.Then({Exited(101, 0), Exited(102, 0), Exited(103, 0)});
  EXPECT_EQ(Run({}), kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "fork 103", "TERM 101",
                          "TERM 103", "TERM 102"));
}

TEST_F(ProcessLauncherTest, ValuesThatCannotBeReadLeaveTheWorkersAlone) {
  processes_.Then({Started(101), Started(102), Signal(SIGHUP)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(
      Run({.reload = [] { return absl::InvalidArgumentError("line 3"); }}),
      kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "TERM 101", "TERM 102"));
  EXPECT_THAT(text_.str(), HasSubstr("line 3"));
}

TEST_F(ProcessLauncherTest, AThrowingHookIsAFailedReload) {
  processes_.Then({Started(101), Started(102), Signal(SIGHUP)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(Run({.reload = []() -> absl::Status { throw 1; }}), kExitOk);
  EXPECT_THAT(text_.str(), HasSubstr("Reload failed"));
}

TEST_F(ProcessLauncherTest, AFailedForkIsTriedAgain) {
  processes_.FailNextFork(absl::ResourceExhaustedError("no memory"));
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0)});
  EXPECT_EQ(Run({.restart_limits = {.free_restarts = 0}}), kExitOk);
  EXPECT_THAT(processes_.TakeCalls(), ElementsAre("fork 101", "TERM 101"));
  EXPECT_THAT(text_.str(), HasSubstr("no memory"));
  EXPECT_THAT(text_.str(), HasSubstr("Forking too fast, sleeping 1s"));
}

TEST_F(ProcessLauncherTest, GivingUpForksNobodyElse) {
  processes_.Then({Exited(101, 1), Exited(102, 1)});
  EXPECT_EQ(Run({.restart_limits = {.give_up_after = 1}}), kExitGaveUp);
  EXPECT_THAT(processes_.TakeCalls(), ElementsAre("fork 101", "fork 102"));
}

TEST_F(ProcessLauncherTest, LeavesOnceANewGenerationHasStarted) {
  processes_.Then({Started(101), Started(102), Signal(SIGUSR2)});
  processes_.Then({Started(103)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(Run({.upgrade_command = {"relay", "-v"}}), kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "exec 103 relay -v",
                          "release 103", "TERM 101", "TERM 102"));
  EXPECT_THAT(text_.str(), HasSubstr("Upgrade finished: process 103 serves"));
  EXPECT_THAT(phases_,
              ElementsAre(Phase::kStarting, Phase::kRunning, Phase::kReloading,
                          Phase::kStopping, Phase::kStopped));
}

TEST_F(ProcessLauncherTest, ANewGenerationThatIsLateIsKilled) {
  processes_.Then({Started(101), Started(102), Signal(SIGUSR2)});
  const absl::Time begin = clock_.Now();
  processes_.ThenTimeout();
  processes_.Then({{.kind = ProcessEvent::kKilled, .pid = 103, .value = 9}});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(
      Run({.start_timeout = absl::Seconds(9), .upgrade_command = {"relay"}}),
      kExitOk);
  EXPECT_EQ(clock_.Now() - begin, absl::Seconds(9));
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "exec 103 relay", "KILL 103",
                          "TERM 101", "TERM 102"));
  EXPECT_THAT(text_.str(), HasSubstr("Upgrade failed, the old generation goes "
                                     "on: not started within 9s"));
}

TEST_F(ProcessLauncherTest, AnUpgradeWaitsForAReloadAndAReloadForItsVerdict) {
  processes_.Then({Started(101), Started(102), Signal(SIGHUP)});
  processes_.Then({Signal(SIGUSR2), Started(103)});
  processes_.Then({Started(104)});    // The reload is over.
  processes_.Then({Signal(SIGHUP)});  // Amid the upgrade.
  processes_.Then({Exited(105, 1)});  // Which fails.
  processes_.Then({Started(106)});
  processes_.Then({Started(107), Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0), Exited(103, 0),
                   Exited(104, 0), Exited(106, 0), Exited(107, 0)});
  EXPECT_EQ(Run({.upgrade_command = {"relay"}}), kExitOk);
  EXPECT_THAT(
      processes_.TakeCalls(),
      ElementsAre("fork 101", "fork 102", "fork 103", "TERM 101", "fork 104",
                  "TERM 102", "exec 105 relay", "fork 106", "TERM 103",
                  "fork 107", "TERM 104", "TERM 106", "TERM 107"));
}

TEST_F(ProcessLauncherTest, TermEndsAnUpgrade) {
  processes_.Then({Started(101), Started(102), Signal(SIGUSR2)});
  processes_.Then({Signal(SIGTERM), Signal(SIGUSR2)});
  processes_.Then({{.kind = ProcessEvent::kKilled, .pid = 103, .value = 9},
                   Exited(101, 0),
                   Exited(102, 0)});
  EXPECT_EQ(Run({.upgrade_command = {"relay"}}), kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "exec 103 relay", "KILL 103",
                          "TERM 101", "TERM 102"));
}

TEST_F(ProcessLauncherTest, AnUpgradeThatCannotBeginChangesNothing) {
  processes_.Then({Started(101), Started(102), Signal(SIGUSR2)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(RunWithObserver({.upgrade_command = {"relay"},
                             .on_phase =
                                 [this](Phase phase) {
                                   if (phase != Phase::kReloading) return;
                                   processes_.FailNextFork(
                                       absl::NotFoundError("no file"));
                                 }}),
            kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "TERM 101", "TERM 102"));
  EXPECT_THAT(text_.str(), HasSubstr("goes on: NOT_FOUND: no file"));
}

TEST_F(ProcessLauncherTest, WithoutACommandThereIsNoUpgrade) {
  processes_.Then({Started(101), Started(102), Signal(SIGUSR2)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(Run({}), kExitOk);
  EXPECT_THAT(phases_, ElementsAre(Phase::kStarting, Phase::kRunning,
                                   Phase::kStopping, Phase::kStopped));
  EXPECT_THAT(text_.str(), HasSubstr("has no upgrade_command"));
}

TEST_F(ProcessLauncherTest, GivingUpSaysHowWorkersEnded) {
  processes_.Then({Exited(101, 1), Exited(102, 1)});
  Run({.restart_limits = {.give_up_after = 1}});
  EXPECT_THAT(
      text_.str(),
      HasSubstr("worker 0 (process 101) exited with status 1, by itself, "
                "0 after its start"));
}

TEST_F(ProcessLauncherTest, AWrongConfigurationIsNotTriedAgain) {
  processes_.Then({Exited(101, kExitConfiguration)});
  processes_.Then({Exited(102, kExitConfiguration)});
  EXPECT_EQ(Run({}), kExitConfiguration);
  EXPECT_THAT(processes_.TakeCalls(), ElementsAre("fork 101", "fork 102"));
  EXPECT_THAT(text_.str(), HasSubstr("not started again before a reload"));
}

TEST_F(ProcessLauncherTest, TtinAddsAWorkerAndTtouTakesOneAway) {
  processes_.Then({Started(101), Started(102), Signal(SIGTTIN)});
  processes_.Then(
      {Started(103), Signal(SIGTTOU), Signal(SIGTTOU), Signal(SIGTTOU)});
  std::vector<int> removed;
  processes_.Then({Exited(103, 0)});
  processes_.Then({Exited(102, 0), Signal(SIGTERM)});
  processes_.Then({Exited(101, 0)});
  EXPECT_EQ(Run({.after_removal =
                     [&removed](const WorkerInfo& info) {
                       removed.push_back(info.number);
                     }}),
            kExitOk);
  EXPECT_THAT(removed, ElementsAre(2, 1));
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "fork 103", "TERM 103",
                          "TERM 102", "TERM 101"));
  EXPECT_THAT(text_.str(), HasSubstr("3 workers from now on, 2 before"));
  EXPECT_THAT(text_.str(), HasSubstr("1 workers from now on, 2 before"));
  EXPECT_THAT(board_.Workers(), ElementsAre(1));
}

TEST_F(ProcessLauncherTest, HandlersOfTheProgramAreCalledBeforeItsOwn) {
  std::vector<std::string> called;
  const auto note = [&](std::string what) {
    return [&called, what] { called.push_back(what); };
  };
  processes_.Then({Started(101), Started(102), Signal(SIGALRM)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(
      Run({.signal_handlers =
               {{.signal = SIGALRM, .handler = note("alarm")},
                {.signal = SIGALRM, .handler = note("alarm, later")},
                {.signal = SIGALRM, .handler = note("?"), .in_workers = true},
                {.signal = SIGTERM,
                 .handler =
                     [&] {
                       called.push_back("term");
                       EXPECT_THAT(text_.str(), Not(HasSubstr("SIGTERM")));
                     }}}}),
      kExitOk);
  EXPECT_THAT(called, ElementsAre("alarm, later", "alarm", "term"));
}

// Two services, of two workers and one.
class SeveralServicesTest : public ProcessLauncherTest {
 protected:
  int RunBoth(LaunchOptions options) {
    ProcessLauncher launcher(std::move(options), {}, processes_, board_, clock_,
                             random_, log_);
    for (int workers : {2, 1}) {
      EXPECT_THAT(
          launcher.LaunchService(
              [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); },
              workers),
          IsOk());
    }
    return launcher.Run();
  }

  static ProcessEvent Resize(int service, int workers) {
    return {
        .kind = ProcessEvent::kResize, .value = workers, .service = service};
  }
};

TEST_F(SeveralServicesTest, EachHasItsOwnNumberOfWorkersThatMayChange) {
  std::vector<WorkerInfo> forked;
  processes_.Then({Started(101), Started(102), Started(103), Resize(1, 3)});
  processes_.Then({Started(104), Started(105), Resize(1, 2), Resize(0, 1)});
  processes_.Then({Exited(105, 0), Exited(102, 0), Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(103, 0), Exited(104, 0)});
  EXPECT_EQ(RunBoth({.before_fork =
                         [&forked](const WorkerInfo& info) {
                           forked.push_back(info);
                           return absl::OkStatus();
                         }}),
            kExitOk);
  EXPECT_THAT(
      processes_.TakeCalls(),
      ElementsAre("fork 101", "fork 102", "fork 103", "fork 104", "fork 105",
                  "TERM 105", "TERM 102", "TERM 101", "TERM 103", "TERM 104"));
  ASSERT_EQ(forked.size(), 5u);
  EXPECT_EQ(forked[2].service, 1);
  EXPECT_EQ(forked[2].number, 0);
  EXPECT_EQ(forked[2].total, 1);
  EXPECT_EQ(forked[4].service, 1);
  EXPECT_EQ(forked[4].number, 2);
  EXPECT_EQ(forked[4].total, 3);
  EXPECT_THAT(board_.Workers(), ElementsAre(1, 2));
  EXPECT_THAT(text_.str(),
              HasSubstr("service 1: 3 workers from now on, 1 before"));
}

TEST_F(SeveralServicesTest, TtinIsForTheFirstServiceAndAReloadForItsOption) {
  processes_.Then({Started(101), Started(102), Started(103), Signal(SIGTTIN)});
  processes_.Then({Started(104), Resize(1, 2)});
  processes_.Then({Started(105), Signal(SIGHUP)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0), Exited(103, 0),
                   Exited(104, 0), Exited(105, 0), Exited(106, 0)});
  std::vector<std::vector<int>> seen;
  RunBoth({.worker_count = [&] {
    seen.push_back(board_.Workers());
    return 2;
  }});
  EXPECT_THAT(seen, ElementsAre(ElementsAre(3, 2)));
  EXPECT_THAT(board_.Workers(), ElementsAre(2, 2));
}

TEST_F(SeveralServicesTest, WhatCannotBeOrComesTooLateIsIgnored) {
  processes_.Then({Started(101), Started(102), Started(103), Resize(2, 1),
                   Resize(-1, 1), Resize(0, 2), Signal(SIGTERM)});
  processes_.Then({Resize(0, 5), Exited(101, 0), Exited(102, 0)});
  processes_.Then({Exited(103, 0)});
  RunBoth({});
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "fork 103", "TERM 101",
                          "TERM 102", "TERM 103"));
  EXPECT_THAT(board_.Workers(), ElementsAre(2, 1));
}

TEST_F(SeveralServicesTest, ACrashIsShownWithItsService) {
  processes_.Then({Started(101), Started(102), Started(103)});
  processes_.Then({{.kind = ProcessEvent::kKilled,
                    .pid = 103,
                    .value = 9,
                    .out_of_memory = true}});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0), Exited(104, 0)});
  RunBoth({});
  const std::vector<CrashRecord> crashes = board_.Crashes();
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_EQ(crashes[0].service, 1);
  EXPECT_EQ(crashes[0].number, 0);
  EXPECT_EQ(crashes[0].pid, 103);
  EXPECT_TRUE(crashes[0].end.out_of_memory);
  EXPECT_EQ(crashes[0].time, clock_.WallNow());
  EXPECT_THAT(text_.str(),
              HasSubstr("worker 1.0 (process 103) killed by signal 9 (out of "
                        "memory), by itself"));
}

TEST_F(ProcessLauncherTest, AReloadMayChangeTheNumberOfWorkers) {
  processes_.Then({Started(101), Started(102), Signal(SIGHUP)});
  processes_.Then({Started(103)});  // In place of 101.
  processes_.Then({Started(104)});  // The third, or in place of 102.
  processes_.Then({Started(105)});
  processes_.Then({Exited(101, 0), Exited(102, 0), Signal(SIGHUP)});
  processes_.Then({Started(106), Signal(SIGTERM)});
  processes_.Then(
      {Exited(103, 0), Exited(104, 0), Exited(105, 0), Exited(106, 0)});
  EXPECT_EQ(Run({.reload =
                     [this] {
                       // The second reload takes two of them away.
                       if (phases_.size() > 3) workers_ = 1;
                       return absl::OkStatus();
                     },
                 .worker_count = [this] { return workers_; }}),
            kExitOk);
  EXPECT_THAT(text_.str(), HasSubstr("3 workers from now on, 2 before"));
  EXPECT_THAT(text_.str(), HasSubstr("1 workers from now on, 3 before"));
}

TEST_F(ProcessLauncherTest, AForkThatCannotBePreparedIsAFailedFork) {
  std::vector<int> prepared;
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0)});
  EXPECT_EQ(
      Run({.restart_limits = {.free_restarts = 0},
           .before_fork = [&prepared](const WorkerInfo& info) -> absl::Status {
             prepared.push_back(info.number);
             if (info.number == 1) return absl::OkStatus();
             return absl::AlreadyExistsError("port in use");
           }}),
      kExitOk);
  EXPECT_THAT(prepared, ElementsAre(0, 1));
  EXPECT_THAT(processes_.TakeCalls(), ElementsAre("fork 101", "TERM 101"));
  EXPECT_THAT(text_.str(), HasSubstr("port in use"));
}

TEST_F(ProcessLauncherTest, Usr1ReopensLogsEverywhere) {
  int reopened = 0;
  processes_.Then({Started(101), Started(102), Signal(SIGUSR1)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(Run({.reopen_logs = [&reopened]() -> absl::Status {
              ++reopened;
              return absl::NotFoundError("no folder");
            }}),
            kExitOk);
  EXPECT_EQ(reopened, 1);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "USR1 101", "USR1 102",
                          "TERM 101", "TERM 102"));
  EXPECT_THAT(text_.str(), HasSubstr("no folder"));
}

TEST_F(ProcessLauncherTest, AWorkerThatHangsIsAskedForItsStacksAndThenKilled) {
  processes_.Then({Started(101), Started(102)});
  // A check each second; 101 gives no sign of life.
  for (int second = 1; second <= 8; ++second) {
    processes_.ThenTimeoutAfter([this] { ++processes_.signs(102).beats; });
  }
  processes_.Then({{.kind = ProcessEvent::kKilled, .pid = 101, .value = 9}});
  processes_.Then({Started(103), Signal(SIGTERM)});
  processes_.Then({Exited(102, 0), Exited(103, 0)});
  EXPECT_EQ(Run({.health_limits = {.hang_timeout = absl::Seconds(4)}}),
            kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "QUIT 101", "KILL 101",
                          "fork 103", "TERM 103", "TERM 102"));
  EXPECT_THAT(text_.str(),
              HasSubstr("worker 0 (process 101) hangs, asking for its stacks: "
                        "no sign of life for 4s"));
  EXPECT_THAT(text_.str(), HasSubstr("worker 0 (process 101) hangs, killing"));
}

TEST_F(ProcessLauncherTest, WornOutWorkersAreReplacedOneAtATime) {
  processes_.Then({Started(101), Started(102)});
  processes_.ThenTimeoutAfter([this] {
    processes_.signs(101).requests = 10;
    processes_.signs(102).requests = 10;
  });
  processes_.ThenTimeout();  // 102 has to wait.
  processes_.Then({Started(103)});
  processes_.ThenTimeout();
  processes_.Then({Started(104), Exited(101, 0), Exited(102, 0)});
  processes_.ThenTimeout();
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(103, 0), Exited(104, 0)});
  EXPECT_EQ(Run({.health_limits = {.max_requests = 10}}), kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "fork 103", "TERM 101",
                          "fork 104", "TERM 102", "TERM 103", "TERM 104"));
  EXPECT_THAT(
      text_.str(),
      HasSubstr("worker 0 (process 101) is recycled after 10 requests"));
}

TEST_F(ProcessLauncherTest, AnnouncesAStopAndTellsWorkersAfterTheDelay) {
  processes_.Then({Started(101), Started(102), Signal(SIGTERM)});
  processes_.Then({Signal(SIGHUP), Signal(SIGUSR2)});  // Too late.
  processes_.ThenTimeout();
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  const absl::Time begin = clock_.Now();
  EXPECT_EQ(Run({.drain_delay = [] { return absl::Seconds(5); }}), kExitOk);
  EXPECT_EQ(clock_.Now() - begin, absl::Seconds(5));
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "URG 101", "URG 102",
                          "TERM 101", "TERM 102"));
  EXPECT_THAT(phases_,
              ElementsAre(Phase::kStarting, Phase::kRunning, Phase::kDraining,
                          Phase::kStopping, Phase::kStopped));
}

TEST_F(ProcessLauncherTest, ASecondTermEndsTheDelay) {
  processes_.Then({Started(101), Started(102), Signal(SIGTERM)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  EXPECT_EQ(Run({.drain_delay = [] { return absl::Hours(5); }}), kExitOk);
  EXPECT_THAT(processes_.TakeCalls(),
              ElementsAre("fork 101", "fork 102", "URG 101", "URG 102",
                          "TERM 101", "TERM 102"));
}

// What systemd is told.

class ProcessLauncherNotifyTest : public ProcessLauncherTest {
 protected:
  LaunchOptions Options() {
    return {.graceful_shutdown_timeout = [] { return absl::Seconds(60); },
            .listeners = {&listener_},
            .upgrade_command = {"relay"},
            .notifier = Notifier(manager_.name())};
  }
  void Start() { processes_.Then({Started(101), Started(102)}); }
  void Stop() {
    processes_.Then({Signal(SIGTERM)});
    processes_.Then({Exited(101, 0), Exited(102, 0)});
  }

  FakeNotifyManager manager_;
  Listener listener_ = *Listener::ListenTcp("http", "127.0.0.1", 0, {});
};

constexpr char kForgotten[] = "FDSTOREREMOVE=1\nFDNAME=http";
constexpr char kStored[] = "FDSTORE=1\nFDNAME=http";
constexpr char kReady[] = "READY=1\nSTATUS=2 workers serve";
constexpr char kReloading[] = "RELOADING=1\nMONOTONIC_USEC=\nSTATUS=Reloading";
constexpr char kUpgrading[] = "RELOADING=1\nMONOTONIC_USEC=\nSTATUS=Upgrading";
constexpr char kStopping[] =
    "STOPPING=1\nSTATUS=Stopping\nEXTEND_TIMEOUT_USEC=65000000";

TEST_F(ProcessLauncherNotifyTest, StartAndStop) {
  Start();
  Stop();
  Run(Options());
  EXPECT_THAT(manager_.Take(), ElementsAre(kStored, kReady, kStopping));
}

TEST_F(ProcessLauncherNotifyTest, NothingBeforeEveryWorkerServes) {
  processes_.Then({Started(101)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  Run(Options());
  EXPECT_THAT(manager_.Take(), ElementsAre(kStopping));
}

TEST_F(ProcessLauncherNotifyTest, ADrainDelayIsPartOfTheStop) {
  Start();
  processes_.Then({Signal(SIGTERM)});
  processes_.ThenTimeout();
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  LaunchOptions options = Options();
  options.drain_delay = [] { return absl::Seconds(5); };
  Run(std::move(options));
  EXPECT_THAT(
      manager_.Take(),
      ElementsAre(kStored, kReady,
                  "STOPPING=1\nSTATUS=Stopping\nEXTEND_TIMEOUT_USEC=70000000"));
}

TEST_F(ProcessLauncherNotifyTest, Reload) {
  Start();
  processes_.Then({Signal(SIGHUP)});
  processes_.Then({Started(103)});
  processes_.Then({Started(104), Signal(SIGTERM)});
  processes_.Then(
      {Exited(101, 0), Exited(102, 0), Exited(103, 0), Exited(104, 0)});
  Run(Options());
  EXPECT_THAT(
      manager_.Take(),
      ElementsAre(kStored, kReady, kReloading,
                  "READY=1\nSTATUS=Reloaded; 2 workers serve", kStopping));
}

TEST_F(ProcessLauncherNotifyTest, FailedReloads) {
  bool readable = false;
  Start();
  processes_.Then({Signal(SIGHUP)});  // Cannot be read.
  processes_.Then({Signal(SIGHUP)});
  processes_.Then({Exited(103, 1)});  // Does not start.
  Stop();
  LaunchOptions options = Options();
  options.reload = [&readable]() -> absl::Status {
    if (std::exchange(readable, true)) return absl::OkStatus();
    return absl::InvalidArgumentError("line 3");
  };
  Run(std::move(options));
  EXPECT_THAT(manager_.Take(),
              ElementsAre(kStored, kReady, kReloading,
                          "READY=1\nSTATUS=Reload failed: INVALID_ARGUMENT: "
                          "line 3; 2 workers serve",
                          kReloading,
                          "READY=1\nSTATUS=Reload ended early: worker 0: "
                          "process 103 exited with status 1 before it had "
                          "started; 2 workers serve",
                          kStopping));
}

TEST_F(ProcessLauncherNotifyTest, Upgrade) {
  Start();
  processes_.Then({Signal(SIGUSR2)});
  processes_.Then({Started(103)});
  processes_.Then({Exited(101, 0), Exited(102, 0)});
  // Reads the barrier, or the launcher would wait for a while.
  std::vector<std::string> said;
  std::thread reader([&] {
    do {
      const std::vector<std::string> more = manager_.Take();
      said.insert(said.end(), more.begin(), more.end());
      std::this_thread::yield();
    } while (said.empty() || said.back() != "BARRIER=1");
  });
  Run(Options());
  reader.join();
  // Not STOPPING: the service goes on.
  EXPECT_THAT(
      said, ElementsAre(kStored, kReady, kUpgrading,
                        "MAINPID=103\nREADY=1\nSTATUS=Upgraded", "BARRIER=1"));
}

TEST_F(ProcessLauncherNotifyTest, ANewGenerationStoresItsListeners) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  UniqueFd read_end(ends[0]);
  ::setenv("BERGEN_UPGRADE_FD", std::to_string(ends[1]).c_str(), 1);
  Predecessor predecessor = Predecessor::FromEnvironment();
  Start();
  Stop();
  // The old one, which reads what is reported and then reads no more.
  std::thread old([&] {
    char report = 0;
    EXPECT_EQ(::read(read_end.get(), &report, 1), 1);
    EXPECT_THAT(manager_.Take(), IsEmpty());
    read_end.Reset();
  });
  ProcessLauncher launcher(Options(), std::move(predecessor), processes_,
                           board_, clock_, random_, log_);
  EXPECT_THAT(
      launcher.LaunchService(
          [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); }, 2),
      IsOk());
  launcher.Run();
  old.join();
  EXPECT_THAT(manager_.Take(), ElementsAre(kForgotten, kStored, kStopping));
}

TEST_F(ProcessLauncherNotifyTest, FailedUpgrade) {
  Start();
  processes_.Then({Signal(SIGUSR2)});
  processes_.Then({Exited(103, 1)});
  Stop();
  Run(Options());
  EXPECT_THAT(manager_.Take(),
              ElementsAre(kStored, kReady, kUpgrading,
                          "READY=1\nSTATUS=Upgrade failed: exited with status "
                          "1; 2 workers serve",
                          kStopping));
}

TEST_F(ProcessLauncherNotifyTest, TheWatchdogIsFedOnlyWhileSomebodyServes) {
  ::setenv("NOTIFY_SOCKET", manager_.name().c_str(), 1);
  ::setenv("WATCHDOG_USEC", "2000000", 1);
  LaunchOptions options = Options();
  options.notifier = Notifier::FromEnvironment();
  options.restart_limits = {.free_restarts = 0,
                            .first_delay = absl::Seconds(10)};
  Start();
  processes_.ThenTimeout();
  processes_.Then({Exited(101, 1), Exited(102, 1)});
  processes_.ThenTimeout();
  processes_.ThenTimeout();
  processes_.Then({Signal(SIGTERM)});
  Run(std::move(options));
  EXPECT_THAT(manager_.Take(), ElementsAre(kStored, kReady, "WATCHDOG=1",
                                           "WATCHDOG=1", kStopping));
  EXPECT_THAT(text_.str(), HasSubstr("no worker serves"));
}

TEST_F(ProcessLauncherTest, OptionsAreLoggedAtTheStartAndAfterAReload) {
  int logged = 0;
  processes_.Then({Started(101), Started(102), Signal(SIGHUP)});
  processes_.Then({Signal(SIGTERM)});
  processes_.Then({Exited(101, 0), Exited(102, 0), Exited(103, 0)});
  Run({.log_options = [&logged] { ++logged; }});
  EXPECT_EQ(logged, 2);
}

}  // namespace
}  // namespace bergen::launcher
