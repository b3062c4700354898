// SPDX-License-Identifier: Apache-2.0
//
// A loop with a thread of its own.
//
//   LoopThread loop("sync", clock, log);
//   absl::Status started = loop.Start(absl::ZeroDuration(), [&] { ... });

#ifndef PERIODIC_LOOP_THREAD_H_
#define PERIODIC_LOOP_THREAD_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/completion.h"
#include "periodic/loop.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

class LoopThread : public Loop {
 public:
  LoopThread(absl::string_view name, Clock& clock, spdlog::logger& log);
  ~LoopThread() override;

  absl::Status Start(absl::Duration initial_delay, StepFunction step) override;
  void Stop() override;
  absl::StatusOr<bool> Wait(absl::Time deadline) override;
  bool running() const override { return completion_.running(); }

 private:
  absl::StatusOr<bool> RunSteps(absl::Time first, const StepFunction& step);

  const std::string name_;
  Clock* const clock_;
  spdlog::logger* const log_;
  Completion completion_;
  Event stop_;
  // Held while the thread is replaced.
  absl::Mutex mutex_;
  // Joinable from the first `Start` on, also after the loop has ended.
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LOOP_THREAD_H_
