// SPDX-License-Identifier: Apache-2.0

#include "service/thread_group.h"

#include <memory>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/activity.h"
#include "periodic/fake_clock.h"
#include "periodic/looping_call.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::HasSubstr;

absl::Status UntilStopped(const std::stop_token& stop) {
  absl::Notification stopped;
  const std::stop_callback on_stop(stop, [&stopped] { stopped.Notify(); });
  stopped.WaitForNotification();
  return absl::OkStatus();
}

class ThreadGroupTest : public ::testing::Test {
 protected:
  periodic::FakeClock clock_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  ThreadGroup group_{"group", {.max_threads = 4}, clock_, log_};
};

// OS-103, OS-100.
TEST_F(ThreadGroupTest, AThreadsResultIsKeptAndItLeavesByItself) {
  auto thread = group_.AddThread(
      "t", [](const std::stop_token&) { return absl::DataLossError("lost"); });
  ASSERT_THAT(thread, IsOk());
  EXPECT_THAT((*thread)->Wait(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT((*thread)->Wait(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(group_.thread_count(), 0);
  EXPECT_THAT(text_.str(), HasSubstr("group: thread t failed"));
}

// OS-101.
TEST_F(ThreadGroupTest, AnExceptionIsAnError) {
  auto thread =
      group_.AddThread("t", [](const std::stop_token&) -> absl::Status {
        throw std::runtime_error("thrown");
      });
  ASSERT_THAT(thread, IsOk());
  EXPECT_THAT((*thread)->Wait(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("thrown")));
  EXPECT_EQ(group_.thread_count(), 0);
}

TEST_F(ThreadGroupTest, RefusesMoreThanItsThreads) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_THAT(group_.AddThread("t", UntilStopped), IsOk());
  }
  EXPECT_THAT(group_.AddThread("fifth", UntilStopped),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("no thread for fifth, all 4 are running")));
  group_.Stop(/*graceful=*/false);
  group_.Wait();
  EXPECT_THAT(group_.AddThread("again", UntilStopped), IsOk());
}

// OS-030, OS-092, OS-102.
TEST_F(ThreadGroupTest, StopAsksEveryThreadToEnd) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(group_.AddThread("t", UntilStopped), IsOk());
  }
  EXPECT_EQ(group_.thread_count(), 3);
  group_.Stop(/*graceful=*/false);
  group_.Wait();
  EXPECT_EQ(group_.thread_count(), 0);
}

// OS-029, OS-093.
TEST_F(ThreadGroupTest, AGracefulStopWaitsForThreadsWithoutAskingThem) {
  absl::Notification may_end;
  bool asked = true;
  ASSERT_THAT(group_.AddThread("t",
                               [&](const std::stop_token& stop) {
                                 may_end.WaitForNotification();
                                 asked = stop.stop_requested();
                                 return absl::OkStatus();
                               }),
              IsOk());
  ASSERT_THAT(group_.AddThread("releaser",
                               [&](const std::stop_token&) {
                                 may_end.Notify();
                                 return absl::OkStatus();
                               }),
              IsOk());
  group_.Stop(/*graceful=*/true);
  EXPECT_FALSE(asked);
  EXPECT_EQ(group_.thread_count(), 0);
}

// OS-091.
TEST_F(ThreadGroupTest, AThreadThatStopsItsGroupGoesOn) {
  for (bool graceful : {false, true}) {
    int left = -1;
    bool asked = true;
    auto stopper =
        group_.AddThread("stopper", [&](const std::stop_token& stop) {
          group_.Stop(graceful);
          group_.Wait();
          left = group_.thread_count();
          asked = stop.stop_requested();
          return absl::OkStatus();
        });
    ASSERT_THAT(stopper, IsOk());
    EXPECT_THAT((*stopper)->Wait(), IsOk());
    EXPECT_EQ(left, 1);
    EXPECT_FALSE(asked);
  }
}

