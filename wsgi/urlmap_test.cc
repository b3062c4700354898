// SPDX-License-Identifier: Apache-2.0

#include "wsgi/urlmap.h"

#include <memory>
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
#include "wsgi/paste_deploy.h"
#include "wsgi/paste_factories.h"
#include "wsgi/test_client.h"

namespace bergen::wsgi {
namespace {

using ::testing::HasSubstr;

// Answers with its name, SCRIPT_NAME and PATH_INFO.
class Named : public Application {
 public:
  explicit Named(absl::string_view name) : name_(name) {}

  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    absl::Status started = start_response("200 OK", {});
    if (!started.ok()) return started;
    return Body(absl::StrCat(name_, " ", environ.script_name(), "|",
                             environ.path_info()));
  }

 private:
  std::string name_;
};

class UrlMapTest : public ::testing::Test {
 protected:
  void Add(absl::string_view url) {
    EXPECT_THAT(map_.Add(url, std::make_unique<Named>(url)), IsOk());
  }

  std::string Get(const std::string& target) {
    const absl::StatusOr<TestResponse> response =
        client_.Call({.target = target});
    return response.ok() ? response->body()
                         : std::string(response.status().message());
  }

  UrlMap map_;
  TestClient client_{map_};
};

TEST_F(UrlMapTest, TheLongestPathThatIsAWholePrefixCounts) {
  Add("/");
  Add("/a");
  Add("/a/b/");
  EXPECT_EQ(Get("/"), "/ |/");
  EXPECT_EQ(Get("/ab"), "/ |/ab");
  EXPECT_EQ(Get("/a"), "/a /a|");
  EXPECT_EQ(Get("/a/"), "/a /a|/");
  EXPECT_EQ(Get("/a/bc"), "/a /a|/bc");
  EXPECT_EQ(Get("/a/b/c?d=/e"), "/a/b/ /a/b|/c");
}

TEST_F(UrlMapTest, RepeatedSlashesAreOne) {
  Add("/a//b");
  EXPECT_EQ(Get("/a///b//c"), "/a//b /a/b|/c");
}

TEST_F(UrlMapTest, MapsMayBeNested) {
  auto inner = std::make_unique<UrlMap>();
  ASSERT_THAT(inner->Add("/b", std::make_unique<Named>("in")), IsOk());
  ASSERT_THAT(map_.Add("/a", std::move(inner)), IsOk());
  EXPECT_EQ(Get("/a/b/c"), "in /a/b|/c");
  EXPECT_EQ(Get("/a//b/c"), "in /a/b|/c");
}

TEST_F(UrlMapTest, TheLastOneForAnAddressReplacesTheOthers) {
  Add("/a");
  Add("/a/");
  EXPECT_EQ(Get("/a/x"), "/a/ /a|/x");
}

TEST_F(UrlMapTest, WhatMatchesNothingIsNotFoundOrAnotherApplications) {
  Add("/a");
  EXPECT_THAT(Get("/b"), HasSubstr("404 Not Found"));
  map_.SetNotFound(std::make_unique<Named>("else"));
  EXPECT_EQ(Get("/b"), "else |/b");
}

TEST_F(UrlMapTest, AnAddressIsAPathOrAUrlOrWords) {
  const std::pair<const char*, const char*> kBad[] = {
      {"a", "begins neither with /"},
      {"ftp://h/", "begins neither with /"},
      {"http:///a", "no host"},
      {"/a /b", "more than one path"},
      {"domain", "nothing follows domain"},
      {"domain a domain b", "domain twice"},
      {"domain a port", "nothing follows port"},
      {"port 80 /a", "a port without a domain"}};
  for (const auto& [url, error] : kBad) {
    EXPECT_THAT(map_.Add(url, std::make_unique<Named>(url)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(error)))
        << url;
  }
}

// As if the request's Host were `host`.
std::string Ask(Application& app, const std::string& host,
                const std::string& target) {
  FunctionApplication with_host(
      [&](Environ& environ, StartResponse& start_response) {
        environ.Set("HTTP_HOST", host);
        return app(environ, start_response);
      });
  const absl::StatusOr<TestResponse> response =
      TestClient(with_host).Call({.target = target});
  return response.ok() ? response->body()
                       : std::string(response.status().message());
}

TEST_F(UrlMapTest, HostsComeBeforePathsAndMayHaveAPort) {
  Add("/");
  Add("/long/path");
  Add("http://One.example/x");
  Add("domain two.example port 8080 /");
  Add("domain [::1] /y");
  EXPECT_EQ(Ask(map_, "one.EXAMPLE", "/x/y"), "http://One.example/x /x|/y");
  EXPECT_EQ(Ask(map_, "one.example:99", "/x/y"), "http://One.example/x /x|/y");
  EXPECT_EQ(Ask(map_, "one.example", "/z"), "/ |/z");
  EXPECT_EQ(Ask(map_, "two.example:8080", "/long/path"),
            "domain two.example port 8080 / |/long/path");
  EXPECT_EQ(Ask(map_, "two.example", "/long/path"), "/long/path /long/path|");
  EXPECT_EQ(Ask(map_, "[::1]", "/y"), "domain [::1] /y /y|");
  EXPECT_EQ(Ask(map_, "[::1]:80", "/y"), "domain [::1] /y /y|");
}

TEST(UrlMapFactoryTest, SectionsNameUrlsAndApplications) {
  PasteFactories factories;
  ASSERT_THAT(factories.AddComposite("egg:Paste#urlmap", UrlMapFactory),
              IsOk());
  ASSERT_THAT(
      factories.AddApp("t:named",
                       [](const PasteSettings&, const PasteSettings& locals)
                           -> absl::StatusOr<std::unique_ptr<Application>> {
                         return std::make_unique<Named>(*locals.Get("name"));
                       }),
      IsOk());
  std::string text =
      "[composite:main]\nuse = egg:Paste#urlmap\n/ = a\n/v2: b\n"
      "not_found_app = c\ndomain x.example /only = a\n"
      "[app:a]\nuse = call:t:named\nname = A\n"
      "[app:b]\nuse = a\nname = B\n[app:c]\nuse = a\nname = C\n";
  PasteLoadOptions options;
  options.read_file = [&text](const std::string&) { return text; };
  absl::StatusOr<std::unique_ptr<Application>> app =
      LoadPasteApp(factories, "config:/f.ini", options);
  ASSERT_THAT(app, IsOk());
  TestClient client(**app);
  EXPECT_EQ(client.Call({.target = "/v2/x"})->body(), "B /v2|/x");
  EXPECT_EQ(client.Call({.target = "/v3/x"})->body(), "A |/v3/x");

  text =
      "[composite:main]\nuse = egg:Paste#urlmap\n/v2: b\n[app:b]\n"
      "use = call:t:named\nname = B\n[DEFAULT]\nnot_found_app = b\n";
  app = LoadPasteApp(factories, "config:/f.ini", options);
  ASSERT_THAT(app, IsOk());
  EXPECT_EQ(TestClient(**app).Call({.target = "/v3"})->body(), "B |/v3");

  text =
      "[composite:main]\nuse = egg:Paste#urlmap\nv2: b\n[app:b]\n"
      "use = call:t:named\nname = B\n";
  EXPECT_THAT(LoadPasteApp(factories, "config:/f.ini", options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("/f.ini:2: urlmap: begins neither")));
}

}  // namespace
}  // namespace bergen::wsgi
