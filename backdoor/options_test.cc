// SPDX-License-Identifier: Apache-2.0

#include "backdoor/options.h"

#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backdoor/address.h"
#include "backdoor/command.h"
#include "backdoor/listen.h"
#include "backdoor/peer.h"
#include "backdoor/roles.h"
#include "config/option.h"
#include "config/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

class BackdoorOptionsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(options_, IsOk()); }

  void Set(const char* name, const std::string& value) {
    ASSERT_THAT(registry_.SetOverride(config::kDefaultGroup, name, value),
                IsOk());
  }

  config::Registry registry_;
  absl::StatusOr<Options> options_ = RegisterOpts(registry_);
};

TEST_F(BackdoorOptionsTest, WithoutAValueThereIsNoBackdoor) {
  EXPECT_THAT(options_->address(), IsOkAndHolds(std::nullopt));
}

TEST_F(BackdoorOptionsTest, TheSocketWinsOverThePort) {
  Set("backdoor_port", "8002:8033");
  absl::StatusOr<std::optional<Address>> address = options_->address();
  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(std::get<PortRange>(**address).last, 8033);
  Set("backdoor_socket", "/run/{pid}");
  address = options_->address();
  ASSERT_THAT(address, IsOk());
  EXPECT_EQ(std::get<SocketTemplate>(**address).text, "/run/{pid}");
}

TEST_F(BackdoorOptionsTest, ABadPortIsExplained) {
  Set("backdoor_port", "abc");
  EXPECT_THAT(options_->address(), StatusIs(absl::StatusCode::kInvalidArgument,
                                            HasSubstr("backdoor_port 'abc'")));
}

TEST_F(BackdoorOptionsTest, RolesAreReadAndSayWhoCanReachASocket) {
  absl::StatusOr<RoleMap> roles = options_->roles();
  ASSERT_THAT(roles, IsOk());
  EXPECT_EQ(options_->listen_options(*roles).host, "127.0.0.1");
  EXPECT_EQ(options_->listen_options(*roles).unix_mode, 0600);
  ASSERT_THAT(
      registry_.SetOverrideFromText(config::kDefaultGroup, "backdoor_roles",
                                    "uid:4242=view, san:a.example=admin"),
      IsOk());
  roles = options_->roles();
  ASSERT_THAT(roles, IsOk());
  EXPECT_EQ(roles->RoleOf({.name = "x", .uid = 4242}, 1), Role::kView);
  EXPECT_EQ(options_->listen_options(*roles).unix_mode, 0666);
  ASSERT_THAT(registry_.SetOverrideFromText(config::kDefaultGroup,
                                            "backdoor_roles", "somebody"),
              IsOk());
  EXPECT_THAT(options_->roles(), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("'somebody'")));
}

TEST_F(BackdoorOptionsTest, MayBeRegisteredTwiceAndAreTheListedOnes) {
  EXPECT_THAT(RegisterOpts(registry_), IsOk());
  EXPECT_THAT(registry_.RegisterAll(ListOpts()), IsOk());
}

}  // namespace
}  // namespace bergen::backdoor
