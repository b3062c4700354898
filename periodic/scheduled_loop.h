// SPDX-License-Identifier: Apache-2.0
//
// A loop whose steps run on the threads of a scheduler: as many loops as one
// likes, and a thread only while a step runs.
//
//   ScheduledLoop loop("sync", scheduler, log);
//   absl::Status started = loop.Start(absl::ZeroDuration(), [&] { ... });

#ifndef PERIODIC_SCHEDULED_LOOP_H_
#define PERIODIC_SCHEDULED_LOOP_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "periodic/loop.h"
#include "periodic/scheduler.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

// A step never overlaps itself. The loop must end before the scheduler.
class ScheduledLoop : public Loop {
 public:
  ScheduledLoop(absl::string_view name, const Scheduler& scheduler,
                spdlog::logger& log);
  ~ScheduledLoop() override;

  absl::Status Start(absl::Duration initial_delay, StepFunction step) override;
  void Stop() override;
  absl::StatusOr<bool> Wait(absl::Time deadline) override;
  bool running() const override;

 private:
  struct State;

  // Timers and pool hold on to it for as long as they need.
  const std::shared_ptr<State> state_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_SCHEDULED_LOOP_H_
