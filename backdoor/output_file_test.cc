// SPDX-License-Identifier: Apache-2.0

#include "backdoor/output_file.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class OutputFileTest : public ::testing::Test {
 protected:
  std::string Path(absl::string_view name) {
    return absl::StrCat(dir_.path(), "/", name);
  }

  static std::string Content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  size_t Files() {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      static_cast<void>(entry);
      ++count;
    }
    return count;
  }

  const ShortTempDirForTest dir_;
};

TEST_F(OutputFileTest, WritesAFileAndReplacesIt) {
  EXPECT_THAT(WriteOutputFile(dir_.path(), "x", ".prof", "one"),
              IsOkAndHolds(Path("x.prof")));
  EXPECT_THAT(WriteOutputFile(dir_.path(), "x", ".prof", "two"), IsOk());
  EXPECT_EQ(Content(Path("x.prof")), "two");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(OutputFileTest, RefusesANameThatLeavesTheDirectory) {
  for (const char* name : {"", "/etc/x", "../x", "a/b", "a\nb", "/"}) {
    EXPECT_THAT(WriteOutputFile(dir_.path(), name, ".prof", "one"),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
  EXPECT_THAT(CheckOutputName("../x"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("'../x'"), HasSubstr("without '/'"))));
  EXPECT_THAT(CheckOutputName(std::string(kMaxOutputName, 'x')), IsOk());
  EXPECT_THAT(CheckOutputName(std::string(kMaxOutputName + 1, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("201")));
  EXPECT_EQ(Files(), 0u);
}

TEST_F(OutputFileTest, DoesNotFollowALink) {
  std::ofstream(Path("target")) << "keep";
  ASSERT_EQ(symlink("target", Path("x.prof").c_str()), 0);
  EXPECT_THAT(WriteOutputFile(dir_.path(), "x", ".prof", "new"), IsOk());
  EXPECT_EQ(Content(Path("target")), "keep");
  EXPECT_EQ(Content(Path("x.prof")), "new");
}

TEST_F(OutputFileTest, DoesNotWriteThroughALinkInPlaceOfItsTemporaryFile) {
  std::ofstream(Path("target")) << "keep";
  const std::string temporary = Path(absl::StrCat(".x.prof.", getpid(), ".0"));
  ASSERT_EQ(symlink("target", temporary.c_str()), 0);
  EXPECT_THAT(WriteOutputFile(dir_.path(), "x", ".prof", "new"), IsOk());
  EXPECT_EQ(Content(Path("target")), "keep");
}

TEST_F(OutputFileTest, AMissingDirectoryIsNamed) {
  EXPECT_THAT(WriteOutputFile(Path("nowhere"), "x", ".prof", "one"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere")));
}

TEST_F(OutputFileTest, AFailureLeavesNothingBehind) {
  std::filesystem::create_directory(Path("x.prof"));
  std::ofstream(Path("x.prof") + "/full") << "";
  EXPECT_FALSE(WriteOutputFile(dir_.path(), "x", ".prof", "one").ok());
  EXPECT_EQ(Files(), 1u);
}

TEST_F(OutputFileTest, TheDirectoryIsTheFirstThatCanBeWritten) {
  setenv("TMPDIR", Path("nowhere").c_str(), 1);
  setenv("TEMP", dir_.path().c_str(), 1);
  EXPECT_EQ(DefaultOutputDirectory(), dir_.path());
  setenv("TMPDIR", "/tmp", 1);
  EXPECT_EQ(DefaultOutputDirectory(), "/tmp");
}

}  // namespace
}  // namespace bergen::backdoor
