// SPDX-License-Identifier: Apache-2.0

#include "service/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::HasSubstr;

// 0, or the error of connecting.
int ConnectTcp(int port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)) == 0
             ? 0
             : errno;
}

int ConnectUnix(const std::string& path) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)) == 0
             ? 0
             : errno;
}

bool Exists(const std::string& path) {
  struct stat file;
  return ::lstat(path.c_str(), &file) == 0;
}

TEST(ListenerTcpTest, ReportsTheRealPortAndAcceptsThere) {
  absl::StatusOr<Listener> listener =
      Listener::ListenTcp("http", "127.0.0.1", 0, {});
  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(listener->name(), "http");
  EXPECT_GT(listener->port(), 0);
  EXPECT_FALSE(listener->is_unix());
  EXPECT_EQ(listener->address(), absl::StrCat("127.0.0.1:", listener->port()));
  EXPECT_EQ(ConnectTcp(listener->port()), 0);
}

TEST(ListenerTcpTest, IsNonBlockingCloseOnExecAndKeepsAlive) {
  absl::StatusOr<Listener> listener = Listener::ListenTcp(
      "http", "127.0.0.1", 0, {.tcp_keepidle = absl::Seconds(77)});
  ASSERT_THAT(listener, IsOk());
  EXPECT_TRUE(::fcntl(listener->fd(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(listener->fd(), F_GETFD) & FD_CLOEXEC);
  int value = 0;
  socklen_t size = sizeof(value);
  ::getsockopt(listener->fd(), IPPROTO_TCP, TCP_KEEPIDLE, &value, &size);
  EXPECT_EQ(value, 77);
  ::getsockopt(listener->fd(), SOL_SOCKET, SO_KEEPALIVE, &value, &size);
  EXPECT_EQ(value, 1);
}

TEST(ListenerTcpTest, TakesIpv6WithAndWithoutBrackets) {
  for (const char* host : {"::1", "[::1]"}) {
    absl::StatusOr<Listener> listener =
        Listener::ListenTcp("http", host, 0, {});
    ASSERT_THAT(listener, IsOk());
    EXPECT_EQ(listener->host(), "::1");
    EXPECT_EQ(listener->address(), absl::StrCat("[::1]:", listener->port()));
  }
}

TEST(ListenerTcpTest, ResolvesNames) {
  EXPECT_THAT(Listener::ListenTcp("http", "localhost", 0, {}), IsOk());
}

TEST(ListenerTcpTest, TwoProgramsCannotShareAPort) {
  absl::StatusOr<Listener> first =
      Listener::ListenTcp("first", "127.0.0.1", 0, {});
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(
      Listener::ListenTcp("second", "127.0.0.1", first->port(), {}),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(first->address())));
}

TEST(ListenerTcpTest, RejectsWhatCannotBeListenedOn) {
  const auto is_invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Listener::ListenTcp("n", "", 0, {}), is_invalid);
  EXPECT_THAT(Listener::ListenTcp("n", "192.0.2.1", 0, {}), is_invalid);
  EXPECT_THAT(Listener::ListenTcp("n", "127.0.0.1", -1, {}), is_invalid);
  EXPECT_THAT(Listener::ListenTcp("n", "127.0.0.1", 65536, {}), is_invalid);
  EXPECT_THAT(Listener::ListenTcp("n", "127.0.0.1", 0, {.backlog = 0}),
              is_invalid);
  EXPECT_THAT(Listener::ListenTcp("n", "127.0.0.1", 0,
                                  {.tcp_keepidle = -absl::Seconds(1)}),
              is_invalid);
  EXPECT_THAT(Listener::ListenTcp("n", "127.0.0.1", 0,
                                  {.tcp_keepidle = absl::Seconds(32768)}),
              is_invalid);
}

TEST(ListenerTcpTest, IsRefusedOnceClosed) {
  absl::StatusOr<Listener> listener =
      Listener::ListenTcp("http", "127.0.0.1", 0, {});
  ASSERT_THAT(listener, IsOk());
  listener->Close();
  EXPECT_EQ(ConnectTcp(listener->port()), ECONNREFUSED);
  listener->Close();
  EXPECT_EQ(listener->fd(), -1);
}

