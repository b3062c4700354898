// SPDX-License-Identifier: Apache-2.0
//
// What one call costs, in code that is compiled in several ways: CALL_COST_NAME
// is the name of the function.

#ifndef TESTS_BENCH_CALL_COST_H_
#define TESTS_BENCH_CALL_COST_H_

namespace bergen::bench {

// Nanoseconds of processor time for a call of a function that does next to
// nothing.
double PlainCallCost();
double TracedCallCost();

}  // namespace bergen::bench

#endif  // TESTS_BENCH_CALL_COST_H_
