// SPDX-License-Identifier: Apache-2.0

#include "backdoor/run_directory.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The number of a process that has ended.
pid_t EndedProcess() {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  return pid;
}

class RunDirectoryTest : public ::testing::Test {
 protected:
  Listener Listen(const std::string& directory, int worker) {
    absl::StatusOr<Listener> listener = Listener::ListenUnix(
        "grpc", WorkerSocket(directory, worker), {.unix_mode = 0600});
    EXPECT_THAT(listener, IsOk());
    return *std::move(listener);
  }

  const ShortTempDirForTest dir_;
  const std::string base_ = dir_.path() + "/run";
};

TEST_F(RunDirectoryTest, FindsTheWorkersThatAnswer) {
  const absl::StatusOr<std::string> directory =
      MakeInstanceDirectory(base_, "demo");
  ASSERT_THAT(directory, IsOk());
  EXPECT_EQ(*directory, absl::StrCat(base_, "/demo/", getpid()));
  const Listener second = Listen(*directory, 10);
  const Listener first = Listen(*directory, 2);
  std::ofstream(WorkerSocket(*directory, 3)) << "no socket";
  std::ofstream(*directory + "/other") << "";

  const absl::StatusOr<std::vector<Door>> doors = FindDoors(base_, "demo");
  ASSERT_THAT(doors, IsOk());
  ASSERT_EQ(doors->size(), 2U);
  EXPECT_EQ((*doors)[0].worker, 2);
  EXPECT_EQ((*doors)[1].worker, 10);
  EXPECT_EQ((*doors)[0].instance, absl::StrCat(getpid()));
  EXPECT_EQ((*doors)[0].path, WorkerSocket(*directory, 2));
}

TEST_F(RunDirectoryTest, NobodyThereNamesTheOthers) {
  const absl::StatusOr<std::string> directory =
      MakeInstanceDirectory(base_, "demo");
  ASSERT_THAT(directory, IsOk());
  EXPECT_THAT(FindDoors(base_, "demo"), StatusIs(absl::StatusCode::kNotFound));
  const Listener listener = Listen(*directory, 0);
  EXPECT_THAT(FindDoors(base_, "dome"),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("'dome'"), HasSubstr("are demo"))));
}

TEST_F(RunDirectoryTest, WhatWasKilledIsRemovedByTheNext) {
  ASSERT_THAT(MakeInstanceDirectory(base_, "demo"), IsOk());
  const std::string ended = absl::StrCat(base_, "/demo/", EndedProcess());
  const std::string served = absl::StrCat(base_, "/demo/", EndedProcess());
  for (const std::string& path : {ended, served}) {
    std::filesystem::create_directory(path);
  }
  std::ofstream(ended + "/worker-0.sock") << "";
  // Its workers have outlived it, or a later generation has its sockets.
  const Listener listener = Listen(served, 0);
  ASSERT_THAT(MakeInstanceDirectory(base_, "demo"), IsOk());
  EXPECT_FALSE(std::filesystem::exists(ended));
  EXPECT_TRUE(std::filesystem::exists(served));
}

TEST_F(RunDirectoryTest, RemovesItsOwnOnlyIfItIsEmpty) {
  const absl::StatusOr<std::string> directory =
      MakeInstanceDirectory(base_, "demo");
  ASSERT_THAT(directory, IsOk());
  {
    const Listener listener = Listen(*directory, 0);
    RemoveInstanceDirectory(*directory);
    EXPECT_TRUE(std::filesystem::exists(*directory));
  }
  RemoveInstanceDirectory(*directory);
  EXPECT_FALSE(std::filesystem::exists(*directory));
}

TEST_F(RunDirectoryTest, RefusesDirectoriesThatOthersMayWrite) {
  std::filesystem::create_directory(base_);
  chmod(base_.c_str(), 0777);
  EXPECT_THAT(MakeInstanceDirectory(base_, "demo"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("no others may write")));
}

TEST_F(RunDirectoryTest, RefusesNamesThatLeaveTheDirectory) {
  for (const char* name : {"", "..", ".demo", "a/b", "a b"}) {
    EXPECT_THAT(MakeInstanceDirectory(base_, name),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(FindDoors(base_, name),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace bergen::backdoor
