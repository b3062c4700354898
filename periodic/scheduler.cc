// SPDX-License-Identifier: Apache-2.0

#include "periodic/scheduler.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace bergen::periodic {

absl::StatusOr<std::unique_ptr<SchedulerThreads>> SchedulerThreads::Start(
    absl::string_view name, const ThreadPoolOptions& options, Clock& clock) {
  std::unique_ptr<SchedulerThreads> threads =
      absl::WrapUnique(new SchedulerThreads(name, options, clock));
  // The system shows 15 bytes of a name.
  absl::StatusOr<std::unique_ptr<TimerThread>> thread = TimerThread::Start(
      absl::StrCat(name.substr(0, 9), "-timer"), threads->timers_);
  if (!thread.ok()) return thread.status();
  threads->thread_ = *std::move(thread);
  return threads;
}

}  // namespace bergen::periodic
