// SPDX-License-Identifier: Apache-2.0

#include "sslutils/server_context.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "openssl/aes.h"
#include "openssl/bytestring.h"
#include "openssl/hmac.h"
#include "openssl/rand.h"
#include "openssl/sha.h"
#include "openssl/ssl.h"
#include "openssl/x509.h"
#include "sslutils/certificates.h"
#include "sslutils/policy.h"
#include "sslutils/ssl_error.h"
#include "sslutils/ssl_stream.h"

namespace bergen::sslutils {
namespace {

// In the library's order: without keys that open everything once they are
// known, and without CBC, whose records leak by their timing.
constexpr char kStrongCiphers[] = "ALL:!aPSK:!kRSA:!SHA1";

// What the files held at one moment. Immutable; kept by its connections.
class Generation : public std::enable_shared_from_this<Generation> {
 public:
  static absl::StatusOr<std::shared_ptr<const Generation>> Create(
      const ServerContextOptions& options);

  std::unique_ptr<Stream> Accept(int fd) const {
    return std::make_unique<SslStream>(NewSsl(), fd, shared_from_this());
  }

  absl::Time not_before() const { return not_before_; }
  absl::Time not_after() const { return not_after_; }

 private:
  struct Named {
    bssl::UniquePtr<SSL_CTX> context;
    std::string cert_file;
  };

  bssl::UniquePtr<SSL> NewSsl() const {
    bssl::UniquePtr<SSL> ssl(SSL_new(contexts_[0].context.get()));
    SSL_set_accept_state(ssl.get());
    return ssl;
  }

  absl::Status ReadTrust(const ServerContextOptions& options);
  absl::Status Add(const ServerContextOptions& options,
                   const CertificateFiles& files);
  absl::Status SetPolicy(const ServerContextOptions& options, SSL_CTX* context);
  void RequireClientCertificate(SSL_CTX* context) const;

  static int SelectAlpn(SSL* ssl, const uint8_t** out, uint8_t* out_size,
                        const uint8_t* offered, unsigned offered_size,
                        void* self);
  static int SelectCertificate(SSL* ssl, int* alert, void* self);
  static int UseTicketKey(SSL* ssl, uint8_t* key_name, uint8_t* iv,
                          EVP_CIPHER_CTX* cipher, HMAC_CTX* mac, int encrypt);

