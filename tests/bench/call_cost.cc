// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/call_cost.h"

#include <time.h>

#ifdef CALL_COST_XRAY
#include <xray/xray_interface.h>
#endif

#ifdef CALL_COST_MAIN
#include "tests/bench/measures.h"
#endif

namespace bergen::bench {
namespace {

constexpr int kCalls = 2'000'000;

[[gnu::noinline]] unsigned Leaf(unsigned value) { return value * 3 + 1; }

double Nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec);
}

}  // namespace

double CALL_COST_NAME() {
  unsigned value = 1;
  const double begin = Nanoseconds();
  for (int i = 0; i < kCalls; ++i) value = Leaf(value);
  const double end = Nanoseconds();
  asm volatile("" : : "r"(value));
  return (end - begin) / kCalls;
}

}  // namespace bergen::bench

#ifdef CALL_COST_MAIN
#ifdef CALL_COST_XRAY
// The least that a count of calls with their times does.
[[clang::xray_never_instrument]] static void OnEvent(int32_t /*function*/,
                                                     XRayEntryType /*type*/) {
  static thread_local uint64_t events = 0;
  static thread_local uint64_t last = 0;
  ++events;
  last = __builtin_ia32_rdtsc();
}
#endif

int main() {
#ifdef CALL_COST_XRAY
  __xray_init();
  __xray_set_handler(OnEvent);
  __xray_patch();
#endif
  return bergen::bench::Serve({{"call", bergen::bench::CALL_COST_NAME}});
}
#endif
