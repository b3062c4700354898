// SPDX-License-Identifier: Apache-2.0

#include "periodic/host_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {
namespace {

// Always as many bytes, so that a token is replaced as a whole.
constexpr int kTokenDigits = 19;
constexpr int kFileBytes = kTokenDigits + 1;

}  // namespace

HostLock::HostLock(absl::string_view path, spdlog::logger& log)
    : path_(path), log_(&log) {}

HostLock::~HostLock() { Release(); }

std::optional<Term> HostLock::Lead() {
  std::optional<std::stop_source> lost;
  std::optional<Term> term;
  {
    const absl::MutexLock lock(&mutex_);
    if (fd_ >= 0 && owner_ != getpid()) {
      // The lock is that of the process which made this one.
      Close();
      term_.reset();
    }
    if (term_.has_value() && !IsInPlace()) {
      log_->error("{}: removed or replaced while it was locked", path_);
      lost.emplace(ends_);
      term_.reset();
      Close();
    }
    if (!term_.has_value()) {
      const absl::StatusOr<std::optional<int64_t>> token = Lock();
      if (!token.ok() && token.status() != last_error_) {
        log_->error("{}", token.status().ToString());
      }
      last_error_ = token.status();
      if (token.ok() && token->has_value()) {
        ends_ = std::stop_source();
        term_ = Term{.fencing_token = **token, .ends = ends_.get_token()};
        log_->info("{}: locked, term {}", path_, **token);
      }
    }
    term = term_;
  }
  // Without the lock: it may call who knows what.
  if (lost.has_value()) lost->request_stop();
  return term;
}

void HostLock::Release() {
  std::optional<std::stop_source> ends;
  {
    const absl::MutexLock lock(&mutex_);
    if (term_.has_value() && owner_ == getpid()) ends.emplace(ends_);
  }
  if (ends.has_value()) ends->request_stop();
  const absl::MutexLock lock(&mutex_);
  term_.reset();
  Close();
}

absl::StatusOr<std::optional<int64_t>> HostLock::Lock() {
  if (fd_ < 0) {
    absl::Status opened = Open();
    if (!opened.ok()) return opened;
  }
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) {
      // Whoever has it may have a file that was removed.
      if (!IsInPlace()) Close();
      return std::nullopt;
    }
    return Error(std::strerror(errno));
  }
  if (!IsInPlace()) {
    Close();
    return std::nullopt;
  }
  absl::StatusOr<int64_t> token = WriteNextToken();
  if (!token.ok()) {
    Close();
    return token.status();
  }
  return *token;
}

absl::Status HostLock::Open() {
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return Error(std::strerror(errno));
  owner_ = getpid();
  struct stat status;
  if (fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) {
    return absl::OkStatus();
  }
  Close();
  return Error("is no file");
}

absl::StatusOr<int64_t> HostLock::WriteNextToken() {
  char text[kFileBytes + 1];
  const ssize_t size = pread(fd_, text, sizeof(text), 0);
  if (size < 0) return Error(std::strerror(errno));
  int64_t token = 0;
  const bool is_token =
      size == kFileBytes && text[kTokenDigits] == '\n' &&
      absl::SimpleAtoi(absl::string_view(text, kTokenDigits), &token) &&
      token >= 0 && token < std::numeric_limits<int64_t>::max();
  // Beginning anew would give tokens that have been given before.
  if (size != 0 && !is_token) return Error("has no token in it");
  ++token;
  const std::string written = absl::StrFormat("%0*d\n", kTokenDigits, token);
  if (pwrite(fd_, written.data(), written.size(), 0) != kFileBytes ||
      fdatasync(fd_) != 0) {
    return Error(std::strerror(errno));
  }
  return token;
}

bool HostLock::IsInPlace() const {
  struct stat open_file;
  struct stat named_file;
  return fstat(fd_, &open_file) == 0 &&
         lstat(path_.c_str(), &named_file) == 0 &&
         open_file.st_dev == named_file.st_dev &&
         open_file.st_ino == named_file.st_ino;
}

void HostLock::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status HostLock::Error(absl::string_view text) const {
  return absl::FailedPreconditionError(absl::StrCat(path_, ": ", text));
}

}  // namespace bergen::periodic
