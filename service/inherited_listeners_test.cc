// SPDX-License-Identifier: Apache-2.0

#include "service/inherited_listeners.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace bergen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Runs `body` in a process of its own, whose descriptors may be anything.
void InChild(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << "see the messages of the child";
}

Listener Tcp(absl::string_view name) {
  return *Listener::ListenTcp(name, "127.0.0.1", 0, {});
}

// What the process before this one does.
void PassOn(const std::vector<Listener*>& listeners,
            const std::vector<NamedFd>& others = {}) {
  const absl::StatusOr<std::vector<std::string>> variables =
      VariablesFor(listeners, others);
  ASSERT_THAT(variables, IsOk());
  for (const std::string& variable : *variables) {
    const size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(),
             variable.substr(equals + 1).c_str(), 1);
  }
  ::setenv("LISTEN_PID", absl::StrCat(::getpid()).c_str(), 1);
  // Out of the way first.
  std::vector<int> copies;
  copies.reserve(listeners.size() + others.size());
  for (Listener* listener : listeners) {
    copies.push_back(::fcntl(listener->fd(), F_DUPFD, 100));
  }
  for (const NamedFd& other : others) {
    copies.push_back(::fcntl(other.fd, F_DUPFD, 100));
  }
  for (size_t i = 0; i < copies.size(); ++i) {
    ::dup2(copies[i], kFirstInheritedFd + static_cast<int>(i));
  }
}

