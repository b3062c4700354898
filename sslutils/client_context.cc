// SPDX-License-Identifier: Apache-2.0

#include "sslutils/client_context.h"

#include <arpa/inet.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "openssl/ssl.h"
#include "openssl/x509.h"
#include "openssl/x509v3.h"
#include "sslutils/certificates.h"
#include "sslutils/policy.h"
#include "sslutils/ssl_stream.h"

namespace bergen::sslutils {
namespace {

bool IsAddress(const std::string& host) {
  char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

class SslClientContext final
    : public ClientContext,
      public std::enable_shared_from_this<SslClientContext> {
 public:
  explicit SslClientContext(bssl::UniquePtr<SSL_CTX> context)
      : context_(std::move(context)) {}

  absl::StatusOr<std::unique_ptr<Stream>> Connect(
      int fd, absl::string_view host_view) const override {
    const std::string host(host_view);
    bssl::UniquePtr<SSL> ssl(SSL_new(context_.get()));
    const bool named =
        IsAddress(host)
            ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()),
                                            host.c_str()) == 1
            : !host.empty() && SSL_set1_host(ssl.get(), host.c_str()) == 1 &&
                  SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
    if (!named) {
      return absl::InvalidArgumentError(
          absl::StrCat("TLS: not a host name or address: \"", host, "\""));
    }
    SSL_set_connect_state(ssl.get());
    return std::make_unique<SslStream>(std::move(ssl), fd, shared_from_this());
  }

 private:
  bssl::UniquePtr<SSL_CTX> context_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const ClientContext>> ClientContext::Create(
    const ClientContextOptions& options) {
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  if (absl::Status set =
          SetVersions(context.get(), "", options.min_version, "");
      !set.ok()) {
    return set;
  }
  SetModes(context.get());
  absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> authorities =
      ReadCertificates("ca_file", options.ca_file);
  if (!authorities.ok()) return authorities.status();
  for (const bssl::UniquePtr<X509>& authority : *authorities) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get());
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (!options.cert_file.empty() || !options.key_file.empty()) {
    if (absl::Status both = CheckPair(options.cert_file, options.key_file);
        !both.ok()) {
      return both;
    }
    const absl::StatusOr<Identity> identity =
        ReadIdentity(options.cert_file, options.key_file);
    if (!identity.ok()) return identity.status();
    if (absl::Status used = UseIdentity(context.get(), *identity); !used.ok()) {
      return used;
    }
  }
  const absl::StatusOr<std::string> alpn = EncodeAlpn(options.alpn);
  if (!alpn.ok()) return alpn.status();
  SSL_CTX_set_alpn_protos(context.get(),
                          reinterpret_cast<const uint8_t*>(alpn->data()),
                          static_cast<unsigned>(alpn->size()));
  return std::make_shared<const SslClientContext>(std::move(context));
}

}  // namespace bergen::sslutils
