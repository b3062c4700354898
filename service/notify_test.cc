// SPDX-License-Identifier: Apache-2.0

#include "service/notify.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/fake_notify_manager.h"
#include "service/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::HasSubstr;

// OS-141, OS-142.
TEST(NotifierTest, SendsEachMessageAsOneDatagram) {
  FakeNotifyManager manager;
  const Notifier notifier(manager.name());
  EXPECT_THAT(notifier.Ready(), IsOk());
  EXPECT_EQ(manager.Receive(), "READY=1");
  EXPECT_THAT(notifier.Stopping(), IsOk());
  EXPECT_EQ(manager.Receive(), "STOPPING=1");
  EXPECT_THAT(notifier.SetStatus("two\nlines"), IsOk());
  EXPECT_EQ(manager.Receive(), "STATUS=two lines");
  EXPECT_THAT(notifier.Reloading(), IsOk());
  EXPECT_EQ(manager.Receive(), "RELOADING=1\nMONOTONIC_USEC=");
  EXPECT_THAT(notifier.Reloading("again"), IsOk());
  EXPECT_EQ(manager.Receive(), "RELOADING=1\nMONOTONIC_USEC=\nSTATUS=again");
  EXPECT_THAT(notifier.Ready("two\nworkers"), IsOk());
  EXPECT_EQ(manager.Receive(), "READY=1\nSTATUS=two workers");
  EXPECT_THAT(notifier.Stopping("bye", absl::Seconds(2)), IsOk());
  EXPECT_EQ(manager.Receive(),
            "STOPPING=1\nSTATUS=bye\nEXTEND_TIMEOUT_USEC=2000000");
}

// OS-143.
TEST(NotifierTest, TakesItsSocketOutOfTheEnvironment) {
  FakeNotifyManager manager;
  ::setenv("NOTIFY_SOCKET", manager.name().c_str(), 1);
  const Notifier notifier = Notifier::FromEnvironment();
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
  EXPECT_THAT(notifier.Ready(), IsOk());
  EXPECT_EQ(manager.Receive(), "READY=1");
  EXPECT_FALSE(Notifier::FromEnvironment().enabled());
}

TEST(NotifierTest, SpeaksOfTheMainProcessTimeoutsAndHealth) {
  FakeNotifyManager manager;
  const Notifier notifier(manager.name());
  EXPECT_THAT(notifier.ReadyAs(17), IsOk());
  EXPECT_EQ(manager.Receive(), "MAINPID=17\nREADY=1");
  EXPECT_THAT(notifier.ExtendTimeout(absl::Milliseconds(1500)), IsOk());
  EXPECT_EQ(manager.Receive(), "EXTEND_TIMEOUT_USEC=1500000");
  EXPECT_THAT(notifier.KeepAlive(), IsOk());
  EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
}

TEST(NotifierTest, StoresDescriptorsUnderTheirNames) {
  FakeNotifyManager manager;
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
  FakeNotifyManager manager;
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

// OX-046.
TEST(NotifierTest, ReportsAManagerThatIsNotThere) {
  EXPECT_THAT(
      Notifier("/nonexistent/socket").Ready(),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/socket")));
  EXPECT_THAT(Notifier(std::string(200, 'x')).Ready(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// OS-144.
TEST(AwaitReadyTest, TellsReadyFromOtherMessagesAndFromNone) {
  // A pid is not unique where each test has pids of its own.
  const std::string name =
      absl::StrCat("@bergen-ready-test-", std::random_device{}());
  const auto say = [&name](const char* status) {
    return std::thread([&name, status] {
      const Notifier notifier(name);
      while (!notifier.Ready(status).ok()) std::this_thread::yield();
    });
  };
  std::thread ready = say("");
  EXPECT_THAT(AwaitReady(name, absl::Minutes(1)), IsOk());
  ready.join();
  std::thread more = say("and more");
  EXPECT_THAT(AwaitReady(name, absl::InfiniteDuration()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  more.join();
  EXPECT_THAT(AwaitReady(name, absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  const std::string path =
      absl::StrCat("/tmp/bergen-ready-test-", std::random_device{}(), ".sock");
  EXPECT_THAT(AwaitReady(path, absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(NotifierTest, NeverBlocksOnAManagerThatDoesNotListen) {
  FakeNotifyManager manager;
  const Notifier notifier(manager.name());
  absl::Status status;
  for (int i = 0; status.ok() && i < 100000; ++i) status = notifier.Ready();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bergen
