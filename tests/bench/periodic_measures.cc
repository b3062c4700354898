// SPDX-License-Identifier: Apache-2.0
//
// What periodic.py measures: timers, ours and those of libuv and libevent.

#include <event2/event.h>
#include <event2/event_struct.h>
#include <malloc.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/fake_clock.h"
#include "periodic/timer_queue.h"
#include "periodic/timer_thread.h"
#include "tests/bench/measures.h"

namespace bergen::bench {
namespace {

using periodic::FakeClock;
using periodic::RealClock;
using periodic::TimerQueue;
using periodic::TimerThread;

constexpr int kMany = 1000000;
constexpr absl::Duration kPeriod = absl::Seconds(1);
// Of a run against real time, of which the first second is not counted.
constexpr absl::Duration kRun = absl::Seconds(4);

// Spread over one period, always the same.
std::vector<absl::Duration> Delays(int count) {
  std::mt19937 random(1);
  std::vector<absl::Duration> delays(count);
  for (absl::Duration& delay : delays) {
    delay = absl::Nanoseconds(random() % 1000000000) + absl::Milliseconds(1);
  }
  return delays;
}

void Nothing() {}

size_t MemoryInUse() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// A cost in nanoseconds of each of two steps.
struct Costs {
  double insert;
  double cancel;
};

// Inserts and cancels `batch` timers at a time beside others.
template <typename Insert, typename Cancel>
Costs Measure(int batch, Insert insert, Cancel cancel) {
  constexpr double kLongEnough = 0.05;
  Costs total{0, 0};
  int64_t count = 0;
  while (total.insert + total.cancel < kLongEnough) {
    const double begin = ThreadSeconds();
    for (int i = 0; i < batch; ++i) insert(i);
    const double inserted = ThreadSeconds();
    for (int i = 0; i < batch; ++i) cancel(i);
    total.cancel += ThreadSeconds() - inserted;
    total.insert += inserted - begin;
    count += batch;
  }
  return {total.insert * 1e9 / static_cast<double>(count),
          total.cancel * 1e9 / static_cast<double>(count)};
}

// Cancels and inserts each of a million once, a part of them at a time.
template <typename Insert, typename Cancel>
Costs MeasureEach(Insert insert, Cancel cancel) {
  constexpr int kPart = kMany / 10;
  Costs total{0, 0};
  for (int first = 0; first < kMany; first += kPart) {
    const double begin = ThreadSeconds();
    for (int i = first; i < first + kPart; ++i) cancel(i);
    const double cancelled = ThreadSeconds();
    for (int i = first; i < first + kPart; ++i) insert(i);
    total.insert += ThreadSeconds() - cancelled;
    total.cancel += cancelled - begin;
  }
  return {total.insert * 1e9 / kMany, total.cancel * 1e9 / kMany};
}

// The numbers up to a million, always in the same order, which is none.
std::vector<int> Shuffled() {
  std::vector<int> numbers(kMany);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
  return numbers;
}

// ---------------------------------------------------------------------------
// Ours.

// From the scheduling thread, with `pending` timers.
Costs OursHere(int pending) {
  FakeClock clock;
  TimerQueue timers(clock);
  Costs costs;
  timers.Add(clock.Now(), [&] {
    const std::vector<absl::Duration> delays = Delays(pending);
    for (const absl::Duration delay : delays) {
      timers.Add(clock.Now() + delay, Nothing);
    }
    const int batch = std::min(pending, 100000);
    std::vector<TimerQueue::Id> ids(batch);
    std::vector<absl::Time> due;
    due.reserve(delays.size());
    for (const absl::Duration delay : delays) {
      due.push_back(clock.Now() + delay);
    }
    costs = Measure(
        batch, [&](int i) { ids[i] = timers.Add(due[i], Nothing); },
        [&](int i) { timers.Cancel(ids[i]); });
  });
  timers.RunDue();
  return costs;
}

// In an order that has nothing to do with where the timers are in memory, of
// which then no part is in a cache.
Costs OursShuffled() {
  FakeClock clock;
  TimerQueue timers(clock);
  Costs costs;
  timers.Add(clock.Now(), [&] {
    std::vector<absl::Time> due;
    std::vector<TimerQueue::Id> in_order;
    for (const absl::Duration delay : Delays(kMany)) {
      due.push_back(clock.Now() + delay);
      in_order.push_back(timers.Add(due.back(), Nothing));
    }
    std::vector<TimerQueue::Id> ids;
    for (const int number : Shuffled()) ids.push_back(in_order[number]);
    costs = MeasureEach([&](int i) { ids[i] = timers.Add(due[i], Nothing); },
                        [&](int i) { timers.Cancel(ids[i]); });
  });
  timers.RunDue();
  return costs;
}

// From another thread than the one that schedules and sleeps meanwhile.
Costs OursFromOther() {
  RealClock clock;
  TimerQueue timers(clock);
  const absl::StatusOr<std::unique_ptr<TimerThread>> thread =
      TimerThread::Start("timers", timers);
  if (!thread.ok()) std::abort();
  timers.Add(clock.Now() + absl::Seconds(60), Nothing);
  constexpr int kBatch = 100000;
  const absl::Time begin = clock.Now() + absl::Seconds(100);
  std::vector<absl::Time> due;
  for (const absl::Duration delay : Delays(kBatch)) {
    due.push_back(begin + delay);
  }
  std::vector<TimerQueue::Id> ids(kBatch);
  return Measure(
      kBatch, [&](int i) { ids[i] = timers.Add(due[i], Nothing); },
      [&](int i) { timers.Cancel(ids[i]); });
}

// Nanoseconds a fire, of timers that each add themselves anew; a hundred are
// due at a time.
double OursFire(int count) {
  FakeClock clock;
  TimerQueue timers(clock);
  // Fits into a callback, so that the queue alone fetches memory.
  struct Call {
    TimerQueue* timers;
    int64_t due;  // Nanoseconds.
    void operator()() {
      due += absl::ToInt64Nanoseconds(kPeriod);
      timers->Add(absl::FromUnixNanos(due), *this);
    }
  };
  timers.Add(clock.Now(), [&] {
    for (const absl::Duration delay : Delays(count)) {
      Call{&timers, absl::ToUnixNanos(clock.Now() + delay - kPeriod)}();
    }
  });
  timers.RunDue();
  const absl::Duration step = kPeriod * 100 / count;
  int64_t fires = 0;
  const double begin = ThreadSeconds();
  while (fires < kMany) {
    clock.Advance(step);
    fires += timers.RunDue();
  }
  return (ThreadSeconds() - begin) * 1e9 / static_cast<double>(fires);
}

double OursBytes() {
  RealClock clock;
  TimerQueue timers(clock);
  const absl::Time due = clock.Now() + absl::Hours(1);
  const std::vector<absl::Duration> delays = Delays(kMany);
  const size_t before = MemoryInUse();
  for (const absl::Duration delay : delays) timers.Add(due + delay, Nothing);
  timers.NextDue();
  return static_cast<double>(MemoryInUse() - before) / kMany;
}

// What a run against real time gives.
struct Run {
  // From when a timer was due to when it was called, microseconds.
  std::vector<float> lateness;
  double seconds = 0;  // Processor time of the thread.

