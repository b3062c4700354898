// SPDX-License-Identifier: Apache-2.0

#include "launcher/posix_processes.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/fake_signals.h"
#include "launcher/launcher.h"
#include "launcher/oom_counter.h"
#include "launcher/posix_signals.h"
#include "launcher/processes.h"
#include "periodic/clock.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::IsEmpty;

class PosixProcessesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = PosixProcesses::Create(signals_, clock_, log_);
    ASSERT_THAT(created, IsOk());
    processes_ = *std::move(created);
  }

  int Fork(const std::function<int(SupervisorLink&)>& body) {
    const absl::StatusOr<int> pid = processes_->Fork(body);
    EXPECT_THAT(pid, IsOk());
    return pid.value_or(0);
  }

  // The next `count` events.
  std::vector<ProcessEvent> Await(size_t count) {
    std::vector<ProcessEvent> events;
    while (events.size() < count) {
      for (const ProcessEvent& event :
           processes_->Await(absl::InfiniteFuture())) {
        events.push_back(event);
      }
    }
    return events;
  }

  periodic::RealClock clock_;
  FakeSignals signals_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  std::unique_ptr<PosixProcesses> processes_;
};

TEST_F(PosixProcessesTest, AChildEndsWithWhatItsBodyReturns) {
  const int pid = Fork([](SupervisorLink&) { return 7; });
  const ProcessEvent event = Await(1).front();
  EXPECT_EQ(event.kind, ProcessEvent::kExited);
  EXPECT_EQ(event.pid, pid);
  EXPECT_EQ(event.value, 7);
}

TEST_F(PosixProcessesTest, AChildThatThrowsEndsWithStatusTwo) {
  Fork([](SupervisorLink&) -> int { throw std::runtime_error("thrown"); });
  EXPECT_EQ(Await(1).front().value, kExitCrashed);
}

TEST_F(PosixProcessesTest, TellsTheSignalThatEndedAChild) {
  const int pid = Fork([](SupervisorLink&) -> int {
    while (true) ::pause();
  });
  processes_->Send(pid, SIGKILL);
  const ProcessEvent event = Await(1).front();
  EXPECT_EQ(event.kind, ProcessEvent::kKilled);
  EXPECT_EQ(event.value, SIGKILL);
  // Its pid may be another's now.
  processes_->Send(pid, SIGKILL);
}

TEST_F(PosixProcessesTest, AKillIsForLackOfMemoryIfTheGroupHasCountedOne) {
  std::string folder = "/tmp/posix_processes_test.XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string events = folder + "/memory.events";
  const auto count = [&events](int kills) {
    std::ofstream(events) << "oom_kill " << kills << "\n";
  };
  count(3);
  processes_ = *PosixProcesses::Create(signals_, clock_, log_, false,
                                       OomCounter(events));
  const auto pause = [](SupervisorLink&) -> int {
    while (true) ::pause();
  };
  int pid = Fork(pause);
  ::kill(pid, SIGKILL);  // By somebody.
  EXPECT_FALSE(Await(1).front().out_of_memory);

  pid = Fork(pause);
  count(4);
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(Await(1).front().out_of_memory);

  // The supervisor's own kill, and another signal: no reason to look.
  pid = Fork(pause);
  count(5);
  processes_->Send(pid, SIGKILL);
  EXPECT_FALSE(Await(1).front().out_of_memory);
  pid = Fork(pause);
  count(6);
  ::kill(pid, SIGTERM);
  EXPECT_FALSE(Await(1).front().out_of_memory);
  std::filesystem::remove_all(folder);
}

TEST_F(PosixProcessesTest, AChildAsksForWorkers) {
  Fork([this](SupervisorLink&) {
    return processes_->RequestWorkers(1, 5).ok() ? 0 : 1;
  });
  std::vector<ProcessEvent> events = Await(2);
  // What a child did may be heard of after its end.
  if (events[0].kind != ProcessEvent::kResize) std::swap(events[0], events[1]);
  EXPECT_EQ(events[0].kind, ProcessEvent::kResize);
  EXPECT_EQ(events[0].service, 1);
  EXPECT_EQ(events[0].value, 5);
  EXPECT_EQ(events[1].value, 0);
}