  std::string alpn_;
  std::shared_ptr<TicketKeys> ticket_keys_;
  // Whom client certificates are checked against; empty if none is required.
  std::vector<bssl::UniquePtr<X509>> authorities_;
  std::vector<bssl::UniquePtr<X509_CRL>> revocations_;
  // A session is resumed only where the same authorities vouch for clients.
  std::array<uint8_t, SHA256_DIGEST_LENGTH> session_context_;
  std::vector<Named> contexts_;  // The first is the default.
  // Host name or `*.suffix` to an index of contexts_.
  std::map<std::string, size_t, std::less<>> names_;
  absl::Time not_before_ = absl::InfinitePast();
  absl::Time not_after_ = absl::InfiniteFuture();
};

// The first of ours that the client offers. None in common: the connection
// goes on without ALPN, as for a client that does not know it.
int Generation::SelectAlpn(SSL* /*ssl*/, const uint8_t** out, uint8_t* out_size,
                           const uint8_t* offered, unsigned offered_size,
                           void* self) {
  const std::string& ours = static_cast<const Generation*>(self)->alpn_;
  uint8_t* selected = nullptr;
  const int result = SSL_select_next_proto(
      &selected, out_size, reinterpret_cast<const uint8_t*>(ours.data()),
      static_cast<unsigned>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

int Generation::SelectCertificate(SSL* ssl, int* /*alert*/, void* pointer) {
  const auto& self = *static_cast<const Generation*>(pointer);
  const char* wanted = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (wanted == nullptr || self.contexts_.size() == 1) {
    return SSL_TLSEXT_ERR_OK;
  }
  const std::string name = absl::AsciiStrToLower(wanted);
  auto found = self.names_.find(name);
  if (found == self.names_.end() && name.find('.') != name.npos) {
    found = self.names_.find(absl::StrCat("*", name.substr(name.find('.'))));
  }
  if (found != self.names_.end() && found->second != 0) {
    SSL_set_SSL_CTX(ssl, self.contexts_[found->second].context.get());
  }
  return SSL_TLSEXT_ERR_OK;
}

int Generation::UseTicketKey(SSL* ssl, uint8_t* key_name, uint8_t* iv,
                             EVP_CIPHER_CTX* cipher, HMAC_CTX* mac,
                             int encrypt) {
  const auto& self = *static_cast<const Generation*>(
      SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  constexpr size_t kNameSize = std::tuple_size_v<decltype(TicketKey::name)>;
  const absl::Time now = absl::Now();
  if (encrypt == 1) {
    const TicketKey key = self.ticket_keys_->Current(now);
    std::copy(key.name.begin(), key.name.end(), key_name);
    RAND_bytes(iv, AES_BLOCK_SIZE);
    const bool ready = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr,
                                          key.cipher.data(), iv) == 1 &&
                       HMAC_Init_ex(mac, key.mac.data(), key.mac.size(),
                                    EVP_sha256(), nullptr) == 1;
    return ready ? 1 : -1;
  }
  const std::optional<TicketKey> key = self.ticket_keys_->Find(
      absl::string_view(reinterpret_cast<const char*>(key_name), kNameSize),
      now);
  if (!key.has_value()) return 0;
  const bool ready = HMAC_Init_ex(mac, key->mac.data(), key->mac.size(),
                                  EVP_sha256(), nullptr) == 1 &&
                     EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr,
                                        key->cipher.data(), iv) == 1;
  if (!ready) return -1;
  return key->name == self.ticket_keys_->Current(now).name ? 1 : 2;
}

absl::Status Generation::ReadTrust(const ServerContextOptions& options) {
  std::string trusted = "bergen";
  if (!options.ca_file.empty()) {
    absl::StatusOr<std::string> text = ReadFile("ca_file", options.ca_file);
    if (!text.ok()) return text.status();
    trusted += *text;
    auto authorities = ReadCertificates("ca_file", options.ca_file);
    if (!authorities.ok()) return authorities.status();
    authorities_ = *std::move(authorities);
  }
  if (!options.crl_file.empty()) {
    auto revocations = ReadRevocations("crl_file", options.crl_file);
    if (!revocations.ok()) return revocations.status();
    revocations_ = *std::move(revocations);
  }
  SHA256(reinterpret_cast<const uint8_t*>(trusted.data()), trusted.size(),
         session_context_.data());
  return absl::OkStatus();
}

void Generation::RequireClientCertificate(SSL_CTX* context) const {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const bssl::UniquePtr<X509>& authority : authorities_) {
    X509_STORE_add_cert(store, authority.get());
    SSL_CTX_add_client_CA(context, authority.get());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  if (revocations_.empty()) return;
  for (const bssl::UniquePtr<X509_CRL>& list : revocations_) {
    X509_STORE_add_crl(store, list.get());
  }
  X509_STORE_set_flags(store,
                       X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  // The library does not look at a client's certificate again when it resumes,
  // so where certificates are revoked every session is a new one.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

absl::Status Generation::SetPolicy(const ServerContextOptions& options,
                                   SSL_CTX* context) {
  if (absl::Status status = SetVersions(
          context, options.version, options.min_version, options.max_version);
      !status.ok()) {
    return status;
  }
  std::string ciphers = options.ciphers;
  if (ciphers.empty() &&
      SSL_CTX_get_min_proto_version(context) >= TLS1_2_VERSION) {
    ciphers = kStrongCiphers;
  }
  if (!ciphers.empty() &&
      SSL_CTX_set_strict_cipher_list(context, ciphers.c_str()) != 1) {
    return SslError(absl::StrCat("ciphers \"", ciphers, "\""),
                    "no such cipher");
  }
  if (!options.curves.empty() &&
      SSL_CTX_set1_curves_list(context, options.curves.c_str()) != 1) {
    return SslError(absl::StrCat("curves \"", options.curves, "\""),
                    "no such group");
  }
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SetModes(context);
  SSL_CTX_set_app_data(context, this);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, &SelectAlpn, this);
  SSL_CTX_set_tlsext_servername_callback(context, &SelectCertificate);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  // Sessions live in tickets, which every process can open.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_tlsext_ticket_key_cb(context, &UseTicketKey);
  SSL_CTX_set_session_id_context(context, session_context_.data(),
                                 session_context_.size());
  if (!authorities_.empty()) RequireClientCertificate(context);
  return absl::OkStatus();
}

absl::Status Generation::Add(const ServerContextOptions& options,
                             const CertificateFiles& files) {
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  if (absl::Status set = SetPolicy(options, context.get()); !set.ok()) {
    return set;
  }
  const absl::StatusOr<Identity> identity =
      ReadIdentity(files.cert_file, files.key_file);
  if (!identity.ok()) return identity.status();
  if (absl::Status used = UseIdentity(context.get(), *identity); !used.ok()) {
    return used;
  }
  not_before_ = std::max(not_before_, identity->not_before);
  not_after_ = std::min(not_after_, identity->not_after);
  for (const std::string& name : HostNames(identity->chain[0].get())) {
    names_.try_emplace(name, contexts_.size());
  }
  contexts_.push_back({std::move(context), files.cert_file});
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Generation>> Generation::Create(
    const ServerContextOptions& options) {
  auto made = std::make_shared<Generation>();
  absl::StatusOr<std::string> alpn = EncodeAlpn(options.alpn);
  if (!alpn.ok()) return alpn.status();
  made->alpn_ = *std::move(alpn);
  made->ticket_keys_ = options.ticket_keys;
  if (absl::Status read = made->ReadTrust(options); !read.ok()) return read;
  std::vector<CertificateFiles> all = {{options.cert_file, options.key_file}};
  all.insert(all.end(), options.further_certificates.begin(),
             options.further_certificates.end());
  for (const CertificateFiles& files : all) {
    if (absl::Status added = made->Add(options, files); !added.ok()) {
      return added;
    }
  }
  if (!options.ocsp_file.empty()) {
    const absl::StatusOr<std::string> response =
        ReadFile("ocsp_file", options.ocsp_file);
    if (!response.ok()) return response.status();
    const auto* data = reinterpret_cast<const uint8_t*>(response->data());
    CBS whole;
    CBS inner;
    CBS_init(&whole, data, response->size());
    if (CBS_get_asn1(&whole, &inner, CBS_ASN1_SEQUENCE) != 1 ||
        CBS_len(&whole) != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ocsp_file \"", options.ocsp_file, "\": is no OCSP response in DER"));
    }
    SSL_CTX_set_ocsp_response(made->contexts_[0].context.get(), data,
                              response->size());
  }
  return std::shared_ptr<const Generation>(std::move(made));
}

class ReloadingContext final : public ServerContext {
 public:
  explicit ReloadingContext(const ServerContextOptions& options)
      : options_(options) {}

  absl::Status Load(bool must_be_valid) ABSL_LOCKS_EXCLUDED(load_mutex_) {
    absl::MutexLock lock(&load_mutex_);
    return LoadLocked(must_be_valid);
  }

  std::unique_ptr<Stream> Accept(int fd) const override {
    return Current()->Accept(fd);
  }

  absl::Status Reload() override { return Load(/*must_be_valid=*/true); }

  std::optional<absl::Status> ReloadIfChanged() override {
    absl::MutexLock lock(&load_mutex_);
    if (Look() == looked_) return std::nullopt;
    return LoadLocked(/*must_be_valid=*/true);
  }

  bool requires_client_certificate() const override {
    return !options_.ca_file.empty();
  }

  absl::Time expires() const override { return Current()->not_after(); }

 private:
  // What stat(2) says of a file that tells it from another.
  using FileMark = std::tuple<int64_t, int64_t, int64_t, uint64_t>;

  std::shared_ptr<const Generation> Current() const {
    absl::MutexLock lock(&mutex_);
    return generation_;
  }

  std::vector<FileMark> Look() const {
    std::vector<std::string> files = {options_.cert_file, options_.key_file,
                                      options_.ca_file, options_.crl_file,
                                      options_.ocsp_file};
    for (const CertificateFiles& further : options_.further_certificates) {
      files.push_back(further.cert_file);
      files.push_back(further.key_file);
    }
    std::vector<FileMark> looks;
    for (const std::string& file : files) {
      struct stat status = {};
      if (file.empty() || stat(file.c_str(), &status) != 0) {
        looks.emplace_back();
        continue;
      }
      looks.emplace_back(status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                         status.st_size, status.st_ino);
    }
    return looks;
  }

  absl::Status LoadLocked(bool must_be_valid)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(load_mutex_) {
    // Before reading: what changes meanwhile is read again.
    looked_ = Look();
    absl::StatusOr<std::shared_ptr<const Generation>> made =
        Generation::Create(options_);
    if (!made.ok()) return made.status();
    const absl::Time now = absl::Now();
    if (must_be_valid &&
        ((*made)->not_after() <= now || (*made)->not_before() > now)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "cert_file: a certificate of the chain is valid from ",
          absl::FormatTime((*made)->not_before(), absl::UTCTimeZone()), " to ",
          absl::FormatTime((*made)->not_after(), absl::UTCTimeZone()),
          ", which is not now"));
    }
    absl::MutexLock lock(&mutex_);
    generation_ = *std::move(made);
    return absl::OkStatus();
  }

  const ServerContextOptions options_;
  absl::Mutex load_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);  // One load at a time.
  std::vector<FileMark> looked_ ABSL_GUARDED_BY(load_mutex_);
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Generation> generation_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::shared_ptr<ServerContext>> ServerContext::Create(
    const ServerContextOptions& options) {
  absl::Status both = CheckPair(options.cert_file, options.key_file);
  for (const CertificateFiles& files : options.further_certificates) {
    both.Update(CheckPair(files.cert_file, files.key_file));
  }
  if (!both.ok()) return both;
  if (!options.crl_file.empty() && options.ca_file.empty()) {
    return absl::InvalidArgumentError("crl_file: needs ca_file");
  }
  ServerContextOptions complete = options;
  if (complete.ticket_keys == nullptr) {
    absl::StatusOr<std::shared_ptr<TicketKeys>> keys = TicketKeys::Create({});
    if (!keys.ok()) return keys.status();
    complete.ticket_keys = *std::move(keys);
  }
  auto context = std::make_shared<ReloadingContext>(complete);
  if (absl::Status loaded = context->Load(/*must_be_valid=*/false);
      !loaded.ok()) {
    return loaded;
  }
  return context;
}

}  // namespace bergen::sslutils
