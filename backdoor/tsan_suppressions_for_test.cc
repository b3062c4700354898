// SPDX-License-Identifier: Apache-2.0
//
// What the thread sanitizer gets wrong about Abseil, for tests that link this.
//
// A thread's first wait on a Mutex maps memory for the semaphore that others
// wake it by. They find it through the mutex's own word, which the sanitizer is
// told not to look at, so it takes the first wake-up for a race with the
// mapping.

#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_suppressions() {
  return "race:absl::*::synchronization_internal::Waiter::Post\n";
}
#endif
