// SPDX-License-Identifier: Apache-2.0
//
// Calls functions at given times, from one thread, for any number of them.
//
//   TimerQueue timers(clock);
//   std::thread thread([&] { timers.Run(); });
//   const TimerQueue::Id id =
//       timers.Add(clock.Now() + absl::Seconds(1), [&] { Beat(); });
//   ...
//   timers.Cancel(id);
//   timers.Stop();
//   thread.join();
//
// A test has no thread, and runs what is due itself:
//
//   clock.Advance(timers.NextDue() - clock.Now());
//   timers.RunDue();

#ifndef PERIODIC_TIMER_QUEUE_H_
#define PERIODIC_TIMER_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/timer_wheel.h"

namespace bergen::periodic {

// `Add`, `Cancel` and `Stop` may be called by any thread; `RunDue`, `NextDue`
// and `Run` by one thread at a time, the driving thread. Callbacks are called
// by that thread, and may use the queue without any lock being taken; they must
// not throw, and a slow one delays the others.
//
// Takes 64 bytes a timer, of which 32 are the callback: a function object of up
// to 16 bytes, or the pointer to a larger one; and 5 to 20 bytes in the wheel.
// What is not needed any more is kept for later timers.
class TimerQueue {
 public:
  using Callback = absl::AnyInvocable<void()>;

  // Names a timer, also after it has been called or cancelled. The default
  // names none. A value.
  class Id {
   public:
    Id() = default;

   private:
    friend class TimerQueue;
    Id(uint32_t index, uint64_t state) : index_(index), state_(state) {}

    uint32_t index_ = Timer::kNone;
    uint64_t state_ = 0;
  };

  explicit TimerQueue(Clock& clock);
  // Destroys callbacks without calling them. No thread may be using the queue.
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // Has `callback` called once, not before `due`; of two with the same `due`,
  // the one added first comes first, but for those that a callback and another
  // thread add at the same moment. A time that has passed is now;
  // `absl::InfiniteFuture()` never comes.
  Id Add(absl::Time due, Callback callback);

  // True if the callback has not been called and never will be; it has then
  // been destroyed. False if it has been called or is being called, perhaps
  // by another thread at this moment, or was cancelled before.
  bool Cancel(Id id);

  // Calls what is due, without waiting; timers that a callback adds are left
  // for the next time. Returns how many were called. Must not be called by a
  // callback.
  int RunDue();

  // When `RunDue` has something to do; `absl::InfiniteFuture()` if never.
  absl::Time NextDue();

  // Calls what is due, when it is due, until `Stop`. Sleeps in between, and is
  // not woken when nothing is due (but for a timer that was cancelled
  // meanwhile). Under load it wakes up at most once in `kBatch`.
  void Run();

  // Ends `Run`, now or when it is called next. What is due is not called any
  // more.
  void Stop();

  static constexpr absl::Duration kBatch = absl::Microseconds(100);

 private:
  // The lowest bits of Timer::state; the others count how often the timer has
  // been used.
  static constexpr uint64_t kFree = 0;
  static constexpr uint64_t kPending = 1;
  static constexpr uint64_t kTaken = 2;  // To be called, or cancelled.
  static constexpr uint64_t kUse = 4;

  // A list of free timers, joined by Timer::next.
  struct FreeList {
    uint32_t first = Timer::kNone;
    uint32_t last = Timer::kNone;  // Of a list that is only pushed to.
  };

  bool OnDrivingThread() const {
    return driver_.load(std::memory_order_relaxed) ==
           std::this_thread::get_id();
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Id AddFromDriver(int64_t due,
                                                Callback&& callback);
  Id AddFromOther(int64_t due, Callback&& callback);
  void AllocateTo(FreeList& list) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // `list` must not be empty.
  uint32_t Pop(FreeList& list);
  void Push(FreeList& list, uint32_t index);
  // By the driving thread, for a timer that is in no list and not in the wheel.
  void Free(uint32_t index, Timer& timer);
  static bool Take(Timer& timer, uint64_t pending);
  // Takes over what other threads have added and cancelled. They wait
  // meanwhile, and so cannot add faster than that.
  void Drain();
  void DrainLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A cancelled timer leaves the wheel and is free.
  void Reclaim(uint32_t index, Timer& timer);

  Clock* const clock_;
  TimerArena arena_{"timers"};
  std::atomic<std::thread::id> driver_;  // Default: no thread drives now.

  // Of the driving thread.
  TimerWheel wheel_{arena_};
  std::vector<TimerWheel::Due> due_;
  FreeList free_;
  FreeList freed_from_others_;  // Goes back to `others_free_`.

  // What other threads leave for the driving thread.
  absl::Mutex mutex_;
  uint32_t added_first_ ABSL_GUARDED_BY(mutex_) = Timer::kNone;
  uint32_t added_last_ ABSL_GUARDED_BY(mutex_) = Timer::kNone;
  std::vector<uint32_t> cancelled_ ABSL_GUARDED_BY(mutex_);
  FreeList others_free_ ABSL_GUARDED_BY(mutex_);
  // Until when the driving thread sleeps: whoever adds an earlier timer wakes
  // it. The least value while it is awake.
  int64_t sleeps_until_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Event wake_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_TIMER_QUEUE_H_
