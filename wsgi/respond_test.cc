// SPDX-License-Identifier: Apache-2.0

#include "wsgi/respond.h"

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/test_client.h"

namespace bergen::wsgi {
namespace {

TEST(RespondTest, IsACompleteTextUnlessToldOtherwise) {
  FunctionApplication app([](Environ& environ, StartResponse& start_response) {
    if (environ.path_info() == "/") return Respond(start_response, "hi\n");
    return Respond(start_response, "{}", "404 Not Found", "application/json");
  });
  TestClient client(app);
  const absl::StatusOr<TestResponse> text = client.Call({});
  ASSERT_THAT(text, IsOk());
  EXPECT_EQ(text->status, "200 OK");
  EXPECT_EQ(text->Header("Content-Type"), "text/plain");
  EXPECT_EQ(text->body(), "hi\n");

  const absl::StatusOr<TestResponse> json = client.Call({.target = "/other"});
  ASSERT_THAT(json, IsOk());
  EXPECT_EQ(json->status, "404 Not Found");
  EXPECT_EQ(json->Header("Content-Type"), "application/json");
  EXPECT_EQ(json->body(), "{}");
}

TEST(RespondTest, FailsIfTheResponseCannotBeStarted) {
  FunctionApplication app([](Environ&, StartResponse& start_response) {
    return Respond(start_response, "", "no status");
  });
  TestClient client(app);
  EXPECT_THAT(client.Call({}), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace bergen::wsgi
