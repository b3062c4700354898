// SPDX-License-Identifier: Apache-2.0

#include "config/default_config_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A machine of its own, which lives as long as the test.
class DefaultConfigFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/searchXXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    search_ = {.home = root_ + "/home",
               .etc = root_ + "/etc",
               .snap_common = root_ + "/common",
               .snap = root_ + "/snap"};
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string Write(const std::string& name) const {
    const std::filesystem::path path = root_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "";
    return path.string();
  }

  std::string root_;
  ConfigSearch search_;
};

TEST_F(DefaultConfigFilesTest, TheProjectsFileComesBeforeThePrograms) {
  const std::string program = Write("etc/nova-api.conf");
  EXPECT_THAT(DefaultConfigFiles("nova", "nova-api", search_),
              ElementsAre(program));
  const std::string project = Write("home/.nova/nova.conf");
  EXPECT_THAT(DefaultConfigFiles("nova", "nova-api", search_),
              ElementsAre(project, program));
  EXPECT_THAT(DefaultConfigFiles("", "nova-api", search_),
              ElementsAre(program));
}

TEST_F(DefaultConfigFilesTest, TheFirstDirectoryThatHasTheFileCounts) {
  for (const char* folder : {"snap/etc/nova", "common/etc/nova", "etc",
                             "etc/nova", "home", "home/.nova"}) {
    const std::string path = Write(absl::StrCat(folder, "/nova.conf"));
    EXPECT_THAT(DefaultConfigFiles("nova", "nova-api", search_),
                ElementsAre(path));
  }
}

TEST_F(DefaultConfigFilesTest, WithoutAProjectOnlyHomeAndEtcAreSearched) {
  Write("etc/nova/nova.conf");
  Write("snap/etc/nova/nova.conf");
  EXPECT_THAT(DefaultConfigFiles("", "nova", search_), IsEmpty());
}

TEST_F(DefaultConfigFilesTest, OneNameForBothIsFoundOnce) {
  const std::string path = Write("etc/nova.conf");
  EXPECT_THAT(DefaultConfigFiles("nova", "nova", search_), ElementsAre(path));
}

TEST_F(DefaultConfigFilesTest, OnlyTheExtensionCounts) {
  Write("etc/nova.conf");
  EXPECT_THAT(DefaultConfigFiles("nova", "", search_, ".json"), IsEmpty());
  const std::string path = Write("etc/nova.json");
  EXPECT_THAT(DefaultConfigFiles("nova", "", search_, ".json"),
              ElementsAre(path));
  Write("home/.nova/nova.conf.d/1.conf");
  EXPECT_THAT(DefaultConfigDirs("nova", "", search_),
              ElementsAre(root_ + "/home/.nova/nova.conf.d"));
}

TEST_F(DefaultConfigFilesTest, WhatHasNoPlaceIsNotSearched) {
  EXPECT_THAT(StandardDirectories("nova", {.etc = "/etc"}),
              ElementsAre("/etc/nova", "/etc/"));
}

}  // namespace
}  // namespace bergen::config
