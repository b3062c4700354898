// SPDX-License-Identifier: Apache-2.0

#include "periodic/timer_queue.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace bergen::periodic {
namespace {

constexpr uint32_t kNone = Timer::kNone;
// So many timers are allocated at once.
constexpr uint32_t kBlock = 64;
constexpr int64_t kAwake = std::numeric_limits<int64_t>::min();
// So many at once are a load, under which wake-ups are put together.
constexpr int kLoad = 8;
// So many cancelled timers are worth a wake-up: they take memory until then.
constexpr size_t kManyCancelled = 4096;
// Of so many that other threads have cancelled, memory is fetched at once,
// which takes most of the time.
constexpr size_t kCancelBatch = 128;
// So many timers ahead of use, memory is fetched.
constexpr size_t kAhead = 8;

// Rounded up: a timer is not called early.
int64_t DueNanos(absl::Time due) {
  const int64_t nanos = absl::ToUnixNanos(due);
  return nanos < TimerWheel::kNever && absl::FromUnixNanos(nanos) < due
             ? nanos + 1
             : nanos;
}

absl::Time FromNanos(int64_t nanos) {
  return nanos == TimerWheel::kNever ? absl::InfiniteFuture()
                                     : absl::FromUnixNanos(nanos);
}

}  // namespace

TimerQueue::TimerQueue(Clock& clock) : clock_(&clock), sleeps_until_(kAwake) {}

TimerQueue::~TimerQueue() = default;

inline TimerQueue::Id TimerQueue::AddFromDriver(int64_t due,
                                                Callback&& callback) {
  if (free_.first == kNone) {
    const absl::MutexLock lock(&mutex_);
    AllocateTo(free_);
  }
  const uint32_t index = Pop(free_);
  // The next one is fetched meanwhile.
  if (free_.first != kNone) __builtin_prefetch(&arena_.at(free_.first), 1);
  Timer& timer = arena_.at(index);
  timer.due = due;
  // It is empty: to assign would first see to what it holds.
  new (&timer.callback) Callback(std::move(callback));
  const uint64_t state =
      timer.state.load(std::memory_order_relaxed) + kUse + kPending;
  timer.state.store(state, std::memory_order_relaxed);
  wheel_.Add(index, timer);
  return Id(index, state);
}

TimerQueue::Id TimerQueue::Add(absl::Time due, Callback callback) {
  const int64_t nanos = DueNanos(due);
  return OnDrivingThread() ? AddFromDriver(nanos, std::move(callback))
                           : AddFromOther(nanos, std::move(callback));
}

TimerQueue::Id TimerQueue::AddFromOther(int64_t due, Callback&& callback) {
  bool wake = false;
  uint32_t index;
  uint64_t state;
  {
    const absl::MutexLock lock(&mutex_);
    if (others_free_.first == kNone) AllocateTo(others_free_);
    index = Pop(others_free_);
    Timer& timer = arena_.at(index);
    timer.due = due;
    timer.callback = std::move(callback);
    timer.from_other_thread = true;
    timer.next = kNone;
    state = timer.state.load(std::memory_order_relaxed) + kUse + kPending;
    timer.state.store(state, std::memory_order_relaxed);
    if (added_last_ == kNone) {
      added_first_ = index;
    } else {
      arena_.at(added_last_).next = index;
    }
    added_last_ = index;
    if (due < sleeps_until_) {
      sleeps_until_ = kAwake;
      wake = true;
    }
  }
  if (wake) wake_.Set();
  return Id(index, state);
}

void TimerQueue::AllocateTo(FreeList& list) {
  const uint32_t first = arena_.Grow(kBlock);
  for (uint32_t i = kBlock; i > 0; --i) Push(list, first + i - 1);
}

uint32_t TimerQueue::Pop(FreeList& list) {
  const uint32_t index = list.first;
  list.first = arena_.at(index).next;
  return index;
}

void TimerQueue::Push(FreeList& list, uint32_t index) {
  if (list.first == kNone) list.last = index;
  arena_.at(index).next = list.first;
  list.first = index;
}

void TimerQueue::Free(uint32_t index, Timer& timer) {
  timer.state.store(timer.state.load(std::memory_order_relaxed) & ~(kUse - 1),
                    std::memory_order_relaxed);
  Push(timer.from_other_thread ? freed_from_others_ : free_, index);
}

bool TimerQueue::Take(Timer& timer, uint64_t pending) {
  return timer.state.compare_exchange_strong(
      pending, pending - kPending + kTaken, std::memory_order_acq_rel);
}

