// SPDX-License-Identifier: Apache-2.0
//
// Wakes a thread out of poll.
//
//   poll({{waker.fd(), POLLIN, 0}, ...});
//   waker.Clear();

#ifndef SERVICE_WAKER_H_
#define SERVICE_WAKER_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "service/unique_fd.h"

namespace bergen {

// Thread-safe.
class Waker {
 public:
  Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  // False if there was no descriptor; then nothing wakes.
  bool ok() const { return fd_.ok(); }
  // Readable from `Wake` to `Clear`.
  int fd() const { return fd_.get(); }

  void Wake() {
    const uint64_t one = 1;
    // Fails only if it is full, and so awake.
    [[maybe_unused]] const ssize_t written =
        write(fd_.get(), &one, sizeof(one));
  }

  void Clear() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(fd_.get(), &count, sizeof(count));
  }

 private:
  UniqueFd fd_;
};

}  // namespace bergen

#endif  // SERVICE_WAKER_H_
