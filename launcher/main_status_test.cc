// SPDX-License-Identifier: Apache-2.0

#include "launcher/main_status.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "launcher/launcher.h"

namespace bergen::launcher {
namespace {

TEST(MainStatusTest, IsTheStatusOfARunThatEnded) {
  EXPECT_EQ(MainStatus("hello", kExitGaveUp), kExitGaveUp);
}

TEST(MainStatusTest, AnErrorIsPrintedWithTheProgramsName) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(MainStatus("hello", absl::NotFoundError("no file")), kExitFailed);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "hello: no file\n");
}

TEST(MainStatusTest, AWrongConfigurationHasAStatusOfItsOwn) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(MainStatus("hello", absl::InvalidArgumentError("bad")),
            kExitConfiguration);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "hello: bad\n");
}

}  // namespace
}  // namespace bergen::launcher
