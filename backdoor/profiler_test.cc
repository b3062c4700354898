// SPDX-License-Identifier: Apache-2.0

#include "backdoor/profiler.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/call_stats.h"
#include "backdoor/profile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

// The thread sanitizer runs signal handlers later, at a call that it knows, so
// stacks are not those of the interrupted code.
#ifdef __SANITIZE_THREAD__
constexpr bool kStacksAreExact = false;
#else
constexpr bool kStacksAreExact = true;
#endif

absl::Duration ThreadTime() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

// Uses the processor for `time`, whatever else runs on the machine.
[[gnu::noinline]] void BurnProcessorTime(absl::Duration time) {
  const absl::Duration end = ThreadTime() + time;
  std::atomic<uint64_t> sum{0};
  while (ThreadTime() < end) {
    for (uint64_t i = 0; i < 100000; ++i) {
      sum.store(sum.load(std::memory_order_relaxed) + i,
                std::memory_order_relaxed);
    }
  }
}

// Not tail calls, so that each level has its frame.
[[gnu::noinline]] int RecurseAndBurn(int depth, absl::Duration time) {
  if (depth == 0) {
    BurnProcessorTime(time);
    return 0;
  }
  const int below = RecurseAndBurn(depth - 1, time);
  asm volatile("");
  return below + 1;
}

// The statistics of the only function whose name contains `name`.
FunctionStats StatsOf(const CallStats& stats, const std::string& name) {
  for (const auto& [function, entry] : stats) {
    if (absl::StrContains(function.name, name)) return entry;
  }
  ADD_FAILURE() << name << " is in no sample";
  return {};
}

TEST(ProfilerTest, FindsTheFunctionThatUsesTheProcessor) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  Profiler profiler;
  ASSERT_THAT(profiler.Start({}), IsOk());
  BurnProcessorTime(absl::Milliseconds(500));
  const absl::StatusOr<Profile> profile = profiler.Stop();
  ASSERT_THAT(profile, IsOk());
  EXPECT_EQ(profile->lost_samples, 0);
  EXPECT_EQ(profile->unseen_threads, 0);

  const CallStats stats = Summarize(*profile);
  const CallCounts burn = StatsOf(stats, "BurnProcessorTime").counts;
  // 99 Hz for half a second; the kernel's tick may swallow a few.
  EXPECT_GE(burn.calls, 30);
  EXPECT_LE(burn.calls, 70);
  EXPECT_GE(burn.total_time, absl::Milliseconds(300));
}

TEST(ProfilerTest, KnowsFileAndLineWhereAFunctionIsWritten) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  Profiler profiler;
  ASSERT_THAT(profiler.Start({}), IsOk());
  BurnProcessorTime(absl::Milliseconds(200));
  const absl::StatusOr<Profile> profile = profiler.Stop();
  ASSERT_THAT(profile, IsOk());
  for (const Function& function : profile->functions) {
    if (!absl::StrContains(function.name, "BurnProcessorTime")) continue;
    EXPECT_THAT(function.file, HasSubstr("backdoor/profiler_test.cc"));
    EXPECT_GT(function.line, 20);
    EXPECT_LT(function.line, 60);
    return;
  }
  ADD_FAILURE() << "BurnProcessorTime is in no sample";
}

TEST(ProfilerTest, KnowsTheThreadTheLineTheClockAndTheTime) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  const absl::Time before = absl::Now();
  Profiler profiler;
  ASSERT_THAT(profiler.Start({}), IsOk());
  std::thread named([] {
    pthread_setname_np(pthread_self(), "burner");
    BurnProcessorTime(absl::Milliseconds(400));
  });
  named.join();
  const absl::StatusOr<Profile> profile = profiler.Stop();
  ASSERT_THAT(profile, IsOk());
  EXPECT_EQ(profile->clock, "cpu");
  EXPECT_GE(profile->begin, before);
  EXPECT_LE(profile->begin, absl::Now());
  int64_t samples = 0;
  for (const StackCount& stack : profile->stacks) {
    ASSERT_EQ(stack.lines.size(), stack.functions.size());
    if (stack.thread != "burner") continue;
    for (size_t i = 0; i < stack.functions.size(); ++i) {
      const Function& function = profile->functions[stack.functions[i]];
      if (!absl::StrContains(function.name, "BurnProcessorTime")) continue;
      EXPECT_GE(stack.lines[i], function.line);
      EXPECT_LT(stack.lines[i], function.line + 20);
      samples += stack.samples;
    }
  }
  EXPECT_GE(samples, 10);
}

