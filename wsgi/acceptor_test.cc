// SPDX-License-Identifier: Apache-2.0

#include "wsgi/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/base_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::wsgi {
namespace {

// Says when a line has come that contains a text.
class WatchingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit WatchingSink(std::string text) : text_(std::move(text)) {}
  absl::Notification& seen() { return seen_; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const absl::string_view line(message.payload.data(),
                                 message.payload.size());
    if (absl::StrContains(line, text_) && !seen_.HasBeenNotified()) {
      seen_.Notify();
    }
  }
  void flush_() override {}

  const std::string text_;
  absl::Notification seen_;
};

void Connect(const UniqueFd& fd, int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(
      connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
}

UniqueFd NewSocket() {
  return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

class AcceptorTest : public ::testing::Test {
 protected:
  AcceptorTest() {
    acceptor_ = std::make_unique<Acceptor>(
        log_, UniqueFd(fcntl(listener_.fd(), F_DUPFD_CLOEXEC, 0)),
        [this](UniqueFd) { ++accepted_; }, [this] { finished_ = true; });
  }

  std::shared_ptr<WatchingSink> sink_ =
      std::make_shared<WatchingSink>("cannot accept connections");
  spdlog::logger log_{"test", sink_};
  Listener listener_ = *Listener::ListenTcp("test", "127.0.0.1", 0, {});
  std::atomic<int> accepted_ = 0;
  std::atomic<bool> finished_ = false;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, AcceptsWhatIsWaitingBeforeItFinishes) {
  ASSERT_THAT(acceptor_->Start(), IsOk());
  const UniqueFd one = NewSocket();
  const UniqueFd two = NewSocket();
  Connect(one, listener_.port());
  Connect(two, listener_.port());
  acceptor_->Stop();
  acceptor_->AwaitFinished();
  EXPECT_EQ(accepted_, 2);
  EXPECT_TRUE(finished_);
  acceptor_->Join();
}

// The kernel has told nobody else of the client that waits.
TEST_F(AcceptorTest, WaitsForDescriptorsRatherThanLeaveAClientBehind) {
  ASSERT_THAT(acceptor_->Start(), IsOk());
  const UniqueFd client = NewSocket();
  rlimit usual;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  rlimit none = usual;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  Connect(client, listener_.port());
  acceptor_->Stop();
  sink_->seen().WaitForNotification();
  EXPECT_FALSE(finished_);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  acceptor_->AwaitFinished();
  EXPECT_EQ(accepted_, 1);
  acceptor_->Join();
}

}  // namespace
}  // namespace bergen::wsgi
