// SPDX-License-Identifier: Apache-2.0
//
// Where code that was compiled with calltrace_hooks.h finds whom to tell of
// calls. Includes nothing: it is put before every file of such code.

#ifndef BACKDOOR_CALLTRACE_SLOT_H_
#define BACKDOOR_CALLTRACE_SLOT_H_

namespace bergen::backdoor::calltrace {

// `function` is the function that begins or ends, `frame` its stack frame, or
// of the function that it was inlined into.
struct Hooks {
  void (*enter)(void* function, void* frame);
  void (*leave)(void* function, void* frame);
};

// Null: nobody listens. The compiler's hooks are functions of the whole
// process, so this is a variable of the whole process; only calltrace.cc
// writes it. Accessed atomically.
inline constinit const Hooks* hooks = nullptr;

}  // namespace bergen::backdoor::calltrace

#endif  // BACKDOOR_CALLTRACE_SLOT_H_
