// SPDX-License-Identifier: Apache-2.0
//
// Code that tells of its calls, with numbers that are known.

#ifndef BACKDOOR_CALLTRACE_WORK_FOR_TEST_H_
#define BACKDOOR_CALLTRACE_WORK_FOR_TEST_H_

#include <functional>

namespace bergen::backdoor::work {

// Calls itself; 2 Fib(n + 1) - 1 calls.
int Fibonacci(int n);

// Call each other, n + 1 calls together.
bool IsEven(int n);
bool IsOdd(int n);

// Throws through `depth` calls of Thrower, of which Catcher catches it.
int Catcher(int depth);

// Calls a function that leaves `depth` calls of Jumper without a word, then
// Fibonacci(1).
int CallAfterLongjmp(int depth);

// Calls Inlined, which has no code of its own when optimised, `n` times.
int CallInlined(int n);

// Calls Leaf `n` times, all in one call.
int CallLeaf(int n);

// Calls `function` from its own call.
void Around(const std::function<void()>& function);

// Has an object whose destructor is called when the thread ends.
void AtEndOfThread();

}  // namespace bergen::backdoor::work

#endif  // BACKDOOR_CALLTRACE_WORK_FOR_TEST_H_
