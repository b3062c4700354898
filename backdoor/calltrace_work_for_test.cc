// SPDX-License-Identifier: Apache-2.0

#include "backdoor/calltrace_work_for_test.h"

#include <csetjmp>
#include <stdexcept>

namespace bergen::backdoor::work {

int Fibonacci(int n) { return n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2); }

bool IsEven(int n) { return n == 0 || IsOdd(n - 1); }
bool IsOdd(int n) { return n != 0 && IsEven(n - 1); }

static int Thrower(int depth) {
  if (depth == 1) throw std::runtime_error("thrown");
  return Thrower(depth - 1) + 1;
}

int Catcher(int depth) {
  try {
    return Thrower(depth);
  } catch (const std::runtime_error&) {
    return Fibonacci(1);
  }
}

[[gnu::noinline]] static int Jumper(std::jmp_buf& buffer, int depth) {
  if (depth == 1) std::longjmp(buffer, 1);  // NOLINT(modernize-*, cert-*)
  return depth == 0 ? 0 : Jumper(buffer, depth - 1) + 1;
}

[[gnu::noinline]] static int LeaveByLongjmp(int depth) {
  static thread_local std::jmp_buf buffer;
  return setjmp(buffer) == 0 ? Jumper(buffer, depth) : 0;
}

int CallAfterLongjmp(int depth) { return LeaveByLongjmp(depth) + Fibonacci(1); }

[[gnu::always_inline]] static inline int Inlined(int n) { return n * 3 + 1; }

int CallInlined(int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) sum ^= Inlined(i);
  return sum;
}

[[gnu::noinline]] static int Leaf(int n) { return n * 3 + 1; }

int CallLeaf(int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) sum ^= Leaf(i);
  return sum;
}

void Around(const std::function<void()>& function) { function(); }

namespace {

struct AtEnd {
  ~AtEnd() { Fibonacci(1); }
};

}  // namespace

void AtEndOfThread() {
  static thread_local AtEnd at_end;
  (void)at_end;
}

}  // namespace bergen::backdoor::work
