// SPDX-License-Identifier: Apache-2.0

#include "backdoor/capture_stack.h"

#include <unwind.h>

#include <cerrno>

namespace bergen::backdoor {
namespace {

struct Progress {
  uintptr_t interrupted;
  uintptr_t last_frame = 0;
  // The handler's own functions come first, down to the interrupted one.
  bool inside = false;
  CapturedStack* stack;
};

uintptr_t InterruptedAddress(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<uintptr_t>(context.uc_mcontext.pc);
#else
#error "add the program counter of this machine"
#endif
}

_Unwind_Reason_Code Visit(_Unwind_Context* context, void* argument) {
  Progress& progress = *static_cast<Progress*>(argument);
  int before_instruction = 0;
  const uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  const uintptr_t frame = _Unwind_GetCFA(context);
  if (address == 0) return _URC_END_OF_STACK;
  if (!progress.inside) {
    if (address != progress.interrupted) return _URC_NO_REASON;
    progress.inside = true;
  } else if (frame < progress.last_frame) {
    // Callers lie above: here the tables are wrong, and what comes next may be
    // no memory.
    return _URC_END_OF_STACK;
  }
  progress.last_frame = frame;
  CapturedStack& stack = *progress.stack;
  if (stack.depth == kMaxStackDepth) {
    stack.truncated = true;
    return _URC_END_OF_STACK;
  }
  // A return address may be the first byte of the next function.
  stack.addresses[stack.depth] = address - (before_instruction ? 0 : 1);
  ++stack.depth;
  return _URC_NO_REASON;
}

}  // namespace

void CaptureStack(const ucontext_t& context, CapturedStack& stack) {
  const int saved_errno = errno;
  stack.depth = 0;
  stack.truncated = false;
  Progress progress = {.interrupted = InterruptedAddress(context),
                       .stack = &stack};
  _Unwind_Backtrace(Visit, &progress);
  if (stack.depth == 0) {
    // The unwinder did not get through the signal's frame.
    stack.addresses[0] = progress.interrupted;
    stack.depth = 1;
  }
  errno = saved_errno;
}

void WarmUpUnwinder() {
  CapturedStack stack;
  ucontext_t context = {};
  CaptureStack(context, stack);
}

}  // namespace bergen::backdoor
