// SPDX-License-Identifier: Apache-2.0

#include "wsgi/loader.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/registry.h"
#include "config/sources.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"
#include "wsgi/options.h"
#include "wsgi/paste_factories.h"
#include "wsgi/test_client.h"

namespace bergen::wsgi {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;

class Greeter : public Application {
 public:
  explicit Greeter(absl::string_view greeting) : greeting_(greeting) {}

  absl::StatusOr<Body> operator()(Environ&,
                                  StartResponse& start_response) override {
    absl::Status started = start_response("200 OK", {});
    if (!started.ok()) return started;
    return Body(greeting_);
  }

 private:
  std::string greeting_;
};

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    std::filesystem::create_directories(Path("a"));
    std::filesystem::create_directories(Path("b"));
    EXPECT_THAT(RegisterOpts(registry_), IsOk());
    EXPECT_THAT(
        factories_.AddApp("t:greeter",
                          [](const PasteSettings&, const PasteSettings& locals)
                              -> absl::StatusOr<std::unique_ptr<Application>> {
                            const auto greeting = locals.Get("greeting");
                            if (!greeting.has_value()) {
                              return absl::NotFoundError("greeting: missing");
                            }
                            return std::make_unique<Greeter>(*greeting);
                          }),
        IsOk());
  }

  ~LoaderTest() override { std::filesystem::remove_all(Path("")); }

  // Under a directory of this test alone.
  static std::string Path(absl::string_view name) {
    return absl::StrCat(
        ::testing::TempDir(), "loader_",
        ::testing::UnitTest::GetInstance()->current_test_info()->name(), "/",
        name);
  }

  static std::string Write(absl::string_view name, absl::string_view text) {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }

  absl::StatusOr<Loader> Create(const std::string& config,
                                const LoaderSearch& search) {
    EXPECT_THAT(registry_.SetOverride("DEFAULT", "api_paste_config", config),
                IsOk());
    return Loader::Create(logger_, registry_, factories_, search);
  }

  config::Registry registry_;
  PasteFactories factories_;
  std::ostringstream log_;
  spdlog::logger logger_{
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)};
};

TEST_F(LoaderTest, AnAbsolutePathMustExist) {
  EXPECT_THAT(Create(Path("none.ini"), {}),
              StatusIs(kNotFound, absl::StrCat("Could not find config at ",
                                               Path("none.ini"))));
  const std::string path = Write("p.ini", "");
  const absl::StatusOr<Loader> loader = Create(path, {});
  ASSERT_THAT(loader, IsOk());
  EXPECT_EQ(loader->config_path(), path);
}

TEST_F(LoaderTest, ARelativePathIsSearchedFor) {
  EXPECT_THAT(Create("none.ini", {.directories = {Path("a")}}),
              StatusIs(kNotFound, "Could not find config at none.ini"));
  EXPECT_THAT(Create("", {.directories = {Path("a")}}), StatusIs(kNotFound));
  const std::string beside = Write("p.ini", "");
  const std::string in_directory = Write("a/p.ini", "");
  const std::string standard = Write("b/p.ini", "");
  LoaderSearch search = {.directories = {Path("none"), Path("b")}};
  const auto found = [&] {
    const absl::StatusOr<Loader> loader = Create("p.ini", search);
    return loader.ok() ? loader->config_path()
                       : std::string(loader.status().message());
  };
  EXPECT_EQ(found(), standard);
  search.config_paths.push_back(config::ConfigFile(Path("demo.conf")));
  EXPECT_EQ(found(), beside);
  search.config_paths.push_back(config::ConfigDirectory(Path("a")));
  EXPECT_EQ(found(), in_directory);
}

TEST_F(LoaderTest, LoadsTheNamedApplicationOrMain) {
  const absl::StatusOr<Loader> loader =
      Create(Write("100% #1.ini",
                   "[app:main]\nuse = call:t:greeter\ngreeting = hi\n"
                   "[app:other]\nuse = main\ngreeting = %(here)s\n"),
             {});
  ASSERT_THAT(loader, IsOk());
  absl::StatusOr<std::unique_ptr<Application>> app = loader->LoadApp("");
  ASSERT_THAT(app, IsOk());
  EXPECT_EQ(TestClient(**app).Call({})->body(), "hi");
  app = loader->LoadApp("other");
  ASSERT_THAT(app, IsOk());
  EXPECT_EQ(absl::StrCat(TestClient(**app).Call({})->body(), "/"), Path(""));
  EXPECT_THAT(log_.str(), IsEmpty());
}

TEST_F(LoaderTest, WhatTheFileLacksIsLoggedAndNotFound) {
  const std::string path = Write("p.ini", "[app:main]\nuse = other\n");
  const absl::StatusOr<Loader> loader = Create(path, {});
  ASSERT_THAT(loader, IsOk());
  EXPECT_THAT(loader->LoadApp("none"),
              StatusIs(kNotFound, HasSubstr(absl::StrCat(
                                      "Could not load paste app 'none' from ",
                                      path, ": No section 'none'"))));
  EXPECT_THAT(log_.str(), HasSubstr("No section 'none'"));
  EXPECT_THAT(
      loader->LoadApp("main"),
      StatusIs(kNotFound, HasSubstr(absl::StrCat(
                              "Could not load paste app 'main' from ", path,
                              ": ", path, ":2: No section 'other'"))));
}

TEST_F(LoaderTest, AnErrorOfAFactoryIsNotThatTheApplicationIsNotFound) {
  const std::string path = Write("p.ini", "[app:main]\nuse = call:t:greeter\n");
  const absl::StatusOr<Loader> loader = Create(path, {});
  ASSERT_THAT(loader, IsOk());
  EXPECT_THAT(loader->LoadApp("main"),
              StatusIs(kNotFound, absl::StrCat(path, ":2: greeting: missing")));
  EXPECT_THAT(log_.str(), IsEmpty());
}

}  // namespace
}  // namespace bergen::wsgi
