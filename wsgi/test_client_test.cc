// SPDX-License-Identifier: Apache-2.0

#include "wsgi/test_client.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

class ThreePieces : public BodySource {
 public:
  explicit ThreePieces(bool& destroyed) : destroyed_(&destroyed) {}
  ~ThreePieces() override { *destroyed_ = true; }
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    static constexpr absl::string_view kPieces[] = {"a", "", "b"};
    if (next_ == 3) return std::nullopt;
    return kPieces[next_++];
  }

 private:
  bool* destroyed_;
  int next_ = 0;
};

TEST(TestClientTest, GivesTheRequestAndTakesTheResponse) {
  FunctionApplication app(
      [](Environ& environ,
         StartResponse& start_response) -> absl::StatusOr<Body> {
        absl::StatusOr<std::string> body = ReadAll(environ.input(), 100);
        if (!body.ok()) return body.status();
        absl::Status started = start_response(
            "201 Created",
            {{"X-Path", environ.path_info()},
             {"X-Header", environ.Header("x-mine").value_or("none")}});
        if (!started.ok()) return started;
        return Body(*std::move(body));
      });
  TestClient client(app);
  const absl::StatusOr<TestResponse> response =
      client.Call({.method = "POST",
                   .target = "/a?b",
                   .headers = {{"X-Mine", "value"}},
                   .body = "hello"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, "201 Created");
  EXPECT_EQ(response->code, 201);
  EXPECT_THAT(response->Header("x-path"), Optional(std::string("/a")));
  EXPECT_THAT(response->Header("x-header"), Optional(std::string("value")));
  EXPECT_EQ(response->Header("x-other"), std::nullopt);
  EXPECT_EQ(response->body(), "hello");
}

TEST(TestClientTest, KeepsPiecesApartAndDestroysTheirSource) {
  bool destroyed = false;
  FunctionApplication app(
      [&](Environ&, StartResponse& start_response) -> absl::StatusOr<Body> {
        absl::Status started = start_response("200 OK", {});
        if (!started.ok()) return started;
        return Body(std::make_unique<ThreePieces>(destroyed));
      });
  TestClient client(app);
  const absl::StatusOr<TestResponse> response = client.Call({});
  ASSERT_THAT(response, IsOk());
  EXPECT_THAT(response->pieces, ElementsAre("a", "b"));
  EXPECT_TRUE(destroyed);
}

TEST(TestClientTest, FailuresAreStatuses) {
  FunctionApplication app(
      [](Environ& environ, StartResponse& start) -> absl::StatusOr<Body> {
        const absl::string_view path = environ.path_info();
        if (path == "/throw") throw std::runtime_error("thrown");
        if (path == "/fail") return absl::NotFoundError("failed");
        if (path == "/bad") {
          absl::Status started = start("200 OK", {{"A", "\n"}});
          if (!started.ok()) return started;
        }
        return Body("");
      });
  TestClient client(app);
  EXPECT_THAT(client.Call({.target = "/throw"}),
              StatusIs(absl::StatusCode::kInternal, "thrown"));
  EXPECT_THAT(client.Call({.target = "/fail"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client.Call({.target = "/bad"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(client.Call({.target = "/silent"}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(client.Call({.target = "no path"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace bergen::wsgi