bool TimerQueue::Cancel(Id id) {
  if (id.index_ == kNone) return false;
  Timer& timer = arena_.at(id.index_);
  if (!Take(timer, id.state_)) return false;
  // Whoever has taken it owns the callback.
  timer.callback = nullptr;
  if (OnDrivingThread()) {
    // Another thread has added it a moment ago.
    if (TimerWheel::IsNowhere(timer)) Drain();
    Reclaim(id.index_, timer);
    return true;
  }
  bool wake;
  {
    const absl::MutexLock lock(&mutex_);
    cancelled_.push_back(id.index_);
    wake = cancelled_.size() == kManyCancelled && sleeps_until_ != kAwake;
  }
  if (wake) wake_.Set();
  return true;
}

void TimerQueue::Reclaim(uint32_t index, Timer& timer) {
  if (TimerWheel::CameOut(timer)) {
    // `RunDue` will pass over it.
    TimerWheel::Forget(timer);
  } else {
    wheel_.Remove(timer);
  }
  Free(index, timer);
}

void TimerQueue::Drain() {
  const absl::MutexLock lock(&mutex_);
  DrainLocked();
}

void TimerQueue::DrainLocked() {
  while (added_first_ != kNone) {
    const uint32_t index = added_first_;
    Timer& timer = arena_.at(index);
    added_first_ = timer.next;
    wheel_.Add(index, timer);
  }
  added_last_ = kNone;
  for (size_t begin = 0; begin < cancelled_.size(); begin += kCancelBatch) {
    const size_t end = std::min(begin + kCancelBatch, cancelled_.size());
    for (size_t i = begin; i < end; ++i) wheel_.Prefetch(cancelled_[i]);
    for (size_t i = begin; i < end; ++i) {
      Reclaim(cancelled_[i], arena_.at(cancelled_[i]));
    }
  }
  cancelled_.clear();
  if (freed_from_others_.first == kNone) return;
  arena_.at(freed_from_others_.last).next = others_free_.first;
  others_free_.first = freed_from_others_.first;
  freed_from_others_ = {};
}

int TimerQueue::RunDue() {
  if (OnDrivingThread()) {
    std::fputs("TimerQueue::RunDue: called by a callback\n", stderr);
    std::abort();
  }
  Drain();
  driver_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  wheel_.Advance(absl::ToUnixNanos(clock_->Now()), due_);
  int called = 0;
  for (size_t i = 0; i < due_.size(); ++i) {
    if (i + kAhead < due_.size()) {
      __builtin_prefetch(&arena_.at(due_[i + kAhead].index), 1);
    }
    const TimerWheel::Due due = due_[i];
    Timer& timer = arena_.at(due.index);
    // Else cancelled, perhaps reused.
    if (!TimerWheel::IsSame(timer, due)) continue;
    const uint64_t state = timer.state.load(std::memory_order_relaxed);
    // Else cancelled by another thread, and freed when that is drained.
    if ((state & (kUse - 1)) != kPending || !Take(timer, state)) continue;
    TimerWheel::Forget(timer);
    timer.callback();
    timer.callback = nullptr;
    Free(due.index, timer);
    ++called;
  }
  due_.clear();
  driver_.store(std::thread::id(), std::memory_order_relaxed);
  return called;
}

absl::Time TimerQueue::NextDue() {
  Drain();
  return FromNanos(wheel_.NextDue());
}

void TimerQueue::Run() {
  absl::Time batch_end = absl::InfinitePast();
  while (true) {
    const int called = RunDue();
    const absl::Time now = clock_->Now();
    absl::Time deadline;
    {
      const absl::MutexLock lock(&mutex_);
      if (stopped_) {
        stopped_ = false;
        wake_.Reset();
        return;
      }
      DrainLocked();
      deadline = FromNanos(wheel_.NextDue());
      if (called >= kLoad) deadline = std::max(deadline, batch_end);
      if (deadline <= now) continue;
      // Under the lock, so that nobody has set it for a timer added since.
      wake_.Reset();
      sleeps_until_ = absl::ToUnixNanos(deadline);
    }
    clock_->WaitUntil(wake_, deadline);
    batch_end = clock_->Now() + kBatch;
    const absl::MutexLock lock(&mutex_);
    sleeps_until_ = kAwake;
  }
}

void TimerQueue::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  wake_.Set();
}

}  // namespace bergen::periodic
