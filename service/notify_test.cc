// SPDX-License-Identifier: Apache-2.0

#include "service/notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Stands for systemd. Its name is abstract, so nothing is left behind.
class Manager {
 public:
  Manager()
      : name_(absl::StrCat("@bergen-notify-test-", ::getpid())),
        fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name_.data() + 1, name_.size() - 1);
    ::bind(
        fd_.get(), reinterpret_cast<sockaddr*>(&address),
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size()));
  }

  const std::string& name() const { return name_; }

  std::string Receive() {
    char text[512];
    iovec buffer = {text, sizeof(text)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr datagram = {};
    datagram.msg_iov = &buffer;
    datagram.msg_iovlen = 1;
    datagram.msg_control = control;
    datagram.msg_controllen = sizeof(control);
    const ssize_t size = ::recvmsg(fd_.get(), &datagram, MSG_CMSG_CLOEXEC);
    if (size < 0) return "nothing";
    passed_.Reset();
    if (const cmsghdr* const header = CMSG_FIRSTHDR(&datagram)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      passed_.Reset(fd);
    }
    return std::string(text, static_cast<size_t>(size));
  }

  // The descriptor that came with the last message.
  UniqueFd& passed() { return passed_; }

 private:
  std::string name_;
  UniqueFd fd_;
  UniqueFd passed_;
};

TEST(NotifierTest, SendsEachMessageAsOneDatagram) {
  Manager manager;
  const Notifier notifier(manager.name());
  EXPECT_THAT(notifier.Ready(), IsOk());
  EXPECT_EQ(manager.Receive(), "READY=1");
  EXPECT_THAT(notifier.Stopping(), IsOk());
  EXPECT_EQ(manager.Receive(), "STOPPING=1");
  EXPECT_THAT(notifier.SetStatus("two\nlines"), IsOk());
  EXPECT_EQ(manager.Receive(), "STATUS=two lines");
  EXPECT_THAT(notifier.Reloading(), IsOk());
  EXPECT_THAT(manager.Receive(),
              MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
}

TEST(NotifierTest, TakesItsSocketOutOfTheEnvironment) {
  Manager manager;
  ::setenv("NOTIFY_SOCKET", manager.name().c_str(), 1);
  const Notifier notifier = Notifier::FromEnvironment();
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
  EXPECT_THAT(notifier.Ready(), IsOk());
  EXPECT_EQ(manager.Receive(), "READY=1");
  EXPECT_FALSE(Notifier::FromEnvironment().enabled());
}

TEST(NotifierTest, SpeaksOfTheMainProcessTimeoutsAndHealth) {
  Manager manager;
  const Notifier notifier(manager.name());
  EXPECT_THAT(notifier.ReadyAs(17), IsOk());
  EXPECT_EQ(manager.Receive(), "MAINPID=17\nREADY=1");
  EXPECT_THAT(notifier.ExtendTimeout(absl::Milliseconds(1500)), IsOk());
  EXPECT_EQ(manager.Receive(), "EXTEND_TIMEOUT_USEC=1500000");
  EXPECT_THAT(notifier.KeepAlive(), IsOk());
  EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
}

TEST(NotifierTest, StoresDescriptorsUnderTheirNames) {
  Manager manager;
  const Notifier notifier(manager.name());
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  EXPECT_THAT(notifier.StoreFd("http", write_end.get()), IsOk());
  EXPECT_EQ(manager.Receive(), "FDSTORE=1\nFDNAME=http");
  ASSERT_TRUE(manager.passed().ok());
  EXPECT_EQ(::write(manager.passed().get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 1);
  EXPECT_THAT(notifier.ForgetFds("http"), IsOk());
  EXPECT_EQ(manager.Receive(), "FDSTOREREMOVE=1\nFDNAME=http");
}

TEST(NotifierTest, ABarrierEndsWhenTheManagerHasReadIt) {
  Manager manager;
  const Notifier notifier(manager.name());
  std::thread reader([&manager] {
    while (manager.Receive() != "BARRIER=1") std::this_thread::yield();
    manager.passed().Reset();
  });
  EXPECT_THAT(notifier.Barrier(absl::Minutes(1)), IsOk());
  reader.join();
  EXPECT_THAT(notifier.Barrier(absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(Notifier().Barrier(absl::InfiniteDuration()), IsOk());
}

TEST(NotifierTest, TheWatchdogIsThatOfThisProcess) {
  const auto timeout = [](const char* pid, const char* microseconds) {
    ::setenv("WATCHDOG_PID", pid, 1);
    ::setenv("WATCHDOG_USEC", microseconds, 1);
    return Notifier::FromEnvironment().watchdog_timeout();
  };
  const std::string self = absl::StrCat(::getpid());
  EXPECT_EQ(timeout(self.c_str(), "3000000"), absl::Seconds(3));
  EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
  EXPECT_EQ(timeout("1", "3000000"), absl::InfiniteDuration());
  EXPECT_EQ(timeout(self.c_str(), "soon"), absl::InfiniteDuration());
  EXPECT_EQ(timeout(self.c_str(), "0"), absl::InfiniteDuration());
  EXPECT_EQ(Notifier().watchdog_timeout(), absl::InfiniteDuration());
}

TEST(NotifierTest, SaysNothingWithoutASocket) {
  EXPECT_FALSE(Notifier().enabled());
  EXPECT_THAT(Notifier().Ready(), IsOk());
}

TEST(NotifierTest, ReportsAManagerThatIsNotThere) {
  EXPECT_THAT(
      Notifier("/nonexistent/socket").Ready(),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/socket")));
  EXPECT_THAT(Notifier(std::string(200, 'x')).Ready(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(NotifierTest, NeverBlocksOnAManagerThatDoesNotListen) {
  Manager manager;
  const Notifier notifier(manager.name());
  absl::Status status;
  for (int i = 0; status.ok() && i < 100000; ++i) status = notifier.Ready();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bergen
