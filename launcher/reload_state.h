// SPDX-License-Identifier: Apache-2.0
//
// How far reloads have come, and how the last of them ended.

#ifndef LAUNCHER_RELOAD_STATE_H_
#define LAUNCHER_RELOAD_STATE_H_

#include <cstdint>

#include "absl/status/status.h"

namespace bergen::launcher {

// What SIGHUP or `Launcher::Restart` began, mutations included. One that is
// asked for when `begun` is N is the reload N + 1; several that were asked for
// during another are one.
struct ReloadState {
  uint64_t begun = 0;
  uint64_t ended = 0;  // Equal to `begun` unless one is under way.
  // Of the last that ended: why the old values or workers went on, or OK.
  absl::Status verdict;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_RELOAD_STATE_H_
