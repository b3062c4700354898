// SPDX-License-Identifier: Apache-2.0
//
// Leads one process of a host: the one that has a file locked.
//
//   HostLock lock("/var/lib/sync/purge.lock", log);
//   absl::Status added = tasks.Add({.name = "purge", .leadership = &lock},
//   ...);
//
// A process that holds the lock keeps it until it ends, however it ends, or
// releases it; another then takes over at its next try.

#ifndef PERIODIC_HOST_LOCK_H_
#define PERIODIC_HOST_LOCK_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "periodic/leadership.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

// Thread-safe. The file, which is made when it is missing, for its owner only,
// has the token of the newest term: tokens grow as long as it is kept. On a
// disk of another host, locks may not work. flock(2)
//
// Made before a fork(), it leads in one of the processes at most, but a child
// that lives on keeps others from leading when its parent, who leads, has died.
class HostLock : public Leadership {
 public:
  HostLock(absl::string_view path, spdlog::logger& log);
  ~HostLock() override;

  // Errors, such as a file that is not ours to open or has no token in it, are
  // logged when they change, and mean that this process does not lead. If the
  // file is removed or replaced, the term ends.
  std::optional<Term> Lead() override;

  // Ends the term, if there is one. Work should have ended before.
  void Release();

 private:
  // The token of a new term, or nothing if another process has the lock.
  absl::StatusOr<std::optional<int64_t>> Lock()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<int64_t> WriteNextToken()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the file that is open is that of the path.
  bool IsInPlace() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Error(absl::string_view text) const;

  const std::string path_;
  spdlog::logger* const log_;
  absl::Mutex mutex_;
  int fd_ ABSL_GUARDED_BY(mutex_) = -1;
  pid_t owner_ ABSL_GUARDED_BY(mutex_) = 0;  // Has opened `fd_`.
  std::optional<Term> term_ ABSL_GUARDED_BY(mutex_);
  std::stop_source ends_ ABSL_GUARDED_BY(mutex_);  // Of `term_`.
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bergen::periodic

#endif  // PERIODIC_HOST_LOCK_H_
