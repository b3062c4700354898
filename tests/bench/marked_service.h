// SPDX-License-Identifier: Apache-2.0
//
// A service that does nothing, and shows from outside that it has started.

#ifndef TESTS_BENCH_MARKED_SERVICE_H_
#define TESTS_BENCH_MARKED_SERVICE_H_

#include <sys/prctl.h>

#include <cerrno>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "service/service.h"

namespace bergen::bench {

// When it has started, the process is named `bench-ready` (/proc/PID/comm).
class MarkedService final : public Service {
 public:
  // Takes so long to finish once it was told to stop.
  explicit MarkedService(absl::Duration drain) : drain_(drain) {}

  absl::string_view name() const override { return "marked"; }

  absl::Status Start() override {
    // Of the main thread, which is where a worker's services start.
    if (::prctl(PR_SET_NAME, "bench-ready") != 0) {
      return absl::ErrnoToStatus(errno, "PR_SET_NAME");
    }
    return absl::OkStatus();
  }

  void Stop() override {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }

  absl::Status Wait() override {
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&stopping_));
    }
    absl::SleepFor(drain_);
    return absl::OkStatus();
  }

 private:
  const absl::Duration drain_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace bergen::bench

#endif  // TESTS_BENCH_MARKED_SERVICE_H_
