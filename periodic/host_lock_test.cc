// SPDX-License-Identifier: Apache-2.0

#include "periodic/host_lock.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/leadership.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {
namespace {

using ::testing::HasSubstr;

class HostLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/host_lock_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = name + "/lock";
  }
  ~HostLockTest() override { std::filesystem::remove_all(folder_); }

  // The token, or 0.
  static int64_t Token(HostLock& lock) {
    const std::optional<Term> term = lock.Lead();
    return term.has_value() ? term->fencing_token : 0;
  }

  std::string folder_;
  std::string path_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
};

TEST_F(HostLockTest, OneLeadsUntilItReleasesTheLock) {
  HostLock first(path_, log_);
  HostLock second(path_, log_);
  EXPECT_EQ(Token(first), 1);
  EXPECT_EQ(Token(second), 0);
  EXPECT_EQ(Token(first), 1);
  const std::optional<Term> term = first.Lead();
  ASSERT_TRUE(term.has_value());
  EXPECT_FALSE(term->ends.stop_requested());
  first.Release();
  EXPECT_TRUE(term->ends.stop_requested());
  EXPECT_EQ(Token(second), 2);
  EXPECT_EQ(Token(first), 0);
}

TEST_F(HostLockTest, TokensGrowFromOneProcessToTheNext) {
  for (int64_t token = 1; token <= 20; ++token) {
    HostLock lock(path_, log_);
    EXPECT_EQ(Token(lock), token);
  }
}

TEST_F(HostLockTest, TheFileIsForItsOwnerOnly) {
  HostLock lock(path_, log_);
  EXPECT_EQ(Token(lock), 1);
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

// A child that leads, or tries to, and says so; it then waits to be killed.
class Child {
 public:
  explicit Child(HostLock& lock) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      const int64_t token = lock.Lead().value_or(Term{}).fencing_token;
      if (write(ends[1], &token, sizeof(token)) != sizeof(token)) _exit(1);
      while (true) pause();
    }
    if (read(ends[0], &token_, sizeof(token_)) != sizeof(token_)) std::abort();
    close(ends[0]);
    close(ends[1]);
  }
  ~Child() { Kill(); }

  int64_t token() const { return token_; }
  void Stop() const {
    kill(pid_, SIGSTOP);
    waitpid(pid_, nullptr, WUNTRACED);
  }
  void Kill() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
  int64_t token_ = -1;
};

TEST_F(HostLockTest, AnotherProcessLeadsWhenTheFirstHasDied) {
  HostLock lock(path_, log_);
  Child child(lock);
  EXPECT_EQ(child.token(), 1);
  EXPECT_EQ(Token(lock), 0);
  child.Kill();
  EXPECT_EQ(Token(lock), 2);
}

TEST_F(HostLockTest, AProcessThatIsPausedStillLeads) {
  HostLock lock(path_, log_);
  const Child child(lock);
  child.Stop();
  EXPECT_EQ(child.token(), 1);
  EXPECT_EQ(Token(lock), 0);
}

TEST_F(HostLockTest, AChildDoesNotLeadByItsParentsLock) {
  HostLock lock(path_, log_);
  EXPECT_EQ(Token(lock), 1);
  const Child child(lock);
  EXPECT_EQ(child.token(), 0);
  EXPECT_EQ(Token(lock), 1);
}

TEST_F(HostLockTest, TheTermEndsWhenTheFileIsReplaced) {
  HostLock lock(path_, log_);
  HostLock other(path_, log_);
  const std::optional<Term> term = lock.Lead();
  ASSERT_TRUE(term.has_value());
  EXPECT_EQ(Token(other), 0);
  std::filesystem::remove(path_);
  std::ofstream(path_) << "0000000000000000041\n";
  EXPECT_EQ(Token(other), 0);  // Still has the old file open.
  EXPECT_EQ(Token(other), 42);
  EXPECT_EQ(Token(lock), 0);
  EXPECT_TRUE(term->ends.stop_requested());
  EXPECT_THAT(text_.str(), HasSubstr("removed or replaced"));
}

TEST_F(HostLockTest, DoesNotLeadWithoutATokenAndSaysSoOnce) {
  for (const std::string content :
       {"7\n", "not a token at all\n\n", "-000000000000000001\n",
        "9223372036854775807\n", "00000000000000000001\n"}) {
    std::ofstream(path_) << content;
    text_.str("");
    HostLock lock(path_, log_);
    EXPECT_EQ(Token(lock), 0) << content;
    EXPECT_THAT(text_.str(), HasSubstr(path_ + ": has no token in it"));
    text_.str("");
    EXPECT_EQ(Token(lock), 0);
    EXPECT_EQ(text_.str(), "");
  }
}

TEST_F(HostLockTest, DoesNotLeadByWhatIsNoFileOfItsOwn) {
  HostLock missing_folder(folder_ + "/missing/lock", log_);
  EXPECT_EQ(Token(missing_folder), 0);
  EXPECT_THAT(text_.str(), HasSubstr("No such file"));
  std::filesystem::create_symlink(folder_ + "/elsewhere", path_);
  HostLock link(path_, log_);
  EXPECT_EQ(Token(link), 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/elsewhere"));
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  HostLock no_file(fifo, log_);
  EXPECT_EQ(Token(no_file), 0);
  EXPECT_THAT(text_.str(), HasSubstr("is no file"));
}

}  // namespace
}  // namespace bergen::periodic
