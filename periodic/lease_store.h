// SPDX-License-Identifier: Apache-2.0
//
// A store that several processes share, in which a key may be held for as long
// as a lease is kept alive. LeaseLeader leads by it.

#ifndef PERIODIC_LEASE_STORE_H_
#define PERIODIC_LEASE_STORE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bergen::periodic {

// Calls block, up to their `timeout`, and fail with Unavailable,
// DeadlineExceeded or the like when the store does not answer; it is then not
// known whether it has done what it was asked. Used by one thread at a time,
// but for `Cancel`.
class LeaseStore {
 public:
  struct Lease {
    int64_t id;
    // From when it was granted, or kept alive, to when it ends by itself.
    absl::Duration lifetime;
  };

  virtual ~LeaseStore() = default;

  // `lifetime` is in whole seconds; the store may give a longer one.
  virtual absl::StatusOr<Lease> Grant(absl::Duration lifetime,
                                      absl::Duration timeout) = 0;
  // The lifetime from now on. NotFound if the lease has ended.
  virtual absl::StatusOr<absl::Duration> KeepAlive(int64_t lease,
                                                   absl::Duration timeout) = 0;
  // Ends a lease: keys that are held by it are free.
  virtual absl::Status Revoke(int64_t lease, absl::Duration timeout) = 0;

  virtual absl::StatusOr<bool> IsHeld(absl::string_view key,
                                      absl::Duration timeout) = 0;
  // Holds a free `key` by `lease`; `holder` is what others read there. Returns
  // a number that is greater than for all who have held a key before, or
  // nothing if the key is held.
  virtual absl::StatusOr<std::optional<int64_t>> Hold(
      absl::string_view key, absl::string_view holder, int64_t lease,
      absl::Duration timeout) = 0;

  // A call that is in progress in another thread fails soon, with Cancelled.
  virtual void Cancel() = 0;
};

}  // namespace bergen::periodic

#endif  // PERIODIC_LEASE_STORE_H_
