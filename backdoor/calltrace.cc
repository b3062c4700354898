// SPDX-License-Identifier: Apache-2.0

#include "backdoor/calltrace.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/const_init.h"
#include "absl/time/clock.h"
#include "backdoor/calltrace_slot.h"
#include "backdoor/profile.h"
#include "backdoor/symbolizer.h"

// Defined by code that was compiled with the hooks.
extern "C" [[gnu::weak]] const char bergen_calltrace_compiled_in;

namespace bergen::backdoor {
namespace {

using Address = const void*;

absl::Duration Monotonic() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

// Time, in a unit that is found out by comparing it with a clock.
inline uint64_t Ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
#endif
}

struct Counts {
  int64_t calls = 0;
  int64_t primitive_calls = 0;
  uint64_t own = 0;    // Ticks.
  uint64_t total = 0;  // Ticks, each moment once.

  void Add(const Counts& other) {
    calls += other.calls;
    primitive_calls += other.primitive_calls;
    own += other.own;
    total += other.total;
  }
};

// Of several threads.
struct Totals {
  // By callee and caller, which is null for the outermost function.
  std::map<std::pair<Address, Address>, Counts> pairs;
  std::map<Address, uint64_t> function_totals;
  int64_t lost_calls = 0;
  int64_t threads = 0;
};

// What one thread has called. Used by that thread, inside a hook, and by
// whoever ends the recording, once no hook runs any more.
class ThreadTrace {
 public:
  void Enter(Address function, Address frame) {
    // What lies deeper in the stack was left without a word, by longjmp.
    while (depth_ > 0 && stack_[depth_ - 1].frame < frame) Pop(Ticks());
    if (depth_ == stack_.size() && !Grow()) {
      ++lost_calls_;
      return;
    }
    Callee* const caller =
        depth_ == 0 ? nullptr : stack_[depth_ - 1].pair->callee;
    Pair* const pair = FindPair(function, caller);
    if (pair == nullptr) {
      ++lost_calls_;
      return;
    }
    ++pair->counts.calls;
    ++pair->active;
    if (pair->callee->active++ == 0) ++pair->counts.primitive_calls;
    Call& call = stack_[depth_++];
    call.frame = frame;
    call.pair = pair;
    call.in_callees = 0;
    call.begin = Ticks();
  }

  void Leave(Address function, Address frame) {
    const uint64_t now = Ticks();
    while (depth_ > 0 && stack_[depth_ - 1].frame < frame) Pop(now);
    // Nearly always the topmost. Not among those of this frame: it began before
    // the recording, or was lost.
    size_t place = depth_;
    while (place > 0 && stack_[place - 1].pair->function != function) {
      if (stack_[place - 1].frame != frame) return;
      --place;
    }
    if (place == 0) return;
    while (depth_ >= place) Pop(now);
  }

  // Moves everything into `totals`, as if all functions ended now.
  void MoveTo(Totals& totals) {
    const uint64_t now = Ticks();
    while (depth_ > 0) Pop(now);
    for (const Pair& pair : pairs_) {
      const Address caller =
          pair.caller == nullptr ? nullptr : pair.caller->function;
      totals.pairs[{pair.function, caller}].Add(pair.counts);
    }
    for (const auto& [function, callee] : callees_) {
      totals.function_totals[function] += callee.total;
    }
    totals.lost_calls += lost_calls_ + interrupted_;
    ++totals.threads;
    pairs_.clear();
    callees_.clear();
    buckets_.clear();
    stack_.clear();
    lost_calls_ = interrupted_ = 0;
  }

  // Set while a hook uses this.
  std::atomic<bool> busy = false;
  // Among those of the recording. Written under `registry_mutex`.
  bool registered = false;

  void CountInterrupted() { ++interrupted_; }

 private:
  struct Callee {
    Address function = nullptr;
    uint64_t total = 0;  // Ticks, each moment once.
    int64_t active = 0;  // Calls in progress.
  };
  struct Pair {
    Address function = nullptr;  // The callee's.
    Callee* caller = nullptr;
    Callee* callee = nullptr;
    int64_t active = 0;
    Counts counts;
  };
  struct Call {
    Address frame;
    Pair* pair;
    uint64_t begin;
    uint64_t in_callees;  // Ticks.
  };

  static constexpr size_t kFirstDepth = 256;
  static constexpr size_t kFirstBuckets = 256;

  void Pop(uint64_t now) {
    const Call& call = stack_[--depth_];
    Pair& pair = *call.pair;
    const uint64_t time = now - call.begin;
    pair.counts.own += time - call.in_callees;
    if (--pair.active == 0) pair.counts.total += time;
    if (--pair.callee->active == 0) pair.callee->total += time;
    if (depth_ > 0) stack_[depth_ - 1].in_callees += time;
  }

