// SPDX-License-Identifier: Apache-2.0

#include "wsgi/router.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/test_client.h"

namespace bergen::wsgi {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

// Answers with its name and what it was told.
class NamedApplication : public Application {
 public:
  explicit NamedApplication(std::string name) : name_(std::move(name)) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    if (absl::Status status = start_response("200 OK", {}); !status.ok()) {
      return status;
    }
    return Body(absl::StrCat(name_, " ", environ.script_name(), "|",
                             environ.path_info(), " ",
                             RouteVariable(environ, "id").value_or("-")));
  }

 private:
  std::string name_;
};

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    EXPECT_THAT(router_.Add("GET", "/", root_), IsOk());
    EXPECT_THAT(router_.Add("GET", "/servers/{id}", show_), IsOk());
    EXPECT_THAT(router_.Add("PUT", "/servers/{id}", update_), IsOk());
    EXPECT_THAT(router_.Add("", "/servers/{id}/edit", edit_), IsOk());
    EXPECT_THAT(router_.Add("", "/v1.0/{path_info:.*}", versioned_), IsOk());
  }

  std::string Get(const std::string& method, const std::string& target) {
    TestClient client(router_);
    const absl::StatusOr<TestResponse> response =
        client.Call({.method = method, .target = target});
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return "";
    return response->code == 200 ? response->body() : response->status;
  }

  NamedApplication root_{"root"};
  NamedApplication show_{"show"};
  NamedApplication update_{"update"};
  NamedApplication edit_{"edit"};
  NamedApplication versioned_{"versioned"};
  Router router_;
};

TEST_F(RouterTest, MethodAndPathChoose) {
  EXPECT_EQ(Get("GET", "/"), "root |/ -");
  EXPECT_EQ(Get("GET", "/servers/7?x"), "show |/servers/7 7");
  EXPECT_EQ(Get("PUT", "/servers/a%20b"), "update |/servers/a b a b");
  EXPECT_EQ(Get("HEAD", "/servers/7"), "show |/servers/7 7");
  EXPECT_EQ(Get("DELETE", "/servers/7/edit"), "edit |/servers/7/edit 7");
}

TEST_F(RouterTest, PathInfoMovesWhatWasBeforeIt) {
  EXPECT_EQ(Get("GET", "/v1.0/a/b"), "versioned /v1.0|/a/b -");
  EXPECT_EQ(Get("GET", "/v1.0/"), "versioned /v1.0|/ -");
}

TEST_F(RouterTest, QueryMayOverrideTheMethod) {
  EXPECT_EQ(Get("GET", "/servers/7?a=b&_method=put"), "update |/servers/7 7");
}

TEST_F(RouterTest, NothingThatMatchesIsA404) {
  for (const char* target : {"/servers", "/servers/", "/servers/7/", "/v1.0",
                             "/servers/7/edit/x", "/x"}) {
    EXPECT_EQ(Get("GET", target), "404 Not Found") << target;
  }
}

TEST_F(RouterTest, WrongMethodIsA405ThatNamesTheRightOnes) {
  TestClient client(router_);
  const absl::StatusOr<TestResponse> response =
      client.Call({.method = "DELETE", .target = "/servers/7"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->code, 405);
  EXPECT_THAT(response->Header("allow"), Optional(std::string("GET, PUT")));
}

TEST_F(RouterTest, WrongPatternsAreRefused) {
  for (const char* pattern : {"", "x", "/{", "/{}", "/{a b}", "/x{a}", "/{a}b",
                              "/{a:.*}/b", "/{a:[0-9]}"}) {
    EXPECT_THAT(router_.Add("GET", pattern, root_),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat("route \"", pattern, "\""))))
        << pattern;
  }
}

}  // namespace
}  // namespace bergen::wsgi
