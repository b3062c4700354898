// SPDX-License-Identifier: Apache-2.0
//
// Memory that workers share with their supervisor: each writes signs of life to
// a line of its own, at the cost of a store.
//
//   absl::StatusOr<Scoreboard> board = Scoreboard::Create(1000);
//   Scoreboard::Line* line = board->Claim();  // Before the fork.
//   ...                                       // The worker writes,
//   board->Release(line);                     // and has ended.

#ifndef LAUNCHER_SCOREBOARD_H_
#define LAUNCHER_SCOREBOARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace bergen::launcher {

// `Claim` and `Release` are for the supervisor's thread.
class Scoreboard {
 public:
  // A cache line, so that workers do not disturb each other.
  struct alignas(64) Line {
    std::atomic<uint64_t> beats = 0;
    std::atomic<uint64_t> requests = 0;
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free,
                "processes share no locks");

  // For so many processes at once. The system's error if memory is lacking.
  static absl::StatusOr<Scoreboard> Create(size_t lines);

  Scoreboard(Scoreboard&& other) noexcept;
  Scoreboard& operator=(Scoreboard&&) = delete;
  ~Scoreboard();

  // A line with zeros, or null if all are in use.
  Line* Claim();
  // Nobody writes to it any more. Null is ignored.
  void Release(Line* line);

 private:
  Scoreboard(Line* lines, size_t size) : lines_(lines), size_(size) {}

  Line* lines_;
  size_t size_;
  // The first so many were claimed: pages that nobody needs are never touched.
  size_t used_ = 0;
  std::vector<Line*> free_;  // Of those, the ones given back.
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_SCOREBOARD_H_
