// SPDX-License-Identifier: Apache-2.0

#include "periodic/thread_pool.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "periodic/named_thread.h"

namespace bergen::periodic {

ThreadPool::ThreadPool(absl::string_view name, const ThreadPoolOptions& options)
    : name_(name), options_(options) {}

ThreadPool::~ThreadPool() {
  size_t joined = 0;
  while (true) {
    std::thread thread;
    {
      const absl::MutexLock lock(&mutex_);
      ending_ = true;
      // Work may have started another thread meanwhile.
      if (joined == threads_.size()) return;
      thread = std::move(threads_[joined++]);
    }
    thread.join();
  }
}

absl::Status ThreadPool::Execute(Work work) {
  const absl::MutexLock lock(&mutex_);
  if (queue_.size() >= idle_ &&
      threads_.size() <
          static_cast<size_t>(std::max(options_.max_threads, 1))) {
    absl::StatusOr<std::thread> thread =
        StartThread(name_, [this] { RunThread(); });
    if (thread.ok()) {
      threads_.push_back(*std::move(thread));
    } else if (threads_.empty()) {
      return thread.status();
    }
  }
  queue_.push_back(std::move(work));
  return absl::OkStatus();
}

int ThreadPool::thread_count() const {
  const absl::MutexLock lock(&mutex_);
  return static_cast<int>(threads_.size());
}

void ThreadPool::RunThread() {
  while (true) {
    Work work;
    {
      const absl::MutexLock lock(&mutex_);
      ++idle_;
      mutex_.Await(absl::Condition(this, &ThreadPool::HasWorkOrEnds));
      --idle_;
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace bergen::periodic
