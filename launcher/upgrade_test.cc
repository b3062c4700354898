// SPDX-License-Identifier: Apache-2.0

#include "launcher/upgrade.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::HasSubstr;

// The status with which the generation ended.
int ExitStatus(const NextGeneration& next) {
  int status = -1;
  ::waitpid(next.pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// What it reports before it ends.
std::string Reports(const NextGeneration& next) {
  std::string reports;
  for (;;) {
    char byte;
    const ssize_t size = ::read(next.reports.get(), &byte, 1);
    if (size == 1) {
      reports.push_back(byte);
    } else if (size == 0) {
      return reports;
    } else if (errno == EAGAIN) {
      pollfd readable = {.fd = next.reports.get(), .events = POLLIN};
      ::poll(&readable, 1, -1);
    }
  }
}

absl::StatusOr<NextGeneration> Shell(const std::string& script,
                                     UpgradeRequest request) {
  request.command = {"sh", "-c", script};
  return StartNextGeneration(request);
}

TEST(UpgradeTest, TheNewGenerationHasTheDescriptorsAndVariables) {
  Listener http = *Listener::ListenTcp("http", "127.0.0.1", 0, {});
  Listener door = *Listener::ListenTcp("door.0", "127.0.0.1", 0, {});
  const UniqueFd memory(::memfd_create("memory", MFD_CLOEXEC));
  ASSERT_EQ(::pwrite(memory.get(), "text", 4, 0), 4);
  ::setenv("KEPT", "kept", 1);
  ::setenv("CHANGED", "old", 1);
  ::setenv("LISTEN_FDS", "17", 1);
  const std::string inode = [&] {
    char target[64] = {};
    const ssize_t size =
        ::readlink(absl::StrCat("/proc/self/fd/", door.fd()).c_str(), target,
                   sizeof(target) - 1);
    return std::string(target, static_cast<size_t>(size));
  }();
  const absl::StatusOr<NextGeneration> next =
      Shell(absl::StrCat("[ $LISTEN_FDS = 3 ] || exit 10;"
                         "[ $LISTEN_FDNAMES = http:door.0:memory ] || exit 11;"
                         "[ $LISTEN_PID = $$ ] || exit 12;"
                         "[ $KEPT$CHANGED = keptnew ] || exit 13;"
                         "[ $WATCHDOG_PID = $$ ] || exit 14;"
                         "[ $(readlink /proc/$$/fd/4) = '",
                         inode,
                         "' ] || exit 15;"
                         "[ $BERGEN_UPGRADE_FD = 6 ] || exit 16;"
                         "[ ! -e /proc/$$/fd/7 ] || exit 17;"
                         "[ \"$(cat <&5)\" = text ] || exit 18;"
                         "printf S >&6"),
            {.listeners = {&http, &door},
             .other_fds = {{"memory", memory.get()}},
             .variables = {"CHANGED=new", "WATCHDOG_PID="}});
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ(Reports(*next), "S");
  EXPECT_EQ(ExitStatus(*next), 0);
}

TEST(UpgradeTest, AGenerationThatEndsReportsNothing) {
  const absl::StatusOr<NextGeneration> next = Shell("exit 7", {});
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ(Reports(*next), "");
  pollfd ended = {.fd = next->pidfd.get(), .events = POLLIN};
  EXPECT_EQ(::poll(&ended, 1, -1), 1);
  EXPECT_EQ(ExitStatus(*next), 7);
}

TEST(UpgradeTest, SaysWhyAProgramCannotRun) {
  EXPECT_THAT(StartNextGeneration({.command = {"/nonexistent/relay"}}).status(),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("cannot run /nonexistent/relay")));
  EXPECT_THAT(StartNextGeneration({}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // Nobody is left behind.
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(UpgradeTest, ThePredecessorIsToldOnceAndThenForgotten) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd read_end(ends[0]);
  ::setenv("BERGEN_UPGRADE_FD", absl::StrCat(ends[1]).c_str(), 1);
  Predecessor predecessor = Predecessor::FromEnvironment();
  EXPECT_EQ(std::getenv("BERGEN_UPGRADE_FD"), nullptr);
  EXPECT_EQ(::fcntl(ends[1], F_GETFD), FD_CLOEXEC);
  EXPECT_TRUE(predecessor.waits());
  predecessor.ReportStarted();
  predecessor.ReportStarted();
  EXPECT_FALSE(predecessor.waits());
  char bytes[4];
  EXPECT_EQ(::read(read_end.get(), bytes, sizeof(bytes)), 1);
  EXPECT_EQ(bytes[0], kReportStarted);
  predecessor.AwaitHandOver(absl::ZeroDuration());
  EXPECT_EQ(::read(read_end.get(), bytes, sizeof(bytes)), 0);
  predecessor.AwaitHandOver(absl::InfiniteDuration());
}

TEST(UpgradeTest, TheHandOverIsOverWhenTheOldOneReadsNoMore) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  UniqueFd read_end(ends[0]);
  ::setenv("BERGEN_UPGRADE_FD", absl::StrCat(ends[1]).c_str(), 1);
  Predecessor predecessor = Predecessor::FromEnvironment();
  predecessor.ReportStarted();
  std::thread old([&read_end] { read_end.Reset(); });
  predecessor.AwaitHandOver(absl::InfiniteDuration());
  old.join();
  EXPECT_FALSE(predecessor.waits());
}

TEST(UpgradeTest, WithoutAVariableNobodyWaits) {
  for (const char* text : {"", "x", "1", "100000"}) {
    ::setenv("BERGEN_UPGRADE_FD", text, 1);
    EXPECT_FALSE(Predecessor::FromEnvironment().waits()) << text;
  }
}

}  // namespace
}  // namespace bergen::launcher
