// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.service's paste loader and router (checks.txt) against
// ours.

#include "wsgi/loader.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/options.h"
#include "wsgi/paste_builtins.h"
#include "wsgi/paste_factories.h"
#include "wsgi/router.h"
#include "wsgi/test_client.h"

namespace bergen::wsgi {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    std::filesystem::create_directories(folder_);
    EXPECT_THAT(RegisterOpts(registry_), IsOk());
    EXPECT_THAT(AddPasteBuiltins(factories_), IsOk());
  }

  ~LoaderTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<Loader> Create(const std::string& config) {
    EXPECT_THAT(registry_.SetOverride("DEFAULT", "api_paste_config", config),
                IsOk());
    return Loader::Create(log_, registry_, factories_,
                          {.directories = {folder_}});
  }

  // A file with a section for static files.
  std::string WriteConfig() {
    const std::string path = absl::StrCat(folder_, "/paste.ini");
    std::ofstream(path) << "[app:test_app]\nuse = egg:Paste#static\n"
                           "document_root = %(here)s\n";
    return path;
  }

  const std::string folder_ = absl::StrCat(
      ::testing::TempDir(), "conformance_",
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  config::Registry registry_;
  PasteFactories factories_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(LoaderTest, Os104RelativePathNowhere) {
  EXPECT_THAT(Create("nonexistent.ini"),
              StatusIs(kNotFound, "Could not find config at nonexistent.ini"));
}

TEST_F(LoaderTest, Os105AbsolutePathThatIsMissing) {
  const std::string path = absl::StrCat(folder_, "/nonexistent.ini");
  EXPECT_THAT(
      Create(path),
      StatusIs(kNotFound, absl::StrCat("Could not find config at ", path)));
}

TEST_F(LoaderTest, Os106PathThatExists) {
  const std::string path = WriteConfig();
  const absl::StatusOr<Loader> loader = Create(path);
  ASSERT_THAT(loader, IsOk());
  EXPECT_EQ(loader->config_path(), path);
}

// Difference: after the original's words ours says what is missing.
TEST_F(LoaderTest, Os107NameThatIsNotThere) {
  const std::string path = WriteConfig();
  const absl::StatusOr<Loader> loader = Create(path);
  ASSERT_THAT(loader, IsOk());
  EXPECT_THAT(loader->LoadApp("nonexistent app"),
              StatusIs(kNotFound,
                       AllOf(HasSubstr(absl::StrCat(
                                 "Could not load paste app 'nonexistent app' "
                                 "from ",
                                 path)),
                             HasSubstr("No section 'nonexistent app'"))));
}

TEST_F(LoaderTest, Os108StaticFilesWithTheirDocumentRoot) {
  const absl::StatusOr<Loader> loader = Create(WriteConfig());
  ASSERT_THAT(loader, IsOk());
  const absl::StatusOr<std::unique_ptr<Application>> app =
      loader->LoadApp("test_app");
  ASSERT_THAT(app, IsOk());
  const absl::StatusOr<TestResponse> response =
      TestClient(**app).Call({.target = "/paste.ini"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->code, 200);
  EXPECT_THAT(response->body(), HasSubstr("[app:test_app]"));
}

// Differences: the form of a POST does not override the method, a route for
// another method is 405, and HTML is not sent.
TEST(RouterTest, Ox047PathInfoMethodOverrideAndNoMatch) {
  FunctionApplication where([](Environ& environ, StartResponse& start_response)
                                -> absl::StatusOr<Body> {
    absl::Status started =
        start_response("200 OK", {{"Content-Type", "text/plain"}});
    if (!started.ok()) return started;
    return Body(absl::StrCat(environ.request_method(), " ",
                             environ.script_name(), "|", environ.path_info()));
  });
  Router router;
  ASSERT_THAT(router.Add("", "/v1.0/{path_info:.*}", where), IsOk());
  ASSERT_THAT(router.Add("DELETE", "/servers/{id}", where), IsOk());
  TestClient client(router);
  EXPECT_EQ(client.Call({.target = "/v1.0/a/b"})->body(), "GET /v1.0|/a/b");
  EXPECT_EQ(client.Call({.target = "/servers/1?_method=delete"})->body(),
            "GET |/servers/1");
  EXPECT_EQ(client.Call({.target = "/none"})->code, 404);
}

}  // namespace
}  // namespace bergen::wsgi
