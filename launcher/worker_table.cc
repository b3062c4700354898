// SPDX-License-Identifier: Apache-2.0

#include "launcher/worker_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bergen::launcher {
namespace {

// A worker ends itself at its own deadline, which began a little later than
// ours; one that is still there after this cannot.
constexpr absl::Duration kKillGrace = absl::Seconds(1);

}  // namespace

void WorkerTable::AddWorkers(int set, int count, const RestartLimits& limits) {
  RestartLimits resolved = limits;
  if (resolved.free_restarts < 0) resolved.free_restarts = count + 1;
  budgets_.emplace_back(resolved, *random_);
  for (int number = 0; number < count; ++number) {
    slots_.push_back({.set = set, .number = number, .total = count});
  }
}

Actions WorkerTable::Advance(absl::Time now) {
  Actions actions;
  KillOverdue(now, actions);
  if (stopping_) return actions;

  if (turn_ >= 0 && now >= turn_deadline_) {
    Slot& slot = At(turn_);
    const std::string reason =
        absl::StrCat("worker ", slot.number, ": not started within ",
                     absl::FormatDuration(options_.start_timeout));
    if (slot.state == WorkerState::kReplacing) {
      Retire(std::exchange(slot.successor, 0), now, retire_timeout_, actions);
      slot.state =
          slot.serving ? WorkerState::kRunning : WorkerState::kStarting;
    }
    FailReload(reason, actions);
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.state != WorkerState::kDown || now < slot.due) continue;
    slot.state = WorkerState::kStarting;
    slot.generation = generation_;
    actions.push_back({.kind = Action::kFork, .slot = static_cast<int>(i)});
  }
  return actions;
}

absl::Time WorkerTable::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [pid, kill_at] : retiring_) next = std::min(next, kill_at);
  if (stopping_) return timed_out_ ? next : std::min(next, stop_deadline_);
  if (turn_ >= 0) next = std::min(next, turn_deadline_);
  for (const Slot& slot : slots_) {
    if (slot.state == WorkerState::kDown) next = std::min(next, slot.due);
  }
  return next;
}

void WorkerTable::Forked(int index, int pid, absl::Time now) {
  Slot& slot = At(index);
  if (slot.state == WorkerState::kReplacing) {
    slot.successor = pid;
    slot.successor_since = now;
    slot.successor_generation = generation_;
    turn_deadline_ = now + options_.start_timeout;
    return;
  }
  slot.pid = pid;
  slot.since = now;
  slot.serving = false;
}

Actions WorkerTable::ForkFailed(int index, absl::Time now) {
  Actions actions;
  Slot& slot = At(index);
  if (slot.state == WorkerState::kReplacing) {
    slot.state = slot.serving ? WorkerState::kRunning : WorkerState::kStarting;
    FailReload(absl::StrCat("worker ", slot.number, ": could not be forked"),
               actions);
  } else {
    Respawn(index, nullptr, now, actions);
  }
  return actions;
}

Actions WorkerTable::Started(int pid, absl::Time now) {
  Actions actions;
  const int index = Find(pid);
  if (index < 0) return actions;
  Slot& slot = At(index);
  if (pid == slot.successor) {
    Retire(std::exchange(slot.pid, std::exchange(slot.successor, 0)), now,
           retire_timeout_, actions);
    slot.since = slot.successor_since;
    slot.generation = slot.successor_generation;
    slot.state = WorkerState::kRunning;
  } else if (slot.state == WorkerState::kStarting) {
    slot.state = WorkerState::kRunning;
  }
  NoteServing(slot, actions);
  if (index == turn_ && slot.state == WorkerState::kRunning) {
    EndTurn(now, actions);
  }
  return actions;
}

Actions WorkerTable::Exited(int pid, const ProcessEnd& end, absl::Time now) {
  Actions actions;
  if (retiring_.erase(pid) > 0) {
    // Seen only now, but perhaps too late a while ago.
    if (stopping_ && !timed_out_ && now >= stop_deadline_) {
      timed_out_ = true;
      actions.push_back({.kind = Action::kTimedOut});
    }
    return actions;
  }
  const int index = Find(pid);
  if (index < 0) return actions;
  Slot& slot = At(index);
  Record(slot, pid, end,
         pid == slot.successor ? slot.successor_since : slot.since, now);
  const auto fail_reload = [&] {
    FailReload(absl::StrCat("worker ", slot.number, ": process ", pid, " ",
                            end.ToString(), " before it had started"),
               actions);
  };
  if (pid == slot.successor) {
    slot.successor = 0;
    slot.state = slot.serving ? WorkerState::kRunning : WorkerState::kStarting;
    fail_reload();
    return actions;
  }
  if (slot.state == WorkerState::kReplacing) {
    slot.pid = std::exchange(slot.successor, 0);
    slot.since = slot.successor_since;
    slot.serving = false;
    slot.generation = slot.successor_generation;
    slot.state = WorkerState::kStarting;
    return actions;
  }
  if (index == turn_) fail_reload();
  Respawn(index, &end, now, actions);
  return actions;
}

