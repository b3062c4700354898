// SPDX-License-Identifier: Apache-2.0

#include "periodic/task_schedule.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bergen::periodic {
namespace {

// Calendar times are counted one by one: not more than a day of seconds.
constexpr int64_t kMostCounted = 86400;

absl::Status Check(const TaskTiming& timing, absl::string_view host) {
  if (timing.spacing < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("spacing ", absl::FormatDuration(timing.spacing),
                     " must not be negative"));
  }
  if (!(timing.jitter >= 0 && timing.jitter < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("jitter ", timing.jitter, " is not in [0, 1)"));
  }
  if (timing.cron.empty()) return absl::OkStatus();
  if (timing.spacing != absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has both the spacing ", absl::FormatDuration(timing.spacing),
        " and cron '", timing.cron, "'"));
  }
  if (timing.host_jitter < absl::ZeroDuration() ||
      timing.host_jitter == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("host jitter ", absl::FormatDuration(timing.host_jitter),
                     " must not be negative or infinite"));
  }
  if (timing.host_jitter > absl::ZeroDuration() && host.empty()) {
    return absl::InvalidArgumentError(
        "has a host jitter, but the name of the host is not given");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TaskSchedule> TaskSchedule::Create(
    const TaskTiming& timing, Overrun overrun, absl::string_view host,
    absl::string_view task, Random& random, Moment now, bool immediately) {
  absl::Status checked = Check(timing, host);
  if (!checked.ok()) return checked;
  TaskSchedule schedule(overrun, random);
  schedule.immediately_ = immediately;
  if (timing.cron.empty()) {
    const absl::Duration spacing = timing.spacing == absl::ZeroDuration()
                                       ? TaskTiming::kDefaultSpacing
                                       : timing.spacing;
    schedule.spacing_ = std::max(spacing, TaskTiming::kShortestSpacing);
    schedule.jitter_ = timing.jitter;
  } else {
    absl::StatusOr<CronSchedule> cron = CronSchedule::Parse(timing.cron);
    if (!cron.ok()) return cron.status();
    schedule.cron_ = *std::move(cron);
    schedule.zone_ = timing.zone;
    schedule.host_jitter_ = StableJitter(host, task, timing.host_jitter);
  }
  schedule.SetSlot(schedule.After(schedule.Line(now)));
  return schedule;
}

absl::Time TaskSchedule::Line(Moment now) const {
  return cron_.has_value() ? now.wall - host_jitter_ : now.steady;
}

void TaskSchedule::ObserveSetBack(absl::Time line) {
  if (!cron_.has_value()) return;
  if (line < last_seen_) {
    const bool repeats = last_slot_ - line > kSetBack;
    SetSlot(After(repeats ? line : std::max(line, last_slot_)));
  }
  last_seen_ = line;
}

absl::Time TaskSchedule::After(absl::Time slot) const {
  return cron_.has_value() ? cron_->Next(slot, zone_) : slot + spacing_;
}

absl::Time TaskSchedule::FirstAfter(absl::Time slot, absl::Time line) const {
  if (line < slot) return slot;
  if (cron_.has_value()) return cron_->Next(line, zone_);
  absl::Duration rest;
  absl::IDivDuration(line - slot, spacing_, &rest);
  return line - rest + spacing_;
}

TaskSchedule::Passed TaskSchedule::CountPassed(absl::Time line,
                                               int64_t most) const {
  if (line < slot_) return {.count = 0, .newest = slot_};
  if (!cron_.has_value()) {
    absl::Duration rest;
    const int64_t count =
        std::min(absl::IDivDuration(line - slot_, spacing_, &rest), most);
    return {.count = count, .newest = slot_ + count * spacing_};
  }
  Passed passed{.count = 0, .newest = slot_};
  while (passed.count < most) {
    const absl::Time next = cron_->Next(passed.newest, zone_);
    if (next > line) break;
    ++passed.count;
    passed.newest = next;
  }
  return passed;
}

void TaskSchedule::SetSlot(absl::Time slot) {
  slot_ = slot;
  due_ = slot;
  if (cron_.has_value()) return;
  due_ +=
      absl::Floor(spacing_ * jitter_ * random_->Uniform(), absl::Seconds(1));
}

absl::Time TaskSchedule::Due(Moment now) {
  const absl::Time line = Line(now);
  ObserveSetBack(line);
  if (immediately_) return now.steady;
  return due_ == absl::InfiniteFuture() ? due_ : now.steady + (due_ - line);
}

TaskSchedule::Begun TaskSchedule::Begin(Moment now) {
  const absl::Time line = Line(now);
  ObserveSetBack(line);
  if (immediately_) {
    immediately_ = false;
    last_slot_ = line;
    SetSlot(After(line));
    return {};
  }
  Begun begun;
  absl::Time slot = slot_;
  absl::Time due = due_;
  Passed passed = CountPassed(line, kMostCounted);
  if (overrun_ == Overrun::kCatchUp) {
    begun.missed = std::max(passed.count - kMostCaughtUp, int64_t{0});
    if (begun.missed > 0) {
      passed = CountPassed(line, begun.missed);
      slot = due = passed.newest;
    }
    SetSlot(After(slot));
  } else {
    begun.missed = passed.count;
    if (passed.count > 0) slot = due = passed.newest;
    SetSlot(FirstAfter(slot, line));
  }
  begun.lateness = line - due;
  last_slot_ = slot;
  return begun;
}

TaskSchedule::Ended TaskSchedule::End(Moment began, Moment now) {
  const absl::Time line = Line(now);
  ObserveSetBack(line);
  if (immediately_ || line < due_) return {};
  // What it is late for already did not come meanwhile.
  const absl::Time begin = Line(began);
  Ended ended;
  ended.overran = due_ > begin || FirstAfter(slot_, begin) <= line;
  if (overrun_ == Overrun::kSkip) {
    ended.missed = 1 + CountPassed(line, kMostCounted).count;
    SetSlot(FirstAfter(slot_, line));
  }
  return ended;
}

void TaskSchedule::Skip(Moment now) {
  const absl::Time line = Line(now);
  ObserveSetBack(line);
  if (line >= slot_) SetSlot(FirstAfter(slot_, line));
}

std::string TaskSchedule::ToString() const {
  if (cron_.has_value()) {
    return absl::StrCat("cron '", cron_->expression(), "' ", zone_.name());
  }
  return absl::StrCat("every ", absl::FormatDuration(spacing_));
}

}  // namespace bergen::periodic