TEST_F(ThreadGroupTest, ListsItsThreadsAndTimersAndWhatTheyDo) {
  absl::Notification begun;
  ASSERT_THAT(group_.AddThread("reader",
                               [&](const std::stop_token& stop) {
                                 begun.Notify();
                                 return UntilStopped(stop);
                               }),
              IsOk());
  ASSERT_THAT(group_.AddTimer("beat", [] { return absl::OkStatus(); },
                              {.interval = absl::Hours(1),
                               .initial_delay = absl::Hours(1)}),
              IsOk());
  begun.WaitForNotification();
  clock_.Advance(absl::Minutes(1));

  const std::vector<periodic::Activity> all = group_.List();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "group/reader");
  EXPECT_EQ(all[0].kind, "thread");
  EXPECT_EQ(all[0].state, periodic::Activity::State::kRunning);
  EXPECT_EQ(all[0].age, absl::Minutes(1));
  EXPECT_GT(all[0].thread, 0);
  EXPECT_EQ(all[1].name, "group/beat");
  EXPECT_EQ(all[1].state, periodic::Activity::State::kWaiting);
  EXPECT_EQ(all[1].next, absl::Minutes(59));

  group_.Stop(/*graceful=*/false);
  group_.Wait();
  EXPECT_TRUE(group_.List().empty());
}

// OS-095.
TEST_F(ThreadGroupTest, OneThreadCanBeStoppedAlone) {
  auto first = group_.AddThread("first", UntilStopped);
  auto second = group_.AddThread("second", UntilStopped);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  (*first)->Stop();
  EXPECT_THAT((*first)->Wait(), IsOk());
  EXPECT_EQ(group_.thread_count(), 1);
}

TEST_F(ThreadGroupTest, AThreadCannotWaitForItself) {
  std::shared_ptr<ThreadGroup::Thread> self;
  absl::Notification known;
  auto thread = group_.AddThread("t", [&](const std::stop_token&) {
    known.WaitForNotification();
    return self->Wait();
  });
  ASSERT_THAT(thread, IsOk());
  self = *thread;
  known.Notify();
  EXPECT_THAT((*thread)->Wait(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          HasSubstr("waits for itself")));
}

// OS-097, OS-098.
TEST_F(ThreadGroupTest, TimersAreListedUntilRemovedOrStopped) {
  const auto nothing = [] { return absl::OkStatus(); };
  const periodic::FixedIntervalOptions each_second = {.interval =
                                                          absl::Seconds(1)};
  auto first = group_.AddTimer("first", nothing, each_second);
  auto second = group_.AddTimer("second", nothing, each_second);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(group_.timer_count(), 2);
  (*first)->Stop();
  EXPECT_EQ(group_.timer_count(), 2);
  group_.RemoveTimer(*first);
  group_.RemoveTimer(*first);
  EXPECT_EQ(group_.timer_count(), 1);
  group_.StopTimers(/*wait=*/true);
  EXPECT_EQ(group_.timer_count(), 0);
  EXPECT_FALSE((*second)->running());
}

TEST_F(ThreadGroupTest, ATimerCallsAtItsInterval) {
  absl::Notification third;
  int calls = 0;
  auto timer = group_.AddTimer(
      "t",
      [&] {
        if (++calls == 3) third.Notify();
        return absl::OkStatus();
      },
      {.interval = absl::Seconds(5), .initial_delay = absl::Seconds(1)});
  ASSERT_THAT(timer, IsOk());
  for (int seconds : {1, 5, 5}) {
    clock_.WaitForDeadline(clock_.Now() + absl::Seconds(seconds));
    clock_.Advance(absl::Seconds(seconds));
  }
  third.WaitForNotification();
  group_.Stop(/*graceful=*/true);
  EXPECT_EQ(calls, 3);
}

// OS-088.
TEST_F(ThreadGroupTest, ADynamicTimerSaysWhenItIsCalledNext) {
  absl::Notification second;
  int calls = 0;
  auto timer = group_.AddDynamicTimer(
      "t",
      [&] {
        if (++calls == 2) second.Notify();
        return periodic::LoopResult::After(absl::Seconds(7));
      },
      {});
  ASSERT_THAT(timer, IsOk());
  EXPECT_EQ(group_.timer_count(), 1);
  clock_.WaitForDeadline(clock_.Now() + absl::Seconds(7));
  clock_.Advance(absl::Seconds(7));
  second.WaitForNotification();
  group_.Stop(/*graceful=*/true);
}

