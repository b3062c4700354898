// SPDX-License-Identifier: Apache-2.0

#include "periodic/timer_wheel.h"

#include <algorithm>

namespace bergen::periodic {
namespace {

// For a heap whose top is the next, or a vector whose last is.
bool IsLater(const TimerWheel::Due& a, const TimerWheel::Due& b) {
  if (a.due != b.due) return a.due > b.due;
  return static_cast<int32_t>(a.order - b.order) > 0;
}

// So many timers ahead of use, memory is fetched.
constexpr size_t kAhead = 16;

}  // namespace

inline void TimerWheel::Append(uint32_t number, uint32_t index, Timer& timer) {
  Slot& slot = slots_[number];
  uint32_t name = slot.first_hole;
  if (name != 0) {
    slot.first_hole = entry(name) & ~kHole;
    --slot.holes;
  } else {
    const uint32_t used = slot.last % kEntries;
    name =
        used == 0 || used == kEntries - 1 ? AddChunk(slot.last) : slot.last + 1;
    slot.last = name;
  }
  entry(name) = index;
  timer.entry = name;
  timer.place = static_cast<uint16_t>(number);
  if (slot.count == 0) {
    occupied_[number / 64] |= uint64_t{1} << (number % 64);
    slot.min = timer.due;
    slot.min_is_stale = false;
  } else {
    slot.min = std::min(slot.min, timer.due);
  }
  ++slot.count;
}

inline void TimerWheel::Place(uint32_t index, Timer& timer) {
  const uint64_t tick = Tick(timer.due);
  if (tick <= now_tick_) {
    PushHeap(index, timer);
    return;
  }
  int level = 0;
  while ((tick >> Shift(level)) - (now_tick_ >> Shift(level)) >= Size(level)) {
    ++level;
  }
  Append(Base(level) + ((tick >> Shift(level)) & (Size(level) - 1)), index,
         timer);
}

void TimerWheel::Add(uint32_t index, Timer& timer) {
  timer.order = next_order_++;
  Place(index, timer);
}

void TimerWheel::PushHeap(uint32_t index, Timer& timer) {
  timer.place = kReached;
  heap_.push_back({timer.due, timer.order, index});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
}

uint32_t TimerWheel::AddChunk(uint32_t last) {
  uint32_t link = free_chunk_ - free_chunk_ % kEntries;
  if (free_chunk_ != 0) {
    free_chunk_ = entry(link);
  } else {
    link = chunks_.Grow(1) * kEntries;
  }
  entry(link) = last;
  return link + 1;
}

void TimerWheel::Remove(Timer& timer) {
  const uint32_t number = timer.place;
  timer.place = kNowhere;
  if (number == kReached) return;  // Its entry is now stale.
  Slot& slot = slots_[number];
  if (slot.count == 1) {
    FreeChunks(number);
    return;
  }
  --slot.count;
  entry(timer.entry) = kHole | slot.first_hole;
  slot.first_hole = timer.entry;
  ++slot.holes;
  if (timer.due == slot.min) slot.min_is_stale = true;
  if (slot.holes > 3 * slot.count + kCrowded) Compact(number);
}

void TimerWheel::Compact(uint32_t number) {
  const int64_t min = slots_[number].min;
  const bool min_is_stale = slots_[number].min_is_stale;
  TakeAll(number);
  for (size_t i = 0; i < taken_.size(); ++i) {
    if (i + kAhead < taken_.size()) {
      __builtin_prefetch(&arena_->at(taken_[i + kAhead]), 1);
    }
    Append(number, taken_[i], arena_->at(taken_[i]));
  }
  slots_[number].min = min;
  slots_[number].min_is_stale = min_is_stale;
}

template <typename Act>
void TimerWheel::ForEach(const Slot& slot, Act act) const {
  for (uint32_t last = slot.last; last != 0;) {
    const uint32_t link = last - last % kEntries;
    for (uint32_t name = link + 1; name <= last; ++name) {
      if ((entry(name) & kHole) == 0) act(entry(name));
    }
    last = entry(link);
  }
}

void TimerWheel::FreeChunks(uint32_t number) {
  Slot& slot = slots_[number];
  for (uint32_t last = slot.last; last != 0;) {
    uint32_t& link = entry(last - last % kEntries);
    const uint32_t next = link;
    link = free_chunk_;
    free_chunk_ = last;
    last = next;
  }
  slot = Slot();
  occupied_[number / 64] &= ~(uint64_t{1} << (number % 64));
}

void TimerWheel::TakeAll(uint32_t number) {
  taken_.clear();
  ForEach(slots_[number], [this](uint32_t index) { taken_.push_back(index); });
  FreeChunks(number);
}

uint32_t TimerWheel::FindOccupied(int level, uint64_t number,
                                  uint32_t limit) const {
  const uint32_t mask = Size(level) - 1;
  uint32_t passed = 0;
  while (passed < limit) {
    const uint32_t slot = Base(level) + ((number + passed) & mask);
    const uint64_t word = occupied_[slot / 64] >> (slot % 64);
    if (word != 0) {
      return std::min(limit,
                      passed + static_cast<uint32_t>(std::countr_zero(word)));
    }
    passed += 64 - slot % 64;
  }
  return limit;
}

void TimerWheel::Advance(int64_t now, std::vector<Due>& out) {
  const uint64_t old_tick = now_tick_;
  now_tick_ = std::max(now_tick_, Tick(now));
  const size_t sorted_size = sorted_.size();
  for (int level = 0; level < kLevels; ++level) {
    const uint64_t first = (old_tick >> Shift(level)) + 1;
    const uint64_t end = (now_tick_ >> Shift(level)) + 1;
    uint32_t left =
        static_cast<uint32_t>(std::min<uint64_t>(end - first, Size(level)));
    for (uint64_t number = first; left > 0;) {
      const uint32_t skipped = FindOccupied(level, number, left);
      if (skipped == left) break;
      number += skipped;
      TakeAll(Base(level) + static_cast<uint32_t>(number & (Size(level) - 1)));
      for (size_t i = 0; i < taken_.size(); ++i) {
        if (i + kAhead < taken_.size()) {
          __builtin_prefetch(&arena_->at(taken_[i + kAhead]), 1);
        }
        Timer& timer = arena_->at(taken_[i]);
        if (Tick(timer.due) <= now_tick_) {
          timer.place = kReached;
          sorted_.push_back({timer.due, timer.order, taken_[i]});
        } else {
          Place(taken_[i], timer);
        }
      }
      ++number;
      left -= skipped + 1;
    }
  }
  if (sorted_.size() != sorted_size) {
    std::sort(sorted_.begin(), sorted_.end(), IsLater);
  }
  while (true) {
    const bool from_heap = HeapIsNext();
    if (!from_heap && sorted_.empty()) break;
    const Due next = from_heap ? heap_.front() : sorted_.back();
    if (next.due > now) break;
    if (from_heap) {
      PopHeap();
    } else {
      sorted_.pop_back();
    }
    arena_->at(next.index).place = kOut;
    out.push_back(next);
  }
}

void TimerWheel::PopHeap() {
  std::pop_heap(heap_.begin(), heap_.end(), IsLater);
  heap_.pop_back();
}

bool TimerWheel::HeapIsNext() {
  while (!sorted_.empty() && IsStale(sorted_.back())) sorted_.pop_back();
  while (!heap_.empty() && IsStale(heap_.front())) PopHeap();
  return !heap_.empty() &&
         (sorted_.empty() || IsLater(sorted_.back(), heap_.front()));
}

int64_t TimerWheel::Min(Slot& slot) {
  if (slot.min_is_stale && slot.count <= kCrowded) {
    slot.min = kNever;
    ForEach(slot, [&](uint32_t index) {
      slot.min = std::min(slot.min, arena_->at(index).due);
    });
    slot.min_is_stale = false;
  }
  return slot.min;
}

int64_t TimerWheel::NextDue() {
  // Those in slots are all of later ticks.
  if (HeapIsNext()) return heap_.front().due;
  if (!sorted_.empty()) return sorted_.back().due;
  int64_t next = kNever;
  for (int level = 0; level < kLevels; ++level) {
    const uint64_t first = (now_tick_ >> Shift(level)) + 1;
    const uint32_t skipped = FindOccupied(level, first, Size(level) - 1);
    if (skipped == Size(level) - 1) continue;
    const uint32_t number =
        Base(level) +
        static_cast<uint32_t>((first + skipped) & (Size(level) - 1));
    next = std::min(next, Min(slots_[number]));
  }
  return next;
}

}  // namespace bergen::periodic
