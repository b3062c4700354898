// SPDX-License-Identifier: Apache-2.0
//
// The supervisor's edge to the system when the system refuses: each call fails,
// in a process of its own, as the kernel would have it.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/fake_signals.h"
#include "launcher/idle_service_for_test.h"
#include "launcher/launch.h"
#include "launcher/launcher.h"
#include "launcher/phase.h"
#include "launcher/posix_processes.h"
#include "launcher/processes.h"
#include "launcher/test_program.h"
#include "launcher/upgrade.h"
#include "launcher/worker_loop.h"
#include "periodic/clock.h"
#include "service/listener.h"
#include "service/service.h"
#include "service/service_group.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::HasSubstr;

// From now on, and for ever, this process's system call `number` fails.
void FailSyscall(unsigned number, int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {std::size(filter), filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("FailSyscall");
    std::abort();
  }
}

void InChild(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << "see the messages of the child";
}

int OpenDescriptors() {
  return static_cast<int>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                    std::filesystem::directory_iterator()));
}

bool HasChildren() {
  siginfo_t info = {};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

struct Fault {
  unsigned syscall;
  int error;
  const char* text;  // Of the status.
};

class Supervisor {
 public:
  Supervisor()
      : processes_(*PosixProcesses::Create(signals_, clock_,
                                           *spdlog::default_logger())) {}
  PosixProcesses& processes() { return *processes_; }

 private:
  periodic::RealClock clock_;
  FakeSignals signals_;
  std::unique_ptr<PosixProcesses> processes_;
};

TEST(FaultTest, AForkThatFailsLeavesNothingBehind) {
  for (const Fault& fault :
       {Fault{SYS_clone, EAGAIN, "fork"}, Fault{SYS_clone, ENOMEM, "fork"},
        Fault{SYS_epoll_ctl, ENOSPC, "epoll of processes"},
        Fault{SYS_pidfd_open, EMFILE, "pidfd_open"}}) {
    InChild([&fault] {
      Supervisor supervisor;
      FailSyscall(fault.syscall, fault.error);
      const int before = OpenDescriptors();
      for (int i = 0; i < 3; ++i) {
        const absl::StatusOr<int> pid =
            supervisor.processes().Fork([](SupervisorLink&) {
              ::pause();
              return 0;
            });
        EXPECT_THAT(std::string(pid.status().message()), HasSubstr(fault.text));
      }
      EXPECT_EQ(OpenDescriptors(), before);
      EXPECT_FALSE(HasChildren());
    });
  }
}

TEST(FaultTest, AnUpgradeThatFailsLeavesNothingBehind) {
  for (const Fault& fault :
       {Fault{SYS_clone, EAGAIN, "fork"}, Fault{SYS_pipe2, EMFILE, "pipe"},
        Fault{SYS_pidfd_open, EMFILE, "pidfd_open"},
        Fault{SYS_execve, ENOMEM, "cannot run /bin/sleep"},
        Fault{SYS_dup2, EBADF, "cannot run /bin/sleep"}}) {
    InChild([&fault] {
      Listener http = *Listener::ListenTcp("http", "127.0.0.1", 0, {});
      FailSyscall(fault.syscall, fault.error);
      const int before = OpenDescriptors();
      const absl::StatusOr<NextGeneration> next = StartNextGeneration(
          {.command = {"/bin/sleep", "1000"}, .listeners = {&http}});
      EXPECT_THAT(std::string(next.status().message()), HasSubstr(fault.text));
      EXPECT_EQ(OpenDescriptors(), before);
      EXPECT_FALSE(HasChildren());
    });
  }
}

TEST(FaultTest, WhatASupervisorCannotDoWithoutIsAnErrorOfItsStart) {
  for (const Fault& fault : {Fault{SYS_signalfd4, EMFILE, "signalfd"},
                             Fault{SYS_pipe2, EMFILE, "pipe of requests"},
                             Fault{SYS_epoll_create1, EMFILE, "epoll"},
                             Fault{SYS_epoll_ctl, ENOSPC, "epoll"},
                             Fault{SYS_pidfd_open, ENOSYS, "pidfd_open"}}) {
    InChild([&fault] {
      FailSyscall(fault.syscall, fault.error);
      const int before = OpenDescriptors();
      const auto launcher = Launch(
          *spdlog::default_logger(),
          [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); },
          {.workers = 2});
      EXPECT_THAT(std::string(launcher.status().message()),
                  HasSubstr(fault.text));
      EXPECT_EQ(OpenDescriptors(), before);
    });
  }
}

TEST(FaultTest, AnInterruptedWaitIsNoEvent) {
  InChild([] {
    Supervisor supervisor;
    FailSyscall(SYS_ppoll, EINTR);
    EXPECT_TRUE(supervisor.processes().Await(absl::InfiniteFuture()).empty());
  });
}

