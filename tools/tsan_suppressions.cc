// SPDX-License-Identifier: Apache-2.0
//
// What thread sanitizer reports and is none of our races.

// Abseil 20220623 gives a blocked thread its semaphore in memory that it maps
// itself, while TSan's view of that thread is switched off. The
// thread that wakes it then seems to race with the mapping; later Abseil
// annotates this (Mutex::IncrementSynchSem).
extern "C" const char* __tsan_default_suppressions() {  // NOLINT: TSan's name.
  return "race:absl::debian3::synchronization_internal::Waiter::Post\n";
}
