// SPDX-License-Identifier: Apache-2.0
//
// Owns one file descriptor.
//
//   bergen::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
//   if (!fd.ok()) return absl::ErrnoToStatus(errno, path);

#ifndef SERVICE_UNIQUE_FD_H_
#define SERVICE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace bergen {

// Not thread-safe. Closes what it holds when destroyed.
class UniqueFd {
 public:
  UniqueFd() = default;
  // Takes `fd`; a negative value means that nothing is held.
  explicit UniqueFd(int fd) : fd_(fd) {}

  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }

  // Gives the descriptor up; the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace bergen

#endif  // SERVICE_UNIQUE_FD_H_
