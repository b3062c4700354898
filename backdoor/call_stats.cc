// SPDX-License-Identifier: Apache-2.0

#include "backdoor/call_stats.h"

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace bergen::backdoor {
namespace {

// Sums by place in `Profile::functions`; the names are only looked at once.
struct Sums {
  std::map<size_t, CallCounts> functions;
  std::map<std::pair<size_t, size_t>, CallCounts> callee_and_caller;
};

void AddStack(const StackCount& stack, absl::Duration period, Sums& sums) {
  const absl::Duration time = period * stack.samples;
  const std::vector<size_t>& functions = stack.functions;
  std::set<size_t> seen;
  std::set<std::pair<size_t, size_t>> seen_pairs;
  for (size_t i = 0; i < functions.size(); ++i) {
    const size_t function = functions[i];
    CallCounts& counts = sums.functions[function];
    if (i == 0) counts.own_time += time;
    if (seen.insert(function).second) {
      counts.primitive_calls += stack.samples;
      counts.calls += stack.samples;
      counts.total_time += time;
    }
    if (i + 1 == functions.size()) break;
    const std::pair<size_t, size_t> pair = {function, functions[i + 1]};
    CallCounts& from = sums.callee_and_caller[pair];
    if (i == 0) from.own_time += time;
    if (seen_pairs.insert(pair).second) {
      if (pair.first != pair.second) from.primitive_calls += stack.samples;
      from.calls += stack.samples;
      from.total_time += time;
    }
  }
}

void Add(const CallCounts& more, CallCounts& to) {
  to.primitive_calls += more.primitive_calls;
  to.calls += more.calls;
  to.own_time += more.own_time;
  to.total_time += more.total_time;
}

}  // namespace

void AddCallStats(const CallStats& more, CallStats& to) {
  for (const auto& [function, stats] : more) {
    FunctionStats& sum = to[function];
    Add(stats.counts, sum.counts);
    for (const auto& [caller, counts] : stats.callers) {
      Add(counts, sum.callers[caller]);
    }
  }
}

CallStats Summarize(const Profile& profile) {
  Sums sums;
  for (const StackCount& stack : profile.stacks) {
    AddStack(stack, profile.period, sums);
  }
  CallStats stats;
  for (const auto& [function, counts] : sums.functions) {
    stats[profile.functions[function]].counts = counts;
  }
  for (const auto& [pair, counts] : sums.callee_and_caller) {
    stats[profile.functions[pair.first]]
        .callers[profile.functions[pair.second]] = counts;
  }
  return stats;
}

}  // namespace bergen::backdoor
