// SPDX-License-Identifier: Apache-2.0
//
// Makes code tell of its calls. Given to the compiler, which must be GCC, with
//
//   -finstrument-functions -include backdoor/calltrace_hooks.h
//
// GCC then calls the two functions below at the begin and at each end of every
// function, the ends by exceptions included. Since they are defined before the
// code, it also inlines them, so that a call costs a load and a branch while
// nobody listens.

#ifndef BACKDOOR_CALLTRACE_HOOKS_H_
#define BACKDOOR_CALLTRACE_HOOKS_H_

#include "backdoor/calltrace_slot.h"

extern "C" {

// That it exists says that the program has such code.
[[gnu::used]] inline const char bergen_calltrace_compiled_in = 1;

// NOLINTBEGIN(bugprone-reserved-identifier): the names are GCC's.
[[gnu::always_inline, gnu::no_instrument_function]] inline void
__cyg_profile_func_enter(void* function, void* /*call_site*/) {
  const auto* hooks =
      __atomic_load_n(&bergen::backdoor::calltrace::hooks, __ATOMIC_RELAXED);
  if (__builtin_expect(hooks != nullptr, 0)) {
    hooks->enter(function, __builtin_frame_address(0));
  }
}

[[gnu::always_inline, gnu::no_instrument_function]] inline void
__cyg_profile_func_exit(void* function, void* /*call_site*/) {
  const auto* hooks =
      __atomic_load_n(&bergen::backdoor::calltrace::hooks, __ATOMIC_RELAXED);
  if (__builtin_expect(hooks != nullptr, 0)) {
    hooks->leave(function, __builtin_frame_address(0));
  }
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"

#endif  // BACKDOOR_CALLTRACE_HOOKS_H_
