// SPDX-License-Identifier: Apache-2.0
//
// Who is at the other end of a TLS connection: what its certificate says, once
// it is verified. A value without behaviour.
//
//   std::optional<PeerCertificate> peer = stream->peer_certificate();
//   if (!peer.has_value()) return Anonymous();
//   if (absl::c_linear_search(peer->uris, "spiffe://example.org/admin")) ...

#ifndef SSLUTILS_PEER_CERTIFICATE_H_
#define SSLUTILS_PEER_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace bergen::sslutils {

// Names are compared whole: one with a byte that is no printable ASCII, which
// could deceive whoever compares or prints it, is left out of the lists.
struct PeerCertificate {
  // Distinguished names as in RFC 2253, the last part first:
  // `CN=alice,O=Example`. Special characters are escaped.
  std::string subject;
  std::string issuer;
  // The last CN of the subject, in UTF-8 and not escaped; empty if there is
  // none, or with control characters.
  std::string common_name;
  std::string serial;  // In upper-case hexadecimal digits.
  absl::Time not_before = absl::InfinitePast();
  absl::Time not_after = absl::InfiniteFuture();

  // Alternative names by their kind, in the order of the certificate.
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;  // `192.0.2.1`, `2001:db8::1`
  std::vector<std::string> uris;
  std::vector<std::string> emails;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_PEER_CERTIFICATE_H_
