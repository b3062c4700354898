// SPDX-License-Identifier: Apache-2.0
//
// Signals that come when a test says so, and only to the code under test.

#ifndef LAUNCHER_FAKE_SIGNALS_H_
#define LAUNCHER_FAKE_SIGNALS_H_

#include <sys/eventfd.h>

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "launcher/signals.h"
#include "service/unique_fd.h"

namespace bergen::launcher {

// Thread-safe.
class FakeSignals : public Signals {
 public:
  FakeSignals() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void Raise(int signal) {
    const absl::MutexLock lock(&mutex_);
    pending_.push_back(signal);
    ::eventfd_write(fd_.get(), 1);
  }

  int fd() const override { return fd_.get(); }

  std::vector<int> Take() override {
    const absl::MutexLock lock(&mutex_);
    eventfd_t count;
    ::eventfd_read(fd_.get(), &count);
    return std::exchange(pending_, {});
  }

 private:
  UniqueFd fd_;
  absl::Mutex mutex_;
  std::vector<int> pending_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_FAKE_SIGNALS_H_