TEST_F(PosixProcessesTest, MoreRequestsThanThePipeHoldsAreRefused) {
  absl::Status status;
  while (status.ok()) status = processes_->RequestWorkers(0, 1);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(PosixProcessesTest, ReportsComeInOrderAndBeforeTheEnd) {
  Fork([](SupervisorLink& link) {
    link.ReportStarted();
    link.ReportStopping();
    return 0;
  });
  const std::vector<ProcessEvent> events = Await(3);
  EXPECT_EQ(events[0].kind, ProcessEvent::kStarted);
  EXPECT_EQ(events[1].kind, ProcessEvent::kStopping);
  EXPECT_EQ(events[2].kind, ProcessEvent::kExited);
}

TEST_F(PosixProcessesTest, ASignalEndsTheWait) {
  signals_.Raise(SIGHUP);
  const ProcessEvent event = Await(1).front();
  EXPECT_EQ(event.kind, ProcessEvent::kSignal);
  EXPECT_EQ(event.value, SIGHUP);
}

TEST_F(PosixProcessesTest, TheDeadlineEndsTheWait) {
  EXPECT_THAT(processes_->Await(clock_.Now()), IsEmpty());
  EXPECT_THAT(processes_->Await(absl::InfinitePast()), IsEmpty());
}

TEST_F(PosixProcessesTest, AChildOfTheApplicationIsLeftToIt) {
  const pid_t foreign = ::fork();
  if (foreign == 0) ::_exit(42);
  Fork([](SupervisorLink&) { return 0; });
  EXPECT_NE(Await(1).front().pid, foreign);
  int status = 0;
  ASSERT_EQ(::waitpid(foreign, &status, 0), foreign);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST_F(PosixProcessesTest, AnyNumberMayEndAtOnce) {
  constexpr size_t kMany = 200;
  for (size_t i = 0; i < kMany; ++i) {
    ASSERT_GT(Fork([](SupervisorLink&) { return 0; }), 0);
  }
  size_t ended = 0;
  while (ended < kMany) {
    for (const ProcessEvent& event :
         processes_->Await(absl::InfiniteFuture())) {
      EXPECT_EQ(event.kind, ProcessEvent::kExited);
      ++ended;
    }
  }
}

TEST_F(PosixProcessesTest, AsProcessOneItReapsStrangersAndKnowsItsOwn) {
  // As process 1 of a container, it is given the orphans of its children.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  auto signals = PosixSignals::Create(/*children=*/true);
  ASSERT_THAT(signals, IsOk());
  auto processes = PosixProcesses::Create(**signals, clock_, log_,
                                          /*reap_strangers=*/true);
  ASSERT_THAT(processes, IsOk());
  const absl::StatusOr<int> pid = (*processes)->Fork([](SupervisorLink&) {
    if (::fork() == 0) ::_exit(3);  // Nobody waits for it.
    return 7;
  });
  ASSERT_THAT(pid, IsOk());
  std::vector<ProcessEvent> events;
  // Until the child's end is told and no zombie is left.
  siginfo_t info = {};
  while (events.empty() ||
         ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
    // What has ended is reaped when the next event is awaited.
    for (const ProcessEvent& event : (*processes)->Await(clock_.Now())) {
      events.push_back(event);
    }
  }
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, ProcessEvent::kExited);
  EXPECT_EQ(events[0].pid, *pid);
  EXPECT_EQ(events[0].value, 7);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

// A later child must not keep the pipe of an earlier one alive, nor its own.
TEST_F(PosixProcessesTest, TheEndOfTheParentIsSeenByEveryChild) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  // This process must not have the end that the parent holds.
  processes_.reset();
  const pid_t parent = ::fork();
  if (parent == 0) {
    SetUp();
    for (int i = 0; i < 2; ++i) {
      Fork([&](SupervisorLink& link) {
        link.ReportStarted();
        pollfd gone = {.fd = link.parent_fd(), .events = POLLIN};
        ::poll(&gone, 1, -1);
        return ::write(ends[1], "x", 1) == 1 ? 0 : 1;
      });
    }
    Await(2);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  ::close(ends[1]);
  char byte;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  EXPECT_EQ(::read(ends[0], &byte, 1), 0);
  ::close(ends[0]);
}

}  // namespace
}  // namespace bergen::launcher
