// SPDX-License-Identifier: Apache-2.0
//
// Leads one process of those that share a store: the one that holds a key.
//
//   absl::StatusOr<std::unique_ptr<LeaseLeader>> leader = LeaseLeader::Start(
//       {.key = "/sync/purge", .holder = host}, std::move(store), clock, log);
//   if (!leader.ok()) return leader.status();
//   absl::Status added =
//       tasks.Add({.name = "purge", .leadership = leader->get()}, ...);
//
// For a store in etcd see EtcdLeader in etcd_leader.h.

#ifndef PERIODIC_LEASE_LEADER_H_
#define PERIODIC_LEASE_LEADER_H_

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "periodic/clock.h"
#include "periodic/leadership.h"
#include "periodic/lease_store.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

struct LeaseLeaderOptions {
  // Not empty; the same in all processes of which one is to lead.
  std::string key;
  // Whom others, and people, read there.
  std::string holder;
  // So long after it has died, another process leads. Whole seconds.
  absl::Duration lease = absl::Seconds(10);
  // A term ends so long before the lease may: work that is asked to end has
  // this long to do so. Positive, at most half of the lease.
  absl::Duration margin = absl::Seconds(2);
  // Between tries to lead. Positive.
  absl::Duration retry = absl::Seconds(1);
};

// Thread-safe. Tries to lead from when it is started, on a thread of its own.
class LeaseLeader : public Leadership {
 public:
  // InvalidArgument for options out of bounds, ResourceExhausted if the system
  // has no thread left. `clock` must go on while the process is stopped, as
  // RealClock does.
  static absl::StatusOr<std::unique_ptr<LeaseLeader>> Start(
      const LeaseLeaderOptions& options, std::unique_ptr<LeaseStore> store,
      Clock& clock, spdlog::logger& log);

  // Ends the term and gives the key up, so that another can lead at once. Work
  // should have ended before.
  ~LeaseLeader() override;

  std::optional<Term> Lead() override;

 private:
  LeaseLeader(const LeaseLeaderOptions& options,
              std::unique_ptr<LeaseStore> store, Clock& clock,
              spdlog::logger& log);

  void Run();
  // Tries once to lead and, if it can, does so until the term has ended.
  // An error is why it did not, or did no longer.
  absl::Status Campaign();
  absl::Status Serve(const LeaseStore::Lease& lease, absl::Time last_kept,
                     int64_t token);
  // Ends before the lease does, which was granted after `kept`.
  absl::Time TermEnd(absl::Time kept, absl::Duration lifetime) const {
    return kept + lifetime - options_.margin;
  }
  void BeginTerm(int64_t token, absl::Time end);
  void EndTerm();

  const LeaseLeaderOptions options_;
  const std::unique_ptr<LeaseStore> store_;
  Clock* const clock_;
  spdlog::logger* const log_;
  const absl::Duration timeout_;  // Of each call of the store.
  Event stop_;
  absl::Mutex mutex_;
  std::optional<Term> term_ ABSL_GUARDED_BY(mutex_);
  absl::Time end_ ABSL_GUARDED_BY(mutex_);         // Of `term_`.
  std::stop_source ends_ ABSL_GUARDED_BY(mutex_);  // Of `term_`.
  std::thread thread_;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LEASE_LEADER_H_