TEST(InheritedListenersTest, AreThereUnderTheirNamesAndClosedOnExec) {
  Listener http = Tcp("http");
  Listener other = Tcp("other");
  InChild([&] {
    PassOn({&http, &other});
    absl::StatusOr<InheritedListeners> inherited =
        InheritedListeners::FromEnvironment();
    ASSERT_THAT(inherited, IsOk());
    EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
    EXPECT_EQ(std::getenv("LISTEN_PID"), nullptr);
    const absl::StatusOr<Listener> taken =
        inherited->TakeOrListenTcp("http", "localhost", http.port(), {});
    ASSERT_THAT(taken, IsOk());
    EXPECT_EQ(taken->fd(), 3);
    EXPECT_EQ(taken->address(), http.address());
    EXPECT_EQ(::fcntl(taken->fd(), F_GETFD), FD_CLOEXEC);
    EXPECT_NE(::fcntl(taken->fd(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_THAT(inherited->CloseRest(),
                ElementsAre(absl::StrCat("other (", other.address(), ")")));
    EXPECT_THAT(inherited->CloseRest(), IsEmpty());
  });
}

TEST(InheritedListenersTest, AnyPortFitsPortZeroAndAnotherPortIsOpened) {
  Listener http = Tcp("http");
  InChild([&] {
    PassOn({&http});
    absl::StatusOr<InheritedListeners> inherited =
        InheritedListeners::FromEnvironment();
    ASSERT_THAT(inherited, IsOk());
    Listener free = Tcp("free");
    const int port = free.port();
    free.Close();
    const absl::StatusOr<Listener> opened =
        inherited->TakeOrListenTcp("http", "127.0.0.1", port, {});
    ASSERT_THAT(opened, IsOk());
    EXPECT_EQ(opened->port(), port);
    const absl::StatusOr<Listener> taken =
        inherited->TakeOrListenTcp("http", "127.0.0.1", 0, {});
    ASSERT_THAT(taken, IsOk());
    EXPECT_EQ(taken->port(), http.port());
    EXPECT_TRUE(taken->adopted());
    EXPECT_FALSE(http.adopted());
  });
}

TEST(InheritedListenersTest, TheLastOwnerRemovesTheFileOfAUnixSocket) {
  const std::string path =
      absl::StrCat("/tmp/inherited-listeners-test-", ::getpid(), ".sock");
  absl::StatusOr<Listener> first = Listener::ListenUnix("unix", path, {});
  ASSERT_THAT(first, IsOk());
  for (const bool owned : {true, false}) {
    InChild([&] {
      // As the parent's own would be after an exec.
      absl::StatusOr<Listener> mine =
          Listener::Adopt("unix", UniqueFd(::dup(first->fd())), owned);
      ASSERT_THAT(mine, IsOk());
      EXPECT_EQ(mine->owns_file(), owned);
      PassOn({&*mine});
      mine->Disown();
      mine->Close();
      EXPECT_EQ(::access(path.c_str(), F_OK), 0);
      absl::StatusOr<InheritedListeners> inherited =
          InheritedListeners::FromEnvironment();
      ASSERT_THAT(inherited, IsOk());
      absl::StatusOr<Listener> taken =
          inherited->TakeOrListenUnix("unix", path, {});
      ASSERT_THAT(taken, IsOk());
      EXPECT_EQ(taken->fd(), 3);
      EXPECT_TRUE(taken->adopted());
      EXPECT_EQ(taken->owns_file(), owned);
      taken->Disown();
    });
  }
}

TEST(InheritedListenersTest, ThoseOfAnotherProcessAreLeftAlone) {
  Listener http = Tcp("http");
  InChild([&] {
    PassOn({&http});
    ::setenv("LISTEN_PID", "1", 1);
    absl::StatusOr<InheritedListeners> inherited =
        InheritedListeners::FromEnvironment();
    ASSERT_THAT(inherited, IsOk());
    EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
    EXPECT_THAT(inherited->CloseRest(), IsEmpty());
    EXPECT_GE(::fcntl(3, F_GETFD), 0);
  });
}

TEST(InheritedListenersTest, WhatDoesNotListenIsClosedAndNamed) {
  Listener http = Tcp("http");
  InChild([&] {
    PassOn({&http});
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ::dup2(pair[0], 3);
    absl::StatusOr<InheritedListeners> inherited =
        InheritedListeners::FromEnvironment();
    ASSERT_THAT(inherited, IsOk());
    EXPECT_LT(::fcntl(3, F_GETFD), 0);
    const std::vector<std::string> rest = inherited->CloseRest();
    ASSERT_THAT(rest, SizeIs(1));
    EXPECT_THAT(rest[0], HasSubstr("not a listening stream socket"));
  });
}

TEST(InheritedListenersTest, WhatDoesNotListenMayBeTaken) {
  Listener http = Tcp("http");
  InChild([&] {
    const UniqueFd file(::memfd_create("file", 0));
    ASSERT_EQ(::write(file.get(), "text", 4), 4);
    PassOn({&http}, {{"keys", file.get()}, {"other", file.get()}});
    absl::StatusOr<InheritedListeners> inherited =
        InheritedListeners::FromEnvironment();
    ASSERT_THAT(inherited, IsOk());
    EXPECT_FALSE(inherited->TakeFd("http").ok());
    const UniqueFd keys = inherited->TakeFd("keys");
    char text[5] = "";
    EXPECT_EQ(::pread(keys.get(), text, 4, 0), 4);
    EXPECT_STREQ(text, "text");
    EXPECT_EQ(::fcntl(keys.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_FALSE(inherited->TakeFd("keys").ok());
    EXPECT_THAT(inherited->CloseRest(), SizeIs(2));
    EXPECT_FALSE(inherited->TakeFd("other").ok());
  });
}

TEST(InheritedListenersTest, SaysWhatIsWrongWithTheVariables) {
  InChild([] {
    const std::string pid = absl::StrCat(::getpid());
    ::setenv("LISTEN_PID", pid.c_str(), 1);
    ::setenv("LISTEN_FDS", "many", 1);
    EXPECT_THAT(InheritedListeners::FromEnvironment().status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("LISTEN_FDS: must be a number")));
    ::close(3);
    ::setenv("LISTEN_PID", pid.c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_FDNAMES", "http", 1);
    EXPECT_THAT(InheritedListeners::FromEnvironment().status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("descriptor 3 (http) is not open")));
  });
}

TEST(InheritedListenersTest, NamesThatCannotBePassedOnAreRefused) {
  Listener listener = Tcp("http");
  for (const std::string& name : {std::string(), std::string("a:b"),
                                  std::string("a\n"), std::string(256, 'x')}) {
    listener.set_name(name);
    EXPECT_THAT(VariablesFor({&listener}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("cannot be passed on")));
    EXPECT_THAT(VariablesFor({}, {{name, 7}}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("descriptor 7: its name")));
  }
}

}  // namespace
}  // namespace bergen
