// SPDX-License-Identifier: Apache-2.0
//
// How long one client may keep the server waiting while bytes move to it or
// from it. No clock: whoever waits says how long it took.
//
//   Patience patience(absl::Seconds(60), 500);
//   if (!WaitUntilReadable(fd, patience.left())) return Timeout();
//   patience.Waited(took);
//   patience.Moved(bytes);
//
// Source: the `MinRate` of Apache's mod_reqtimeout. Time counts only while the
// server waits, so an application that takes its time costs its client nothing.

#ifndef WSGI_PATIENCE_H_
#define WSGI_PATIENCE_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace bergen::wsgi {

// A value; not thread-safe.
class Patience {
 public:
  // `silence`, positive, is the longest wait without a byte, and what all waits
  // together may exceed the time that `least_rate` bytes a second would need. A
  // rate of 0 asks for no more than that something moves.
  Patience(absl::Duration silence, uint64_t least_rate)
      : silence_(silence), least_rate_(least_rate), credit_(silence) {}

  // How long the next wait may be; zero if there is no more.
  absl::Duration left() const {
    const absl::Duration left =
        least_rate_ == 0 ? silence_ : std::min(silence_, credit_);
    return std::max(left, absl::ZeroDuration());
  }

  void Waited(absl::Duration time) { credit_ -= time; }
  void Moved(uint64_t bytes) {
    if (least_rate_ == 0) return;
    credit_ += absl::Seconds(static_cast<double>(bytes) /
                             static_cast<double>(least_rate_));
  }

 private:
  absl::Duration silence_;
  uint64_t least_rate_;
  absl::Duration credit_;
};

}  // namespace bergen::wsgi

#endif  // WSGI_PATIENCE_H_
