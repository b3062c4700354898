// SPDX-License-Identifier: Apache-2.0
//
// Traces known work, and writes what it recorded for calltrace_load_test.py.
//
//   calltrace_writer_for_test FILE

#include <cstdio>
#include <fstream>
#include <ios>
#include <thread>

#include "absl/status/statusor.h"
#include "backdoor/calltrace.h"
#include "backdoor/calltrace_work_for_test.h"
#include "backdoor/pstats.h"

int main(int argc, char** argv) {
  using bergen::backdoor::CallTrace;
  using bergen::backdoor::CallTracer;
  namespace work = bergen::backdoor::work;
  if (argc != 2) return 2;
  CallTracer tracer;
  const auto started = tracer.Start();
  work::Fibonacci(10);
  std::thread([] {
    work::Fibonacci(10);
    work::CallLeaf(1000);
  }).join();
  work::Catcher(5);
  const absl::StatusOr<CallTrace> trace = tracer.Stop();
  if (!started.ok() || !trace.ok()) {
    std::fprintf(stderr, "%s\n", trace.status().ToString().c_str());
    return 1;
  }
  std::ofstream file(argv[1], std::ios::binary);
  return file << bergen::backdoor::EncodePstats(trace->stats) ? 0 : 1;
}