TEST_F(ThreadGroupTest, ASlowTimerDoesNotKeepOthersFromTheirTime) {
  absl::Notification slow_runs;
  absl::Notification may_end;
  absl::Notification other_runs;
  ASSERT_THAT(group_
                  .AddTimer("slow",
                            [&] {
                              slow_runs.Notify();
                              may_end.WaitForNotification();
                              return periodic::LoopResult::Done();
                            },
                            {.interval = absl::Seconds(1)})
                  .status(),
              IsOk());
  slow_runs.WaitForNotification();
  ASSERT_THAT(group_
                  .AddTimer("other",
                            [&] {
                              other_runs.Notify();
                              return periodic::LoopResult::Done();
                            },
                            {.interval = absl::Seconds(1)})
                  .status(),
              IsOk());
  other_runs.WaitForNotification();
  may_end.Notify();
  group_.Stop(/*graceful=*/true);
}

TEST_F(ThreadGroupTest, ATimerWhoseTurnHasNotComeDoesNotHoldUpAStop) {
  ThreadGroup group("group", {.max_timer_threads = 1}, clock_, log_);
  absl::Notification queued;
  absl::Notification stopped;
  auto stopper = group.AddTimer("stopper",
                                [&] {
                                  queued.WaitForNotification();
                                  group.Stop(/*graceful=*/true);
                                  stopped.Notify();
                                  return absl::OkStatus();
                                },
                                {.interval = absl::Seconds(1)});
  ASSERT_THAT(stopper, IsOk());
  bool called = false;
  auto second = group.AddTimer("second",
                               [&] {
                                 called = true;
                                 return absl::OkStatus();
                               },
                               {.interval = absl::Seconds(1)});
  ASSERT_THAT(second, IsOk());
  // The timer thread has passed it on when it sleeps again.
  clock_.WaitForSleepers(1);
  queued.Notify();
  stopped.WaitForNotification();
  EXPECT_FALSE(called);
}

TEST_F(ThreadGroupTest, ABadTimerIsRefused) {
  EXPECT_THAT(group_.AddTimer("t", [] { return absl::OkStatus(); },
                              {.interval = -absl::Seconds(1)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(group_.timer_count(), 0);
}

// OX-023.
TEST_F(ThreadGroupTest, ACallbackMayAddATimerWhileTheGroupIsStopped) {
  absl::Notification in_callback;
  absl::Notification stopping;
  bool added_runs = true;
  auto timer = group_.AddTimer("t",
                               [&] {
                                 in_callback.Notify();
                                 stopping.WaitForNotification();
                                 auto added = group_.AddTimer(
                                     "added", [] { return absl::OkStatus(); },
                                     {.interval = absl::Seconds(1)});
                                 added_runs = added.ok() && (*added)->running();
                                 return absl::OkStatus();
                               },
                               {.interval = absl::Seconds(1)});
  ASSERT_THAT(timer, IsOk());
  in_callback.WaitForNotification();
  // It stands for the group's own stop, which has by then begun.
  ASSERT_THAT(group_.AddThread("watch",
                               [&](const std::stop_token&) {
                                 while (group_.timer_count() > 0) {
                                 }
                                 stopping.Notify();
                                 return absl::OkStatus();
                               }),
              IsOk());
  group_.Stop(/*graceful=*/true);
  EXPECT_FALSE(added_runs);
  EXPECT_EQ(group_.timer_count(), 0);
}

TEST_F(ThreadGroupTest, ACallbackMayStopTheGroupThatOwnsItsTimer) {
  for (bool graceful : {false, true}) {
    absl::Notification done;
    ASSERT_THAT(group_
                    .AddTimer("t",
                              [&] {
                                group_.Stop(graceful);
                                done.Notify();
                                return absl::OkStatus();
                              },
                              {.interval = absl::Seconds(1)})
                    .status(),
                IsOk());
    done.WaitForNotification();
    group_.Wait();
  }
}

}  // namespace
}  // namespace bergen
