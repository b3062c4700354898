// SPDX-License-Identifier: Apache-2.0
//
// Starts a thread that tools can tell by its name, without exceptions.
//
//   absl::StatusOr<std::thread> thread = StartThread("heartbeat", [] { ... });
//   if (!thread.ok()) return thread.status();

#ifndef PERIODIC_NAMED_THREAD_H_
#define PERIODIC_NAMED_THREAD_H_

#include <functional>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::periodic {

// The system shows the first 15 bytes of `name`. ResourceExhausted if it has no
// thread left.
absl::StatusOr<std::thread> StartThread(absl::string_view name,
                                        std::function<void()> body);

}  // namespace bergen::periodic

#endif  // PERIODIC_NAMED_THREAD_H_
