// SPDX-License-Identifier: Apache-2.0

#include "sslutils/policy.h"

#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "openssl/ssl.h"
#include "sslutils/ssl_error.h"

namespace bergen::sslutils {
namespace {

// Longest name of an application protocol (RFC 7301, 3.1).
constexpr size_t kMaxAlpnName = 255;

absl::StatusOr<uint16_t> VersionNumber(absl::string_view option,
                                       const std::string& text) {
  struct Version {
    absl::string_view name;
    uint16_t number;
  };
  constexpr Version kVersions[] = {
      {"tlsv1", TLS1_VERSION},
      {"tlsv1_1", TLS1_1_VERSION},
      {"tlsv1_2", TLS1_2_VERSION},
      {"tlsv1_3", TLS1_3_VERSION},
  };
  const std::string wanted = absl::AsciiStrToLower(text);
  for (const Version& version : kVersions) {
    if (version.name == wanted) return version.number;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": unknown protocol \"", text, "\"; known are ",
                   option == "version" ? "sslv23, " : "",
                   "tlsv1, tlsv1_1, tlsv1_2, tlsv1_3"));
}

}  // namespace

absl::Status SetVersions(SSL_CTX* context, const std::string& version,
                         const std::string& min_version,
                         const std::string& max_version) {
  uint16_t min = TLS1_2_VERSION;
  uint16_t max = TLS1_3_VERSION;
  const bool pins =
      !version.empty() && absl::AsciiStrToLower(version) != "sslv23";
  if (pins) {
    const absl::StatusOr<uint16_t> number = VersionNumber("version", version);
    if (!number.ok()) return number.status();
    min = max = *number;
    if (!min_version.empty() || !max_version.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("version: \"", version,
                       "\" pins one, so min_version and max_version must not "
                       "be set"));
    }
  }
  if (!min_version.empty()) {
    const absl::StatusOr<uint16_t> number =
        VersionNumber("min_version", min_version);
    if (!number.ok()) return number.status();
    min = *number;
  }
  if (!max_version.empty()) {
    const absl::StatusOr<uint16_t> number =
        VersionNumber("max_version", max_version);
    if (!number.ok()) return number.status();
    max = *number;
  }
  if (min > max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "min_version: is above max_version: ",
        min_version.empty() ? "tlsv1_2" : min_version, ", ", max_version));
  }
  SSL_CTX_set_min_proto_version(context, min);
  SSL_CTX_set_max_proto_version(context, max);
  return absl::OkStatus();
}

absl::StatusOr<std::string> EncodeAlpn(const std::vector<std::string>& names) {
  std::string encoded;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kMaxAlpnName) {
      return absl::InvalidArgumentError(absl::StrCat(
          "alpn: a name has 1 to ", kMaxAlpnName, " bytes, got ", name.size()));
    }
    encoded += static_cast<char>(name.size());
    encoded += name;
  }
  return encoded;
}

absl::Status UseIdentity(SSL_CTX* context, const Identity& identity) {
  if (SSL_CTX_use_certificate(context, identity.chain[0].get()) != 1) {
    return SslError("cert_file", "certificate refused");
  }
  for (size_t i = 1; i < identity.chain.size(); ++i) {
    SSL_CTX_add1_chain_cert(context, identity.chain[i].get());
  }
  if (SSL_CTX_use_PrivateKey(context, identity.key.get()) != 1) {
    return SslError("key_file", "key refused");
  }
  return absl::OkStatus();
}

void SetModes(SSL_CTX* context) {
  // The caller polls, and its buffers may move between two calls.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

}  // namespace bergen::sslutils
