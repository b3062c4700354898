// SPDX-License-Identifier: Apache-2.0
//
// Certificates, keys and revocation lists read from files and checked.
//
//   absl::StatusOr<Identity> identity = ReadIdentity(files);
//   if (!identity.ok()) return identity.status();
//   SSL_CTX_use_certificate(context, identity->chain[0].get());

#ifndef SSLUTILS_CERTIFICATES_H_
#define SSLUTILS_CERTIFICATES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "openssl/base.h"
#include "sslutils/peer_certificate.h"

namespace bergen::sslutils {

// The text of a file. The system's error, NotFound or PermissionDenied above
// all, names `option` and the file; FailedPrecondition if it is a directory.
absl::StatusOr<std::string> ReadFile(absl::string_view option,
                                     const std::string& path);

// At least one certificate, in the file's order. InvalidArgument if the file
// holds none, or one that is broken.
absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> ReadCertificates(
    absl::string_view option, const std::string& path);

// At least one list of revoked certificates.
absl::StatusOr<std::vector<bssl::UniquePtr<X509_CRL>>> ReadRevocations(
    absl::string_view option, const std::string& path);

// InvalidArgument unless both files are named.
absl::Status CheckPair(absl::string_view cert_file, absl::string_view key_file);

// A chain, leaf first, and the leaf's key.
struct Identity {
  std::vector<bssl::UniquePtr<X509>> chain;
  bssl::UniquePtr<EVP_PKEY> key;
  // In which all of the chain is valid.
  absl::Time not_before = absl::InfinitePast();
  absl::Time not_after = absl::InfiniteFuture();
};

// InvalidArgument if the key does not match, or a certificate of the chain did
// not sign the one before it. Whether it is expired is left to the caller.
absl::StatusOr<Identity> ReadIdentity(const std::string& cert_file,
                                      const std::string& key_file);

PeerCertificate Describe(const X509* certificate);

// The host names that a server with this certificate answers to, in lower
// case, `*.` included; the common name if there are no alternative names.
std::vector<std::string> HostNames(const X509* certificate);

}  // namespace bergen::sslutils

#endif  // SSLUTILS_CERTIFICATES_H_
