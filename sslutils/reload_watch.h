// SPDX-License-Identifier: Apache-2.0
//
// Has a context take over changed files while it is in use, and tells the log
// of that, and of certificates that are about to expire.
//
//   ReloadWatch watch(context, "http", log);
//   watch.WarnOfExpiry(absl::Now());
//   ...
//   watch.Look(now);  // Whenever a connection comes.
//   auto stream = context.Accept(fd);

#ifndef SSLUTILS_RELOAD_WATCH_H_
#define SSLUTILS_RELOAD_WATCH_H_

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "spdlog/fwd.h"
#include "sslutils/expiry_watch.h"
#include "sslutils/server_context.h"

namespace bergen::sslutils {

// Thread-safe.
class ReloadWatch {
 public:
  // `context` and `log` must outlive it; `name` is who uses it, for the log.
  ReloadWatch(ServerContext& context, std::string name, spdlog::logger& log)
      : context_(&context), name_(std::move(name)), log_(&log) {}

  // Looks at the files, unless it has within the last second. `now` is by any
  // clock that is not set. What is wrong with changed files is logged; then
  // the context stays as it was. Returns whether it is another now.
  bool Look(absl::Duration now);

  // Logs a warning some days before the first certificate expires, and then
  // once a day; `Look` does that too. `now` is the time of day.
  void WarnOfExpiry(absl::Time now);

 private:
  ServerContext* const context_;
  const std::string name_;
  spdlog::logger* const log_;

  absl::Mutex mutex_;
  absl::Duration looked_at_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  ExpiryWatch expiry_ ABSL_GUARDED_BY(mutex_){absl::Hours(24 * 14)};
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_RELOAD_WATCH_H_
