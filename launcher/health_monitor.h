// SPDX-License-Identifier: Apache-2.0
//
// Decides whether a worker hangs, and whether it has had its time. Pure: it is
// told what was seen of a process and what time it is.
//
//   HealthMonitor monitor(limits, random);
//   monitor.Watch(pid, clock.Now());
//   ...
//   switch (monitor.Check(pid, {.beats = 17, .requests = 4}, clock.Now())) ...
//
// Source: oslo.service has nothing of the kind; gunicorn's `timeout`,
// `max_requests` and `max_requests_jitter` are the model. There a hung worker
// is killed without a word.

#ifndef LAUNCHER_HEALTH_MONITOR_H_
#define LAUNCHER_HEALTH_MONITOR_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "launcher/launcher.h"
#include "periodic/random.h"

namespace bergen::launcher {

// OK if `limits` can be used; InvalidArgument names the one that cannot.
absl::Status CheckHealthLimits(const HealthLimits& limits);

// What is seen of a process.
struct VitalSigns {
  uint64_t beats = 0;  // Any change is a sign of life.
  uint64_t requests = 0;
  int64_t memory = 0;  // Bytes; 0: not known.
};

enum class Verdict {
  kFine,
  kHung,      // For the first time since its last sign of life.
  kHopeless,  // For twice as long.
  kWornOut,   // Has reached a limit after which it is replaced; said each time.
};

// Not thread-safe.
class HealthMonitor {
 public:
  // `limits` must have been checked. `random` must outlive it.
  HealthMonitor(const HealthLimits& limits, periodic::Random& random);

  // False if no limit is set: nothing needs to be checked.
  bool enabled() const { return interval_ < absl::InfiniteDuration(); }
  // How often processes should give signs of life, and be checked.
  absl::Duration interval() const { return interval_; }

  // From now on `pid` is checked; its own limits are drawn by chance.
  void Watch(int pid, absl::Time now);
  void Forget(int pid) { patients_.erase(pid); }

  // Processes that are not watched are fine.
  Verdict Check(int pid, const VitalSigns& signs, absl::Time now);
  // Why `Check` said so; for logs.
  const std::string& reason() const { return reason_; }

 private:
  struct Patient {
    uint64_t beats = 0;
    absl::Time last_beat;  // When `beats` was seen to change.
    bool said_hung = false;
    absl::Time since;
    uint64_t max_requests;
    int64_t max_memory;
    absl::Duration max_age;
  };

  // A little less than `limit`.
  double Draw(double limit) const;

  const HealthLimits limits_;
  periodic::Random* const random_;
  absl::Duration interval_ = absl::InfiniteDuration();
  std::map<int, Patient> patients_;
  std::string reason_;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_HEALTH_MONITOR_H_
