// SPDX-License-Identifier: Apache-2.0

#include "sslutils/reload_watch.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "spdlog/spdlog.h"

namespace bergen::sslutils {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);

}  // namespace

bool ReloadWatch::Look(absl::Duration now) {
  {
    absl::MutexLock lock(&mutex_);
    if (now - looked_at_ < kInterval) return false;
    looked_at_ = now;
  }
  const std::optional<absl::Status> reloaded = context_->ReloadIfChanged();
  const bool changed = reloaded.has_value() && reloaded->ok();
  if (changed) {
    log_->info("{}: took over changed TLS files", name_);
  } else if (reloaded.has_value()) {
    log_->error("{}: changed TLS files are not used: {}", name_,
                reloaded->ToString());
  }
  WarnOfExpiry(absl::Now());
  return changed;
}

void ReloadWatch::WarnOfExpiry(absl::Time now) {
  const absl::Time expires = context_->expires();
  {
    absl::MutexLock lock(&mutex_);
    if (!expiry_.ShouldWarn(now, expires)) return;
  }
  log_->warn("{}: a certificate expires, or has expired, at {}", name_,
             absl::FormatTime(expires, absl::UTCTimeZone()));
}

}  // namespace bergen::sslutils
