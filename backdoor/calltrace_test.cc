// SPDX-License-Identifier: Apache-2.0

#include "backdoor/calltrace.h"

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "backdoor/call_stats.h"
#include "backdoor/calltrace_work_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

// Of Fibonacci(10).
constexpr int64_t kFibonacci10 = 177;

std::string Qualified(absl::string_view name) {
  return absl::StrCat("bergen::backdoor::work::", name);
}

class CallTracerTest : public ::testing::Test {
 protected:
  // What is recorded while `work` runs.
  template <typename Work>
  void Trace(Work work) {
    ASSERT_THAT(tracer_.Start(), IsOk());
    work();
    absl::StatusOr<CallTrace> trace = tracer_.Stop();
    ASSERT_THAT(trace, IsOk());
    trace_ = *std::move(trace);
  }

  // Empty for a function that was not called.
  FunctionStats Of(absl::string_view name) const {
    FunctionStats found;
    for (const auto& [function, stats] : trace_.stats) {
      if (function.name == Qualified(name)) found = stats;
    }
    return found;
  }

  // Calls of `callee` by `caller`.
  CallCounts Between(absl::string_view caller, absl::string_view callee) const {
    CallCounts found;
    for (const auto& [function, counts] : Of(callee).callers) {
      if (function.name == Qualified(caller)) found = counts;
    }
    return found;
  }

  CallTracer tracer_;
  CallTrace trace_;
};

TEST_F(CallTracerTest, CountsRecursion) {
  Trace([] { EXPECT_EQ(work::Fibonacci(10), 55); });
  const FunctionStats fibonacci = Of("Fibonacci");
  EXPECT_EQ(fibonacci.counts.calls, kFibonacci10);
  EXPECT_EQ(fibonacci.counts.primitive_calls, 1);
  EXPECT_EQ(Between("Fibonacci", "Fibonacci").calls, kFibonacci10 - 1);
  EXPECT_EQ(Between("Fibonacci", "Fibonacci").primitive_calls, 0);
  EXPECT_EQ(trace_.calls, kFibonacci10);
  EXPECT_EQ(trace_.lost_calls, 0);
  EXPECT_EQ(trace_.threads, 1);
  EXPECT_LE(fibonacci.counts.total_time, trace_.duration);
  EXPECT_LT(absl::AbsDuration(fibonacci.counts.own_time -
                              fibonacci.counts.total_time),
            absl::Microseconds(1));
}

TEST_F(CallTracerTest, CountsFunctionsThatCallEachOther) {
  Trace([] { EXPECT_TRUE(work::IsEven(10)); });
  EXPECT_EQ(Of("IsEven").counts.calls, 6);
  EXPECT_EQ(Of("IsEven").counts.primitive_calls, 1);
  EXPECT_EQ(Of("IsOdd").counts.calls, 5);
  EXPECT_EQ(Of("IsOdd").counts.primitive_calls, 1);
  EXPECT_EQ(Between("IsEven", "IsOdd").calls, 5);
  EXPECT_EQ(Between("IsEven", "IsOdd").primitive_calls, 1);
  EXPECT_EQ(Between("IsOdd", "IsEven").calls, 5);
  EXPECT_EQ(Between("IsOdd", "IsEven").primitive_calls, 0);
}

TEST_F(CallTracerTest, AnExceptionEndsTheCallsItLeaves) {
  Trace([] { EXPECT_EQ(work::Catcher(5), 1); });
  EXPECT_EQ(Of("Thrower").counts.calls, 5);
  EXPECT_EQ(Of("Thrower").counts.primitive_calls, 1);
  EXPECT_EQ(Between("Catcher", "Fibonacci").calls, 1);
  EXPECT_EQ(Between("Thrower", "Fibonacci").calls, 0);
}

TEST_F(CallTracerTest, CallsThatWereLeftByLongjmpAreNoCallers) {
  Trace([] { EXPECT_EQ(work::CallAfterLongjmp(5), 1); });
  EXPECT_EQ(Of("Jumper").counts.calls, 5);
  EXPECT_EQ(Between("CallAfterLongjmp", "Fibonacci").calls, 1);
  EXPECT_EQ(Between("Jumper", "Fibonacci").calls, 0);
}