TEST(FaultTest, WithoutMemoryToPollASupervisorStillHearsOfEverything) {
  InChild([] {
    Supervisor supervisor;
    FailSyscall(SYS_ppoll, ENOMEM);
    const absl::StatusOr<int> pid = supervisor.processes().Fork([](auto& link) {
      link.ReportStarted();
      return 7;
    });
    ASSERT_THAT(pid, IsOk());
    std::vector<ProcessEvent> events;
    while (events.size() < 2) {
      for (const ProcessEvent& event :
           supervisor.processes().Await(absl::InfiniteFuture())) {
        events.push_back(event);
      }
    }
    EXPECT_EQ(events[0].kind, ProcessEvent::kStarted);
    EXPECT_EQ(events[1].kind, ProcessEvent::kExited);
    EXPECT_EQ(events[1].value, 7);
  });
}

TEST(FaultTest, WithoutMemoryToPollAProgramRunsAndStops) {
  for (int workers : {1, 2}) {
    TestProgram program([workers](TestProgram::Voice& voice) {
      auto launcher =
          Launch(voice.log(),
                 [](const WorkerInfo&, ServiceGroup& group) {
                   group.Add(std::make_unique<Idle>());
                   return absl::OkStatus();
                 },
                 {.workers = workers, .on_phase = [&voice](Phase phase) {
                    voice.Say(std::string(PhaseName(phase)));
                  }});
      FailSyscall(SYS_ppoll, ENOMEM);
      return launcher.ok() ? (*launcher)->Wait() : 99;
    });
    program.ReadUntil("running");
    program.Signal(SIGTERM);
    EXPECT_EQ(program.ExitStatus(), kExitOk);
  }
}

TEST(FaultTest, ASupervisorThatCannotForkGoesOnTryingAndStops) {
  for (const Fault& fault : {Fault{SYS_clone, EAGAIN, "fork"},
                             Fault{SYS_pidfd_open, EMFILE, "pidfd_open"}}) {
    TestProgram program([&fault](TestProgram::Voice& voice) {
      auto launcher = Launch(
          voice.log(),
          [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); },
          {.workers = 2,
           .restart_limits = {.free_restarts = 0,
                              .first_delay = absl::Milliseconds(1),
                              .longest_delay = absl::Milliseconds(1)}});
      FailSyscall(fault.syscall, fault.error);
      return launcher.ok() ? (*launcher)->Wait() : 99;
    });
    for (int i = 0; i < 10; ++i) {
      EXPECT_THAT(program.ReadUntil("Error starting worker"),
                  HasSubstr(fault.text));
    }
    program.Signal(SIGTERM);
    EXPECT_EQ(program.ExitStatus(), kExitOk);
  }
}

TEST(FaultTest, AProcessWithoutADescriptorForItsLoopEndsWithStatusOne) {
  TestProgram program([](TestProgram::Voice& voice) {
    auto launcher = Launch(
        voice.log(),
        [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); }, {});
    FailSyscall(SYS_eventfd2, EMFILE);
    return launcher.ok() ? (*launcher)->Wait() : 99;
  });
  EXPECT_THAT(program.ReadUntil("Error starting services"),
              HasSubstr("eventfd"));
  EXPECT_EQ(program.ExitStatus(), kExitFailed);
}

TEST(FaultTest, AWorkerThatCannotReadSignalsIsReplacedLikeAnyOther) {
  TestProgram program([](TestProgram::Voice& voice) {
    auto launcher = Launch(
        voice.log(),
        [](const WorkerInfo&, ServiceGroup&) { return absl::OkStatus(); },
        {.workers = 2, .restart_limits = {.give_up_after = 3}});
    FailSyscall(SYS_signalfd4, EMFILE);
    return launcher.ok() ? (*launcher)->Wait() : 99;
  });
  EXPECT_THAT(program.ReadUntil("Error starting worker"),
              HasSubstr("signalfd"));
  program.ReadUntil("exited with status 1, by itself");
  EXPECT_EQ(program.ExitStatus(), kExitGaveUp);
}

TEST(FaultTest, AWorkerThatGetsNoThreadToStopServicesStopsThemAllTheSame) {
  InChild([] {
    FakeSignals signals;
    periodic::RealClock clock;
    std::ostringstream text;
    spdlog::logger log("test",
                       std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
    WorkerLoop loop(
        {.factory =
             [](const WorkerInfo&, ServiceGroup& group) {
               group.Add(std::make_unique<Idle>());
               return absl::OkStatus();
             },
         .graceful_shutdown_timeout = [] { return absl::InfiniteDuration(); },
         .on_started =
             [&signals] {
               FailSyscall(SYS_clone3, EAGAIN);
               signals.Raise(SIGTERM);
             }},
        signals, clock, log);
    EXPECT_EQ(loop.Run(), kExitOk);
    EXPECT_THAT(text.str(), HasSubstr("thread service-control"));
  });
}

}  // namespace
}  // namespace bergen::launcher
