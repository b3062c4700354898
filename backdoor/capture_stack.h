// SPDX-License-Identifier: Apache-2.0
//
// The stack of a thread that a signal interrupted, taken inside the handler.
//
//   void Handler(int, siginfo_t*, void* context) {
//     CapturedStack stack;
//     CaptureStack(*static_cast<ucontext_t*>(context), stack);
//   }

#ifndef BACKDOOR_CAPTURE_STACK_H_
#define BACKDOOR_CAPTURE_STACK_H_

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace bergen::backdoor {

// Deeper stacks lose their outermost functions.
inline constexpr size_t kMaxStackDepth = 128;

struct CapturedStack {
  // Addresses inside the instructions that run or call, the innermost first.
  std::array<uintptr_t, kMaxStackDepth> addresses;
  size_t depth = 0;
  bool truncated = false;
};

// Async-signal-safe, given that `WarmUpUnwinder` was called before: the
// unwinder of GCC 12 with glibc 2.35 or later finds its tables without a lock.
void CaptureStack(const ucontext_t& context, CapturedStack& stack);

// Has the dynamic linker resolve what `CaptureStack` calls. To be called
// outside of a handler, at least once in the process.
void WarmUpUnwinder();

}  // namespace bergen::backdoor

#endif  // BACKDOOR_CAPTURE_STACK_H_
