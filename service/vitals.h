// SPDX-License-Identifier: Apache-2.0
//
// What services tell about the health of their process to whoever runs it.
//
//   // In a service that handles requests:
//   vitals.CountRequest();
//   const Vitals::Work work = vitals.BeginWork(absl::Seconds(30));
//   Handle(request);  // A hang: after 30 s the process counts as sick.
//
// Source: oslo.service has nothing of the kind; gunicorn's worker timeout is
// the model.

#ifndef SERVICE_VITALS_H_
#define SERVICE_VITALS_H_

#include <atomic>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/clock.h"

namespace bergen {

// Thread-safe.
class Vitals {
 public:
  // In progress until it is destroyed. May be moved to another thread.
  class Work {
   public:
    Work(Work&& other) noexcept
        : vitals_(std::exchange(other.vitals_, nullptr)), at_(other.at_) {}
    Work& operator=(Work&&) = delete;
    ~Work() {
      if (vitals_ != nullptr) vitals_->End(at_);
    }

   private:
    friend class Vitals;
    using Limits = std::multiset<absl::Time>;

    Work(Vitals* vitals, Limits::iterator at) : vitals_(vitals), at_(at) {}

    Vitals* vitals_;
    Limits::iterator at_;
  };

  // `clock` must outlive it.
  explicit Vitals(periodic::Clock& clock) : clock_(&clock) {}
  Vitals(const Vitals&) = delete;
  Vitals& operator=(const Vitals&) = delete;

  void CountRequest() { requests_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t requests() const {
    return requests_.load(std::memory_order_relaxed);
  }

  // Work that may take `limit`; `absl::InfiniteDuration()` as long as it wants.
  // Must end before this is destroyed.
  Work BeginWork(absl::Duration limit);

  // Whether some work has passed its limit.
  bool overdue() const;

 private:
  void End(Work::Limits::iterator at);

  periodic::Clock* const clock_;
  std::atomic<uint64_t> requests_ = 0;
  mutable absl::Mutex mutex_;
  // When work in progress has to be over.
  Work::Limits limits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen

#endif  // SERVICE_VITALS_H_
