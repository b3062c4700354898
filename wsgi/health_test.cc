// SPDX-License-Identifier: Apache-2.0

#include "wsgi/health.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "wsgi/test_client.h"
#include "wsgi/validator.h"

namespace bergen::wsgi {
namespace {

std::string Ask(const Health& health, HealthPage::Kind kind,
                const std::string& method = "GET") {
  HealthPage page(health, kind);
  Validator validator(page);
  const absl::StatusOr<TestResponse> response =
      TestClient(validator).Call({.method = method});
  return response.ok() ? absl::StrCat(response->code, " ", response->body())
                       : std::string(response.status().message());
}

TEST(HealthTest, ReadyFollowsTheState) {
  Health health;
  const auto ready = HealthPage::Kind::kReady;
  EXPECT_EQ(Ask(health, ready), "503 starting\n");
  health.Set(Health::State::kReady);
  EXPECT_EQ(Ask(health, ready), "200 ready\n");
  health.Set(Health::State::kDraining);
  EXPECT_EQ(Ask(health, ready), "503 draining\n");
}

TEST(HealthTest, LiveIsTrueWhileItAnswers) {
  Health health;
  EXPECT_EQ(Ask(health, HealthPage::Kind::kLive), "200 live\n");
  health.Set(Health::State::kDraining);
  EXPECT_EQ(Ask(health, HealthPage::Kind::kLive), "200 live\n");
}

TEST(HealthTest, OnlyReadingIsAllowed) {
  const Health health;
  EXPECT_EQ(Ask(health, HealthPage::Kind::kLive, "POST").substr(0, 3), "405");
  EXPECT_EQ(Ask(health, HealthPage::Kind::kReady, "HEAD").substr(0, 3), "503");
}

}  // namespace
}  // namespace bergen::wsgi
