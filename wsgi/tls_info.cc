// SPDX-License-Identifier: Apache-2.0

#include "wsgi/tls_info.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace bergen::wsgi {
namespace {

using sslutils::PeerCertificate;

struct Variable {
  absl::string_view key;
  // Empty: not there.
  absl::string_view (*value)(const TlsInfo& info);
};

constexpr Variable kVariables[] = {
    {"SSL_PROTOCOL",
     [](const TlsInfo& info) -> absl::string_view { return info.protocol; }},
    {"SSL_CIPHER",
     [](const TlsInfo& info) -> absl::string_view { return info.cipher; }},
    {"SSL_TLS_SNI",
     [](const TlsInfo& info) -> absl::string_view { return info.server_name; }},
    {"SSL_SERVER_NAME",
     [](const TlsInfo& info) -> absl::string_view { return info.server_name; }},
    {"SSL_SESSION_RESUMED",
     [](const TlsInfo& info) -> absl::string_view {
       return info.resumed ? "Resumed" : "Initial";
     }},
    {"SSL_CLIENT_VERIFY",
     [](const TlsInfo& info) -> absl::string_view {
       return info.client.has_value() ? "SUCCESS" : "NONE";
     }},
};

struct ClientVariable {
  absl::string_view key;
  std::string PeerCertificate::*value;  // Empty: not there.
};

constexpr ClientVariable kClientVariables[] = {
    {"SSL_CLIENT_S_DN", &PeerCertificate::subject},
    {"SSL_CLIENT_S_DN_CN", &PeerCertificate::common_name},
    {"SSL_CLIENT_I_DN", &PeerCertificate::issuer},
    {"SSL_CLIENT_M_SERIAL", &PeerCertificate::serial},
};

struct AltNames {
  absl::string_view prefix;
  std::vector<std::string> PeerCertificate::*names;
};

constexpr AltNames kAltNames[] = {
    {"SSL_CLIENT_SAN_DNS_", &PeerCertificate::dns_names},
    {"SSL_CLIENT_SAN_Email_", &PeerCertificate::emails},
    {"SSL_CLIENT_SAN_URI_", &PeerCertificate::uris},
    {"SSL_CLIENT_SAN_IP_", &PeerCertificate::ip_addresses},
};

}  // namespace

std::optional<absl::string_view> TlsVariable(const TlsInfo& info,
                                             absl::string_view key) {
  std::optional<absl::string_view> found;
  if (!absl::StartsWith(key, "SSL_")) return found;
  ForEachTlsVariable(info,
                     [&](absl::string_view candidate, absl::string_view value) {
                       if (candidate == key) found = value;
                     });
  return found;
}

void ForEachTlsVariable(
    const TlsInfo& info,
    absl::FunctionRef<void(absl::string_view, absl::string_view)> visit) {
  for (const Variable& variable : kVariables) {
    const absl::string_view value = variable.value(info);
    if (!value.empty()) visit(variable.key, value);
  }
  if (!info.client.has_value()) return;
  for (const ClientVariable& variable : kClientVariables) {
    const std::string& value = (*info.client).*variable.value;
    if (!value.empty()) visit(variable.key, value);
  }
  for (const AltNames& kind : kAltNames) {
    const std::vector<std::string>& names = (*info.client).*kind.names;
    for (size_t i = 0; i < names.size(); ++i) {
      visit(absl::StrCat(kind.prefix, i), names[i]);
    }
  }
}

}  // namespace bergen::wsgi
