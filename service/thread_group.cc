// SPDX-License-Identifier: Apache-2.0

#include "service/thread_group.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "periodic/guarded_call.h"
#include "periodic/named_thread.h"
#include "spdlog/spdlog.h"

namespace bergen {

absl::Status ThreadGroup::Thread::Wait() const {
  const absl::MutexLock lock(&mutex_);
  if (!finished_ && id_ == std::this_thread::get_id()) {
    return absl::FailedPreconditionError(
        absl::StrCat("thread ", name_, ": waits for itself"));
  }
  mutex_.Await(absl::Condition(&finished_));
  return result_;
}

void ThreadGroup::Thread::Finish(absl::Status result) {
  const absl::MutexLock lock(&mutex_);
  result_ = std::move(result);
  finished_ = true;
}

ThreadGroup::ThreadGroup(absl::string_view name,
                         const ThreadGroupOptions& options,
                         periodic::Clock& clock, spdlog::logger& log)
    : name_(name), options_(options), clock_(&clock), log_(&log) {}

ThreadGroup::~ThreadGroup() {
  Stop(/*graceful=*/false);
  Wait();
  if (thread_count() == 0) return;
  std::fprintf(stderr, "thread group %s: destroyed by its own thread\n",
               name_.c_str());
  std::abort();
}

absl::StatusOr<std::shared_ptr<ThreadGroup::Thread>> ThreadGroup::AddThread(
    absl::string_view name, Function function) {
  auto thread = std::make_shared<Thread>(name, clock_->Now());
  {
    const absl::MutexLock lock(&running_->mutex);
    if (running_->threads.size() >=
        static_cast<size_t>(std::max(options_.max_threads, 0))) {
      return absl::ResourceExhaustedError(
          absl::StrCat(name_, ": no thread for ", name, ", all ",
                       options_.max_threads, " are running"));
    }
    running_->threads.push_back(thread);
  }
  absl::StatusOr<std::thread> started = periodic::StartThread(
      name, [running = running_, thread, function = std::move(function),
             group = name_, log = log_]() mutable {
        RunThread(*running, thread, std::move(function), group, *log);
      });
  if (!started.ok()) {
    const absl::MutexLock lock(&running_->mutex);
    running_->threads.erase(
        std::find(running_->threads.begin(), running_->threads.end(), thread));
    return started.status();
  }
  // The group waits for it by `Thread::Wait`.
  started->detach();
  return thread;
}

void ThreadGroup::RunThread(Running& running,
                            const std::shared_ptr<Thread>& thread,
                            Function function, const std::string& group,
                            spdlog::logger& log) {
  {
    const absl::MutexLock lock(&thread->mutex_);
    thread->id_ = std::this_thread::get_id();
    thread->kernel_id_ = ::gettid();
  }
  absl::Status result = periodic::CallGuarded(
      [&] { return function(thread->stop_.get_token()); });
  if (!result.ok()) {
    log.error("{}: thread {} failed: {}", group, thread->name(),
              result.ToString());
  }
  // Before anybody learns that the thread has ended: what it captured may go
  // then.
  function = nullptr;
  {
    const absl::MutexLock lock(&running.mutex);
    running.threads.erase(
        std::find(running.threads.begin(), running.threads.end(), thread));
  }
  thread->Finish(std::move(result));
}

template <typename Call, typename Options>
absl::StatusOr<std::shared_ptr<ThreadGroup::Timer>> ThreadGroup::StartTimer(
    absl::string_view name, Timer::Function function, const Options& options) {
  Prune();
  // Under the lock, so that no `StopTimers` comes in between.
  const absl::MutexLock lock(&mutex_);
  if (scheduler_ == nullptr) {
    absl::StatusOr<std::unique_ptr<periodic::SchedulerThreads>> started =
        periodic::SchedulerThreads::Start(
            name_, {.max_threads = options_.max_timer_threads}, *clock_);
    if (!started.ok()) return started.status();
    scheduler_ = *std::move(started);
  }
  auto timer = std::make_shared<Call>(name, std::move(function),
                                      scheduler_->scheduler(), *log_);
  if (stopping_ > 0) return timer;
  absl::Status started = timer->Start(options);
  if (!started.ok()) return started;
  timers_.push_back(timer);
  return timer;
}

absl::StatusOr<std::shared_ptr<ThreadGroup::Timer>> ThreadGroup::AddTimer(
    absl::string_view name, Timer::Function function,
    const periodic::FixedIntervalOptions& options) {
  return StartTimer<periodic::FixedIntervalLoopingCall>(
      name, std::move(function), options);
}

absl::StatusOr<std::shared_ptr<ThreadGroup::Timer>>
ThreadGroup::AddDynamicTimer(absl::string_view name, Timer::Function function,
                             const periodic::DynamicOptions& options) {
  return StartTimer<periodic::DynamicLoopingCall>(name, std::move(function),
                                                  options);
}

void ThreadGroup::RemoveTimer(const std::shared_ptr<Timer>& timer) {
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = std::find(timers_.begin(), timers_.end(), timer);
    if (found == timers_.end()) return;
    timer->Stop();
    retired_.push_back(std::move(*found));
    timers_.erase(found);
  }
  Prune();
}

