// SPDX-License-Identifier: Apache-2.0

#include "config/registrar.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RegistrarTest, GivesHandlesAndStopsAtTheFirstError) {
  Registry registry;
  ASSERT_THAT(registry.Register("demo", Option<bool>{.name = "taken"}), IsOk());

  Registrar add(registry, "demo");
  const Handle<int64_t> workers =
      add(Option<int64_t>{.name = "workers", .default_value = 2});
  EXPECT_THAT(add.status(), IsOk());
  EXPECT_EQ(workers.Get(), 2);

  add(Option<std::string>{.name = "taken"});
  EXPECT_THAT(add.status(), StatusIs(absl::StatusCode::kAlreadyExists,
                                     HasSubstr("registrar_test.cc")));
  add(Option<bool>{.name = "late"});
  EXPECT_THAT(registry.Find<bool>("demo", "late"), Not(IsOk()));
}

}  // namespace
}  // namespace bergen::config