  double P99() {
    if (lateness.empty()) return 0;
    const auto at = lateness.begin() + lateness.size() * 99 / 100;
    std::nth_element(lateness.begin(), at, lateness.end());
    return *at;
  }
  double NanosecondsPerFire() const {
    return seconds * 1e9 /
           static_cast<double>(std::max<size_t>(lateness.size(), 1));
  }
};

Run OursRun(int count, absl::Duration period) {
  RealClock clock;
  TimerQueue timers(clock);
  Run run;
  run.lateness.reserve(static_cast<size_t>(kRun / period + 1) * count);
  const absl::Time begin = clock.Now() + absl::Milliseconds(500);
  const absl::Time counted = begin + kPeriod;
  const absl::Time end = begin + kRun;
  struct Shared {
    TimerQueue& timers;
    RealClock& clock;
    Run& run;
    absl::Time counted, end;
    absl::Duration period;
  };
  Shared shared{timers, clock, run, counted, end, period};
  // Fits into a callback, so that the queue alone fetches memory.
  struct Call {
    Shared* shared;
    int64_t due_nanos;
    void operator()() const {
      const absl::Time due = absl::FromUnixNanos(due_nanos);
      const absl::Time now = shared->clock.Now();
      if (now >= shared->counted) {
        shared->run.lateness.push_back(
            static_cast<float>(absl::ToDoubleMicroseconds(now - due)));
      }
      Add(shared, due + shared->period);
    }
    static void Add(Shared* shared, absl::Time due) {
      if (due >= shared->end) return;
      shared->timers.Add(due, Call{shared, absl::ToUnixNanos(due)});
    }
  };
  for (const absl::Duration delay : Delays(count)) {
    Call::Add(&shared, begin + delay);
  }
  absl::Notification ended;
  timers.Add(counted, [&] { run.seconds -= ThreadSeconds(); });
  timers.Add(end, [&] {
    run.seconds += ThreadSeconds();
    ended.Notify();
  });
  const absl::StatusOr<std::unique_ptr<TimerThread>> thread =
      TimerThread::Start("timers", timers);
  if (!thread.ok()) std::abort();
  ended.WaitForNotification();
  return run;
}

// A second, with a timer that is due in an hour.
double OursWakeUps() {
  RealClock clock;
  TimerQueue timers(clock);
  absl::Notification started;
  pid_t id = 0;
  timers.Add(clock.Now(), [&] {
    id = gettid();
    started.Notify();
  });
  timers.Add(clock.Now() + absl::Hours(1), Nothing);
  const absl::StatusOr<std::unique_ptr<TimerThread>> thread =
      TimerThread::Start("timers", timers);
  if (!thread.ok()) std::abort();
  started.WaitForNotification();
  const auto wake_ups = [&id] {
    std::ifstream status(absl::StrCat("/proc/self/task/", id, "/status"));
    std::string word;
    while (status >> word && word != "voluntary_ctxt_switches:") {
    }
    double count = 0;
    status >> count;
    return count;
  };
  absl::SleepFor(absl::Milliseconds(100));  // It goes to sleep.
  const double before = wake_ups();
  absl::SleepFor(absl::Seconds(1));
  return wake_ups() - before;
}

// ---------------------------------------------------------------------------
// libuv.

struct UvLoop {
  UvLoop() { uv_loop_init(&loop); }
  ~UvLoop() {
    for (uv_timer_t& timer : timers) {
      uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  void Init(int count) {
    timers.resize(count);
    for (uv_timer_t& timer : timers) uv_timer_init(&loop, &timer);
  }

  uv_loop_t loop;
  std::vector<uv_timer_t> timers;
};

void UvNothing(uv_timer_t*) {}

Costs Uv(int pending) {
  UvLoop uv;
  const int batch = std::min(pending, 100000);
  uv.Init(pending + batch);
  const std::vector<absl::Duration> delays = Delays(pending);
  std::vector<uint64_t> milliseconds;
  milliseconds.reserve(delays.size());
  for (const absl::Duration delay : delays) {
    milliseconds.push_back(absl::ToInt64Milliseconds(delay));
  }
  for (int i = 0; i < pending; ++i) {
    uv_timer_start(&uv.timers[i], UvNothing, milliseconds[i], 0);
  }
  return Measure(
      batch,
      [&](int i) {
        uv_timer_start(&uv.timers[pending + i], UvNothing, milliseconds[i], 0);
      },
      [&](int i) { uv_timer_stop(&uv.timers[pending + i]); });
}

Costs UvShuffled() {
  UvLoop uv;
  uv.Init(kMany);
  std::vector<uint64_t> milliseconds;
  for (const absl::Duration delay : Delays(kMany)) {
    milliseconds.push_back(absl::ToInt64Milliseconds(delay));
  }
  for (int i = 0; i < kMany; ++i) {
    uv_timer_start(&uv.timers[i], UvNothing, milliseconds[i], 0);
  }
  const std::vector<int> numbers = Shuffled();
  return MeasureEach(
      [&](int i) {
        uv_timer_start(&uv.timers[numbers[i]], UvNothing, milliseconds[i], 0);
      },
      [&](int i) { uv_timer_stop(&uv.timers[numbers[i]]); });
}

double UvBytes() {
  const size_t before = MemoryInUse();
  UvLoop uv;
  uv.Init(kMany);
  for (uv_timer_t& timer : uv.timers) {
    uv_timer_start(&timer, UvNothing, 1000, 0);
  }
  return static_cast<double>(MemoryInUse() - before) / kMany;
}

Run UvRun(int count, absl::Duration period) {
  UvLoop uv;
  uv.Init(count + 1);
  Run run;
  const auto now = [] { return static_cast<double>(uv_hrtime()) / 1e6; };
  const double begin = now() + 500;
  const double counted = begin + absl::ToDoubleMilliseconds(kPeriod);
  struct Shared {
    Run& run;
    double counted, period;  // Milliseconds.
  };
  Shared shared{run, counted, absl::ToDoubleMilliseconds(period)};
  struct State {
    Shared* shared;
    double due;
  };
  uv_update_time(&uv.loop);
  const std::vector<absl::Duration> delays = Delays(count);
  std::vector<State> states(count);
  for (int i = 0; i < count; ++i) {
    const double due =
        begin + static_cast<double>(absl::ToInt64Milliseconds(delays[i]));
    states[i] = {&shared, due};
    uv.timers[i].data = &states[i];
    uv_timer_start(
        &uv.timers[i],
        [](uv_timer_t* timer) {
          State& state = *static_cast<State*>(timer->data);
          const double at = static_cast<double>(uv_hrtime()) / 1e6;
          const Shared& shared = *state.shared;
          if (at >= shared.counted) {
            shared.run.lateness.push_back(
                static_cast<float>((at - state.due) * 1e3));
          }
          state.due += shared.period;
        },
        static_cast<uint64_t>(std::max(due - now(), 0.0)),
        absl::ToInt64Milliseconds(period));
  }
  uv_timer_start(
      &uv.timers[count], [](uv_timer_t* timer) { uv_stop(timer->loop); },
      static_cast<uint64_t>(counted - now()), 0);
  uv_run(&uv.loop, UV_RUN_DEFAULT);
  const double before = ThreadSeconds();
  run.lateness.clear();
  uv_timer_start(
      &uv.timers[count], [](uv_timer_t* timer) { uv_stop(timer->loop); },
      absl::ToInt64Milliseconds(kRun - kPeriod), 0);
  uv_run(&uv.loop, UV_RUN_DEFAULT);
  run.seconds = ThreadSeconds() - before;
  return run;
}

// ---------------------------------------------------------------------------
// libevent.

struct EventBase {
  EventBase() : base(event_base_new()) {}
  ~EventBase() {
    for (struct event& timer : timers) event_del(&timer);
    event_base_free(base);
  }
  void Init(int count, event_callback_fn callback) {
    timers.resize(count);
    for (struct event& timer : timers) {
      event_assign(&timer, base, -1, 0, callback, nullptr);
    }
  }
  static timeval After(absl::Duration delay) {
    return absl::ToTimeval(std::max(delay, absl::ZeroDuration()));
  }

  struct event_base* base;
  std::vector<struct event> timers;
};

// NOLINTNEXTLINE(google-runtime-int)
void EventNothing(evutil_socket_t, short, void*) {}

Costs Event(int pending) {
  EventBase events;
  const int batch = std::min(pending, 100000);
  events.Init(pending + batch, EventNothing);
  std::vector<timeval> after;
  for (const absl::Duration delay : Delays(pending)) {
    after.push_back(EventBase::After(delay));
  }
  for (int i = 0; i < pending; ++i) event_add(&events.timers[i], &after[i]);
  return Measure(
      batch, [&](int i) { event_add(&events.timers[pending + i], &after[i]); },
      [&](int i) { event_del(&events.timers[pending + i]); });
}

Costs EventShuffled() {
  EventBase events;
  events.Init(kMany, EventNothing);
  std::vector<timeval> after;
  for (const absl::Duration delay : Delays(kMany)) {
    after.push_back(EventBase::After(delay));
  }
  for (int i = 0; i < kMany; ++i) event_add(&events.timers[i], &after[i]);
  const std::vector<int> numbers = Shuffled();
  return MeasureEach(
      [&](int i) { event_add(&events.timers[numbers[i]], &after[i]); },
      [&](int i) { event_del(&events.timers[numbers[i]]); });
}

double EventBytes() {
  const size_t before = MemoryInUse();
  EventBase events;
  events.Init(kMany, EventNothing);
  const timeval after = EventBase::After(kPeriod);
  for (struct event& timer : events.timers) event_add(&timer, &after);
  return static_cast<double>(MemoryInUse() - before) / kMany;
}

Run EventRun(int count, absl::Duration period) {
  EventBase events;
  Run run;
  RealClock clock;
  events.Init(count, EventNothing);
  const absl::Time begin = clock.Now() + absl::Milliseconds(500);
  const absl::Time counted = begin + kPeriod;
  struct Shared {
    Run& run;
    RealClock& clock;
    absl::Time counted;
    absl::Duration period;
  };
  Shared shared{run, clock, counted, period};
  struct State {
    Shared* shared;
    struct event* timer;
    absl::Time due;
  };
  std::vector<State> states(count);
  const std::vector<absl::Duration> delays = Delays(count);
  for (int i = 0; i < count; ++i) {
    states[i] = {&shared, &events.timers[i], begin + delays[i]};
    event_assign(
        &events.timers[i], events.base, -1, 0,
        [](evutil_socket_t, short, void* data) {  // NOLINT(google-runtime-int)
          State& state = *static_cast<State*>(data);
          const Shared& shared = *state.shared;
          const absl::Time now = shared.clock.Now();
          if (now >= shared.counted) {
            shared.run.lateness.push_back(static_cast<float>(
                absl::ToDoubleMicroseconds(now - state.due)));
          }
          state.due += shared.period;
          const timeval after = EventBase::After(state.due - now);
          event_add(state.timer, &after);
        },
        &states[i]);
    const timeval after = EventBase::After(states[i].due - clock.Now());
    event_add(&events.timers[i], &after);
  }
  timeval until = EventBase::After(counted - clock.Now());
  event_base_loopexit(events.base, &until);
  event_base_dispatch(events.base);
  const double before = ThreadSeconds();
  run.lateness.clear();
  until = EventBase::After(kRun - kPeriod);
  event_base_loopexit(events.base, &until);
  event_base_dispatch(events.base);
  run.seconds = ThreadSeconds() - before;
  return run;
}

// ---------------------------------------------------------------------------

constexpr int kFew = 10;
constexpr absl::Duration kShort = absl::Milliseconds(20);

int Main() {
  return Serve({
      {"ours_insert_1000", [] { return OursHere(1000).insert; }},
      {"ours_insert_1000000", [] { return OursHere(kMany).insert; }},
      {"ours_cancel_1000", [] { return OursHere(1000).cancel; }},
      {"ours_cancel_1000000", [] { return OursHere(kMany).cancel; }},
      {"ours_insert_other", [] { return OursFromOther().insert; }},
      {"ours_cancel_other", [] { return OursFromOther().cancel; }},
      {"ours_fire_1000", [] { return OursFire(1000); }},
      {"ours_fire_1000000", [] { return OursFire(kMany); }},
      {"ours_insert_shuffled", [] { return OursShuffled().insert; }},
      {"ours_cancel_shuffled", [] { return OursShuffled().cancel; }},
      {"ours_bytes", OursBytes},
      {"ours_wake_ups", OursWakeUps},
      {"ours_run_cpu",
       [] { return OursRun(kMany, kPeriod).NanosecondsPerFire(); }},
      {"ours_run_lateness", [] { return OursRun(kMany, kPeriod).P99(); }},
      {"ours_few_lateness", [] { return OursRun(kFew, kShort).P99(); }},
      {"uv_insert_1000000", [] { return Uv(kMany).insert; }},
      {"uv_cancel_1000000", [] { return Uv(kMany).cancel; }},
      {"uv_insert_shuffled", [] { return UvShuffled().insert; }},
      {"uv_cancel_shuffled", [] { return UvShuffled().cancel; }},
      {"uv_bytes", UvBytes},
      {"uv_run_cpu", [] { return UvRun(kMany, kPeriod).NanosecondsPerFire(); }},
      {"uv_run_lateness", [] { return UvRun(kMany, kPeriod).P99(); }},
      {"uv_few_lateness", [] { return UvRun(kFew, kShort).P99(); }},
      {"event_insert_1000000", [] { return Event(kMany).insert; }},
      {"event_cancel_1000000", [] { return Event(kMany).cancel; }},
      {"event_insert_shuffled", [] { return EventShuffled().insert; }},
      {"event_cancel_shuffled", [] { return EventShuffled().cancel; }},
      {"event_bytes", EventBytes},
      {"event_run_cpu",
       [] { return EventRun(kMany, kPeriod).NanosecondsPerFire(); }},
      {"event_run_lateness", [] { return EventRun(kMany, kPeriod).P99(); }},
      {"event_few_lateness", [] { return EventRun(kFew, kShort).P99(); }},
  });
}

}  // namespace
}  // namespace bergen::bench

int main() { return bergen::bench::Main(); }
