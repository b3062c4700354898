// SPDX-License-Identifier: Apache-2.0
//
// Which timer is due next, for any number of timers: adding and removing take
// constant time. No clock, no thread.
//
//   TimerArena arena;
//   TimerWheel wheel(arena);
//   uint32_t timer = ...;           // From `arena`, `due` filled in.
//   wheel.Add(timer);
//   wheel.Advance(wheel.NextDue(), due);
//
// A hierarchical timing wheel: 4096 slots of about 1 ms, then four levels of
// 256 slots, each as wide as the level below. The timers of the current slot
// are in a heap, so that they come out exactly at their time and in order.
//
// Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels".

#ifndef PERIODIC_TIMER_WHEEL_H_
#define PERIODIC_TIMER_WHEEL_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace bergen::periodic {

// One timer fills one cache line: 32 bytes, and the callback.
struct alignas(64) Timer {
  // Nanoseconds on any line that has no more than 292 years.
  int64_t due = 0;
  // Its list, while it is in a slot or free; by index in the arena.
  uint32_t next = 0;
  uint32_t prev = 0;
  // Of two with the same `due`, the one added first comes first; meaningful
  // while fewer than 2^31 are added in between.
  uint32_t order = 0;
  uint16_t place = 0;
  bool from_other_thread = false;  // For TimerQueue.
  // For TimerQueue: how often it has been used, and whether it still will be
  // called.
  std::atomic<uint64_t> state = 0;
  absl::AnyInvocable<void()> callback;
};
static_assert(sizeof(Timer) == 64);

// Memory for timers, which never moves. Timers that were handed out are
// destroyed with the arena.
class TimerArena {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static constexpr uint32_t kBlock = 64;

  TimerArena() = default;
  TimerArena(const TimerArena&) = delete;
  TimerArena& operator=(const TimerArena&) = delete;
  ~TimerArena();

  // Index of the first of `kBlock` new timers. One call at a time.
  uint32_t AllocateBlock();

  // Thread-safe for an index that the calling thread may know.
  Timer& at(uint32_t index) const {
    // Cannot wrap around, which the compiler would think of.
    const uint64_t shifted = uint64_t{index} + kFirstChunk;
    const int chunk =
        static_cast<int>(std::bit_width(shifted / kFirstChunk)) - 1;
    return chunks_[chunk].load(
        std::memory_order_relaxed)[shifted - std::bit_floor(shifted)];
  }

 private:
  static constexpr uint32_t kFirstChunk = 4096;
  static constexpr int kChunks = 19;  // Each twice as large as the one before.

  // What is not in use of a chunk is not touched.
  std::array<std::atomic<Timer*>, kChunks> chunks_ = {};
  uint32_t size_ = 0;
};

// Not thread-safe.
class TimerWheel {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // A timer that has left the wheel because it is due.
  struct Due {
    int64_t due;
    uint32_t order;
    uint32_t index;
  };

  explicit TimerWheel(TimerArena& arena) : arena_(&arena) {}

  // The timer must be in no wheel. One that is due already comes out at the
  // next `Advance`.
  void Add(uint32_t index);

  // The timer must have been added and not come out.
  void Remove(uint32_t index);

  // Appends to `out` all that are due at `now`, in order, which leave the
  // wheel. `now` must not be less than before.
  void Advance(int64_t now, std::vector<Due>& out);

  // When to advance next: the least `due`, or `kNever`. Sooner, though not
  // sooner than the slot begins, if a timer was removed from a crowded slot.
  int64_t NextDue();

  // Whether `timer`, which came out as `due`, is still the same timer.
  static bool IsSame(const Timer& timer, const Due& due) {
    return timer.place == kOut && timer.order == due.order;
  }
  // To be called for a timer that came out and will not be used.
  static void Forget(Timer& timer) { timer.place = kNowhere; }
  static bool CameOut(const Timer& timer) { return timer.place == kOut; }

 private:
  static constexpr int kTickBits = 20;
  static constexpr int kLevels = 5;
  static constexpr int kSlots = 4096 + 4 * 256;
  static constexpr uint16_t kInHeap = kSlots;
  static constexpr uint16_t kOut = kSlots + 1;
  static constexpr uint16_t kNowhere = kSlots + 2;
  // A larger slot is not searched for its least `due`.
  static constexpr uint32_t kCrowded = 64;

  struct Slot {
    uint32_t first = TimerArena::kNone;
    uint32_t count : 31 = 0;
    uint32_t min_is_stale : 1 = false;
    int64_t min = kNever;  // Or less, if `min_is_stale`.
  };

  // Ticks, shifted by this, are numbers of slots.
  static constexpr int Shift(int level) {
    return level == 0 ? 0 : 12 + 8 * (level - 1);
  }
  static constexpr uint32_t Size(int level) { return level == 0 ? 4096 : 256; }
  static constexpr uint32_t Base(int level) {
    return level == 0 ? 0 : 4096 + 256 * (level - 1);
  }
  static uint64_t Tick(int64_t due) {
    return due < 0 ? 0 : static_cast<uint64_t>(due) >> kTickBits;
  }

  // Puts a timer, whose order is set, where it belongs as of `now_tick_`.
  void Place(uint32_t index);
  void PushToHeap(uint32_t index);
  // The first slot of `level` that is not empty, of `limit` from number
  // `number` on; returns how many come before it, or `limit`.
  uint32_t FindOccupied(int level, uint64_t number, uint32_t limit) const;
  uint32_t TakeAll(uint32_t slot);
  int64_t Min(Slot& slot);
  void MarkEmpty(uint32_t slot) {
    occupied_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
  void DropStaleHeapTop();
  bool IsStale(const Due& entry) const {
    const Timer& timer = arena_->at(entry.index);
    return timer.place != kInHeap || timer.order != entry.order;
  }

  TimerArena* const arena_;
  uint64_t now_tick_ = 0;
  uint32_t next_order_ = 0;
  // All of ticks up to `now_tick_`. May hold entries whose timer was removed.
  std::vector<Due> heap_;
  // Slot n of a level holds the timers of the slot number that is n modulo the
  // level's size; that number is greater than now's, by less than that size.
  std::array<Slot, kSlots> slots_;
  std::array<uint64_t, kSlots / 64> occupied_ = {};
};

}  // namespace bergen::periodic

#endif  // PERIODIC_TIMER_WHEEL_H_
