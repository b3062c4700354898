// SPDX-License-Identifier: Apache-2.0
//
// The launcher's edge to signals: they are read like any other input.

#ifndef LAUNCHER_SIGNALS_H_
#define LAUNCHER_SIGNALS_H_

#include <vector>

namespace bergen::launcher {

// Used by one thread.
class Signals {
 public:
  virtual ~Signals() = default;

  // Readable while signals wait to be taken.
  virtual int fd() const = 0;

  // The signals that have come since the last call; empty if none. The same
  // signal, sent several times in between, may be reported once.
  virtual std::vector<int> Take() = 0;
};

}  // namespace bergen::launcher

#endif  // LAUNCHER_SIGNALS_H_