  bool Grow() {
    if (depth_ >= CallTracer::kMaxDepth) return false;
    stack_.resize(std::max(kFirstDepth, 2 * stack_.size()));
    return true;
  }

  static size_t Hash(Address function, const Callee* caller) {
    const uint64_t mixed =
        reinterpret_cast<uintptr_t>(function) * 0x9E3779B97F4A7C15u +
        reinterpret_cast<uintptr_t>(caller) * 0xC2B2AE3D27D4EB4Fu;
    return mixed >> 32;
  }

  // Null: there is no room.
  Pair* FindPair(Address function, Callee* caller) {
    if (!buckets_.empty()) {
      const size_t mask = buckets_.size() - 1;
      for (size_t i = Hash(function, caller) & mask; buckets_[i] != nullptr;
           i = (i + 1) & mask) {
        Pair* const pair = buckets_[i];
        if (pair->function == function && pair->caller == caller) return pair;
      }
    }
    return AddPair(function, caller);
  }

  [[gnu::noinline]] Pair* AddPair(Address function, Callee* caller) {
    if (pairs_.size() >= CallTracer::kMaxPairs) return nullptr;
    if (2 * (pairs_.size() + 1) > buckets_.size()) {
      buckets_.assign(std::max(kFirstBuckets, 2 * buckets_.size()), nullptr);
      for (Pair& pair : pairs_) Insert(pair);
    }
    Callee& callee = callees_[function];
    callee.function = function;
    Pair& pair = pairs_.emplace_back();
    pair.function = function;
    pair.caller = caller;
    pair.callee = &callee;
    Insert(pair);
    return &pair;
  }

  void Insert(Pair& pair) {
    const size_t mask = buckets_.size() - 1;
    size_t i = Hash(pair.function, pair.caller) & mask;
    while (buckets_[i] != nullptr) i = (i + 1) & mask;
    buckets_[i] = &pair;
  }

  // Calls in progress, the innermost at `depth_ - 1`.
  std::vector<Call> stack_;
  size_t depth_ = 0;
  std::deque<Pair> pairs_;
  std::unordered_map<Address, Callee> callees_;
  // Of `pairs_`, by hash; at most half full.
  std::vector<Pair*> buckets_;
  int64_t lost_calls_ = 0;
  int64_t interrupted_ = 0;
};

// From a start to its stop.
struct Registry {
  const CallTracer* tracer;
  std::vector<ThreadTrace*> threads;
  Totals ended;  // Threads that have.
};

// The hooks belong to the process, and so does what they find here.
ABSL_CONST_INIT absl::Mutex registry_mutex(absl::kConstInit);
// Null: nobody records.
constinit Registry* registry ABSL_GUARDED_BY(registry_mutex) = nullptr;
constinit thread_local ThreadTrace* current = nullptr;

// After the destructors of thread_local variables, which are traced, too.
void EndThread(void* trace) {
  const std::unique_ptr<ThreadTrace> ended(static_cast<ThreadTrace*>(trace));
  current = nullptr;
  const absl::MutexLock lock(&registry_mutex);
  if (!ended->registered || registry == nullptr) return;
  auto& threads = registry->threads;
  threads.erase(std::find(threads.begin(), threads.end(), ended.get()));
  ended->MoveTo(registry->ended);
}

// Null: there is no room.
[[gnu::noinline]] ThreadTrace* NewThread() {
  static const int key = [] {
    pthread_key_t made = 0;
    return pthread_key_create(&made, EndThread) == 0 ? static_cast<int>(made)
                                                     : -1;
  }();
  auto trace = std::make_unique<ThreadTrace>();
  if (key < 0 ||
      pthread_setspecific(static_cast<pthread_key_t>(key), trace.get()) != 0) {
    return nullptr;
  }
  return current = trace.release();
}

// False: the recording has ended.
[[gnu::noinline]] bool Register(ThreadTrace& thread) {
  const absl::MutexLock lock(&registry_mutex);
  if (registry == nullptr) return false;
  registry->threads.push_back(&thread);
  thread.registered = true;
  return true;
}

// Calls `method` of this thread's trace, unless the recording has ended.
template <void (ThreadTrace::*method)(Address, Address)>
void Hook(void* function, void* frame) {
  ThreadTrace* thread = current;
  if (thread == nullptr && (thread = NewThread()) == nullptr) return;
  if (thread->busy.load(std::memory_order_relaxed)) {
    thread->CountInterrupted();
    return;
  }
  // `Stop` sees this, or the hook sees that there is no recording any more: a
  // barrier between the two would be here, but is in `Stop` only.
  thread->busy.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (__atomic_load_n(&calltrace::hooks, __ATOMIC_ACQUIRE) != nullptr &&
      (thread->registered || Register(*thread))) {
    (thread->*method)(function, frame);
  }
  thread->busy.store(false, std::memory_order_release);
}

constexpr calltrace::Hooks kHooks = {.enter = Hook<&ThreadTrace::Enter>,
                                     .leave = Hook<&ThreadTrace::Leave>};

int Membarrier(int command) {
  return static_cast<int>(syscall(SYS_membarrier, command, 0, 0));
}

// Ends the recording of `tracer`, if there is one, and returns it.
std::unique_ptr<Registry> EndRecording(const CallTracer& tracer) {
  const absl::MutexLock lock(&registry_mutex);
  if (registry == nullptr || registry->tracer != &tracer) return nullptr;
  __atomic_store_n(&calltrace::hooks, nullptr, __ATOMIC_RELAXED);
  Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  for (ThreadTrace* thread : registry->threads) {
    while (thread->busy.load(std::memory_order_acquire)) sched_yield();
    thread->MoveTo(registry->ended);
    thread->registered = false;
  }
  registry->threads.clear();
  return std::unique_ptr<Registry>(std::exchange(registry, nullptr));
}

// Functions by address.
class Names {
 public:
  const Function& Of(Address address) {
    // The function that the address is the begin of, not what was inlined
    // there.
    return symbolizer_.Resolve(reinterpret_cast<uintptr_t>(address))
        .back()
        .function;
  }

