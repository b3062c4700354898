// SPDX-License-Identifier: Apache-2.0

#include "sslutils/server_context.h"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/pem.h"
#include "openssl/ssl.h"
#include "openssl/x509.h"
#include "sslutils/ssl_error.h"
#include "sslutils/ssl_stream.h"

namespace bergen::sslutils {
namespace {

// Longest name of an application protocol (RFC 7301, 3.1).
constexpr size_t kMaxAlpnName = 255;

class SslServerContext final
    : public ServerContext,
      public std::enable_shared_from_this<SslServerContext> {
 public:
  SslServerContext(bssl::UniquePtr<SSL_CTX> context, std::string alpn)
      : context_(std::move(context)), alpn_(std::move(alpn)) {
    if (alpn_.empty()) return;
    SSL_CTX_set_alpn_select_cb(context_.get(), &SelectAlpn, this);
  }

  std::unique_ptr<Stream> Accept(int fd) const override {
    bssl::UniquePtr<SSL> ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), fd);
    SSL_set_accept_state(ssl.get());
    return std::make_unique<SslStream>(std::move(ssl), shared_from_this());
  }

 private:
  // The first of ours that the client offers. None in common: the connection
  // goes on without ALPN, as for a client that does not know it.
  static int SelectAlpn(SSL* /*ssl*/, const uint8_t** out, uint8_t* out_size,
                        const uint8_t* offered, unsigned offered_size,
                        void* self) {
    const std::string& ours = static_cast<const SslServerContext*>(self)->alpn_;
    uint8_t* selected = nullptr;
    const int result = SSL_select_next_proto(
        &selected, out_size, reinterpret_cast<const uint8_t*>(ours.data()),
        static_cast<unsigned>(ours.size()), offered, offered_size);
    if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
  }

  bssl::UniquePtr<SSL_CTX> context_;
  std::string alpn_;  // Names, each behind a byte with its length.
};

absl::StatusOr<std::string> ReadFile(absl::string_view option,
                                     const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  if (file.good() || file.eof()) return text;
  return absl::ErrnoToStatus(
      errno == 0 ? EIO : errno,
      absl::StrCat(option, ": cannot read \"", path, "\""));
}

bssl::UniquePtr<BIO> AsBio(const std::string& text) {
  return bssl::UniquePtr<BIO>(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> ReadCertificates(
    absl::string_view option, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(option, path);
  if (!text.ok()) return text.status();

  const bssl::UniquePtr<BIO> bio = AsBio(*text);
  std::vector<bssl::UniquePtr<X509>> certificates;
  while (X509* certificate =
             PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const uint32_t error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM &&
                      ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const std::string subject = absl::StrCat(option, " \"", path, "\"");
  if (certificates.empty() && at_end) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat(subject, ": holds no PEM certificate"));
  }
  if (!at_end) return SslError(subject, "bad PEM certificate");
  ERR_clear_error();
  return certificates;
}

absl::Status UseCertificate(SSL_CTX* context,
                            const ServerContextOptions& options) {
  absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> chain =
      ReadCertificates("cert_file", options.cert_file);
  if (!chain.ok()) return chain.status();
  const absl::StatusOr<std::string> key_text =
      ReadFile("key_file", options.key_file);
  if (!key_text.ok()) return key_text.status();

  const std::string key_subject =
      absl::StrCat("key_file \"", options.key_file, "\"");
  // An empty passphrase: an encrypted key is an error, never a prompt.
  const bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(
      AsBio(*key_text).get(), nullptr, nullptr, const_cast<char*>("")));
  if (key == nullptr) return SslError(key_subject, "bad PEM private key");

  if (SSL_CTX_use_certificate(context, (*chain)[0].get()) != 1) {
    return SslError(absl::StrCat("cert_file \"", options.cert_file, "\""),
                    "certificate refused");
  }
  for (size_t i = 1; i < chain->size(); ++i) {
    SSL_CTX_add1_chain_cert(context, (*chain)[i].get());
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return SslError(key_subject, absl::StrCat("does not match cert_file \"",
                                              options.cert_file, "\""));
  }
  return absl::OkStatus();
}

absl::Status RequireClientCertificate(SSL_CTX* context,
                                      const std::string& ca_file) {
  absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> authorities =
      ReadCertificates("ca_file", ca_file);
  if (!authorities.ok()) return authorities.status();
  for (const bssl::UniquePtr<X509>& authority : *authorities) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
    SSL_CTX_add_client_CA(context, authority.get());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  return absl::OkStatus();
}

absl::Status SetVersion(SSL_CTX* context, const std::string& text) {
  struct Range {
    absl::string_view name;
    uint16_t min;
    uint16_t max;
  };
  constexpr Range kRanges[] = {
      {"", TLS1_2_VERSION, TLS1_3_VERSION},
      {"sslv23", TLS1_2_VERSION, TLS1_3_VERSION},
      {"tlsv1", TLS1_VERSION, TLS1_VERSION},
      {"tlsv1_1", TLS1_1_VERSION, TLS1_1_VERSION},
      {"tlsv1_2", TLS1_2_VERSION, TLS1_2_VERSION},
      {"tlsv1_3", TLS1_3_VERSION, TLS1_3_VERSION},
  };
  const std::string wanted = absl::AsciiStrToLower(text);
  for (const Range& range : kRanges) {
    if (range.name != wanted) continue;
    SSL_CTX_set_min_proto_version(context, range.min);
    SSL_CTX_set_max_proto_version(context, range.max);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("version: unknown protocol \"", text,
                   "\"; known are sslv23, tlsv1, tlsv1_1, tlsv1_2, tlsv1_3"));
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

}  // namespace

absl::StatusOr<std::shared_ptr<const ServerContext>> ServerContext::Create(
    const ServerContextOptions& options) {
  if (options.cert_file.empty() || options.key_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cert_file and key_file: both are needed, ",
        options.cert_file.empty() ? "cert_file" : "key_file", " is not set"));
  }
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  if (const absl::Status status = SetVersion(context.get(), options.version);
      !status.ok()) {
    return status;
  }
  if (!options.ciphers.empty() &&
      SSL_CTX_set_strict_cipher_list(context.get(), options.ciphers.c_str()) !=
          1) {
    return SslError(absl::StrCat("ciphers \"", options.ciphers, "\""),
                    "no such cipher");
  }
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  // The caller polls, and its buffers may move between two calls.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (const absl::Status status = UseCertificate(context.get(), options);
      !status.ok()) {
    return status;
  }
  if (!options.ca_file.empty()) {
    if (const absl::Status status =
            RequireClientCertificate(context.get(), options.ca_file);
        !status.ok()) {
      return status;
    }
    // Tells sessions of this server from another's; needed to resume with
    // client certificates.
    constexpr uint8_t kSessionContext[] = "bergen";
    SSL_CTX_set_session_id_context(context.get(), kSessionContext,
                                   sizeof(kSessionContext) - 1);
  }
  absl::StatusOr<std::string> alpn = EncodeAlpn(options.alpn);
  if (!alpn.ok()) return alpn.status();
  return std::make_shared<const SslServerContext>(std::move(context),
                                                  *std::move(alpn));
}

}  // namespace bergen::sslutils
