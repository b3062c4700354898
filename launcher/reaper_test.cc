// SPDX-License-Identifier: Apache-2.0

#include "launcher/reaper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace bergen::launcher {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReaperTest : public ::testing::Test {
 protected:
  ReaperTest() { log_.set_level(spdlog::level::debug); }

  static pid_t StartChildThatEnds() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(42);
    siginfo_t info = {};
    EXPECT_EQ(
        ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
    return child;
  }

  const absl::Time now_ = absl::UnixEpoch();
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  Reaper reaper_{log_};
};

TEST_F(ReaperTest, AStrangerIsReapedOnceItsTimeIsOver) {
  // As process 1 of a container, it is given the orphans of its children.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    if (::fork() == 0) ::_exit(3);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  siginfo_t stranger = {};
  ASSERT_EQ(::waitid(P_ALL, 0, &stranger, WEXITED | WNOWAIT), 0);

  EXPECT_EQ(reaper_.Reap(now_), now_ + Reaper::kGrace);
  // Somebody else's end does not prolong its time.
  EXPECT_EQ(reaper_.Reap(now_ + absl::Seconds(1)), now_ + Reaper::kGrace);
  EXPECT_THAT(text_.str(), IsEmpty());
  EXPECT_EQ(reaper_.Reap(now_ + Reaper::kGrace), absl::InfiniteFuture());
  EXPECT_THAT(text_.str(),
              HasSubstr(absl::StrCat("Reaped process ", stranger.si_pid)));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(ReaperTest, AChildThatTheProgramWaitsForIsLeftToIt) {
  const pid_t child = StartChildThatEnds();
  EXPECT_EQ(reaper_.Reap(now_), now_ + Reaper::kGrace);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_EQ(reaper_.Reap(now_ + Reaper::kGrace), absl::InfiniteFuture());
}

TEST_F(ReaperTest, AChildThatRunsIsNoConcern) {
  const pid_t child = ::fork();
  if (child == 0) {
    while (true) ::pause();
  }
  EXPECT_EQ(reaper_.Reap(now_), absl::InfiniteFuture());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(ReaperTest, OneThatLingersDoesNotHideTheOthers) {
  const pid_t first = StartChildThatEnds();
  EXPECT_EQ(reaper_.Reap(now_), now_ + Reaper::kGrace);
  const pid_t second = StartChildThatEnds();
  EXPECT_EQ(reaper_.Reap(now_ + absl::Seconds(1)), now_ + Reaper::kGrace);
  EXPECT_EQ(reaper_.Reap(now_ + Reaper::kGrace),
            now_ + absl::Seconds(1) + Reaper::kGrace);
  EXPECT_EQ(::waitpid(first, nullptr, 0), -1);
  EXPECT_EQ(::waitpid(second, nullptr, 0), second);
}

}  // namespace
}  // namespace bergen::launcher
