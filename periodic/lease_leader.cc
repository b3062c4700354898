// SPDX-License-Identifier: Apache-2.0

#include "periodic/lease_leader.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "periodic/named_thread.h"
#include "spdlog/spdlog.h"

namespace bergen::periodic {
namespace {

absl::Status Check(const LeaseLeaderOptions& options) {
  if (options.key.empty()) {
    return absl::InvalidArgumentError("leader: has no key");
  }
  if (options.lease < absl::Seconds(1) ||
      options.lease % absl::Seconds(1) != absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "leader ", options.key, ": lease ", absl::FormatDuration(options.lease),
        " is not in whole seconds"));
  }
  if (options.margin <= absl::ZeroDuration() ||
      options.margin > options.lease / 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("leader ", options.key, ": margin ",
                     absl::FormatDuration(options.margin),
                     " must be positive, and at most half of the lease ",
                     absl::FormatDuration(options.lease)));
  }
  if (options.retry <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("leader ", options.key, ": retry ",
                     absl::FormatDuration(options.retry), " must be positive"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<LeaseLeader>> LeaseLeader::Start(
    const LeaseLeaderOptions& options, std::unique_ptr<LeaseStore> store,
    Clock& clock, spdlog::logger& log) {
  absl::Status checked = Check(options);
  if (!checked.ok()) return checked;
  std::unique_ptr<LeaseLeader> leader =
      absl::WrapUnique(new LeaseLeader(options, std::move(store), clock, log));
  absl::StatusOr<std::thread> thread =
      StartThread("leader", [self = leader.get()] { self->Run(); });
  if (!thread.ok()) return thread.status();
  leader->thread_ = *std::move(thread);
  return leader;
}

LeaseLeader::LeaseLeader(const LeaseLeaderOptions& options,
                         std::unique_ptr<LeaseStore> store, Clock& clock,
                         spdlog::logger& log)
    : options_(options),
      store_(std::move(store)),
      clock_(&clock),
      log_(&log),
      timeout_((options.lease - options.margin) / 3) {}

LeaseLeader::~LeaseLeader() {
  stop_.Set();
  store_->Cancel();
  if (thread_.joinable()) thread_.join();
}

std::optional<Term> LeaseLeader::Lead() {
  const absl::MutexLock lock(&mutex_);
  // The thread may not have had the time to end it: the process may have been
  // stopped.
  if (clock_->Now() >= end_) return std::nullopt;
  return term_;
}

void LeaseLeader::Run() {
  absl::Status last;
  do {
    const absl::Status result = Campaign();
    if (!result.ok() && result.code() != last.code() && !stop_.IsSet()) {
      log_->warn("leader {}: {}", options_.key, result.ToString());
    }
    last = result;
  } while (!clock_->WaitUntil(stop_, clock_->Now() + options_.retry));
}

absl::Status LeaseLeader::Campaign() {
  const absl::StatusOr<bool> held = store_->IsHeld(options_.key, timeout_);
  if (!held.ok()) return held.status();
  if (*held) return absl::OkStatus();
  const absl::Time begin = clock_->Now();
  const absl::StatusOr<LeaseStore::Lease> lease =
      store_->Grant(options_.lease, timeout_);
  if (!lease.ok()) return lease.status();
  const absl::StatusOr<std::optional<int64_t>> token =
      store_->Hold(options_.key, options_.holder, lease->id, timeout_);
  absl::Status result = token.status();
  if (token.ok() && token->has_value()) {
    result = Serve(*lease, begin, **token);
  }
  // Else the key would be held, perhaps by this lease, until the lease ends by
  // itself.
  store_->Revoke(lease->id, timeout_).IgnoreError();
  return result;
}

absl::Status LeaseLeader::Serve(const LeaseStore::Lease& lease,
                                absl::Time last_kept, int64_t token) {
  absl::Time end = TermEnd(last_kept, lease.lifetime);
  BeginTerm(token, end);
  absl::Time renewal = last_kept + timeout_;
  absl::Status result;
  while (!clock_->WaitUntil(stop_, std::min(renewal, end))) {
    const absl::Time now = clock_->Now();
    if (now >= end) {
      if (result.ok()) result = absl::DeadlineExceededError("too late");
      result = absl::Status(
          result.code(),
          absl::StrCat("the lease could not be kept: ", result.message()));
      break;
    }
    const absl::StatusOr<absl::Duration> lifetime =
        store_->KeepAlive(lease.id, std::min(timeout_, end - now));
    result = lifetime.status();
    if (lifetime.ok()) {
      end = TermEnd(now, *lifetime);
      renewal = now + timeout_;
      const absl::MutexLock lock(&mutex_);
      end_ = end;
    } else if (absl::IsNotFound(result)) {
      break;
    } else {
      renewal = clock_->Now() + timeout_ / 4;
    }
  }
  EndTerm();
  return result;
}

void LeaseLeader::BeginTerm(int64_t token, absl::Time end) {
  log_->info("leader {}: leads, term {}", options_.key, token);
  const absl::MutexLock lock(&mutex_);
  ends_ = std::stop_source();
  term_ = Term{.fencing_token = token, .ends = ends_.get_token()};
  end_ = end;
}

void LeaseLeader::EndTerm() {
  int64_t token;
  std::optional<std::stop_source> ends;
  {
    const absl::MutexLock lock(&mutex_);
    token = term_->fencing_token;
    term_.reset();
    ends.emplace(ends_);
  }
  // Without the lock: it may call who knows what.
  ends->request_stop();
  log_->info("leader {}: leads no more, term {}", options_.key, token);
}

}  // namespace bergen::periodic
