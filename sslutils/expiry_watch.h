// SPDX-License-Identifier: Apache-2.0
//
// Says when somebody should be told that a certificate is about to expire: for
// the first time some days before, then once a day. Does nothing itself.
//
//   if (watch.ShouldWarn(absl::Now(), context.expires())) log.warn(...);

#ifndef SSLUTILS_EXPIRY_WATCH_H_
#define SSLUTILS_EXPIRY_WATCH_H_

#include "absl/time/time.h"

namespace bergen::sslutils {

// Not thread-safe.
class ExpiryWatch {
 public:
  // The first warning comes `before` the certificate expires.
  explicit ExpiryWatch(absl::Duration before) : before_(before) {}

  // If it is true, the caller warns. A certificate that expires at another
  // moment than the last is a new one, of which nobody has been told.
  bool ShouldWarn(absl::Time now, absl::Time expires) {
    if (expires != expires_) {
      expires_ = expires;
      warned_ = absl::InfinitePast();
    }
    if (expires - now > before_ || now - warned_ < kInterval) return false;
    warned_ = now;
    return true;
  }

 private:
  static constexpr absl::Duration kInterval = absl::Hours(24);

  absl::Duration before_;
  absl::Time expires_ = absl::InfiniteFuture();  // Of the last call.
  absl::Time warned_ = absl::InfinitePast();
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_EXPIRY_WATCH_H_
