// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.service's thread groups (checks.txt) against ours. A
// thread is not killed, but asked to end.

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
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/fake_clock.h"
#include "periodic/looping_call.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::HasSubstr;

const periodic::FixedIntervalOptions kEachSecond = {.interval =
                                                        absl::Seconds(1)};

absl::Status UntilStopped(std::stop_token stop) {
  absl::Notification stopped;
  const std::stop_callback on_stop(stop, [&stopped] { stopped.Notify(); });
  stopped.WaitForNotification();
  return absl::OkStatus();
}

class ThreadGroupConformance : public ::testing::Test {
 protected:
  periodic::FakeClock clock_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  ThreadGroup group_{"group", {}, clock_, log_};
};

TEST_F(ThreadGroupConformance, Os088ADynamicTimerHasItsArguments) {
  absl::Notification called;
  std::string got;
  auto timer =
      group_.AddDynamicTimer("timer",
                             [&, argument = std::string("foo"), number = 1] {
                               got = absl::StrCat(argument, number);
                               called.Notify();
                               return periodic::LoopResult::Done();
                             },
                             {});
  ASSERT_THAT(timer, IsOk());
  EXPECT_EQ(group_.timer_count(), 1);
  called.WaitForNotification();
  group_.Stop(/*graceful=*/true);
  EXPECT_EQ(got, "foo1");
}

TEST_F(ThreadGroupConformance, Os090ATimerHasItsArguments) {
  absl::Notification called;
  std::string got;
  auto timer = group_.AddTimer(
      "timer",
      [&, argument = std::string("foo"), number = 1] {
        got = absl::StrCat(argument, number);
        called.Notify();
        return periodic::LoopResult::Done();
      },
      kEachSecond);
  ASSERT_THAT(timer, IsOk());
  EXPECT_EQ(group_.timer_count(), 1);
  called.WaitForNotification();
  group_.Stop(/*graceful=*/true);
  EXPECT_EQ(got, "foo1");
}

TEST_F(ThreadGroupConformance, Os091AThreadThatStopsItsGroupIsLeft) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(group_.AddThread("thread", UntilStopped), IsOk());
  }
  int left = 0;
  auto stopper = group_.AddThread("stopper", [&](std::stop_token stop) {
    group_.Stop(/*graceful=*/false);
    group_.Wait();
    left = group_.thread_count();
    return stop.stop_requested() ? absl::CancelledError() : absl::OkStatus();
  });
  ASSERT_THAT(stopper, IsOk());
  EXPECT_THAT((*stopper)->Wait(), IsOk());
  EXPECT_EQ(left, 1);
}

TEST_F(ThreadGroupConformance, Os092StopsImmediately) {
  ASSERT_THAT(group_.AddThread("thread", UntilStopped), IsOk());
  ASSERT_THAT(group_.AddTimer(
                  "timer", [] { return absl::OkStatus(); }, kEachSecond),
              IsOk());
  group_.Stop(/*graceful=*/false);
  group_.Wait();
  EXPECT_EQ(group_.thread_count(), 0);
  EXPECT_EQ(group_.timer_count(), 0);
}

TEST_F(ThreadGroupConformance, Os093StopsGracefully) {
  absl::Notification may_end;
  bool completed = false;
  ASSERT_THAT(group_.AddThread("thread",
                               [&](std::stop_token stop) {
                                 may_end.WaitForNotification();
                                 completed = !stop.stop_requested();
                                 return absl::OkStatus();
                               }),
              IsOk());
  ASSERT_THAT(group_.AddThread("other",
                               [&](std::stop_token) {
                                 may_end.Notify();
                                 return absl::OkStatus();
                               }),
              IsOk());
  group_.Stop(/*graceful=*/true);
  EXPECT_TRUE(completed);
  EXPECT_EQ(group_.thread_count(), 0);
}

TEST_F(ThreadGroupConformance, Os095AThreadThatIsAskedToEndIsListed) {
  absl::Notification running;
  absl::Notification may_end;
  auto thread = group_.AddThread("thread", [&](std::stop_token) {
    running.Notify();
    may_end.WaitForNotification();
    return absl::OkStatus();
  });
  ASSERT_THAT(thread, IsOk());
  running.WaitForNotification();
  (*thread)->Stop();
  EXPECT_EQ(group_.thread_count(), 1);
  may_end.Notify();
  EXPECT_THAT((*thread)->Wait(), IsOk());
}

