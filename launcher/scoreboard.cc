// SPDX-License-Identifier: Apache-2.0

#include "launcher/scoreboard.h"

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <utility>

#include "absl/status/status.h"

namespace bergen::launcher {

absl::StatusOr<Scoreboard> Scoreboard::Create(size_t lines) {
  void* const memory =
      ::mmap(nullptr, lines * sizeof(Line), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "scoreboard");
  return Scoreboard(static_cast<Line*>(memory), lines);
}

Scoreboard::Scoreboard(Scoreboard&& other) noexcept
    : lines_(std::exchange(other.lines_, nullptr)),
      size_(other.size_),
      used_(other.used_),
      free_(std::move(other.free_)) {}

Scoreboard::~Scoreboard() {
  if (lines_ != nullptr) ::munmap(lines_, size_ * sizeof(Line));
}

Scoreboard::Line* Scoreboard::Claim() {
  if (free_.empty()) {
    return used_ < size_ ? new (lines_ + used_++) Line() : nullptr;
  }
  Line* const line = free_.back();
  free_.pop_back();
  return new (line) Line();
}

void Scoreboard::Release(Line* line) {
  if (line != nullptr) free_.push_back(line);
}

}  // namespace bergen::launcher
