// SPDX-License-Identifier: Apache-2.0
//
// Measures the profiler, the tracer and the dump of threads, for
// backdoor_profiler.py.
//
//   backdoor_profiler_measures [THREADS]   that many wait, to be dumped

#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/calltrace.h"
#include "backdoor/profiler.h"
#include "backdoor/thread_dump.h"
#include "tests/bench/call_cost.h"
#include "tests/bench/measures.h"

namespace bergen::bench {
namespace {

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

[[gnu::noinline]] int Fibonacci(int n) {
  return n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);
}

double ProcessSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

// Processor time of the process for a fixed piece of work, in ms.
double Work() {
  const double begin = ProcessSeconds();
  Use(Fibonacci(43));
  return 1e3 * (ProcessSeconds() - begin);
}

double SampledWork() {
  backdoor::Profiler profiler;
  Check(profiler.Start({.hz = 99}));
  const double time = Work();
  Check(profiler.Stop().status());
  return time;
}

double TracedCall() {
  backdoor::CallTracer tracer;
  Check(tracer.Start());
  const double time = TracedCallCost();
  Check(tracer.Stop().status());
  return time;
}

// In ms of real time.
double Dump() {
  backdoor::ThreadDumper dumper;
  const absl::Time begin = absl::Now();
  const auto dump = dumper.Dump(absl::Seconds(10));
  Check(dump.status());
  const std::string text = backdoor::FormatThreadDump(*dump);
  Use(text.size());
  return absl::ToDoubleMilliseconds(absl::Now() - begin);
}

int Run(int count) {
  absl::Notification end;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(std::max(count, 0)));
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&end] { end.WaitForNotification(); });
  }
  const int status = Serve({{"work", Work},
                            {"sampled_work", SampledWork},
                            {"plain_call", PlainCallCost},
                            {"traced_call_off", TracedCallCost},
                            {"traced_call_on", TracedCall},
                            {"dump", Dump}});
  end.Notify();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace
}  // namespace bergen::bench

int main(int argc, char** argv) {
  return bergen::bench::Run(argc > 1 ? std::atoi(argv[1]) : 0);
}