TEST(ListenerTcpTest, ShutdownRefusesInEveryProcessThatSharesIt) {
  absl::StatusOr<Listener> listener =
      Listener::ListenTcp("http", "127.0.0.1", 0, {});
  ASSERT_THAT(listener, IsOk());
  // A second descriptor stands for the other process.
  const UniqueFd shared(::fcntl(listener->fd(), F_DUPFD_CLOEXEC, 0));
  listener->Shutdown();
  EXPECT_EQ(ConnectTcp(listener->port()), ECONNREFUSED);
  EXPECT_EQ(::accept(shared.get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
}

class ListenerUnixTest : public ::testing::Test {
 protected:
  ListenerUnixTest() {
    // Bazel's own temporary directory is too deep for a socket's path.
    std::string pattern = "/tmp/listener-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/s";
  }
  ~ListenerUnixTest() override {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  std::string directory_;
  std::string path_;
};

TEST_F(ListenerUnixTest, ReportsItsPathAndRemovesItInTheEnd) {
  {
    absl::StatusOr<Listener> listener = Listener::ListenUnix("ctl", path_, {});
    ASSERT_THAT(listener, IsOk());
    EXPECT_TRUE(listener->is_unix());
    EXPECT_EQ(listener->address(), path_);
    EXPECT_EQ(listener->port(), -1);
    EXPECT_EQ(ConnectUnix(path_), 0);
    const Listener moved = *std::move(listener);
    EXPECT_EQ(ConnectUnix(path_), 0);
  }
  EXPECT_FALSE(Exists(path_));
}

TEST_F(ListenerUnixTest, HasThePermissionsAskedFor) {
  absl::StatusOr<Listener> listener =
      Listener::ListenUnix("ctl", path_, {.unix_mode = 0600});
  ASSERT_THAT(listener, IsOk());
  struct stat file;
  ASSERT_EQ(::lstat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600u);
}

TEST_F(ListenerUnixTest, DoesNotStealFromALiveProcess) {
  absl::StatusOr<Listener> first = Listener::ListenUnix("first", path_, {});
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(Listener::ListenUnix("second", path_, {}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       HasSubstr("another process listens")));
  EXPECT_EQ(ConnectUnix(path_), 0);
}

TEST_F(ListenerUnixTest, ReplacesASocketThatNobodyListensOn) {
  {
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
  }
  ASSERT_TRUE(Exists(path_));
  absl::StatusOr<Listener> listener = Listener::ListenUnix("ctl", path_, {});
  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(ConnectUnix(path_), 0);
}

TEST_F(ListenerUnixTest, LeavesOtherFilesAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(
      Listener::ListenUnix("ctl", path_, {}),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("not a socket")));
  EXPECT_TRUE(Exists(path_));
}

TEST_F(ListenerUnixTest, DoesNotRemoveAFileThatIsNoLongerItsOwn) {
  absl::StatusOr<Listener> first = Listener::ListenUnix("first", path_, {});
  ASSERT_THAT(first, IsOk());
  ::unlink(path_.c_str());
  absl::StatusOr<Listener> second = Listener::ListenUnix("second", path_, {});
  ASSERT_THAT(second, IsOk());
  first->Close();
  EXPECT_EQ(ConnectUnix(path_), 0);
}

TEST_F(ListenerUnixTest, AForkedProcessLeavesTheFile) {
  absl::StatusOr<Listener> listener = Listener::ListenUnix("ctl", path_, {});
  ASSERT_THAT(listener, IsOk());
  const pid_t child = ::fork();
  if (child == 0) {
    listener->Close();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(ConnectUnix(path_), 0);
}

TEST_F(ListenerUnixTest, RejectsPathsThatTheSystemCannotName) {
  const auto is_invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Listener::ListenUnix("ctl", "", {}), is_invalid);
  EXPECT_THAT(Listener::ListenUnix("ctl", std::string(108, 'x'), {}),
              is_invalid);
  EXPECT_THAT(Listener::ListenUnix("ctl", absl::string_view("a\0b", 3), {}),
              is_invalid);
}

TEST_F(ListenerUnixTest, NamesTheDirectoryThatIsMissing) {
  const std::string missing = directory_ + "/none/s";
  EXPECT_THAT(Listener::ListenUnix("ctl", missing, {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(missing)));
}

TEST_F(ListenerUnixTest, IsRefusedAfterShutdown) {
  absl::StatusOr<Listener> listener = Listener::ListenUnix("ctl", path_, {});
  ASSERT_THAT(listener, IsOk());
  listener->Shutdown();
  EXPECT_EQ(ConnectUnix(path_), ECONNREFUSED);
}

}  // namespace
}  // namespace bergen
