// SPDX-License-Identifier: Apache-2.0

#include "wsgi/request_id.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/test_client.h"
#include "wsgi/validator.h"

namespace bergen::wsgi {
namespace {

using ::testing::MatchesRegex;

TestRequest WithId(const std::string& id) {
  return {.headers = {{"x-request-id", id}}};
}

// Answers with the ids that it sees.
absl::StatusOr<Body> SayIds(Environ& environ, StartResponse& start_response) {
  absl::Status started =
      start_response("200 OK", {{"Content-Type", "text/plain"}});
  if (!started.ok()) return started;
  return Body(
      absl::StrCat(RequestId(environ), " ", *environ.Get("HTTP_X_REQUEST_ID")));
}

class RequestIdTest : public ::testing::Test {
 protected:
  template <typename Function>
  absl::StatusOr<TestResponse> Call(Function function,
                                    const TestRequest& request) {
    FunctionApplication app(function);
    Validator inner(app);
    RequestIds ids(inner, [] { return std::string("made"); });
    Validator outer(ids);
    return TestClient(outer).Call(request);
  }
};

TEST_F(RequestIdTest, AnIdIsMadeAndSeenEverywhere) {
  const absl::StatusOr<TestResponse> response = Call(SayIds, {});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body(), "made made");
  EXPECT_EQ(response->Header("X-Request-Id"), "made");
}

TEST_F(RequestIdTest, AGoodIdOfTheClientIsTaken) {
  const absl::StatusOr<TestResponse> response =
      Call(SayIds, WithId("req-Az09_.~+/=:@"));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body(), "req-Az09_.~+/=:@ req-Az09_.~+/=:@");
  EXPECT_EQ(response->Header("X-Request-Id"), "req-Az09_.~+/=:@");
}

TEST_F(RequestIdTest, ABadOneIsReplaced) {
  for (const std::string& id :
       {std::string("a b"), std::string("a\"b"), std::string("a,b"),
        std::string(kMaxRequestIdSize + 1, 'x'), std::string("<\x80>")}) {
    const absl::StatusOr<TestResponse> response = Call(SayIds, WithId(id));
    ASSERT_THAT(response, IsOk());
    EXPECT_EQ(response->body(), "made made") << id;
  }
  EXPECT_TRUE(IsGoodRequestId(std::string(kMaxRequestIdSize, 'x')));
  EXPECT_FALSE(IsGoodRequestId(""));
  EXPECT_FALSE(IsGoodRequestId(absl::string_view("a\0", 2)));
}

TEST_F(RequestIdTest, TheApplicationsOwnHeaderStays) {
  const absl::StatusOr<TestResponse> response = Call(
      [](Environ&, StartResponse& start_response) -> absl::StatusOr<Body> {
        absl::Status started =
            start_response("204 No Content", {{"x-request-ID", "mine"}});
        if (!started.ok()) return started;
        return Body();
      },
      {});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->headers.size(), 1u);
  EXPECT_EQ(response->Header("X-Request-Id"), "mine");
}

// Starts its response with its first piece, and fails after it.
class LateSource : public BodySource {
 public:
  explicit LateSource(StartResponse& start_response)
      : start_response_(&start_response) {}

  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    if (failing_) return absl::AbortedError("late");
    failing_ = true;
    absl::Status started =
        (*start_response_)("200 OK", {{"Content-Type", "text/plain"}});
    if (!started.ok()) return started;
    return "x";
  }

 private:
  StartResponse* start_response_;
  bool failing_ = false;
};

TEST_F(RequestIdTest, ErrorsSayTheId) {
  EXPECT_THAT(Call(
                  [](Environ&, StartResponse&) -> absl::StatusOr<Body> {
                    return absl::NotFoundError("early");
                  },
                  {}),
              StatusIs(absl::StatusCode::kNotFound, "early [made]"));
  EXPECT_THAT(
      Call(
          [](Environ&, StartResponse& start_response) -> absl::StatusOr<Body> {
            return Body(std::make_unique<LateSource>(start_response));
          },
          {}),
      StatusIs(absl::StatusCode::kAborted, "late [made]"));
}

TEST_F(RequestIdTest, WithoutTheMiddlewareThereIsNone) {
  FunctionApplication app(
      [](Environ& environ,
         StartResponse& start_response) -> absl::StatusOr<Body> {
        absl::Status started =
            start_response("200 OK", {{"Content-Type", "text/plain"}});
        if (!started.ok()) return started;
        return Body(absl::StrCat("<", RequestId(environ), ">"));
      });
  EXPECT_EQ(TestClient(app).Call(WithId("x"))->body(), "<>");
}

TEST(NewRequestIdTest, IsAnUuidAndAnotherOneEachTime) {
  const std::string id = NewRequestId();
  EXPECT_THAT(id, MatchesRegex("req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-"
                               "[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_TRUE(IsGoodRequestId(id));
  EXPECT_NE(id, NewRequestId());
}

}  // namespace
}  // namespace bergen::wsgi
