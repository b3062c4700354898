// SPDX-License-Identifier: Apache-2.0
//
// What servers and clients have in common: versions, groups, application
// protocols, authorities.

#ifndef SSLUTILS_POLICY_H_
#define SSLUTILS_POLICY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "openssl/base.h"
#include "sslutils/certificates.h"

namespace bergen::sslutils {

// See `ServerContextOptions`.
absl::Status SetVersions(SSL_CTX* context, const std::string& version,
                         const std::string& min_version,
                         const std::string& max_version);

// Names, each behind a byte with its length, as the library takes them.
absl::StatusOr<std::string> EncodeAlpn(const std::vector<std::string>& names);

absl::Status UseIdentity(SSL_CTX* context, const Identity& identity);

// What streams rely on.
void SetModes(SSL_CTX* context);

}  // namespace bergen::sslutils

#endif  // SSLUTILS_POLICY_H_
