// SPDX-License-Identifier: Apache-2.0

#include "backdoor/thread_dump.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The thread sanitizer runs signal handlers later, at a call that it knows, so
// stacks are not those of the interrupted code, and a thread that makes no such
// call does not answer.
#ifdef __SANITIZE_THREAD__
constexpr bool kStacksAreExact = false;
#else
constexpr bool kStacksAreExact = true;
#endif

// A safety net: nothing here takes long.
constexpr absl::Duration kLong = absl::Seconds(30);

// Until the pipe's other end is closed.
[[gnu::noinline]] void WaitInHere(int pipe) {
  char c = 0;
  while (read(pipe, &c, 1) > 0) {
  }
}

// The group that has `function` in its stack; null if none.
const StackGroup* FindGroup(const ThreadDump& dump,
                            absl::string_view function) {
  for (const StackGroup& group : dump.groups) {
    for (const SourceFrame& frame : group.frames) {
      if (absl::StrContains(frame.function.name, function)) return &group;
    }
  }
  return nullptr;
}

// Waits until `count` threads sleep in WaitInHere, in one and the same place.
ThreadDump DumpOnceAsleep(ThreadDumper& dumper, size_t count) {
  while (true) {
    absl::StatusOr<ThreadDump> dump = dumper.Dump(kLong);
    EXPECT_THAT(dump, IsOk());
    if (!dump.ok()) return {};
    const StackGroup* group = FindGroup(*dump, "WaitInHere");
    if (group != nullptr && group->threads.size() == count) {
      return *std::move(dump);
    }
  }
}

TEST(ThreadDumpTest, ShowsItsOwnThread) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  ThreadDumper dumper;
  absl::StatusOr<ThreadDump> dump = dumper.Dump(kLong);
  ASSERT_THAT(dump, IsOk());
  const StackGroup* group = FindGroup(*dump, "TestBody");
  ASSERT_NE(group, nullptr);
  ASSERT_THAT(group->threads, SizeIs(1));
  EXPECT_EQ(group->threads[0].id, getpid());
  EXPECT_THAT(dump->silent, IsEmpty());
}

TEST(ThreadDumpTest, ThreadsInOnePlaceAreOneGroup) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&ends] {
      pthread_setname_np(pthread_self(), "sleeper");
      WaitInHere(ends[0]);
    });
  }
  ThreadDumper dumper;
  const ThreadDump dump = DumpOnceAsleep(dumper, 5);
  EXPECT_EQ(&dump.groups[0], FindGroup(dump, "WaitInHere"));
  EXPECT_EQ(dump.groups[0].threads[0].name, "sleeper");
  const std::string text = FormatThreadDump(dump);
  EXPECT_THAT(text, HasSubstr("Threads "));
  EXPECT_THAT(text, HasSubstr(" (sleeper), "));
  EXPECT_THAT(text, HasSubstr("thread_dump_test.cc:"));
  close(ends[1]);
  for (std::thread& thread : threads) thread.join();
  close(ends[0]);
}

TEST(ThreadDumpTest, AThreadThatBlocksTheSignalIsNamedWithItsState) {
  absl::Notification blocked, end;
  std::thread deaf([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    pthread_setname_np(pthread_self(), "deaf");
    blocked.Notify();
    end.WaitForNotification();
  });
  blocked.WaitForNotification();
  {
    ThreadDumper dumper;
    absl::StatusOr<ThreadDump> dump = dumper.Dump(kLong);
    EXPECT_THAT(dump, IsOk());
    // The thread sanitizer has a deaf thread of its own.
    EXPECT_THAT(
        FormatThreadDump(*dump),
        HasSubstr(absl::StrCat(" (deaf): blocks signal ", SIGRTMIN + 5, ", ")));
  }
  end.Notify();
  deaf.join();
}

TEST(ThreadDumpTest, GivesTheSignalBack) {
  const int signal = SIGRTMIN + 5;
  struct sigaction action = {};
  {
    ThreadDumper dumper;
    sigaction(signal, nullptr, &action);
    EXPECT_EQ(action.sa_handler, SIG_DFL);
    ASSERT_THAT(dumper.Dump(kLong), IsOk());
    sigaction(signal, nullptr, &action);
    EXPECT_NE(action.sa_handler, SIG_DFL);
  }
  sigaction(signal, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST(ThreadDumpTest, RefusesToTakeTheSignalFromSomebodyElse) {
  ThreadDumper first;
  ASSERT_THAT(first.Dump(kLong), IsOk());
  ThreadDumper second;
  EXPECT_THAT(second.Dump(kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("handles signal")));
  ThreadDumper other({.signal_offset = 6});
  EXPECT_THAT(other.Dump(kLong), IsOk());
  EXPECT_THAT(ThreadDumper({.signal_offset = 1000}).Dump(kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(ThreadDumpTest, ManyAtOnceTakeTurns) {
  if (!kStacksAreExact) GTEST_SKIP() << "under the thread sanitizer";
  ThreadDumper dumper;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&dumper] {
      for (int j = 0; j < 5; ++j) EXPECT_THAT(dumper.Dump(kLong), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(FormatThreadDumpTest, WritesAGroupAndASilentThread) {
  const ThreadDump dump = {
      .groups = {{.threads = {{.id = 7, .name = "a"}},
                  .frames = {{{"x.cc", 3, "f"}, 5}, {{"libc.so.6", 0, "g"}, 0}},
                  .truncated = true}},
      .silent = {{{.id = 8, .name = "b"}, "no answer within 1s, D"}}};
  EXPECT_EQ(FormatThreadDump(dump),
            "Thread 7 (a):\n  f (x.cc:5)\n  g (libc.so.6)\n  ...\n\n"
            "Thread 8 (b): no answer within 1s, D\n\n");
}

}  // namespace
}  // namespace bergen::backdoor
