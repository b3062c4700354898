// SPDX-License-Identifier: Apache-2.0

#include "launcher/options.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "config/option.h"
#include "config/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/launcher.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::HasSubstr;

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

TEST(LauncherOptionsTest, RestartLimitsHaveTheDefaultsOfTheirStruct) {
  config::Registry registry;
  const absl::StatusOr<Options> options = RegisterOpts(registry);
  ASSERT_THAT(options, IsOk());
  const absl::StatusOr<RestartLimits> limits =
      options->restart_limits(registry);
  ASSERT_THAT(limits, IsOk());
  const RestartLimits defaults;
  EXPECT_EQ(limits->free_restarts, defaults.free_restarts);
  EXPECT_EQ(limits->first_delay, defaults.first_delay);
  EXPECT_EQ(limits->longest_delay, defaults.longest_delay);
  EXPECT_EQ(limits->quiet_period, defaults.quiet_period);
  EXPECT_EQ(limits->give_up_after, defaults.give_up_after);
}

TEST(LauncherOptionsTest, EachRestartLimitHasItsOption) {
  config::Registry registry;
  const absl::StatusOr<Options> options = RegisterOpts(registry);
  ASSERT_THAT(options, IsOk());
  const auto set = [&registry](const char* name, auto value) {
    EXPECT_THAT(registry.SetOverride("DEFAULT", name, value), IsOk());
  };
  set("worker_free_restarts", int64_t{7});
  set("worker_restart_delay", 0.5);
  set("worker_max_restart_delay", 2.0);
  set("worker_restart_quiet_period", 3.0);
  set("worker_give_up_after", int64_t{9});
  const absl::StatusOr<RestartLimits> limits =
      options->restart_limits(registry);
  ASSERT_THAT(limits, IsOk());
  EXPECT_EQ(limits->free_restarts, 7);
  EXPECT_EQ(limits->first_delay, absl::Milliseconds(500));
  EXPECT_EQ(limits->longest_delay, absl::Seconds(2));
  EXPECT_EQ(limits->quiet_period, absl::Seconds(3));
  EXPECT_EQ(limits->give_up_after, 9);
}

TEST(LauncherOptionsTest, RestartLimitsThatDoNotGoTogetherAreNamed) {
  config::Registry registry;
  const absl::StatusOr<Options> options = RegisterOpts(registry);
  ASSERT_THAT(options, IsOk());
  ASSERT_THAT(registry.SetOverride("DEFAULT", "worker_restart_delay", 31.0),
              IsOk());
  EXPECT_THAT(
      options->restart_limits(registry),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("DEFAULT.worker_max_restart_delay: 30 (default) is "
                         "less than worker_restart_delay, 31 (override at ")));
  ASSERT_THAT(registry.SetOverride("DEFAULT", "worker_max_restart_delay", 61.0),
              IsOk());
  EXPECT_THAT(options->restart_limits(registry),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("DEFAULT.worker_restart_quiet_period: 60")));
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

// OS-198.
TEST(LauncherOptionsTest, MayBeRegisteredTwiceAndAreTheListedOnes) {
  config::Registry registry;
  ASSERT_THAT(RegisterOpts(registry), IsOk());
  EXPECT_THAT(RegisterOpts(registry), IsOk());
  EXPECT_THAT(registry.RegisterAll(ListOpts()), IsOk());
}

}  // namespace
}  // namespace bergen::launcher