TEST_F(CallTracerTest, CountsWhatWasInlined) {
  Trace([] { work::CallInlined(1000); });
  EXPECT_EQ(Between("CallInlined", "Inlined").calls, 1000);
  EXPECT_EQ(Between("CallInlined", "Inlined").primitive_calls, 1000);
}

TEST_F(CallTracerTest, TimesAddUp) {
  Trace([] { work::CallLeaf(100'000); });
  const CallCounts outer = Of("CallLeaf").counts;
  const CallCounts leaf = Of("Leaf").counts;
  EXPECT_EQ(leaf.calls, 100'000);
  EXPECT_GT(leaf.own_time, absl::ZeroDuration());
  EXPECT_LT(leaf.own_time, outer.total_time);
  EXPECT_LT(
      absl::AbsDuration(outer.own_time + leaf.total_time - outer.total_time),
      absl::Microseconds(1));
}

TEST_F(CallTracerTest, ThreadsThatEndAreCountedWithTheirDestructors) {
  Trace([] {
    std::vector<std::thread> threads;
    threads.reserve(10);
    for (int i = 0; i < 10; ++i) {
      threads.emplace_back([] {
        work::AtEndOfThread();
        work::Fibonacci(10);
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(Of("Fibonacci").counts.calls, 10 * (kFibonacci10 + 1));
  EXPECT_EQ(Of("AtEndOfThread").counts.calls, 10);
}

TEST_F(CallTracerTest, CallsInProgressCountFromTheStartAndUntilTheStop) {
  absl::Notification entered;
  absl::Notification started;
  absl::Notification called;
  absl::Notification may_end;
  std::thread thread([&] {
    work::Around([&] {  // Began before the recording.
      entered.Notify();
      started.WaitForNotification();
      work::Around([&] {  // Ends after it.
        work::Fibonacci(10);
        called.Notify();
        may_end.WaitForNotification();
      });
    });
    work::Fibonacci(10);
  });
  entered.WaitForNotification();
  Trace([&] {
    started.Notify();
    called.WaitForNotification();
  });
  may_end.Notify();
  thread.join();
  EXPECT_EQ(Of("Around").counts.calls, 1);
  EXPECT_GE(Of("Around").counts.total_time, Of("Fibonacci").counts.total_time);
  EXPECT_EQ(Of("Fibonacci").counts.calls, kFibonacci10);

  Trace([] { work::Fibonacci(1); });
  EXPECT_EQ(trace_.calls, 1);
}

TEST_F(CallTracerTest, DeepRecursionBeyondTheLimitIsLostAndCounted) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer allows no recursion that deep";
#endif
  // On a thread, whose stack has room for it.
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size_t{256} << 20), 0);
  Trace([&attributes] {
    pthread_t thread = {};
    ASSERT_EQ(pthread_create(
                  &thread, &attributes,
                  [](void*) -> void* {
                    work::IsEven(CallTracer::kMaxDepth + 99);
                    return nullptr;
                  },
                  nullptr),
              0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
  });
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(trace_.lost_calls, 100);
  EXPECT_EQ(trace_.calls, CallTracer::kMaxDepth);
  Trace([] { work::IsEven(1); });
  EXPECT_EQ(trace_.calls, 2);
}

TEST_F(CallTracerTest, StopsWhileThreadsCall) {
  std::atomic<bool> ended = false;
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&ended] {
      while (!ended) work::CallLeaf(100);
    });
  }
  for (int i = 0; i < 50; ++i) {
    Trace([] { work::Fibonacci(10); });
    EXPECT_EQ(Of("Fibonacci").counts.calls, kFibonacci10);
    EXPECT_EQ(trace_.lost_calls, 0);
  }
  ended = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CallTracerTest, OneRecordsAtATime) {
  EXPECT_THAT(tracer_.Stop(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(tracer_.recording_since(), absl::InfinitePast());
  {
    CallTracer other;
    ASSERT_THAT(other.Start(), IsOk());
    EXPECT_GT(other.recording_since(), absl::InfinitePast());
    EXPECT_THAT(other.Start(), StatusIs(absl::StatusCode::kAlreadyExists));
    EXPECT_THAT(tracer_.Start(), StatusIs(absl::StatusCode::kAlreadyExists));
    EXPECT_THAT(tracer_.Stop(),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  Trace([] { work::Fibonacci(1); });
  EXPECT_EQ(trace_.calls, 1);
}

}  // namespace
}  // namespace bergen::backdoor
