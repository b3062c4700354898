// SPDX-License-Identifier: Apache-2.0

#include "sslutils/expiry_watch.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace bergen::sslutils {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
const absl::Time kExpires = absl::UnixEpoch() + 100 * kDay;

TEST(ExpiryWatchTest, WarnsSomeDaysBeforeAndThenOnceADay) {
  ExpiryWatch watch(14 * kDay);
  EXPECT_FALSE(watch.ShouldWarn(kExpires - 15 * kDay, kExpires));
  EXPECT_FALSE(
      watch.ShouldWarn(kExpires - 14 * kDay - absl::Seconds(1), kExpires));
  EXPECT_TRUE(watch.ShouldWarn(kExpires - 14 * kDay, kExpires));
  EXPECT_FALSE(
      watch.ShouldWarn(kExpires - 13 * kDay - absl::Seconds(1), kExpires));
  EXPECT_TRUE(watch.ShouldWarn(kExpires - 13 * kDay, kExpires));
  EXPECT_TRUE(watch.ShouldWarn(kExpires + kDay, kExpires));
}

TEST(ExpiryWatchTest, AnotherCertificateIsAnotherMatter) {
  ExpiryWatch watch(14 * kDay);
  EXPECT_TRUE(watch.ShouldWarn(kExpires, kExpires));
  EXPECT_FALSE(watch.ShouldWarn(kExpires, kExpires + 90 * kDay));
  EXPECT_TRUE(watch.ShouldWarn(kExpires, kExpires + kDay));
}

}  // namespace
}  // namespace bergen::sslutils