Actions WorkerTable::BeginReload(absl::Time now) {
  Actions actions;
  if (stopping_) return actions;
  reloading_ = true;
  ++generation_;
  for (RestartBudget& budget : budgets_) budget.Refill();
  for (size_t i = 0; i < slots_.size(); ++i) {
    waiting_.push_back(static_cast<int>(i));
    // The new values may be what it needs.
    if (slots_[i].state == WorkerState::kDown) slots_[i].due = now;
  }
  if (turn_ < 0) ContinueReload(now, actions);
  return actions;
}

Actions WorkerTable::Recycle(int pid, absl::Time now) {
  Actions actions;
  const int index = Find(pid);
  if (index < 0 || reloading_ || turn_ >= 0 ||
      At(index).state != WorkerState::kRunning) {
    return actions;
  }
  BeginTurn(index, now, actions);
  return actions;
}

void WorkerTable::AddWorker(int set, absl::Time now) {
  if (stopping_) return;
  int free = -1;
  int number = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].set != set) continue;
    number = std::max(number, slots_[i].number + 1);
    if (free < 0 && slots_[i].state == WorkerState::kStopped) {
      free = static_cast<int>(i);
    }
  }
  if (free >= 0) {
    number = At(free).number;
  } else {
    free = static_cast<int>(slots_.size());
    slots_.emplace_back();
  }
  At(free) = {.set = set, .number = number, .due = now};
  UpdateTotals(set);
}

Actions WorkerTable::RemoveWorker(int set, absl::Time now) {
  Actions actions;
  if (stopping_ || worker_count(set) <= 1) return actions;
  int last = -1;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].set != set || slots_[i].state == WorkerState::kStopped) {
      continue;
    }
    if (last < 0 || slots_[i].number > At(last).number) {
      last = static_cast<int>(i);
    }
  }
  Slot& slot = At(last);
  slot.state = WorkerState::kStopped;
  for (int* pid : {&slot.pid, &slot.successor}) {
    Retire(std::exchange(*pid, 0), now, retire_timeout_, actions);
  }
  UpdateTotals(set);
  CheckAllStarted(actions);
  if (turn_ == last) EndTurn(now, actions);
  return actions;
}

int WorkerTable::worker_count(int set) const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(), [set](const Slot& slot) {
        return slot.set == set && slot.state != WorkerState::kStopped;
      }));
}

void WorkerTable::UpdateTotals(int set) {
  const int total = worker_count(set);
  for (Slot& slot : slots_) {
    if (slot.set == set) slot.total = total;
  }
}

Actions WorkerTable::HangUp() const {
  Actions actions;
  for (const Slot& slot : slots_) {
    for (int pid : {slot.pid, slot.successor}) {
      if (pid > 0) actions.push_back({.kind = Action::kHangUp, .pid = pid});
    }
  }
  return actions;
}

Actions WorkerTable::Stop(absl::Time now,
                          absl::Duration graceful_shutdown_timeout) {
  Actions actions;
  stopping_ = true;
  reloading_ = false;
  waiting_.clear();
  turn_ = -1;
  stop_deadline_ = now + graceful_shutdown_timeout;
  // Workers that already retire get no more time than the others.
  for (auto& [pid, kill_at] : retiring_) {
    kill_at = std::min(kill_at, stop_deadline_ + kKillGrace);
  }
  for (Slot& slot : slots_) {
    for (int pid : {slot.pid, slot.successor}) {
      if (pid > 0) Retire(pid, now, graceful_shutdown_timeout, actions);
    }
    slot.pid = 0;
    slot.successor = 0;
    slot.state = WorkerState::kStopped;
  }
  return actions;
}

int WorkerTable::process_count() const {
  return static_cast<int>(pids().size());
}

std::vector<int> WorkerTable::pids() const {
  std::vector<int> pids;
  for (const Slot& slot : slots_) {
    for (int pid : {slot.pid, slot.successor}) {
      if (pid > 0) pids.push_back(pid);
    }
  }
  for (const auto& [pid, kill_at] : retiring_) pids.push_back(pid);
  return pids;
}

