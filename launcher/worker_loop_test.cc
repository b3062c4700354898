// SPDX-License-Identifier: Apache-2.0
//
// The parts that need no process; the others are in launch_test.

#include "launcher/worker_loop.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/fake_signals.h"
#include "launcher/idle_service_for_test.h"
#include "launcher/launcher.h"
#include "launcher/phase.h"
#include "periodic/clock.h"
#include "service/service.h"
#include "service/service_group.h"
#include "service/unique_fd.h"
#include "service/vitals.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Prepared : public Idle {
 public:
  explicit Prepared(int& prepared) : prepared_(&prepared) {}
  void PrepareStop() override { ++*prepared_; }

 private:
  int* prepared_;
};

class WorkerLoopTest : public ::testing::Test {
 protected:
  WorkerLoopOptions Options() {
    return {.factory =
                [](const WorkerInfo&, ServiceGroup& group) {
                  group.Add(std::make_unique<Idle>());
                  return absl::OkStatus();
                },
            .graceful_shutdown_timeout = [] { return absl::Minutes(1); },
            .on_phase =
                [this](Phase phase) {
                  phases_.push_back(phase);
                  const int signal = signal_in_[static_cast<size_t>(phase)];
                  signal_in_[static_cast<size_t>(phase)] = 0;
                  if (signal != 0) signals_.Raise(signal);
                  if (phase == Phase::kRunning && signal == 0) {
                    signals_.Raise(SIGTERM);
                  }
                }};
  }
  int Run(WorkerLoopOptions options) {
    WorkerLoop loop(std::move(options), signals_, clock_, log_);
    return loop.Run();
  }

  periodic::RealClock clock_;
  FakeSignals signals_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  std::vector<Phase> phases_;
  // Raised once, when the phase is reached. Without one, kRunning raises
  // SIGTERM.
  int signal_in_[6] = {};
};

TEST_F(WorkerLoopTest, AnnouncesItsPhases) {
  EXPECT_EQ(Run(Options()), kExitOk);
  EXPECT_THAT(phases_, ElementsAre(Phase::kStarting, Phase::kRunning,
                                   Phase::kStopping, Phase::kStopped));
}

TEST_F(WorkerLoopTest, ChildrenAreReapedAtTheStartForASignalAndWhenDue) {
  signal_in_[static_cast<size_t>(Phase::kRunning)] = SIGCHLD;
  std::vector<absl::Time> due = {absl::InfiniteFuture(), clock_.Now(),
                                 absl::InfiniteFuture()};
  size_t calls = 0;
  WorkerLoopOptions options = Options();
  options.reap = [&](absl::Time) {
    if (calls == 2) signals_.Raise(SIGTERM);
    return due.at(calls++);
  };
  EXPECT_EQ(Run(std::move(options)), kExitOk);
  EXPECT_EQ(calls, due.size());
}

TEST_F(WorkerLoopTest, AHupWhileStartingIsActedOnOnceRunning) {
  signal_in_[static_cast<size_t>(Phase::kStarting)] = SIGHUP;
  int reads = 0;
  WorkerLoopOptions options = Options();
  options.reload = [&reads] {
    ++reads;
    return absl::OkStatus();
  };
  EXPECT_EQ(Run(std::move(options)), kExitOk);
  EXPECT_EQ(reads, 1);
}

TEST_F(WorkerLoopTest, AHupDuringAReloadIsNotLost) {
  int reads = 0;
  int reloads_begun = 0;
  WorkerLoopOptions options = Options();
  options.reload = [&reads] {
    ++reads;
    return absl::OkStatus();
  };
  options.on_phase = [&](Phase phase) {
    if (phase == Phase::kRunning) {
      signals_.Raise(reloads_begun < 2 ? SIGHUP : SIGTERM);
    }
    if (phase == Phase::kReloading && ++reloads_begun == 1) {
      signals_.Raise(SIGHUP);
    }
  };
  EXPECT_EQ(Run(std::move(options)), kExitOk);
  EXPECT_GE(reads, 2);
}

