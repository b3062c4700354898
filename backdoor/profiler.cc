// SPDX-License-Identifier: Apache-2.0

#include "backdoor/profiler.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "backdoor/capture_stack.h"
#include "backdoor/handler_gate.h"
#include "backdoor/sample_buffer.h"
#include "backdoor/symbolizer.h"
#include "backdoor/thread_list.h"

namespace bergen::backdoor {
namespace {

// Samples that may wait for the collector's next turn: 40 000 a second.
constexpr size_t kBufferedSamples = 2048;
// Different stacks that are kept apart; further ones are lost, and counted. At
// full depth this many take 50 MB.
constexpr size_t kMaxStacks = 50000;
// The collector looks for threads for at most one part in so many of its time.
constexpr int kRescanShare = 20;

using Gate = HandlerGate<SampleBuffer>;

void HandleSignal(int, siginfo_t* info, void* context) {
  // Not from one of our timers: somebody ran `kill`.
  if (info->si_code != SI_TIMER) return;
  auto* entrance = static_cast<Gate::Entrance*>(info->si_value.sival_ptr);
  if (entrance == nullptr) return;
  const int64_t weight = 1 + info->si_overrun;
  Gate::Enter(entrance, [&](SampleBuffer& buffer) {
    SampleBuffer::Sample* sample = buffer.BeginWrite();
    if (sample == nullptr) return;
    sample->weight = weight;
    sample->thread = static_cast<pid_t>(syscall(SYS_gettid));
    CaptureStack(*static_cast<const ucontext_t*>(context), sample->stack);
    buffer.EndWrite(sample);
  });
}

// The clock of the processor time of one thread; see
// clock_getcpuclockid(3) for whole processes. glibc has this for pthread_t
// only.
clockid_t CpuClockOf(pid_t thread) {
  constexpr clockid_t kPerThreadSchedulerTime = 6;
  return static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3) |
         kPerThreadSchedulerTime;
}

absl::Duration Monotonic() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

// SIGPROF from `HandleSignal` to what it was.
class SignalOwner {
 public:
  absl::Status Take() {
    struct sigaction current = {};
    sigaction(SIGPROF, nullptr, &current);
    if ((current.sa_flags & SA_SIGINFO) != 0 ||
        (current.sa_handler != SIG_DFL && current.sa_handler != SIG_IGN)) {
      return absl::FailedPreconditionError(
          "profiler: something else in this process handles SIGPROF");
    }
    struct sigaction ours = {};
    ours.sa_sigaction = HandleSignal;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    // Our handler is not to be interrupted: it is short.
    sigfillset(&ours.sa_mask);
    if (sigaction(SIGPROF, &ours, &previous_) != 0) {
      return absl::ErrnoToStatus(errno, "profiler: sigaction");
    }
    return absl::OkStatus();
  }

  void Restore() {
    // Ignoring a signal throws away those that threads have not taken yet; by
    // default they would end the process.
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPROF, &ignore, nullptr);
    sigaction(SIGPROF, &previous_, nullptr);
  }

 private:
  struct sigaction previous_ = {};
};

// A timer for each thread of the process but the collector's.
class ThreadTimers {
 public:
  ThreadTimers(const ProfilerOptions& options, Gate::Entrance* entrance)
      : clock_(options.clock),
        period_(absl::Seconds(1) / options.hz),
        entrance_(entrance) {}
  ThreadTimers(const ThreadTimers&) = delete;
  ThreadTimers& operator=(const ThreadTimers&) = delete;
  ~ThreadTimers() { DeleteAll(); }

  // Takes notice of threads that have begun and ended.
  void Update(pid_t except) {
    const std::vector<pid_t> threads = ListThreads();
    for (auto timer = timers_.begin(); timer != timers_.end();) {
      if (std::binary_search(threads.begin(), threads.end(), timer->first)) {
        ++timer;
        continue;
      }
      timer_delete(timer->second);
      timer = timers_.erase(timer);
    }
    for (auto name = names_.begin(); name != names_.end();) {
      if (timers_.count(name->first) != 0 || !name->second.ended) {
        name->second.ended = timers_.count(name->first) == 0;
        ++name;
      } else {
        name = names_.erase(name);
      }
    }
    for (pid_t thread : threads) {
      if (thread == except) continue;
      if (timers_.count(thread) == 0) Add(thread);
      // Threads are named soon after they begin, and seldom later.
      Name& name = names_[thread];
      if (name.looks < kLooks) {
        ++name.looks;
        name.text = GetThreadName(thread);
      }
    }
  }