void ThreadGroup::StopTimers(bool wait) {
  {
    const absl::MutexLock lock(&mutex_);
    for (const std::shared_ptr<Timer>& timer : timers_) timer->Stop();
    std::move(timers_.begin(), timers_.end(), std::back_inserter(retired_));
    timers_.clear();
  }
  if (wait) WaitForTimers();
  Prune();
}

void ThreadGroup::Stop(bool graceful) {
  {
    const absl::MutexLock lock(&mutex_);
    ++stopping_;
  }
  StopTimers(/*wait=*/graceful);
  if (graceful) {
    WaitForThreads();
  } else {
    for (const std::shared_ptr<Thread>& thread : OtherThreads()) {
      thread->Stop();
    }
  }
  const absl::MutexLock lock(&mutex_);
  --stopping_;
}

void ThreadGroup::Wait() {
  WaitForTimers();
  WaitForThreads();
  Prune();
}

int ThreadGroup::thread_count() const {
  const absl::MutexLock lock(&running_->mutex);
  return static_cast<int>(running_->threads.size());
}

int ThreadGroup::timer_count() const {
  const absl::MutexLock lock(&mutex_);
  return static_cast<int>(timers_.size());
}

std::vector<periodic::Activity> ThreadGroup::List() const {
  std::vector<periodic::Activity> activities;
  const absl::Time now = clock_->Now();
  {
    const absl::MutexLock lock(&running_->mutex);
    for (const std::shared_ptr<Thread>& thread : running_->threads) {
      const absl::MutexLock thread_lock(&thread->mutex_);
      activities.push_back({.name = absl::StrCat(name_, "/", thread->name_),
                            .kind = "thread",
                            .state = periodic::Activity::State::kRunning,
                            .age = now - thread->begin_,
                            .thread = thread->kernel_id_,
                            .calls = 1});
    }
  }
  const absl::MutexLock lock(&mutex_);
  for (const std::shared_ptr<Timer>& timer : timers_) {
    activities.push_back(timer->activity());
    activities.back().name = absl::StrCat(name_, "/", timer->name());
  }
  return activities;
}

std::vector<std::shared_ptr<ThreadGroup::Thread>> ThreadGroup::OtherThreads()
    const {
  std::vector<std::shared_ptr<Thread>> others;
  const absl::MutexLock lock(&running_->mutex);
  for (const std::shared_ptr<Thread>& thread : running_->threads) {
    const absl::MutexLock thread_lock(&thread->mutex_);
    if (thread->id_ != std::this_thread::get_id()) others.push_back(thread);
  }
  return others;
}

void ThreadGroup::WaitForThreads() {
  // Again for those that were added meanwhile.
  for (std::vector<std::shared_ptr<Thread>> others = OtherThreads();
       !others.empty(); others = OtherThreads()) {
    // Its error was logged when it ended.
    for (const std::shared_ptr<Thread>& thread : others) {
      thread->Wait().IgnoreError();
    }
  }
}

void ThreadGroup::WaitForTimers() {
  std::vector<std::shared_ptr<Timer>> timers;
  {
    const absl::MutexLock lock(&mutex_);
    timers = timers_;
    timers.insert(timers.end(), retired_.begin(), retired_.end());
  }
  // Its error was logged when it happened; the caller's own timer refuses.
  for (const std::shared_ptr<Timer>& timer : timers) {
    timer->Wait().IgnoreError();
  }
}

void ThreadGroup::Prune() {
  std::vector<std::shared_ptr<Timer>> ended;
  const absl::MutexLock lock(&mutex_);
  const auto first = std::stable_partition(
      retired_.begin(), retired_.end(),
      [](const std::shared_ptr<Timer>& timer) { return timer->running(); });
  std::move(first, retired_.end(), std::back_inserter(ended));
  retired_.erase(first, retired_.end());
}

}  // namespace bergen
