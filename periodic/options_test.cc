// SPDX-License-Identifier: Apache-2.0

#include "periodic/options.h"

#include <functional>

#include "absl/status/statusor.h"
#include "config/option.h"
#include "config/registry.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

TEST(PeriodicOptionsTest, ExternalTasksRunHereUntilTheOptionSaysNo) {
  config::Registry registry;
  const absl::StatusOr<Options> options = RegisterOpts(registry);
  ASSERT_THAT(options, IsOk());
  const std::function<bool()> runs_external = options->runs_external();
  EXPECT_TRUE(runs_external());
  ASSERT_THAT(registry.SetOverride(config::kDefaultGroup,
                                   "run_external_periodic_tasks", false),
              IsOk());
  EXPECT_FALSE(runs_external());
}

TEST(PeriodicOptionsTest, MayBeRegisteredTwiceAndAreTheListedOnes) {
  config::Registry registry;
  ASSERT_THAT(RegisterOpts(registry), IsOk());
  EXPECT_THAT(RegisterOpts(registry), IsOk());
  EXPECT_THAT(registry.RegisterAll(ListOpts()), IsOk());
}

}  // namespace
}  // namespace bergen::periodic
