// SPDX-License-Identifier: Apache-2.0

#include "periodic/named_thread.h"

#include <pthread.h>

#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

TEST(NamedThreadTest, HasTheFirstFifteenBytesOfItsName) {
  char name[16] = {};
  absl::StatusOr<std::thread> thread = StartThread(
      "a-name-that-is-too-long",
      [&name] { pthread_getname_np(pthread_self(), name, sizeof(name)); });
  ASSERT_THAT(thread, IsOk());
  thread->join();
  EXPECT_EQ(std::string(name), "a-name-that-is-");
}

}  // namespace
}  // namespace bergen::periodic
