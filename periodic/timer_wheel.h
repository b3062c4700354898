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
// are sorted, so that they come out exactly at their time and in order.
//
// A slot is a list of indices, not linked through the timers: of a million, in
// 64 MB, the neighbours are in no cache, and adding or removing one would wait
// for theirs. So it touches the timer, which the caller has just touched, and a
// cache line of the slot. A removed timer leaves a hole, which the next that is
// added to the slot fills.
//
// Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels".

#ifndef PERIODIC_TIMER_WHEEL_H_
#define PERIODIC_TIMER_WHEEL_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/functional/any_invocable.h"
#include "periodic/stable_array.h"

namespace bergen::periodic {

// One timer fills one cache line: 32 bytes, and the callback.
struct alignas(64) Timer {
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static constexpr uint16_t kNowhere = std::numeric_limits<uint16_t>::max();

  // Nanoseconds on any line that has no more than 292 years.
  int64_t due = 0;
  // Of two with the same `due`, the one added first comes first; meaningful
  // while fewer than 2^31 are added in between.
  uint32_t order = 0;
  // For TimerWheel: where the timer is, and which entry of the slot is its.
  uint32_t entry = 0;
  uint32_t next = kNone;  // For TimerQueue: the next of a list, by index.
  uint16_t place = kNowhere;
  bool from_other_thread = false;  // For TimerQueue.
  // For TimerQueue: how often it has been used, and whether it still will be
  // called.
  std::atomic<uint64_t> state = 0;
  absl::AnyInvocable<void()> callback;
};
static_assert(sizeof(Timer) == 64);

using TimerArena = StableArray<Timer>;

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
  void Add(uint32_t index) { Add(index, arena_->at(index)); }
  void Add(uint32_t index, Timer& timer);

  // The timer must have been added and not come out.
  void Remove(uint32_t index) { Remove(arena_->at(index)); }
  void Remove(Timer& timer);

  // Has memory fetched that `Remove` will need. Of many timers, all are to be
  // prefetched, and then removed.
  void Prefetch(uint32_t index) const {
    const Timer& timer = arena_->at(index);
    if (timer.place < kSlots) __builtin_prefetch(&entry(timer.entry), 1);
  }

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
  // Neither in the wheel nor come out.
  static bool IsNowhere(const Timer& timer) { return timer.place == kNowhere; }

  // So many timers fit into the slots without more memory.
  uint32_t EntriesForTest() const { return chunks_.size() * kEntries; }

 private:
  static constexpr int kTickBits = 20;
  static constexpr int kLevels = 5;
  static constexpr int kSlots = 4096 + 4 * 256;
  static constexpr uint16_t kReached = kSlots;  // In `sorted_` or `heap_`.
  static constexpr uint16_t kOut = kSlots + 1;
  static constexpr uint16_t kNowhere = Timer::kNowhere;
  // A larger slot is not searched for its least `due`.
  static constexpr uint32_t kCrowded = 64;

  // Entry 0 is the last of the chunk that was filled before, or 0; the others
  // are indices of timers, or `kHole` and the next hole or 0.
  static constexpr uint32_t kEntries = 16;
  static constexpr uint32_t kHole = uint32_t{1} << 31;
  struct alignas(64) Chunk {
    std::array<uint32_t, kEntries> entries;
  };

  // An entry is named by its chunk's index times `kEntries`, plus its own: 0 is
  // none.
  struct Slot {
    uint32_t count = 0;  // Without holes.
    uint32_t last = 0;   // The entry.
    uint32_t first_hole = 0;
    uint32_t holes : 31 = 0;
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

  uint32_t& entry(uint32_t name) const {
    return chunks_.at(name / kEntries).entries[name % kEntries];
  }

  // Puts a timer, whose order is set, where it belongs as of `now_tick_`.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Place(uint32_t index, Timer& timer);
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Append(uint32_t number, uint32_t index,
                                           Timer& timer);
  void PushHeap(uint32_t index, Timer& timer);
  // Returns the first entry of a chunk for the slot with the last entry `last`.
  uint32_t AddChunk(uint32_t last);
  void Compact(uint32_t number);
  // Calls `act` with the index of each timer of the slot.
  template <typename Act>
  void ForEach(const Slot& slot, Act act) const;
  // The slot is then empty.
  void FreeChunks(uint32_t number);
  // Moves the indices of the slot to `taken_`.
  void TakeAll(uint32_t number);
  // The first slot of `level` that is not empty, of `limit` from number
  // `number` on; returns how many come before it, or `limit`.
  uint32_t FindOccupied(int level, uint64_t number, uint32_t limit) const;
  int64_t Min(Slot& slot);
  void PopHeap();
  // Whether of `sorted_` and `heap_`, of which the next is not stale then, the
  // heap has the next of all.
  bool HeapIsNext();
  bool IsStale(const Due& entry) const {
    const Timer& timer = arena_->at(entry.index);
    return timer.place != kReached || timer.order != entry.order;
  }

  TimerArena* const arena_;
  uint64_t now_tick_ = 0;
  uint32_t next_order_ = 0;
  // Of ticks up to `now_tick_`: those that were in slots, the next at the end,
  // and those that were added late. May hold entries whose timer was removed.
  std::vector<Due> sorted_;
  std::vector<Due> heap_;
  // Slot n of a level holds the timers of the slot number that is n modulo the
  // level's size; that number is greater than now's, by less than that size.
  std::array<Slot, kSlots> slots_;
  std::array<uint64_t, kSlots / 64> occupied_ = {};
  StableArray<Chunk, 15> chunks_{"chunks of timers"};
  uint32_t free_chunk_ = 0;  // The last entry of a chunk, or 0.
  std::vector<uint32_t> taken_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_TIMER_WHEEL_H_
