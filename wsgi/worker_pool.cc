// SPDX-License-Identifier: Apache-2.0

#include "wsgi/worker_pool.h"

#include <cstdlib>
#include <system_error>
#include <utility>

namespace bergen::wsgi {

WorkerPool::WorkerPool(int size, Runner& runner)
    : size_(size), runner_(&runner) {}

WorkerPool::~WorkerPool() = default;

void WorkerPool::Submit(absl::Span<const Job> jobs, absl::Duration now) {
  bool wake;
  {
    absl::MutexLock lock(&mutex_);
    for (const Job job : jobs) jobs_.emplace_back(job, now);
    wake = WantsWake();
  }
  if (wake) WakeOne();
}

WorkerPool::Waiting WorkerPool::TakeWaiting(absl::Duration until) {
  Waiting waiting;
  absl::MutexLock lock(&mutex_);
  while (!jobs_.empty() && jobs_.front().second <= until) {
    waiting.taken.push_back(jobs_.front().first);
    jobs_.pop_front();
  }
  if (!jobs_.empty()) waiting.oldest = jobs_.front().second;
  return waiting;
}

bool WorkerPool::WantsWake() {
  if (waking_ || jobs_.empty()) return false;
  if (idle_ == 0 && thread_count_ >= size_) return false;
  waking_ = true;
  return true;
}

void WorkerPool::WakeOne() {
  absl::MutexLock lock(&mutex_);
  if (idle_ > 0) {
    changed_.Signal();
    return;
  }
  if (thread_count_ >= size_) {
    // The thread that was idle has found a job by itself.
    waking_ = false;
    return;
  }
  try {
    threads_.emplace_back([this] { Run(); });
    ++thread_count_;
  } catch (const std::system_error&) {
    if (thread_count_ == 0) abort();
    waking_ = false;
  }
}

void WorkerPool::Join() {
  for (;;) {
    std::vector<std::thread> threads;
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
      changed_.SignalAll();
      threads.swap(threads_);
    }
    // While there are jobs, those that run may bring up more threads.
    if (threads.empty()) return;
    for (std::thread& thread : threads) thread.join();
  }
}

void WorkerPool::Run() {
  const std::unique_ptr<Thread> thread = runner_->NewThread();
  bool new_thread = true;
  for (;;) {
    Job job;
    bool wake;
    {
      absl::MutexLock lock(&mutex_);
      if (std::exchange(new_thread, false)) waking_ = false;
      while (jobs_.empty()) {
        if (ending_) return;
        ++idle_;
        changed_.Wait(&mutex_);
        --idle_;
        waking_ = false;
      }
      job = jobs_.front().first;
      jobs_.pop_front();
      wake = WantsWake();
    }
    if (wake) WakeOne();
    thread->Run(job);
  }
}

}  // namespace bergen::wsgi
