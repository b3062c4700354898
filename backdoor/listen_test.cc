// SPDX-License-Identifier: Apache-2.0

#include "backdoor/listen.h"

#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "backdoor/address.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ListenTest : public ::testing::Test {
 protected:
  absl::StatusOr<Listener> Open(const Address& address, int worker) {
    return OpenBackdoorListener(address, worker, options_, log_);
  }

  // The first of `count` ports in a row that were free just now, below those
  // that the kernel hands out by itself.
  int FreePorts(int count) {
    const int start = 20000 + static_cast<int>(std::random_device()() % 10000);
    for (int port = start; port < 32000; ++port) {
      std::vector<Listener> held;
      for (int i = 0; i < count; ++i) {
        absl::StatusOr<Listener> listener =
            Listener::ListenTcp("x", "127.0.0.1", port + i, {});
        if (!listener.ok()) break;
        held.push_back(*std::move(listener));
      }
      if (held.size() == static_cast<size_t>(count)) return port;
    }
    ADD_FAILURE() << "no free ports";
    return 0;
  }

  std::string Path(absl::string_view name) {
    return absl::StrCat(dir_.path(), "/", name);
  }

  const ShortTempDirForTest dir_;
  BackdoorListenOptions options_;
  std::ostringstream log_text_;
  spdlog::logger log_{
      "test", std::make_shared<spdlog::sinks::ostream_sink_st>(log_text_)};
};

TEST_F(ListenTest, PortZeroLetsTheKernelChooseForEveryWorker) {
  absl::StatusOr<Listener> first = Open(PortRange{0, 0}, 0);
  absl::StatusOr<Listener> second = Open(PortRange{0, 0}, 1);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_GT(first->port(), 0);
  EXPECT_NE(first->port(), second->port());
  EXPECT_EQ(first->host(), "127.0.0.1");
}

TEST_F(ListenTest, ASinglePortIsTheFirstWorkers) {
  const int port = FreePorts(1);
  absl::StatusOr<Listener> first = Open(PortRange{port, port}, 0);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->port(), port);
  EXPECT_THAT(
      Open(PortRange{port, port}, 1),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("START:END")));
  EXPECT_THAT(Open(PortRange{port, port}, 0),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(ListenTest, ARangeGivesEachWorkerTheNextFreePort) {
  const int port = FreePorts(4);
  absl::StatusOr<Listener> busy =
      Listener::ListenTcp("x", "127.0.0.1", port + 1, {});
  ASSERT_THAT(busy, IsOk());
  const PortRange range = {port, port + 3};
  std::vector<Listener> workers;
  for (int expected : {port, port + 2, port + 3}) {
    absl::StatusOr<Listener> listener =
        Open(range, static_cast<int>(workers.size()));
    ASSERT_THAT(listener, IsOk());
    EXPECT_EQ(listener->port(), expected);
    workers.push_back(*std::move(listener));
  }
  EXPECT_THAT(Open(range, 3), StatusIs(absl::StatusCode::kAlreadyExists,
                                       HasSubstr("all ports are in use")));
}

TEST_F(ListenTest, ASocketIsForItsOwnerOnly) {
  const std::string path = Path("plain");
  absl::StatusOr<Listener> listener = Open(SocketTemplate{path}, 0);
  ASSERT_THAT(listener, IsOk());
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_THAT(
      Open(SocketTemplate{path}, 1),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("{worker}")));
  EXPECT_THAT(log_text_.str(), IsEmpty());
}

TEST_F(ListenTest, OthersCanBeLetInAndAnotherAddressChosen) {
  options_ = {.host = "127.0.0.2", .unix_mode = 0666};
  const std::string path = Path("open");
  absl::StatusOr<Listener> socket = Open(SocketTemplate{path}, 0);
  ASSERT_THAT(socket, IsOk());
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666u);
  const absl::StatusOr<Listener> port = Open(PortRange{0, 0}, 0);
  ASSERT_THAT(port, IsOk());
  EXPECT_EQ(port->host(), "127.0.0.2");
}

TEST_F(ListenTest, ATemplateGivesEachWorkerItsOwnSocket) {
  const std::string base = Path("own");
  absl::StatusOr<Listener> first = Open(SocketTemplate{base + ".{worker}"}, 0);
  absl::StatusOr<Listener> second = Open(SocketTemplate{base + ".{worker}"}, 1);
  absl::StatusOr<Listener> third = Open(SocketTemplate{base + "-{pid}"}, 2);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  ASSERT_THAT(third, IsOk());
  EXPECT_EQ(first->host(), base + ".0");
  EXPECT_EQ(second->host(), base + ".1");
  EXPECT_EQ(third->host(), absl::StrCat(base, "-", getpid()));
}

TEST_F(ListenTest, ABrokenTemplateIsUsedAsItIsWithAWarning) {
  const std::string path = Path("x{oops");
  absl::StatusOr<Listener> listener = Open(SocketTemplate{path}, 0);
  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(listener->host(), path);
  EXPECT_THAT(log_text_.str(), HasSubstr("not a template of {pid} and"));
}

TEST_F(ListenTest, KnowsWhatMustBeOpenedInTheWorker) {
  EXPECT_TRUE(NeedsWorkerPid(SocketTemplate{"/a/{pid}"}));
  EXPECT_FALSE(NeedsWorkerPid(SocketTemplate{"/a/{worker}"}));
  EXPECT_FALSE(NeedsWorkerPid(SocketTemplate{"/a/{{pid}}"}));
  EXPECT_FALSE(NeedsWorkerPid(PortRange{1, 2}));
}

}  // namespace
}  // namespace bergen::backdoor