  // Of a thread that has been there at one of the last two updates.
  absl::string_view NameOf(pid_t thread) const {
    const auto found = names_.find(thread);
    return found == names_.end() ? absl::string_view() : found->second.text;
  }

  void DeleteAll() {
    for (const auto& [thread, timer] : timers_) timer_delete(timer);
    timers_.clear();
  }

  int64_t unseen_threads() const {
    return static_cast<int64_t>(unseen_.size());
  }

 private:
  struct Name {
    std::string text;
    int looks = 0;
    bool ended = false;
  };

  void Add(pid_t thread) {
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event.sigev_value.sival_ptr = entrance_;
    event._sigev_un._tid = thread;
    const clockid_t clock =
        clock_ == ProfileClock::kCpu ? CpuClockOf(thread) : CLOCK_MONOTONIC;
    timer_t timer = {};
    if (timer_create(clock, &event, &timer) != 0) {
      // EINVAL: the thread has just ended.
      if (errno != EINVAL) unseen_.insert(thread);
      return;
    }
    unseen_.erase(thread);
    itimerspec times = {};
    times.it_interval = absl::ToTimespec(period_);
    // Wall clocks of all threads would go off at once.
    const int phase = 1 + (timers_.size() % kPhases);
    times.it_value = absl::ToTimespec(period_ * phase / kPhases);
    timer_settime(timer, 0, &times, nullptr);
    timers_[thread] = timer;
  }

  static constexpr int kPhases = 8;
  static constexpr int kLooks = 3;

  const ProfileClock clock_;
  const absl::Duration period_;
  Gate::Entrance* const entrance_;
  std::map<pid_t, timer_t> timers_;
  std::map<pid_t, Name> names_;
  std::set<pid_t> unseen_;
};

// Counts equal stacks of threads of one name.
class StackCounter {
 public:
  void Drain(SampleBuffer& buffer, const ThreadTimers& threads) {
    while (const SampleBuffer::Sample* sample = buffer.BeginRead()) {
      Count(threads.NameOf(sample->thread), sample->stack, sample->weight);
      buffer.EndRead();
    }
  }

  // Everything but what the buffer has lost and the times.
  Profile ToProfile() const {
    Profile profile;
    profile.lost_samples = lost_;
    profile.truncated_samples = truncated_;
    Symbolizer symbolizer;
    std::map<Function, size_t> places;
    for (const auto& [thread, stacks] : stacks_) {
      for (const auto& [addresses, samples] : stacks) {
        StackCount stack = {.samples = samples, .thread = thread};
        for (uintptr_t address : addresses) {
          for (const SourceFrame& frame : symbolizer.Resolve(address)) {
            const auto [place, is_new] =
                places.try_emplace(frame.function, profile.functions.size());
            if (is_new) profile.functions.push_back(frame.function);
            stack.functions.push_back(place->second);
            stack.lines.push_back(frame.line);
          }
        }
        profile.samples += samples;
        profile.stacks.push_back(std::move(stack));
      }
    }
    return profile;
  }

 private:
  void Count(absl::string_view thread, const CapturedStack& stack,
             int64_t weight) {
    std::vector<uintptr_t> addresses(
        stack.addresses.begin(),
        stack.addresses.begin() + static_cast<ptrdiff_t>(stack.depth));
    auto& stacks = stacks_[thread];
    auto found = stacks.find(addresses);
    if (found == stacks.end()) {
      if (count_ >= kMaxStacks) {
        lost_ += weight;
        return;
      }
      ++count_;
      found = stacks.emplace(std::move(addresses), 0).first;
    }
    found->second += weight;
    if (stack.truncated) truncated_ += weight;
  }

  // By the thread's name.
  absl::flat_hash_map<std::string,
                      absl::flat_hash_map<std::vector<uintptr_t>, int64_t>>
      stacks_;
  size_t count_ = 0;
  int64_t lost_ = 0;
  int64_t truncated_ = 0;
};

}  // namespace

class Profiler::Impl {
 public:
  ~Impl() {
    absl::MutexLock lock(&mutex_);
    if (recording_ != nullptr) End();
  }

  absl::Status Start(const ProfilerOptions& options);
  absl::StatusOr<Profile> Stop();

  absl::Time recording_since() const {
    absl::MutexLock lock(&mutex_);
    return recording_ == nullptr ? absl::InfinitePast() : recording_->since;
  }

