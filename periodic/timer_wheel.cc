// SPDX-License-Identifier: Apache-2.0

#include "periodic/timer_wheel.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace bergen::periodic {
namespace {

constexpr uint32_t kNone = TimerArena::kNone;

// For a heap whose top is the next.
bool IsLater(const TimerWheel::Due& a, const TimerWheel::Due& b) {
  if (a.due != b.due) return a.due > b.due;
  return static_cast<int32_t>(a.order - b.order) > 0;
}

}  // namespace

TimerArena::~TimerArena() {
  for (uint32_t index = 0; index < size_; ++index) at(index).~Timer();
  for (std::atomic<Timer*>& chunk : chunks_) {
    ::operator delete (chunk.load(std::memory_order_relaxed),
                       std::align_val_t{alignof(Timer)});
  }
}

uint32_t TimerArena::AllocateBlock() {
  const uint32_t shifted = size_ + kFirstChunk;
  const int chunk = std::bit_width(shifted / kFirstChunk) - 1;
  if (chunk == kChunks) {
    std::fputs("TimerArena: more than 2^31 timers\n", stderr);
    std::abort();
  }
  if (std::has_single_bit(shifted)) {
    chunks_[chunk].store(
        static_cast<Timer*>(::operator new (size_t{shifted} * sizeof(Timer),
                                            std::align_val_t{alignof(Timer)})),
        std::memory_order_relaxed);
  }
  const uint32_t first = size_;
  size_ += kBlock;
  for (uint32_t i = 0; i < kBlock; ++i) new (&at(first + i)) Timer;
  return first;
}

void TimerWheel::Add(uint32_t index) {
  Timer& timer = arena_->at(index);
  timer.order = next_order_++;
  Place(index, timer);
}

void TimerWheel::Place(uint32_t index, Timer& timer) {
  const uint64_t tick = Tick(timer.due);
  if (tick <= now_tick_) {
    PushToHeap(index, timer);
    return;
  }
  int level = 0;
  while ((tick >> Shift(level)) - (now_tick_ >> Shift(level)) >= Size(level)) {
    ++level;
  }
  const uint32_t number =
      Base(level) + ((tick >> Shift(level)) & (Size(level) - 1));
  Slot& slot = slots_[number];
  timer.place = static_cast<uint16_t>(number);
  timer.prev = kNone;
  timer.next = slot.first;
  if (slot.first == kNone) {
    occupied_[number / 64] |= uint64_t{1} << (number % 64);
    slot.min = timer.due;
    slot.min_is_stale = false;
  } else {
    arena_->at(slot.first).prev = index;
    slot.min = std::min(slot.min, timer.due);
  }
  slot.first = index;
  ++slot.count;
}

void TimerWheel::PushToHeap(uint32_t index, Timer& timer) {
  timer.place = kInHeap;
  heap_.push_back({timer.due, timer.order, index});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
}

void TimerWheel::Remove(uint32_t index) {
  Timer& timer = arena_->at(index);
  const uint32_t number = timer.place;
  timer.place = kNowhere;
  if (number == kInHeap) return;  // Its entry is now stale.
  Slot& slot = slots_[number];
  if (timer.prev == kNone) {
    slot.first = timer.next;
  } else {
    arena_->at(timer.prev).next = timer.next;
  }
  if (timer.next != kNone) arena_->at(timer.next).prev = timer.prev;
  --slot.count;
  if (slot.count == 0) {
    MarkEmpty(number);
  } else if (timer.due == slot.min) {
    slot.min_is_stale = true;
  }
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

uint32_t TimerWheel::TakeAll(uint32_t slot) {
  const uint32_t first = slots_[slot].first;
  slots_[slot].first = kNone;
  slots_[slot].count = 0;
  MarkEmpty(slot);
  return first;
}

void TimerWheel::Advance(int64_t now, std::vector<Due>& out) {
  const uint64_t old_tick = now_tick_;
  now_tick_ = std::max(now_tick_, Tick(now));
  const size_t heap_size = heap_.size();
  for (int level = 0; level < kLevels; ++level) {
    const uint64_t first = (old_tick >> Shift(level)) + 1;
    const uint64_t end = (now_tick_ >> Shift(level)) + 1;
    uint32_t left =
        static_cast<uint32_t>(std::min<uint64_t>(end - first, Size(level)));
    for (uint64_t number = first; left > 0;) {
      const uint32_t skipped = FindOccupied(level, number, left);
      if (skipped == left) break;
      number += skipped;
      uint32_t next = TakeAll(
          Base(level) + static_cast<uint32_t>(number & (Size(level) - 1)));
      while (next != kNone) {
        const uint32_t index = next;
        Timer& timer = arena_->at(index);
        next = timer.next;
        if (Tick(timer.due) <= now_tick_) {
          timer.place = kInHeap;
          heap_.push_back({timer.due, timer.order, index});
        } else {
          Place(index, timer);
        }
      }
      ++number;
      left -= skipped + 1;
    }
  }
  if (heap_.size() != heap_size) {
    std::make_heap(heap_.begin(), heap_.end(), IsLater);
  }
  while (!heap_.empty() && heap_.front().due <= now) {
    const Due entry = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(), IsLater);
    heap_.pop_back();
    if (IsStale(entry)) continue;
    arena_->at(entry.index).place = kOut;
    out.push_back(entry);
  }
}

void TimerWheel::DropStaleHeapTop() {
  while (!heap_.empty() && IsStale(heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), IsLater);
    heap_.pop_back();
  }
}

int64_t TimerWheel::Min(Slot& slot) {
  if (slot.min_is_stale && slot.count <= kCrowded) {
    slot.min = kNever;
    for (uint32_t i = slot.first; i != kNone; i = arena_->at(i).next) {
      slot.min = std::min(slot.min, arena_->at(i).due);
    }
    slot.min_is_stale = false;
  }
  return slot.min;
}

int64_t TimerWheel::NextDue() {
  DropStaleHeapTop();
  // Those in slots are all of later ticks.
  if (!heap_.empty()) return heap_.front().due;
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