TEST_F(ThreadGroupConformance, Os096AThreadThatHasBeenStoppedIsNotListed) {
  ASSERT_THAT(group_.AddThread("thread", UntilStopped), IsOk());
  group_.Stop(/*graceful=*/false);
  group_.Wait();
  EXPECT_EQ(group_.thread_count(), 0);
}

TEST_F(ThreadGroupConformance, Os097StoppingTimersForgetsThem) {
  ASSERT_THAT(group_.AddTimer(
                  "timer", [] { return absl::OkStatus(); }, kEachSecond),
              IsOk());
  group_.StopTimers(/*wait=*/false);
  EXPECT_EQ(group_.timer_count(), 0);
}

TEST_F(ThreadGroupConformance, Os098AStoppedTimerIsListedUntilItIsRemoved) {
  auto timer = group_.AddTimer(
      "timer", [] { return absl::OkStatus(); }, kEachSecond);
  ASSERT_THAT(timer, IsOk());
  (*timer)->Stop();
  EXPECT_EQ(group_.timer_count(), 1);
  group_.RemoveTimer(*timer);
  EXPECT_EQ(group_.timer_count(), 0);
}

TEST_F(ThreadGroupConformance, Os099AlsoADynamicOne) {
  auto timer = group_.AddDynamicTimer(
      "timer", [] { return periodic::LoopResult::After(absl::Seconds(1)); },
      {});
  ASSERT_THAT(timer, IsOk());
  (*timer)->Stop();
  EXPECT_EQ(group_.timer_count(), 1);
  group_.RemoveTimer(*timer);
  EXPECT_EQ(group_.timer_count(), 0);
}

TEST_F(ThreadGroupConformance, Os100AThreadThatHasEndedIsNotListed) {
  auto thread = group_.AddThread(
      "thread", [](std::stop_token) { return absl::OkStatus(); });
  ASSERT_THAT(thread, IsOk());
  EXPECT_THAT((*thread)->Wait(), IsOk());
  EXPECT_EQ(group_.thread_count(), 0);
}

TEST_F(ThreadGroupConformance, Os101AThreadThatHasThrownIsNotListed) {
  auto thread = group_.AddThread("thread", [](std::stop_token) -> absl::Status {
    throw std::runtime_error("thrown");
  });
  ASSERT_THAT(thread, IsOk());
  EXPECT_THAT((*thread)->Wait(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("thrown")));
  EXPECT_EQ(group_.thread_count(), 0);
}

TEST_F(ThreadGroupConformance, Os102ThreadsLeaveWhenTheyAreReleased) {
  absl::Notification may_end;
  std::vector<std::shared_ptr<ThreadGroup::Thread>> threads;
  for (int i = 0; i < 3; ++i) {
    auto thread = group_.AddThread("thread", [&](std::stop_token) {
      may_end.WaitForNotification();
      return absl::OkStatus();
    });
    ASSERT_THAT(thread, IsOk());
    threads.push_back(*thread);
  }
  EXPECT_EQ(group_.thread_count(), 3);
  may_end.Notify();
  for (const auto& thread : threads) EXPECT_THAT(thread->Wait(), IsOk());
  EXPECT_EQ(group_.thread_count(), 0);
}

TEST_F(ThreadGroupConformance, Os103WaitsForAll) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(group_.AddThread(
                    "thread", [](std::stop_token) { return absl::OkStatus(); }),
                IsOk());
  }
  group_.Wait();
  EXPECT_EQ(group_.thread_count(), 0);
}

TEST_F(ThreadGroupConformance, Ox023ACallbackMayAddATimerDuringAStop) {
  absl::Notification in_callback;
  absl::Notification stopping;
  auto timer = group_.AddTimer(
      "timer",
      [&] {
        in_callback.Notify();
        stopping.WaitForNotification();
        return group_
            .AddTimer(
                "added", [] { return absl::OkStatus(); }, kEachSecond)
            .status();
      },
      kEachSecond);
  ASSERT_THAT(timer, IsOk());
  in_callback.WaitForNotification();
  ASSERT_THAT(group_.AddThread("watch",
                               [&](std::stop_token) {
                                 // Until the stop has begun.
                                 while (group_.timer_count() > 0) {
                                 }
                                 stopping.Notify();
                                 return absl::OkStatus();
                               }),
              IsOk());
  group_.Stop(/*graceful=*/true);
  EXPECT_EQ(group_.timer_count(), 0);
}

}  // namespace
}  // namespace bergen
