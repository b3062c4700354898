// SPDX-License-Identifier: Apache-2.0

#include "periodic/timer_thread.h"

#include <sys/prctl.h>

#include "absl/memory/memory.h"
#include "periodic/named_thread.h"

namespace bergen::periodic {

absl::StatusOr<std::unique_ptr<TimerThread>> TimerThread::Start(
    absl::string_view name, TimerQueue& timers) {
  absl::StatusOr<std::thread> thread = StartThread(name, [&timers] {
    // The system's default is to be up to 50 us late. prctl(2)
    prctl(PR_SET_TIMERSLACK, 1UL);
    timers.Run();
  });
  if (!thread.ok()) return thread.status();
  return absl::WrapUnique(new TimerThread(timers, *std::move(thread)));
}

TimerThread::~TimerThread() {
  timers_->Stop();
  thread_.join();
}

}  // namespace bergen::periodic
