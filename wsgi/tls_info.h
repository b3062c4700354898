// SPDX-License-Identifier: Apache-2.0
//
// What a TLS handshake agreed on and proved, as applications see it: typed, and
// as the variables of an environ that Apache's mod_ssl sets.
//
//   SSL_PROTOCOL          `TLSv1.3`
//   SSL_CIPHER            `TLS_AES_128_GCM_SHA256`
//   SSL_TLS_SNI           the host name that the client asked for, if any; also
//   SSL_SERVER_NAME       as nginx calls it
//   SSL_SESSION_RESUMED   `Initial` or `Resumed`
//   SSL_CLIENT_VERIFY     `SUCCESS`, or `NONE` without a client's certificate,
//                         when the rest is not there
//   SSL_CLIENT_S_DN, SSL_CLIENT_I_DN          subject and issuer
//   SSL_CLIENT_S_DN_CN                        the subject's name, if any
//   SSL_CLIENT_M_SERIAL
//   SSL_CLIENT_SAN_DNS_0, SSL_CLIENT_SAN_Email_0, ...
//   SSL_CLIENT_SAN_URI_0, SSL_CLIENT_SAN_IP_0, ...     which mod_ssl lacks
//
// A client cannot set them: what it sends in headers begins with HTTP_.

#ifndef WSGI_TLS_INFO_H_
#define WSGI_TLS_INFO_H_

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "sslutils/peer_certificate.h"

namespace bergen::wsgi {

// See `sslutils::Stream` for what they mean.
struct TlsInfo {
  std::string protocol;
  std::string cipher;
  std::string server_name;
  bool resumed = false;
  // Nothing unless the server asks for certificates.
  std::optional<sslutils::PeerCertificate> client;
};

// Lives as long as `info`.
std::optional<absl::string_view> TlsVariable(const TlsInfo& info,
                                             absl::string_view key);

void ForEachTlsVariable(
    const TlsInfo& info,
    absl::FunctionRef<void(absl::string_view key, absl::string_view value)>
        visit);

}  // namespace bergen::wsgi

#endif  // WSGI_TLS_INFO_H_