int WorkerTable::Find(int pid) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (pid > 0 && (slots_[i].pid == pid || slots_[i].successor == pid)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

void WorkerTable::Retire(int pid, absl::Time now, absl::Duration timeout,
                         Actions& actions) {
  if (pid <= 0) return;
  retiring_[pid] = now + timeout + kKillGrace;
  actions.push_back({.kind = Action::kTerminate, .pid = pid});
}

void WorkerTable::Respawn(int index, const ProcessEnd* end, absl::Time now,
                          Actions& actions) {
  Slot& slot = At(index);
  slot.state = WorkerState::kDown;
  slot.pid = 0;
  slot.serving = false;
  if (end != nullptr && !end->killed && end->value == kExitConfiguration) {
    slot.due = absl::InfiniteFuture();
    const bool others_left =
        std::any_of(slots_.begin(), slots_.end(), [&slot](const Slot& other) {
          return other.set == slot.set &&
                 other.state != WorkerState::kStopped &&
                 (other.state != WorkerState::kDown ||
                  other.due < absl::InfiniteFuture());
        });
    actions.push_back({.kind = others_left ? Action::kHeld : Action::kGiveUp,
                       .slot = index,
                       .status = kExitConfiguration});
    return;
  }
  RestartBudget& budget = budgets_[static_cast<size_t>(slot.set)];
  slot.due = budget.Spend(now);
  if (budget.exhausted()) {
    actions.push_back(
        {.kind = Action::kGiveUp, .slot = index, .status = kExitGaveUp});
  } else if (slot.due > now) {
    actions.push_back(
        {.kind = Action::kThrottled, .slot = index, .delay = slot.due - now});
  }
}

void WorkerTable::Record(const Slot& slot, int pid, const ProcessEnd& end,
                         absl::Time since, absl::Time now) {
  ++crash_count_;
  if (crashes_.size() == kCrashesKept) crashes_.pop_front();
  crashes_.push_back({.time = now,
                      .service = slot.set,
                      .number = slot.number,
                      .pid = pid,
                      .end = end,
                      .uptime = now - since});
}

void WorkerTable::NoteServing(Slot& slot, Actions& actions) {
  slot.serving = true;
  slot.ever_served = true;
  CheckAllStarted(actions);
}

void WorkerTable::CheckAllStarted(Actions& actions) {
  if (all_started_) return;
  all_started_ =
      std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
        return slot.ever_served || slot.state == WorkerState::kStopped;
      });
  if (all_started_) actions.push_back({.kind = Action::kAllStarted});
}

void WorkerTable::BeginTurn(int index, absl::Time now, Actions& actions) {
  At(index).state = WorkerState::kReplacing;
  turn_ = index;
  turn_deadline_ = now + options_.start_timeout;
  actions.push_back({.kind = Action::kFork, .slot = index});
}

void WorkerTable::EndTurn(absl::Time now, Actions& actions) {
  turn_ = -1;
  if (reloading_) ContinueReload(now, actions);
}

void WorkerTable::ContinueReload(absl::Time now, Actions& actions) {
  while (!waiting_.empty()) {
    const int index = waiting_.front();
    waiting_.pop_front();
    Slot& slot = At(index);
    // Those forked since the reload began have the new values.
    if (slot.state == WorkerState::kDown ||
        slot.state == WorkerState::kStopped || slot.generation == generation_) {
      continue;
    }
    BeginTurn(index, now, actions);
    return;
  }
  reloading_ = false;
  actions.push_back({.kind = Action::kReloadFinished});
}

void WorkerTable::FailReload(const std::string& reason, Actions& actions) {
  const bool reloading = std::exchange(reloading_, false);
  waiting_.clear();
  turn_ = -1;
  actions.push_back(
      {.kind = reloading ? Action::kReloadFailed : Action::kRecycleFailed,
       .reason = reason});
}

void WorkerTable::KillOverdue(absl::Time now, Actions& actions) {
  if (stopping_ && !timed_out_ && now >= stop_deadline_ && !retiring_.empty()) {
    timed_out_ = true;
    actions.push_back({.kind = Action::kTimedOut});
  }
  for (auto& [pid, kill_at] : retiring_) {
    if (now < kill_at) continue;
    kill_at = absl::InfiniteFuture();
    actions.push_back({.kind = Action::kKill, .pid = pid});
  }
}

}  // namespace bergen::launcher
