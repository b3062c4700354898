// SPDX-License-Identifier: Apache-2.0

#include "config/sources.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A directory that lives as long as the test.
class SourcesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/sourcesXXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return absl::StrCat(folder_, "/", name);
  }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }

  std::string folder_;
};

// `place: group.name=text` of each value.
std::vector<std::string> Texts(
    const absl::StatusOr<std::vector<Document>>& documents) {
  EXPECT_THAT(documents, IsOk());
  std::vector<std::string> texts;
  if (!documents.ok()) return texts;
  for (const Document& document : *documents) {
    for (const RawValue& value : document.values()) {
      texts.push_back(absl::StrCat(document.PlaceOf(value), ": ", value.group,
                                   ".", value.name, "=", value.text));
    }
  }
  return texts;
}

TEST_F(SourcesTest, AFileGivesItsValuesWithTheirLines) {
  const std::string path = Write("a.conf", "[demo]\nworkers = 3\n\nx: y\n");
  FileSource source(path);
  EXPECT_THAT(Texts(source.ReadAll()),
              ElementsAre(absl::StrCat(path, ":2: demo.workers=3"),
                          absl::StrCat(path, ":4: demo.x=y")));
  Write("a.conf", "");
  EXPECT_THAT(Texts(source.ReadAll()), IsEmpty());
}

TEST_F(SourcesTest, AMissingFileIsNotFoundAndABrokenOneNamesTheLine) {
  EXPECT_THAT(
      FileSource(Path("none.conf")).ReadAll(),
      StatusIs(absl::StatusCode::kNotFound,
               absl::StrCat(Path("none.conf"), ": No such file or directory")));
  EXPECT_THAT(FileSource(Write("bad.conf", "[demo]\nnonsense\n")).ReadAll(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith(absl::StrCat(Path("bad.conf"), ":2: "))));
  EXPECT_THAT(FileSource(folder_).ReadAll(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       absl::StrCat(folder_, ": Is a directory")));
}

TEST_F(SourcesTest, ARelativePathIsRememberedAcrossAChangeOfDirectory) {
  Write("a.conf", "[demo]\nworkers = 3\n");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  FileSource source("a.conf");
  std::filesystem::current_path(before);
  EXPECT_THAT(Texts(source.ReadAll()), ElementsAre("a.conf:2: demo.workers=3"));
}

TEST_F(SourcesTest, ATildeIsTheHomeDirectory) {
  Write("a.conf", "[demo]\nworkers = 3\n");
  const char* const home = std::getenv("HOME");
  const std::string before = home ? home : "/";
  ::setenv("HOME", folder_.c_str(), 1);
  FileSource source("~/a.conf");
  ::setenv("HOME", before.c_str(), 1);
  EXPECT_THAT(Texts(source.ReadAll()),
              ElementsAre("~/a.conf:2: demo.workers=3"));
}

TEST_F(SourcesTest, ADirectoryGivesItsConfFilesSortedByName) {
  Write("20.conf", "[a]\nx = 20\n");
  Write("10.conf", "[a]\nx = 10\n");
  Write(".hidden.conf", "[a]\nx = hidden\n");
  Write("30.conf.bak", "[a]\nx = 30\n");
  ASSERT_TRUE(std::filesystem::create_directory(Path("sub.conf")));
  DirectorySource source(folder_ + "/");
  EXPECT_THAT(Texts(source.ReadAll()),
              ElementsAre(absl::StrCat(folder_, "/10.conf:2: a.x=10"),
                          absl::StrCat(folder_, "/20.conf:2: a.x=20")));
  Write("20.conf", "?");
  Write("10.conf", "?");
  EXPECT_THAT(source.ReadAll(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         AllOf(HasSubstr("10.conf:1: "),
                                               HasSubstr("20.conf:1: "))));
  EXPECT_THAT(DirectorySource(Path("none")).ReadAll(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none: ")));
}

FlagValue Assigned(absl::string_view text) {
  const absl::StatusOr<FlagValue> value = ParseAssignment(text);
  EXPECT_THAT(value, IsOk());
  return value.ok() ? *value : FlagValue{};
}

TEST(AssignmentTest, SplitsAtTheLastDotBeforeTheFirstEqualsSign) {
  CommandLineSource source({Assigned("demo.workers=3"), Assigned("debug=true"),
                            Assigned("a.b.bind-port=x.y=z"),
                            Assigned("demo.greeting=")});
  EXPECT_THAT(Texts(source.ReadAll()),
              ElementsAre("--set demo.workers: demo.workers=3",
                          "--set debug: DEFAULT.debug=true",
                          "--set a.b.bind-port: a.b.bind_port=x.y=z",
                          "--set demo.greeting: demo.greeting="));
}

TEST(AssignmentTest, NamesWhatIsNoAssignment) {
  for (const char* text : {"nonsense", ".x=1", "demo.=1", "=1"}) {
    const std::string key = std::string(text).substr(
        0, std::min(std::string(text).find('='), std::string(text).size()));
    EXPECT_THAT(
        ParseAssignment(text),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("--set ", key, ": must be GROUP.NAME=VALUE")));
  }
  EXPECT_THAT(ParseAssignment("demo.token:hunter2"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "--set demo.token: must be GROUP.NAME=VALUE"));
}

TEST(CommandLineSourceTest, APlaceHoldsTheValueUnlessTheFlagImpliesIt) {
  CommandLineSource source(
      {{.flag = "--demo-x", .group = "demo", .name = "x", .text = "1"},
       {.flag = "--nodebug",
        .group = "DEFAULT",
        .name = "debug",
        .text = "false",
        .is_implied = true}});
  const absl::StatusOr<std::vector<Document>> read = source.ReadAll();
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 2);
  EXPECT_TRUE((*read)[0].holds_value());
  EXPECT_FALSE((*read)[1].holds_value());
}

