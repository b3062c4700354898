// SPDX-License-Identifier: Apache-2.0

#include "launcher/status_board.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/crash_record.h"
#include "launcher/reload_state.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::IsEmpty;

// Each field says which one it is.
CrashRecord Crash(int i) {
  return {.time = absl::FromUnixSeconds(i),
          .service = i,
          .number = i,
          .pid = i,
          .end = {.killed = true, .value = i, .out_of_memory = true},
          .uptime = absl::Seconds(i)};
}

bool IsWhole(const CrashRecord& crash) {
  const int i = crash.pid;
  return crash.time == absl::FromUnixSeconds(i) && crash.service == i &&
         crash.number == i && crash.end.killed && crash.end.value == i &&
         crash.end.out_of_memory && crash.uptime == absl::Seconds(i);
}

TEST(StatusBoardTest, IsEmptyAtFirst) {
  const absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  ASSERT_THAT(board, IsOk());
  EXPECT_THAT(board->Workers(), IsEmpty());
  EXPECT_THAT(board->Crashes(), IsEmpty());
}

TEST(StatusBoardTest, WhatTheParentWritesItsChildReads) {
  absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  ASSERT_THAT(board, IsOk());
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t reader = ::fork();
  if (reader == 0) {
    char byte;
    if (::read(ends[0], &byte, 1) != 1) ::_exit(1);
    const std::vector<CrashRecord> crashes = board->Crashes();
    ::_exit(board->Workers() == std::vector<int>({3, 1}) &&
                    crashes.size() == 1 && crashes[0].pid == 7 &&
                    IsWhole(crashes[0])
                ? 0
                : 2);
  }
  board->SetWorkers(0, 2);
  board->SetWorkers(1, 1);
  board->SetWorkers(0, 3);
  board->AddCrash(Crash(7));
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  int status = -1;
  ASSERT_EQ(::waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(StatusBoardTest, OldCrashesMakeRoomForNewOnes) {
  absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  ASSERT_THAT(board, IsOk());
  for (int i = 0; i < 20; ++i) board->AddCrash(Crash(i));
  const std::vector<CrashRecord> crashes = board->Crashes();
  ASSERT_EQ(crashes.size(), StatusBoard::kCrashesKept);
  EXPECT_EQ(crashes.front().pid, 4);
  EXPECT_EQ(crashes.back().pid, 19);
  EXPECT_TRUE(IsWhole(crashes.back()));
}

TEST(StatusBoardTest, AReaderNeverSeesHalfARecord) {
  absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  ASSERT_THAT(board, IsOk());
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 100'000; ++i) board->AddCrash(Crash(i));
    done = true;
  });
  do {
    int last = -1;
    for (const CrashRecord& crash : board->Crashes()) {
      EXPECT_TRUE(IsWhole(crash)) << crash.pid;
      EXPECT_GT(crash.pid, last);
      last = crash.pid;
    }
  } while (!done);
  writer.join();
}

TEST(StatusBoardTest, ReloadsAreCountedAndTheLastVerdictIsKept) {
  absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  ASSERT_THAT(board, IsOk());
  EXPECT_EQ(board->Reloads().begun, 0u);
  board->BeginReload();
  EXPECT_EQ(board->Reloads().begun, 1u);
  EXPECT_EQ(board->Reloads().ended, 0u);
  board->EndReload(absl::InvalidArgumentError("demo.conf:3: no"));
  EXPECT_EQ(board->Reloads().ended, 1u);
  EXPECT_EQ(board->Reloads().verdict,
            absl::InvalidArgumentError("demo.conf:3: no"));
  board->BeginReload();
  EXPECT_EQ(board->Reloads().verdict,
            absl::InvalidArgumentError("demo.conf:3: no"));
  board->EndReload(absl::OkStatus());
  EXPECT_THAT(board->Reloads().verdict, IsOk());
  board->BeginReload();
  board->EndReload(absl::UnavailableError(std::string(2000, 'x')));
  EXPECT_EQ(board->Reloads().verdict.message(),
            std::string(StatusBoard::kLongestVerdict, 'x'));
}

TEST(StatusBoardTest, AReaderNeverSeesHalfAVerdict) {
  absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  ASSERT_THAT(board, IsOk());
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 20'000; ++i) {
      board->BeginReload();
      board->EndReload(
          absl::UnavailableError(std::string(100, static_cast<char>(i % 64))));
    }
    done = true;
  });
  do {
    const ReloadState state = board->Reloads();
    EXPECT_GE(state.begun, state.ended);
    if (state.ended == 0) continue;
    const char expected = static_cast<char>((state.ended - 1) % 64);
    EXPECT_EQ(state.verdict.message(), std::string(100, expected));
  } while (!done);
  writer.join();
}

TEST(StatusBoardTest, ServicesBeyondTheBoardAreNotShown) {
  absl::StatusOr<StatusBoard> board = StatusBoard::Create();
  ASSERT_THAT(board, IsOk());
  for (int i = 0; i <= StatusBoard::kMostServices; ++i) board->SetWorkers(i, i);
  ASSERT_EQ(board->Workers().size(),
            static_cast<size_t>(StatusBoard::kMostServices));
  EXPECT_EQ(board->Workers().back(), StatusBoard::kMostServices - 1);
}

}  // namespace
}  // namespace bergen::launcher