 private:
  // From one start to its stop. The collector thread alone uses what is not
  // guarded, while it runs.
  struct Recording {
    Recording(const ProfilerOptions& options, Gate::Entrance* entrance)
        : options(options), timers(options, entrance) {}

    void Collect();

    const ProfilerOptions options;
    const absl::Time since = absl::Now();  // For people.
    const absl::Duration begin = Monotonic();
    SampleBuffer buffer{kBufferedSamples};
    StackCounter counter;
    ThreadTimers timers;
    SignalOwner signal;
    std::thread collector;

    absl::Mutex mutex;
    bool first_scan_done ABSL_GUARDED_BY(mutex) = false;
    bool end_asked ABSL_GUARDED_BY(mutex) = false;
  };

  // Stops timers, collector and handler. The recording is then complete.
  void End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Gate gate_;
  mutable absl::Mutex mutex_;
  std::unique_ptr<Recording> recording_ ABSL_GUARDED_BY(mutex_);
};

// Runs on its own thread until it is asked to end.
void Profiler::Impl::Recording::Collect() {
  pthread_setname_np(pthread_self(), "backdoor-prof");
  const pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
  while (true) {
    const absl::Duration begin = Monotonic();
    timers.Update(self);
    counter.Drain(buffer, timers);
    const absl::Duration pause =
        std::max(kRescanInterval, kRescanShare * (Monotonic() - begin));
    absl::MutexLock lock(&mutex);
    first_scan_done = true;
    if (mutex.AwaitWithTimeout(absl::Condition(&end_asked), pause)) return;
  }
}

absl::Status Profiler::Impl::Start(const ProfilerOptions& options) {
  if (options.hz < 1 || options.hz > kMaxHz) {
    return absl::InvalidArgumentError(absl::StrCat(
        "profiler: ", options.hz, " Hz is not from 1 to ", kMaxHz));
  }
  absl::MutexLock lock(&mutex_);
  if (recording_ != nullptr) {
    return absl::AlreadyExistsError("profiler: is recording already");
  }
  if (!gate_.ok()) {
    return absl::ResourceExhaustedError("profiler: no memory");
  }
  WarmUpUnwinder();
  auto recording = std::make_unique<Recording>(options, gate_.entrance());
  absl::Status status = recording->signal.Take();
  if (!status.ok()) return status;
  gate_.Open(&recording->buffer);
  try {
    recording->collector =
        std::thread([target = recording.get()] { target->Collect(); });
  } catch (const std::system_error& error) {
    gate_.Close();
    recording->signal.Restore();
    return absl::ResourceExhaustedError(
        absl::StrCat("profiler: cannot create a thread: ", error.what()));
  }
  {
    absl::MutexLock scan_lock(&recording->mutex);
    recording->mutex.Await(absl::Condition(&recording->first_scan_done));
  }
  recording_ = std::move(recording);
  return absl::OkStatus();
}

absl::StatusOr<Profile> Profiler::Impl::Stop() {
  std::unique_ptr<Recording> recording;
  {
    absl::MutexLock lock(&mutex_);
    if (recording_ == nullptr) {
      return absl::FailedPreconditionError("profiler: is not recording");
    }
    End();
    recording = std::move(recording_);
  }
  const absl::Duration duration = Monotonic() - recording->begin;
  Profile profile = recording->counter.ToProfile();
  profile.period = absl::Seconds(1) / recording->options.hz;
  profile.lost_samples += recording->buffer.lost();
  profile.unseen_threads = recording->timers.unseen_threads();
  profile.begin = recording->since;
  profile.duration = duration;
  profile.clock =
      recording->options.clock == ProfileClock::kCpu ? "cpu" : "wall";
  return profile;
}

void Profiler::Impl::End() {
  {
    absl::MutexLock lock(&recording_->mutex);
    recording_->end_asked = true;
  }
  recording_->collector.join();
  recording_->timers.DeleteAll();
  recording_->signal.Restore();
  gate_.Close();
  recording_->counter.Drain(recording_->buffer, recording_->timers);
}

Profiler::Profiler() : impl_(std::make_unique<Impl>()) {}
Profiler::~Profiler() = default;

absl::Status Profiler::Start(const ProfilerOptions& options) {
  return impl_->Start(options);
}
absl::StatusOr<Profile> Profiler::Stop() { return impl_->Stop(); }
absl::Time Profiler::recording_since() const {
  return impl_->recording_since();
}

}  // namespace bergen::backdoor