TEST(EnvironmentSourceTest, TakesVariablesOfItsFormOnly) {
  EXPECT_THAT(
      Texts(EnvironmentSource({"OS_DEMO__WORKERS=3", "OS_DEFAULT__DEBUG=",
                               "OS_PLACEMENT_DATABASE__CONNECTION=a=b",
                               "OS_AUTH_URL=http://x", "PATH=/bin", "OS___X=1",
                               "OS_DEMO__=1"})
                .ReadAll()),
      ElementsAre("OS_DEMO__WORKERS: DEMO.WORKERS=3",
                  "OS_DEFAULT__DEBUG: DEFAULT.DEBUG=",
                  "OS_PLACEMENT_DATABASE__CONNECTION: "
                  "PLACEMENT_DATABASE.CONNECTION=a=b"));
}

TEST_F(SourcesTest, TheOrderIsPathsAsGivenEnvironmentFlags) {
  Registry registry;
  const absl::StatusOr<Handle<std::string>> x =
      registry.Register("demo", Option<std::string>{.name = "x"});
  ASSERT_THAT(x, IsOk());
  ::setenv("OS_DEMO__X", "environment", 1);
  ASSERT_TRUE(std::filesystem::create_directory(Path("conf.d")));
  Write("conf.d/1.conf", "[demo]\nx = directory");
  CommandLine line = {
      .config_paths = {ConfigFile(Write("1", "[demo]\nx = first")),
                       ConfigDirectory(Path("conf.d"))},
      .use_environment = false};
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "directory");

  line.config_paths.push_back(ConfigFile(Write("2", "[demo]\nx = second")));
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "second");

  line.use_environment = true;
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "environment");
  EXPECT_EQ(registry.Where("demo", "x").value().ToString(), "OS_DEMO__X");

  line.flag_values = {Assigned("demo.x=one"), Assigned("demo.x=two")};
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "two");
  ::unsetenv("OS_DEMO__X");
}

TEST_F(SourcesTest, AFileIsFoundInDirectoriesThenBesideFilesThenElsewhere) {
  for (const char* folder : {"dir1", "dir2", "a", "b", "etc"}) {
    ASSERT_TRUE(std::filesystem::create_directory(Path(folder)));
  }
  const std::vector<ConfigPath> paths = {
      ConfigFile(Path("a/demo.conf")), ConfigDirectory(Path("dir1")),
      ConfigFile(Path("b/demo.conf")), ConfigDirectory(Path("dir2"))};
  const auto find = [&] { return FindFile("x.json", paths, {Path("etc")}); };
  EXPECT_EQ(find(), "");
  for (const char* folder : {"etc", "a", "b", "dir2", "dir1"}) {
    const std::string path = Write(absl::StrCat(folder, "/x.json"), "");
    EXPECT_EQ(find(), path);
  }
}

}  // namespace
}  // namespace bergen::config
