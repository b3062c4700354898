// SPDX-License-Identifier: Apache-2.0

#include "sslutils/test_certificates.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "openssl/asn1.h"
#include "openssl/base.h"
#include "openssl/bio.h"
#include "openssl/ec.h"
#include "openssl/ec_key.h"
#include "openssl/evp.h"
#include "openssl/nid.h"
#include "openssl/pem.h"
#include "openssl/rand.h"
#include "openssl/x509.h"
#include "openssl/x509v3.h"

namespace bergen::sslutils {
namespace {

void Check(bool ok, absl::string_view what) {
  if (ok) return;
  std::fprintf(stderr, "test certificate: %s failed\n",
               std::string(what).c_str());
  std::abort();
}

bssl::UniquePtr<EVP_PKEY> NewKey() {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  Check(EC_KEY_generate_key(ec.get()) == 1, "EC_KEY_generate_key");
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  Check(EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1, "EVP_PKEY_set1");
  return key;
}

bssl::UniquePtr<X509> NewCertificate(EVP_PKEY* key, const std::string& name,
                                     int seconds = 3600) {
  bssl::UniquePtr<X509> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<uint8_t*>(&serial), sizeof(serial));
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), seconds);
  X509_set_pubkey(certificate.get(), key);
  Check(X509_NAME_add_entry_by_txt(
            X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
            reinterpret_cast<const uint8_t*>(name.data()),
            static_cast<int>(name.size()), -1, 0) == 1,
        "subject");
  return certificate;
}

GENERAL_NAME* NewAltName(absl::string_view text) {
  in_addr address = {};
  int type = GEN_DNS;
  if (absl::ConsumePrefix(&text, "URI:")) {
    type = GEN_URI;
  } else if (absl::ConsumePrefix(&text, "email:")) {
    type = GEN_EMAIL;
  } else if (absl::ConsumePrefix(&text, "IP:")) {
    type = GEN_IPADD;
    Check(inet_pton(AF_INET, std::string(text).c_str(), &address) == 1,
          "address");
    text = {reinterpret_cast<const char*>(&address), sizeof(address)};
  }
  ASN1_STRING* value =
      type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  GENERAL_NAME* name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, type, value);
  return name;
}

void WriteBio(BIO* bio, const std::string& path) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  BIO_mem_contents(bio, &data, &size);
  FILE* file = std::fopen(path.c_str(), "w");
  Check(file != nullptr && std::fwrite(data, 1, size, file) == size &&
            std::fclose(file) == 0,
        path);
}

void WritePem(X509* certificate, const std::string& path) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_X509(bio.get(), certificate) == 1, "PEM_write");
  WriteBio(bio.get(), path);
}

}  // namespace

struct TestAuthority::Parts {
  bssl::UniquePtr<EVP_PKEY> key = NewKey();
  bssl::UniquePtr<X509> certificate =
      NewCertificate(key.get(), "test authority");
};

TestAuthority::TestAuthority() : parts_(std::make_unique<Parts>()) {
  X509* certificate = parts_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  bssl::UniquePtr<BASIC_CONSTRAINTS> constraints(BASIC_CONSTRAINTS_new());
  constraints->ca = 0xff;
  X509_add1_ext_i2d(certificate, NID_basic_constraints, constraints.get(), 1,
                    0);
  Check(X509_sign(certificate, parts_->key.get(), EVP_sha256()) != 0, "sign");
}

TestAuthority::~TestAuthority() = default;

void TestAuthority::WriteCertificate(const std::string& path) const {
  WritePem(parts_->certificate.get(), path);
}

void TestAuthority::Issue(const std::string& common_name,
                          const std::string& cert_path,
                          const std::string& key_path,
                          const std::vector<std::string>& alt_names,
                          int seconds) const {
  const bssl::UniquePtr<EVP_PKEY> key = NewKey();
  const bssl::UniquePtr<X509> certificate =
      NewCertificate(key.get(), common_name, seconds);
  if (!alt_names.empty()) {
    const bssl::UniquePtr<GENERAL_NAMES> names(GENERAL_NAMES_new());
    for (const std::string& text : alt_names) {
      Check(sk_GENERAL_NAME_push(names.get(), NewAltName(text)) != 0,
            "alt name");
    }
    Check(X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name,
                            names.get(), 0, 0) == 1,
          "alt names");
  }
  X509_set_issuer_name(certificate.get(),
                       X509_get_subject_name(parts_->certificate.get()));
  Check(X509_sign(certificate.get(), parts_->key.get(), EVP_sha256()) != 0,
        "sign");
  WritePem(certificate.get(), cert_path);

  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0,
                                 nullptr, nullptr) == 1,
        "PEM_write");
  WriteBio(bio.get(), key_path);
}

void TestAuthority::Revoke(const std::string& cert_path,
                           const std::string& crl_path) const {
  const bssl::UniquePtr<BIO> in(BIO_new_file(cert_path.c_str(), "r"));
  const bssl::UniquePtr<X509> certificate(
      PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  Check(certificate != nullptr, cert_path);
  const bssl::UniquePtr<X509_CRL> list(X509_CRL_new());
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(),
                           X509_get_subject_name(parts_->certificate.get()));
  const bssl::UniquePtr<ASN1_TIME> now(ASN1_TIME_new());
  X509_gmtime_adj(now.get(), -60);
  X509_CRL_set1_lastUpdate(list.get(), now.get());
  X509_REVOKED* revoked = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(revoked,
                                X509_get_serialNumber(certificate.get()));
  X509_REVOKED_set_revocationDate(revoked, now.get());
  X509_CRL_add0_revoked(list.get(), revoked);
  X509_gmtime_adj(now.get(), 3600);
  X509_CRL_set1_nextUpdate(list.get(), now.get());
  Check(X509_CRL_sign(list.get(), parts_->key.get(), EVP_sha256()) != 0,
        "sign list");
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_X509_CRL(bio.get(), list.get()) == 1, "PEM_write");
  WriteBio(bio.get(), crl_path);
}

}  // namespace bergen::sslutils
