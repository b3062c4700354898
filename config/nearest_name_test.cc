// SPDX-License-Identifier: Apache-2.0

#include "config/nearest_name.h"

#include <string>

#include "gtest/gtest.h"

namespace bergen::config {
namespace {

TEST(NearestNameTest, FindsTypingErrors) {
  EXPECT_EQ(NearestName("wokers", {"greeting", "workers"}), "workers");
  EXPECT_EQ(NearestName("workres", {"greeting", "workers"}), "workers");
  EXPECT_EQ(NearestName("dmeo", {"demo"}), "demo");
  EXPECT_EQ(NearestName("BIND-PORT", {"bind_host", "bind_port"}), "bind_port");
  EXPECT_EQ(NearestName("default", {"DEFAULT"}), "DEFAULT");
}

TEST(NearestNameTest, GuessesNothingThatIsFarAway) {
  EXPECT_EQ(NearestName("threads", {"greeting", "workers"}), "");
  EXPECT_EQ(NearestName("xy", {"ab"}), "");
  EXPECT_EQ(NearestName("x", {}), "");
  EXPECT_EQ(NearestName(std::string(101, 'a'), {std::string(101, 'a')}), "");
}

}  // namespace
}  // namespace bergen::config
