// SPDX-License-Identifier: Apache-2.0
//
// What a profiler recorded, as plain data.

#ifndef BACKDOOR_PROFILE_H_
#define BACKDOOR_PROFILE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"

namespace bergen::backdoor {

// A function as a profile names it.
struct Function {
  // Source file as the compiler was given it; for code without debug
  // information the name of the program or library.
  std::string file;
  // Where it is declared; 0 if unknown.
  int line = 0;
  // Qualified, without parameters: `demo::Fibonacci`. `<unknown>` if the file
  // has no name for it.
  std::string name;

  friend bool operator<(const Function& a, const Function& b) {
    return std::tie(a.file, a.line, a.name) < std::tie(b.file, b.line, b.name);
  }
  friend bool operator==(const Function& a, const Function& b) {
    return std::tie(a.file, a.line, a.name) == std::tie(b.file, b.line, b.name);
  }
};

// How often one thread, or threads of one name, were seen with a stack.
struct StackCount {
  // Places in `Profile::functions`, the innermost first. Never empty.
  std::vector<size_t> functions;
  int64_t samples = 0;
  // For each of `functions` the line that ran or called; 0 if unknown. Empty if
  // all are unknown.
  std::vector<int> lines;
  // Empty if unknown.
  std::string thread;
  // None: the one that the whole profile is of.
  std::optional<int> worker;
};

struct Profile {
  std::vector<Function> functions;
  std::vector<StackCount> stacks;
  // Time that each sample stands for.
  absl::Duration period;
  // Of all stacks.
  int64_t samples = 0;
  // Not in `stacks`, because there was no room.
  int64_t lost_samples = 0;
  // In `stacks`, without their outermost functions.
  int64_t truncated_samples = 0;
  // Threads that the system gave no timer for.
  int64_t unseen_threads = 0;
  // From start to stop.
  absl::Time begin;
  absl::Duration duration;
  // What `period` is a time of: `cpu` or `wall`.
  std::string clock;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PROFILE_H_
