// SPDX-License-Identifier: Apache-2.0

#include "launcher/options.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "config/option.h"
#include "config/registry.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

TEST(LauncherOptionsTest, HaveTheDefaultsOfOsloService) {
  config::Registry registry;
  absl::StatusOr<Options> options = RegisterOpts(registry);
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->graceful_shutdown_timeout(), absl::Seconds(60));
  EXPECT_TRUE(options->log_options.Get());
}

TEST(LauncherOptionsTest, ZeroHealthLimitsAreNone) {
  config::Registry registry;
  const absl::StatusOr<Options> options = RegisterOpts(registry);
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->health_limits().hang_timeout, absl::InfiniteDuration());
  EXPECT_EQ(options->health_limits().max_age, absl::InfiniteDuration());
  EXPECT_EQ(options->health_limits().max_requests, 0u);
  EXPECT_EQ(options->health_limits().max_memory, 0);
  ASSERT_THAT(registry.SetOverride("DEFAULT", "worker_max_memory", int64_t{3}),
              IsOk());
  ASSERT_THAT(registry.SetOverride("DEFAULT", "worker_hang_timeout", 0.5),
              IsOk());
  EXPECT_EQ(options->health_limits().max_memory, 3 << 20);
  EXPECT_EQ(options->health_limits().hang_timeout, absl::Milliseconds(500));
}

TEST(LauncherOptionsTest, AZeroTimeoutSetsNoLimitAndANegativeOneIsRefused) {
  config::Registry registry;
  absl::StatusOr<Options> options = RegisterOpts(registry);
  ASSERT_THAT(options, IsOk());
  constexpr char kName[] = "graceful_shutdown_timeout";
  ASSERT_THAT(registry.SetOverride(config::kDefaultGroup, kName, 0), IsOk());
  EXPECT_EQ(options->graceful_shutdown_timeout(), absl::InfiniteDuration());
  EXPECT_THAT(registry.SetOverride(config::kDefaultGroup, kName, -1),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(LauncherOptionsTest, MayBeRegisteredTwiceAndAreTheListedOnes) {
  config::Registry registry;
  ASSERT_THAT(RegisterOpts(registry), IsOk());
  EXPECT_THAT(RegisterOpts(registry), IsOk());
  EXPECT_THAT(registry.RegisterAll(ListOpts()), IsOk());
}

}  // namespace
}  // namespace bergen::launcher
