// SPDX-License-Identifier: Apache-2.0

#include "service/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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
    const ssize_t size = ::recv(fd_.get(), text, sizeof(text), 0);
    return size < 0 ? "nothing" : std::string(text, static_cast<size_t>(size));
  }

 private:
  std::string name_;
  UniqueFd fd_;
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
