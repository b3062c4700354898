// SPDX-License-Identifier: Apache-2.0

#include "launcher/status_board.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace bergen::launcher {
namespace {

// Of a record: time, uptime, service, number, pid, killed, value, out of
// memory.
using Words = std::array<int64_t, 8>;

Words ToWords(const CrashRecord& crash) {
  return {absl::ToUnixNanos(crash.time),
          absl::ToInt64Nanoseconds(crash.uptime),
          crash.service,
          crash.number,
          crash.pid,
          crash.end.killed,
          crash.end.value,
          crash.end.out_of_memory};
}

CrashRecord FromWords(const Words& words) {
  return {.time = absl::FromUnixNanos(words[0]),
          .service = static_cast<int>(words[2]),
          .number = static_cast<int>(words[3]),
          .pid = static_cast<int>(words[4]),
          .end = {.killed = words[5] != 0,
                  .value = static_cast<int>(words[6]),
                  .out_of_memory = words[7] != 0},
          .uptime = absl::Nanoseconds(words[1])};
}

// Of a verdict: its code, how long its text is, and the text.
using VerdictWords =
    std::array<int64_t, 2 + StatusBoard::kLongestVerdict / sizeof(int64_t)>;

VerdictWords ToWords(const absl::Status& verdict) {
  const absl::string_view text =
      verdict.message().substr(0, StatusBoard::kLongestVerdict);
  VerdictWords words = {static_cast<int64_t>(verdict.code()),
                        static_cast<int64_t>(text.size())};
  if (!text.empty()) std::memcpy(&words[2], text.data(), text.size());
  return words;
}

absl::Status StatusFrom(const VerdictWords& words) {
  const auto size =
      std::min(static_cast<size_t>(words[1]), StatusBoard::kLongestVerdict);
  std::string text(size, 0);
  if (size > 0) std::memcpy(text.data(), &words[2], size);
  return absl::Status(static_cast<absl::StatusCode>(words[0]), text);
}

// Words that belong to a number, and that a reader sees whole or not at all.
template <typename Words>
class Numbered {
 public:
  void Write(uint64_t number, const Words& words) {
    version_ = 2 * number + 1;
    for (size_t i = 0; i < words.size(); ++i) words_[i] = words[i];
    version_ = Finished(number);
  }

  // False if those of `number` are not there, or no more.
  bool Read(uint64_t number, Words& words) const {
    if (version_ != Finished(number)) return false;
    for (size_t i = 0; i < words.size(); ++i) words[i] = words_[i];
    // Not overwritten meanwhile: any new word would come after a new version.
    return version_ == Finished(number);
  }

 private:
  static_assert(std::atomic<int64_t>::is_always_lock_free,
                "processes share no locks");

  static constexpr uint64_t Finished(uint64_t number) { return 2 * number + 2; }

  std::atomic<uint64_t> version_ = 0;
  std::array<std::atomic<int64_t>, std::tuple_size_v<Words>> words_ = {};
};

}  // namespace

struct StatusBoard::Shared {
  std::atomic<int> services = 0;
  std::array<std::atomic<int>, kMostServices> workers = {};
  std::atomic<uint64_t> crashes = 0;  // So many there were.
  std::array<Numbered<Words>, kCrashesKept> entries = {};
  std::atomic<uint64_t> begun = 0;
  std::atomic<uint64_t> ended = 0;
  // The last two, by their number: while one is written, the other is read.
  std::array<Numbered<VerdictWords>, 2> verdicts = {};
};

absl::StatusOr<StatusBoard> StatusBoard::Create() {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "status board");
  return StatusBoard(new (memory) Shared());
}

StatusBoard::StatusBoard(StatusBoard&& other) noexcept
    : shared_(std::exchange(other.shared_, nullptr)) {}

StatusBoard::~StatusBoard() {
  if (shared_ != nullptr) ::munmap(shared_, sizeof(Shared));
}

void StatusBoard::SetWorkers(int service, int workers) {
  if (service >= kMostServices) return;
  shared_->workers[static_cast<size_t>(service)] = workers;
  if (service >= shared_->services) shared_->services = service + 1;
}

std::vector<int> StatusBoard::Workers() const {
  const int services = shared_->services;
  return {shared_->workers.begin(), shared_->workers.begin() + services};
}

void StatusBoard::AddCrash(const CrashRecord& crash) {
  const uint64_t index = shared_->crashes;
  shared_->entries[index % kCrashesKept].Write(index, ToWords(crash));
  shared_->crashes = index + 1;
}

std::vector<CrashRecord> StatusBoard::Crashes() const {
  std::vector<CrashRecord> crashes;
  const uint64_t end = shared_->crashes;
  for (uint64_t index = end > kCrashesKept ? end - kCrashesKept : 0;
       index < end; ++index) {
    Words words;
    if (shared_->entries[index % kCrashesKept].Read(index, words)) {
      crashes.push_back(FromWords(words));
    }
  }
  return crashes;
}

void StatusBoard::BeginReload() { ++shared_->begun; }

void StatusBoard::EndReload(const absl::Status& verdict) {
  const uint64_t number = shared_->ended + 1;
  shared_->verdicts[number % 2].Write(number, ToWords(verdict));
  shared_->ended = number;
}

ReloadState StatusBoard::Reloads() const {
  while (true) {
    ReloadState state = {.ended = shared_->ended};
    // Not less than `ended`, which was read before.
    state.begun = shared_->begun;
    if (state.ended == 0) return state;
    VerdictWords words;
    // Otherwise two more have ended meanwhile.
    if (!shared_->verdicts[state.ended % 2].Read(state.ended, words)) continue;
    state.verdict = StatusFrom(words);
    return state;
  }
}

}  // namespace bergen::launcher
