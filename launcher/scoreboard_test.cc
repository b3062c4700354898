// SPDX-License-Identifier: Apache-2.0

#include "launcher/scoreboard.h"

#include <sys/wait.h>
#include <unistd.h>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

TEST(ScoreboardTest, WhatAChildWritesIsRead) {
  absl::StatusOr<Scoreboard> board = Scoreboard::Create(2);
  ASSERT_THAT(board, IsOk());
  Scoreboard::Line* const line = board->Claim();
  ASSERT_NE(line, nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    line->beats = 7;
    line->requests = 8;
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(line->beats, 7u);
  EXPECT_EQ(line->requests, 8u);
}

TEST(ScoreboardTest, ALineIsCleanWhenItIsClaimedAgain) {
  absl::StatusOr<Scoreboard> board = Scoreboard::Create(1);
  ASSERT_THAT(board, IsOk());
  Scoreboard::Line* const line = board->Claim();
  line->beats = 7;
  EXPECT_EQ(board->Claim(), nullptr);
  board->Release(nullptr);
  EXPECT_EQ(board->Claim(), nullptr);
  board->Release(line);
  EXPECT_EQ(board->Claim(), line);
  EXPECT_EQ(line->beats, 0u);
}

}  // namespace
}  // namespace bergen::launcher
