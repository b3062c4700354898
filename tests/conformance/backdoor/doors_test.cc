// SPDX-License-Identifier: Apache-2.0
//
// The checks of where oslo.service's backdoor listens (checks.txt) against
// ours.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "backdoor/address.h"
#include "backdoor/listen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::StatusCode kAlreadyExists = absl::StatusCode::kAlreadyExists;

class DoorsTest : public ::testing::Test {
 protected:
  DoorsTest() {
    char folder[] = "/tmp/doors_test.XXXXXX";
    folder_ = ::mkdtemp(folder);
  }
  ~DoorsTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<Listener> OpenSocket(const std::string& text) {
    return OpenBackdoorListener(SocketTemplate{text}, 0, {}, log_);
  }
  absl::StatusOr<Listener> OpenPorts(int first, int last, int worker = 0) {
    return OpenBackdoorListener(PortRange{first, last}, worker, {}, log_);
  }
  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }

  // A socket's file as a process leaves it that was killed.
  static void LeaveSocket(const std::string& path) {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
  }

  // Two ports in a row, of which the first is taken and the second was free
  // just now.
  static absl::StatusOr<Listener> TakeOneOfTwoPorts() {
    while (true) {
      absl::StatusOr<Listener> first =
          Listener::ListenTcp("first", "127.0.0.1", 0, {});
      if (!first.ok() ||
          Listener::ListenTcp("second", "127.0.0.1", first->port() + 1, {})
              .ok()) {
        return first;
      }
    }
  }

  std::string folder_;
  std::ostringstream log_text_;
  spdlog::logger log_{
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
};

TEST_F(DoorsTest, Os145APathIsThePathAsItIs) {
  const absl::StatusOr<Listener> door = OpenSocket(Path("door"));
  ASSERT_THAT(door, IsOk());
  EXPECT_EQ(door->host(), Path("door"));
  EXPECT_THAT(log_text_.str(), IsEmpty());
}

TEST_F(DoorsTest, Os146ThePidIsPutIn) {
  const absl::StatusOr<Listener> door = OpenSocket(Path("door-{pid}"));
  ASSERT_THAT(door, IsOk());
  EXPECT_EQ(door->host(), Path(absl::StrCat("door-", ::getpid())));
}

TEST_F(DoorsTest, Os147ABrokenTemplateIsUsedAsItIs) {
  for (const char* text : {"door-{}", "door-{broken", "door-{broken}"}) {
    log_text_.str("");
    const absl::StatusOr<Listener> door = OpenSocket(Path(text));
    ASSERT_THAT(door, IsOk()) << text;
    EXPECT_EQ(door->host(), Path(text));
    EXPECT_THAT(log_text_.str(), HasSubstr("warning")) << text;
  }
}

// But not from a process that lives, which the original does.
TEST_F(DoorsTest, Os148APathInUseIsTakenOver) {
  LeaveSocket(Path("door"));
  const absl::StatusOr<Listener> door = OpenSocket(Path("door"));
  ASSERT_THAT(door, IsOk());
  EXPECT_THAT(OpenSocket(Path("door")), StatusIs(kAlreadyExists));
}

TEST_F(DoorsTest, Os149AFileThatVanishesMeanwhileIsNoError) {
  for (int round = 0; round < 50; ++round) {
    LeaveSocket(Path("door"));
    std::atomic<int> opened = 0;
    std::array<absl::StatusOr<Listener>, 3> doors = {absl::InternalError(""),
                                                     absl::InternalError(""),
                                                     absl::InternalError("")};
    std::vector<std::thread> threads;
    threads.reserve(doors.size());
    for (absl::StatusOr<Listener>& door : doors) {
      threads.emplace_back([&] {
        door = OpenSocket(Path("door"));
        if (door.ok()) ++opened;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GE(opened, 1);
    for (const absl::StatusOr<Listener>& door : doors) {
      if (door.ok()) continue;
      EXPECT_THAT(door, StatusIs(kAlreadyExists));
    }
  }
}

TEST_F(DoorsTest, Os150AFileThatIsNotRemovedIsAnError) {
  std::ofstream(Path("door")) << "precious";
  EXPECT_FALSE(OpenSocket(Path("door")).ok());
  std::string text;
  std::ifstream(Path("door")) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(DoorsTest, Os151APathThatMayNotBeOpenedIsAnError) {
  EXPECT_THAT(OpenSocket("/proc/self/door"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(OpenSocket(Path("nowhere/door")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DoorsTest, Os152Os155APortIsThatPort) {
  int port = 0;
  {
    const absl::StatusOr<Listener> free = TakeOneOfTwoPorts();
    ASSERT_THAT(free, IsOk());
    port = free->port();
  }
  absl::StatusOr<Listener> door = OpenPorts(port, port);
  ASSERT_THAT(door, IsOk());
  EXPECT_EQ(door->port(), port);
  door = absl::CancelledError();
  door = OpenPorts(port, port + 1);
  ASSERT_THAT(door, IsOk());
  EXPECT_EQ(door->port(), port);
}

TEST_F(DoorsTest, Os153APortInUseIsAnError) {
  const absl::StatusOr<Listener> busy = TakeOneOfTwoPorts();
  ASSERT_THAT(busy, IsOk());
  EXPECT_THAT(OpenPorts(busy->port(), busy->port()), StatusIs(kAlreadyExists));
}

TEST_F(DoorsTest, Os154Os156Os157TheFirstFreePortOfARange) {
  const absl::StatusOr<Listener> busy = TakeOneOfTwoPorts();
  ASSERT_THAT(busy, IsOk());
  const int port = busy->port();
  const absl::StatusOr<Listener> second = OpenPorts(port, port + 1, 1);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->port(), port + 1);
  EXPECT_THAT(OpenPorts(port, port + 1, 2), StatusIs(kAlreadyExists));
}

TEST_F(DoorsTest, Os158Os159WhatIsNoPortIsAnErrorOfTheOption) {
  for (const char* text : {"8888:7777", "abc", "", "1:2:3", "45001:"}) {
    EXPECT_THAT(ParseAddress(text, std::nullopt),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text)));
  }
}

}  // namespace
}  // namespace bergen::backdoor
