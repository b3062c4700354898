// SPDX-License-Identifier: Apache-2.0
//
// Writes profiles of known content, of which the last is empty, for
// pstats_load_test.py.
//
//   pstats_writer_for_test FIRST SECOND EMPTY

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/time/time.h"
#include "backdoor/call_stats.h"
#include "backdoor/profile.h"
#include "backdoor/pstats.h"

namespace bergen::backdoor {
namespace {

Profile Recursive() {
  return {.functions = {{"src/main.cc", 1, "main"},
                        {"src/work.cc", 20, "demo::Work"},
                        {"src/work.cc", 3, "demo::Fibonacci"},
                        {"libc.so.6", 0, "memcpy"}},
          .stacks = {{.functions = {2, 2, 2, 1, 0}, .samples = 6},
                     {.functions = {3, 1, 0}, .samples = 2},
                     {.functions = {0}, .samples = 1}},
          .period = absl::Milliseconds(250)};
}

void Write(const Profile& profile, const char* path) {
  if (!(std::ofstream(path, std::ios::binary)
        << EncodePstats(Summarize(profile)))) {
    std::fprintf(stderr, "cannot write %s\n", path);
    std::exit(1);
  }
}

}  // namespace
}  // namespace bergen::backdoor

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const bergen::backdoor::Profile first = bergen::backdoor::Recursive();
  bergen::backdoor::Profile second = first;
  for (bergen::backdoor::StackCount& stack : second.stacks) {
    stack.samples *= 1'000'000'000;
  }
  bergen::backdoor::Write(first, argv[1]);
  bergen::backdoor::Write(second, argv[2]);
  bergen::backdoor::Write({}, argv[3]);
}
