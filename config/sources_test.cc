// SPDX-License-Identifier: Apache-2.0

#include "config/sources.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
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

TEST(AssignmentSourceTest, SplitsAtTheLastDotBeforeTheFirstEqualsSign) {
  EXPECT_THAT(Texts(AssignmentSource({"demo.workers=3", "debug=true",
                                      "a.b.bind-port=x.y=z", "demo.greeting="})
                        .ReadAll()),
              ElementsAre("--set demo.workers: demo.workers=3",
                          "--set debug: DEFAULT.debug=true",
                          "--set a.b.bind-port: a.b.bind_port=x.y=z",
                          "--set demo.greeting: demo.greeting="));
}

TEST(AssignmentSourceTest, NamesWhatIsNoAssignment) {
  EXPECT_THAT(AssignmentSource({"nonsense", "a.b=1", ".x=1", "demo.=1", "=1"})
                  .ReadAll(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "--set nonsense: must be GROUP.NAME=VALUE\n"
                       "--set .x: must be GROUP.NAME=VALUE\n"
                       "--set demo.: must be GROUP.NAME=VALUE\n"
                       "--set : must be GROUP.NAME=VALUE"));
}

TEST(EnvironmentSourceTest, TakesVariablesOfItsFormOnly) {
  EXPECT_THAT(
      Texts(EnvironmentSource(
                {"OS_DEMO__WORKERS=3",
                 "OS_DEFAULT__DEBUG=", "OS_PLACEMENT_DATABASE__CONNECTION=a=b",
                 "OS_AUTH_URL=http://x", "PATH=/bin", "OS___X=1", "OS_DEMO__"})
                .ReadAll()),
      ElementsAre("OS_DEMO__WORKERS: DEMO.WORKERS=3",
                  "OS_DEFAULT__DEBUG: DEFAULT.DEBUG=",
                  "OS_PLACEMENT_DATABASE__CONNECTION: "
                  "PLACEMENT_DATABASE.CONNECTION=a=b"));
}

TEST_F(SourcesTest, TheOrderIsFilesDirectoriesEnvironmentAssignments) {
  Registry registry;
  const absl::StatusOr<Handle<std::string>> x =
      registry.Register("demo", Option<std::string>{.name = "x"});
  ASSERT_THAT(x, IsOk());
  ::setenv("OS_DEMO__X", "environment", 1);
  CommandLine line = {.config_files = {Write("1", "[demo]\nx = first"),
                                       Write("2", "[demo]\nx = second")},
                      .use_environment = false};
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "second");

  ASSERT_TRUE(std::filesystem::create_directory(Path("conf.d")));
  Write("conf.d/1.conf", "[demo]\nx = directory");
  line.config_dirs = {Path("conf.d")};
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "directory");

  line.use_environment = true;
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "environment");
  EXPECT_EQ(registry.Where("demo", "x").value().ToString(), "OS_DEMO__X");

  line.assignments = {"demo.x=one", "demo.x=two"};
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(x->Get(), "two");
  ::unsetenv("OS_DEMO__X");
}

}  // namespace
}  // namespace bergen::config