TEST_F(WorkerLoopTest, ASecondTermEndsTheDrainDelay) {
  signal_in_[static_cast<size_t>(Phase::kDraining)] = SIGTERM;
  int prepared = 0;
  WorkerLoopOptions options = Options();
  options.drain_delay = [] { return absl::Hours(1); };
  options.factory = [&prepared](const WorkerInfo&, ServiceGroup& group) {
    group.Add(std::make_unique<Prepared>(prepared));
    return absl::OkStatus();
  };
  EXPECT_EQ(Run(std::move(options)), kExitOk);
  EXPECT_EQ(prepared, 1);
  EXPECT_THAT(phases_,
              ElementsAre(Phase::kStarting, Phase::kRunning, Phase::kDraining,
                          Phase::kStopping, Phase::kStopped));
}

TEST_F(WorkerLoopTest, StopsByItselfAfterTheDrainDelay) {
  WorkerLoopOptions options = Options();
  options.drain_delay = [] { return absl::Milliseconds(1); };
  EXPECT_EQ(Run(std::move(options)), kExitOk);
  EXPECT_THAT(phases_,
              ElementsAre(Phase::kStarting, Phase::kRunning, Phase::kDraining,
                          Phase::kStopping, Phase::kStopped));
}

TEST_F(WorkerLoopTest, BeatsUntilWorkIsOverdue) {
  std::atomic<Vitals*> vitals = nullptr;
  std::optional<Vitals::Work> work;
  absl::Time overdue_since;
  int beats = 0;
  int beats_before = 0;
  WorkerLoopOptions options = Options();
  options.factory = [&vitals](const WorkerInfo& info, ServiceGroup& group) {
    vitals = info.vitals;
    info.vitals->CountRequest();
    group.Add(std::make_unique<Idle>());
    return absl::OkStatus();
  };
  options.beat_interval = absl::Milliseconds(1);
  // The factory has run once a request was counted.
  options.on_beat = [&](uint64_t requests) {
    ++beats;
    if (requests == 0 || beats_before > 0) return;
    work.emplace(vitals.load()->BeginWork(absl::ZeroDuration()));
    overdue_since = clock_.Now();
    beats_before = beats;
    signals_.Raise(SIGQUIT);
  };
  options.log_stacks = [&] {
    // Long enough for many beats.
    if (clock_.Now() - overdue_since < absl::Milliseconds(20)) {
      signals_.Raise(SIGQUIT);
      return;
    }
    EXPECT_EQ(beats, beats_before);
    work.reset();
    signals_.Raise(SIGTERM);
  };
  // Instead of the end.
  signal_in_[static_cast<size_t>(Phase::kRunning)] = SIGURG;
  EXPECT_EQ(Run(std::move(options)), kExitOk);
  EXPECT_GE(beats_before, 1);
}

TEST_F(WorkerLoopTest, AHupWhileStoppingIsIgnored) {
  signal_in_[static_cast<size_t>(Phase::kStopping)] = SIGHUP;
  EXPECT_EQ(Run(Options()), kExitOk);
  EXPECT_THAT(phases_, ElementsAre(Phase::kStarting, Phase::kRunning,
                                   Phase::kStopping, Phase::kStopped));
}

TEST_F(WorkerLoopTest, AParentThatIsGoneBeforeTheLoopIsNoticed) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd parent(ends[0]);
  ::close(ends[1]);
  WorkerLoopOptions options = Options();
  options.parent_fd = parent.get();
  EXPECT_EQ(Run(std::move(options)), kExitFailed);
  EXPECT_THAT(text_.str(),
              HasSubstr("Parent process has died unexpectedly, exiting"));
}

TEST_F(WorkerLoopTest, AThrowingHookIsAFailedReload) {
  signal_in_[static_cast<size_t>(Phase::kRunning)] = SIGHUP;
  WorkerLoopOptions options = Options();
  options.reload = []() -> absl::Status { throw 1; };
  EXPECT_EQ(Run(std::move(options)), kExitOk);
  EXPECT_THAT(text_.str(), HasSubstr("Reload failed"));
}

}  // namespace
}  // namespace bergen::launcher
