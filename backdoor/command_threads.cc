// SPDX-License-Identifier: Apache-2.0

#include "backdoor/command_threads.h"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bergen::backdoor {

CommandThreads::CommandThreads(const CommandThreadsOptions& options)
    : options_{.running = std::max(1, options.running),
               .threads = std::max({1, options.running, options.threads})} {}

CommandThreads::~CommandThreads() { Stop(); }

absl::Status CommandThreads::Start() {
  absl::MutexLock lock(&mutex_);
  try {
    threads_.emplace_back([this] { Serve(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("backdoor: cannot create a thread: ", error.what()));
  }
  return absl::OkStatus();
}

void CommandThreads::Run(std::function<void()> job) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  jobs_.push_back(std::move(job));
  AddThreadIfNeeded();
  changed_.Signal();
}

void CommandThreads::AddThreadIfNeeded() {
  if (stopped_ || !CanBegin() || idle_ >= static_cast<int>(jobs_.size()) ||
      threads_.size() >= static_cast<size_t>(options_.threads)) {
    return;
  }
  try {
    threads_.emplace_back([this] { Serve(); });
  } catch (const std::system_error&) {
    // The others take the job when they are free.
  }
}

void CommandThreads::Stop() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    threads.swap(threads_);
  }
  changed_.SignalAll();
  for (std::thread& thread : threads) thread.join();
}

void CommandThreads::Serve() {
  pthread_setname_np(pthread_self(), "backdoor-cmd");
  absl::MutexLock lock(&mutex_);
  while (true) {
    while (!CanBegin()) {
      if (stopped_ && jobs_.empty()) return;
      ++idle_;
      changed_.Wait(&mutex_);
      --idle_;
    }
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    mutex_.Unlock();
    job();
    job = nullptr;
    mutex_.Lock();
    --running_;
    // Others may have waited for a turn, or for the last job to begin.
    if (stopped_) {
      changed_.SignalAll();
    } else if (!jobs_.empty()) {
      changed_.Signal();
    }
  }
}

CommandThreads::Waiting::Waiting(CommandThreads* threads) : threads_(threads) {
  absl::MutexLock lock(&threads_->mutex_);
  --threads_->running_;
  threads_->AddThreadIfNeeded();
  threads_->changed_.Signal();
}

CommandThreads::Waiting::~Waiting() {
  absl::MutexLock lock(&threads_->mutex_);
  ++threads_->running_;
}

}  // namespace bergen::backdoor
