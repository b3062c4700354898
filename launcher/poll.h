// SPDX-License-Identifier: Apache-2.0
//
// The wait of the loops here, which nothing must end but what they wait for.

#ifndef LAUNCHER_POLL_H_
#define LAUNCHER_POLL_H_

#include <poll.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "periodic/clock.h"

namespace bergen::launcher {

// Blocks until one of `fds` is ready, a signal is handled, or `deadline` has
// come. After an error of the system, for lack of memory above all, it has
// waited for 10 ms, or until `deadline`, and no `revents` is set: whoever then
// looks at everything and calls again goes on, if slowly.
absl::Status PollUntil(absl::Span<pollfd> fds, absl::Time deadline,
                       const periodic::Clock& clock);

}  // namespace bergen::launcher

#endif  // LAUNCHER_POLL_H_
