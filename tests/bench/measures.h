// SPDX-License-Identifier: Apache-2.0
//
// A program that measures on request, so that report.py can have it take turns
// with others: for each name on a line of its input it writes a number.
//
//   int main() {
//     return bergen::bench::Serve({{"read", [] { return PerCall(Read); }}});
//   }

#ifndef TESTS_BENCH_MEASURES_H_
#define TESTS_BENCH_MEASURES_H_

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <string>

namespace bergen::bench {

// Answers until the end of the input; the result is the exit status.
inline int Serve(const std::map<std::string, std::function<double()>>& known) {
  std::string name;
  while (std::getline(std::cin, name)) {
    const auto found = known.find(name);
    if (found == known.end()) {
      std::fprintf(stderr, "nothing here measures %s\n", name.c_str());
      return 1;
    }
    std::printf("%.17g\n", found->second());
    std::fflush(stdout);
  }
  return 0;
}

// Processor time of the calling thread: what else the machine does matters
// less.
inline double ThreadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

// The value counts as used, in a register, and all memory as changed: what
// comes next has to be read again.
template <typename T>
inline void Use(T value) {
  asm volatile("" : : "r"(value) : "memory");
}

// Nanoseconds that a call of `call` takes, in so many that they take a while.
template <typename Call>
double NanosecondsPerCall(Call call) {
  constexpr double kLongEnough = 0.02;
  for (int64_t count = 1024;; count *= 2) {
    const double begin = ThreadSeconds();
    for (int64_t i = 0; i < count; ++i) call();
    const double seconds = ThreadSeconds() - begin;
    if (seconds >= kLongEnough) {
      return seconds * 1e9 / static_cast<double>(count);
    }
  }
}

// Milliseconds that one call takes.
template <typename Call>
double Milliseconds(Call call) {
  const double begin = ThreadSeconds();
  call();
  return (ThreadSeconds() - begin) * 1e3;
}

}  // namespace bergen::bench

#endif  // TESTS_BENCH_MEASURES_H_
