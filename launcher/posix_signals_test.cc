// SPDX-License-Identifier: Apache-2.0

#include "launcher/posix_signals.h"

#include <poll.h>

#include <csignal>
#include <memory>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// OS-203.
TEST(PosixSignalsTest, ReadsSignalsThatCameBeforeItExisted) {
  BlockSignals();
  std::raise(SIGTERM);
  absl::StatusOr<std::unique_ptr<PosixSignals>> signals =
      PosixSignals::Create();
  ASSERT_THAT(signals, IsOk());
  std::raise(SIGHUP);
  pollfd ready = {.fd = (*signals)->fd(), .events = POLLIN};
  EXPECT_EQ(::poll(&ready, 1, 0), 1);
  EXPECT_THAT((*signals)->Take(), UnorderedElementsAre(SIGTERM, SIGHUP));
  EXPECT_THAT((*signals)->Take(), IsEmpty());
}

TEST(PosixSignalsTest, TakesRequestsBesideSignals) {
  absl::StatusOr<std::unique_ptr<PosixSignals>> signals =
      PosixSignals::Create();
  ASSERT_THAT(signals, IsOk());
  (*signals)->Request(SIGHUP);
  pollfd ready = {.fd = (*signals)->fd(), .events = POLLIN};
  EXPECT_EQ(::poll(&ready, 1, 0), 1);
  EXPECT_THAT((*signals)->Take(), UnorderedElementsAre(SIGHUP));
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
}

TEST(PosixSignalsTest, IgnoresBrokenPipesAndFullFiles) {
  BlockSignals();
  std::raise(SIGPIPE);
  std::raise(SIGXFSZ);
}

}  // namespace
}  // namespace bergen::launcher