 private:
  Symbolizer symbolizer_;
};

CallTrace ToTrace(const Totals& totals, double ticks_per_second) {
  CallTrace trace{.lost_calls = totals.lost_calls, .threads = totals.threads};
  const auto time = [ticks_per_second](uint64_t ticks) {
    return absl::Seconds(static_cast<double>(ticks) / ticks_per_second);
  };
  const auto add = [&time](const Counts& counts, CallCounts& to) {
    to.calls += counts.calls;
    to.primitive_calls += counts.primitive_calls;
    to.own_time += time(counts.own);
    to.total_time += time(counts.total);
  };
  Names names;
  for (const auto& [pair, counts] : totals.pairs) {
    FunctionStats& stats = trace.stats[names.Of(pair.first)];
    Counts own = counts;
    own.total = 0;  // Each moment once, which the sum of callers is not.
    add(own, stats.counts);
    trace.calls += counts.calls;
    if (pair.second != nullptr) {
      add(counts, stats.callers[names.Of(pair.second)]);
    }
  }
  for (const auto& [function, ticks] : totals.function_totals) {
    trace.stats[names.Of(function)].counts.total_time += time(ticks);
  }
  return trace;
}

}  // namespace

CallTracer::~CallTracer() { EndRecording(*this); }

absl::Status CallTracer::Start() {
  if (&bergen_calltrace_compiled_in == nullptr) {
    return absl::FailedPreconditionError(
        "calls are counted only in programs built with --config=calltrace");
  }
  if (Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) {
    return absl::FailedPreconditionError(
        "calls cannot be counted: the system has no membarrier");
  }
  const absl::MutexLock lock(&mutex_);
  const absl::MutexLock registry_lock(&registry_mutex);
  if (registry != nullptr) {
    return absl::AlreadyExistsError("calls are being counted already");
  }
  registry = new Registry{.tracer = this};
  since_ = absl::Now();
  begin_ = Monotonic();
  begin_ticks_ = Ticks();
  __atomic_store_n(&calltrace::hooks, &kHooks, __ATOMIC_RELEASE);
  return absl::OkStatus();
}

absl::StatusOr<CallTrace> CallTracer::Stop() {
  std::unique_ptr<Registry> recording;
  absl::Time begin;
  absl::Duration duration;
  uint64_t ticks = 0;
  {
    const absl::MutexLock lock(&mutex_);
    recording = EndRecording(*this);
    if (recording == nullptr) {
      return absl::FailedPreconditionError("no calls are being counted");
    }
    duration = Monotonic() - begin_;
    ticks = Ticks() - begin_ticks_;
    begin = std::exchange(since_, absl::InfinitePast());
  }
  CallTrace trace =
      ToTrace(recording->ended,
              static_cast<double>(ticks) / absl::ToDoubleSeconds(duration));
  trace.begin = begin;
  trace.duration = duration;
  return trace;
}

absl::Time CallTracer::recording_since() const {
  const absl::MutexLock lock(&mutex_);
  return since_;
}

}  // namespace bergen::backdoor
