// SPDX-License-Identifier: Apache-2.0

#include "launcher/oom_counter.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace bergen::launcher {
namespace {

class OomCounterTest : public ::testing::Test {
 protected:
  OomCounterTest() {
    std::string name = "/tmp/oom_counter_test.XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~OomCounterTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(OomCounterTest, TakesEachKillOnce) {
  const std::string file = Write("memory.events", "low 7\noom 9\noom_kill 2\n");
  OomCounter counter(file);
  EXPECT_FALSE(counter.TakeKill());
  Write("memory.events", "low 7\noom 9\noom_kill 4\n");
  EXPECT_TRUE(counter.TakeKill());
  EXPECT_TRUE(counter.TakeKill());
  EXPECT_FALSE(counter.TakeKill());
}

TEST_F(OomCounterTest, WhatIsForgottenCannotBeTaken) {
  OomCounter counter(Write("memory.events", "oom_kill 2\n"));
  Write("memory.events", "oom_kill 3\n");
  counter.Forget();
  EXPECT_FALSE(counter.TakeKill());
  Write("memory.events", "oom_kill 4\n");
  EXPECT_TRUE(counter.TakeKill());
}

TEST_F(OomCounterTest, WithoutAFileThatTellsItSeesNone) {
  OomCounter none;
  EXPECT_FALSE(none.TakeKill());
  OomCounter missing(folder_ / "missing");
  EXPECT_FALSE(missing.TakeKill());
  for (const char* text : {"", "oom_kill_disable 0\n", "oom_kill x\n"}) {
    OomCounter useless(Write("useless", text));
    Write("useless", "oom_kill 1\n");
    EXPECT_FALSE(useless.TakeKill()) << text;
  }
}

TEST_F(OomCounterTest, AFileThatVanishesIsNoKill) {
  OomCounter counter(Write("memory.events", "oom_kill 0\n"));
  std::filesystem::remove(folder_ / "memory.events");
  EXPECT_FALSE(counter.TakeKill());
}

// Each row: /proc/self/cgroup, and where the counter is.
TEST_F(OomCounterTest, FindsTheFileOfItsGroup) {
  const struct {
    const char* membership;
    const char* file;
  } kCases[] = {
      {"0::/system.slice/demo.service\n",
       "fs/system.slice/demo.service/memory.events"},
      {"1:name=systemd:/x\n0::/a\n", "fs/unified/a/memory.events"},
      {"9:name=systemd:/\n4:memory:/a:b\n0::/\n",
       "fs/memory/a:b/memory.oom_control"},
      {"4:cpu,memory:/docker/1234\n", "fs/memory/memory.oom_control"},
  };
  for (const auto& row : kCases) {
    std::filesystem::remove_all(folder_ / "fs");
    const std::string membership = Write("cgroup", row.membership);
    Write(row.file, "oom_kill_disable 0\noom_kill 0\n");
    OomCounter counter = OomCounter::OfThisProcess(membership, folder_ / "fs");
    EXPECT_FALSE(counter.TakeKill()) << row.file;
    Write(row.file, "oom_kill_disable 0\noom_kill 1\n");
    EXPECT_TRUE(counter.TakeKill()) << row.file;
  }
}

TEST_F(OomCounterTest, AGroupWithoutAFileSeesNone) {
  OomCounter counter = OomCounter::OfThisProcess(
      Write("cgroup", "nonsense\n5:cpu:/\n0::/a\n"), folder_ / "fs");
  EXPECT_FALSE(counter.TakeKill());
}

}  // namespace
}  // namespace bergen::launcher
