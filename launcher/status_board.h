// SPDX-License-Identifier: Apache-2.0
//
// Memory in which the supervisor shows its workers what it knows: how many
// workers each service has, which have crashed, and how reloads ended.
//
//   absl::StatusOr<StatusBoard> board = StatusBoard::Create();
//   board->SetWorkers(/*service=*/0, 4);         // In the supervisor.
//   for (const CrashRecord& crash : board->Crashes()) ...  // In any worker.

#ifndef LAUNCHER_STATUS_BOARD_H_
#define LAUNCHER_STATUS_BOARD_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/crash_record.h"
#include "launcher/reload_state.h"

namespace bergen::launcher {

// One process writes; it and those forked from it read, at any time and on any
// thread, and wait for nobody: the writer may be killed at any instruction.
class StatusBoard {
 public:
  // How many crashes are shown, and how many services.
  static constexpr size_t kCrashesKept = 16;
  static constexpr int kMostServices = 64;
  // Bytes of what is said of a reload; what is longer is cut.
  static constexpr size_t kLongestVerdict = 512;

  // The system's error if memory is lacking.
  static absl::StatusOr<StatusBoard> Create();

  StatusBoard(StatusBoard&& other) noexcept;
  StatusBoard& operator=(StatusBoard&&) = delete;
  ~StatusBoard();

  // The first call for each service adds it, in order. Ignored for services
  // beyond `kMostServices`.
  void SetWorkers(int service, int workers);
  // By service.
  std::vector<int> Workers() const;

  void AddCrash(const CrashRecord& crash);
  // The latest at the end. One that is being overwritten is left out.
  std::vector<CrashRecord> Crashes() const;

  // One at a time.
  void BeginReload();
  void EndReload(const absl::Status& verdict);
  ReloadState Reloads() const;

 private:
  struct Shared;

  explicit StatusBoard(Shared* shared) : shared_(shared) {}

  Shared* shared_;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_STATUS_BOARD_H_