TEST(ProfilerTest, SeesThreadsThatExistAndThreadsThatBegin) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  absl::Notification go;
  std::thread before([&go] {
    go.WaitForNotification();
    RecurseAndBurn(3, absl::Milliseconds(300));
  });
  Profiler profiler;
  ASSERT_THAT(profiler.Start({}), IsOk());
  go.Notify();
  std::thread after([] { BurnProcessorTime(absl::Milliseconds(400)); });
  before.join();
  after.join();
  const absl::StatusOr<Profile> profile = profiler.Stop();
  ASSERT_THAT(profile, IsOk());
  const CallStats stats = Summarize(*profile);
  const FunctionStats burn = StatsOf(stats, "BurnProcessorTime");
  // Both threads; the second is found a moment late.
  EXPECT_GE(burn.counts.total_time, absl::Milliseconds(400));

  const FunctionStats recurse = StatsOf(stats, "RecurseAndBurn");
  EXPECT_GE(recurse.counts.total_time, absl::Milliseconds(150));
  // Four frames, one sample.
  EXPECT_LE(recurse.counts.total_time, absl::Milliseconds(400));
}

TEST(ProfilerTest, WallClockSeesAThreadThatWaits) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  absl::Notification end;
  std::thread waiting([&end] { end.WaitForNotification(); });
  Profiler profiler;
  ASSERT_THAT(profiler.Start({.clock = ProfileClock::kWall}), IsOk());
  BurnProcessorTime(absl::Milliseconds(300));
  const absl::StatusOr<Profile> profile = profiler.Stop();
  end.Notify();
  waiting.join();
  ASSERT_THAT(profile, IsOk());
  EXPECT_GE(
      StatsOf(Summarize(*profile), "WaitForNotification").counts.total_time,
      absl::Milliseconds(150));
}

TEST(ProfilerTest, DeepStacksKeepTheirInnermostFunctions) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  Profiler profiler;
  ASSERT_THAT(profiler.Start({}), IsOk());
  RecurseAndBurn(500, absl::Milliseconds(200));
  const absl::StatusOr<Profile> profile = profiler.Stop();
  ASSERT_THAT(profile, IsOk());
  EXPECT_GT(profile->truncated_samples, 0);
  StatsOf(Summarize(*profile), "BurnProcessorTime");
}

TEST(ProfilerTest, ASecondStartLeavesTheFirstAlone) {
  Profiler profiler;
  EXPECT_EQ(profiler.recording_since(), absl::InfinitePast());
  ASSERT_THAT(profiler.Start({}), IsOk());
  const absl::Time since = profiler.recording_since();
  EXPECT_GT(since, absl::InfinitePast());
  EXPECT_THAT(profiler.Start({}), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(profiler.recording_since(), since);
  EXPECT_THAT(profiler.Stop(), IsOk());
}

TEST(ProfilerTest, StopWithoutStartIsAnErrorAndStartsMayFollowStops) {
  Profiler profiler;
  EXPECT_THAT(profiler.Stop(), StatusIs(absl::StatusCode::kFailedPrecondition));
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(
        profiler.Start({.hz = Profiler::kMaxHz, .clock = ProfileClock::kWall}),
        IsOk());
    EXPECT_THAT(profiler.Stop(), IsOk());
  }
}

TEST(ProfilerTest, RefusesARateOutOfBounds) {
  Profiler profiler;
  for (int hz : {0, -1, Profiler::kMaxHz + 1}) {
    EXPECT_THAT(profiler.Start({.hz = hz}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(profiler.recording_since(), absl::InfinitePast());
}

TEST(ProfilerTest, GivesTheSignalBack) {
  {
    Profiler profiler;
    ASSERT_THAT(profiler.Start({}), IsOk());
  }
  struct sigaction action = {};
  sigaction(SIGPROF, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST(ProfilerTest, RefusesToTakeTheSignalFromSomebodyElse) {
  Profiler first;
  ASSERT_THAT(first.Start({}), IsOk());
  Profiler second;
  EXPECT_THAT(second.Start({}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("SIGPROF")));
  EXPECT_THAT(first.Stop(), IsOk());
  EXPECT_THAT(second.Start({}), IsOk());
}

TEST(ProfilerTest, SurvivesThreadsThatComeAndGo) {
  Profiler profiler;
  ASSERT_THAT(
      profiler.Start({.hz = Profiler::kMaxHz, .clock = ProfileClock::kWall}),
      IsOk());
  for (int i = 0; i < 50; ++i) {
    std::vector<std::thread> threads;
    for (int j = 0; j < 8; ++j) {
      threads.emplace_back([] { BurnProcessorTime(absl::Milliseconds(1)); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_THAT(profiler.Stop(), IsOk());
}

}  // namespace
}  // namespace bergen::backdoor
