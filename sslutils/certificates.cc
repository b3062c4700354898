// SPDX-License-Identifier: Apache-2.0

#include "sslutils/certificates.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "openssl/asn1.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/evp.h"
#include "openssl/pem.h"
#include "openssl/x509.h"
#include "openssl/x509v3.h"
#include "service/unique_fd.h"
#include "sslutils/ssl_error.h"

namespace bergen::sslutils {
namespace {

// Larger than any file of certificates that makes sense.
constexpr size_t kMaxFile = 64 << 20;

bssl::UniquePtr<BIO> AsBio(const std::string& text) {
  return bssl::UniquePtr<BIO>(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string Named(absl::string_view option, const std::string& path) {
  return absl::StrCat(option, " \"", path, "\"");
}

// What the reader says once nothing is left to read.
bool AtEndOfPem() {
  const uint32_t error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM &&
         ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

template <typename T, typename Read>
absl::StatusOr<std::vector<bssl::UniquePtr<T>>> ReadPem(
    absl::string_view option, const std::string& path, absl::string_view kind,
    Read read) {
  const absl::StatusOr<std::string> text = ReadFile(option, path);
  if (!text.ok()) return text.status();
  const bssl::UniquePtr<BIO> bio = AsBio(*text);
  std::vector<bssl::UniquePtr<T>> items;
  while (T* item = read(bio.get())) items.emplace_back(item);
  const bool at_end = AtEndOfPem();
  if (!at_end) {
    return SslError(absl::StrCat(Named(option, path), ": bad PEM ", kind),
                    "unknown failure");
  }
  ERR_clear_error();
  if (items.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Named(option, path), ": holds no PEM ", kind));
  }
  return items;
}

absl::Time TimeOf(const ASN1_TIME* time) {
  const bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) {
    ERR_clear_error();
    return absl::InfinitePast();
  }
  return absl::UnixEpoch() + days * absl::Hours(24) + absl::Seconds(seconds);
}

std::string TextOf(const ASN1_STRING* text) {
  const uint8_t* data = ASN1_STRING_get0_data(text);
  return std::string(data, data + ASN1_STRING_length(text));
}

std::string TextOf(const X509_NAME* name) {
  const bssl::UniquePtr<BIO> text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253);
  const uint8_t* data = nullptr;
  size_t size = 0;
  BIO_mem_contents(text.get(), &data, &size);
  return std::string(data, data + size);
}

std::string CommonName(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  int at = -1;
  for (int next = -1; (next = X509_NAME_get_index_by_NID(
                           subject, NID_commonName, next)) >= 0;) {
    at = next;
  }
  if (at < 0) return "";
  uint8_t* data = nullptr;
  const int size = ASN1_STRING_to_UTF8(
      &data, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) {
    ERR_clear_error();
    return "";
  }
  const bssl::UniquePtr<uint8_t> owner(data);
  std::string name(data, data + size);
  return std::any_of(name.begin(), name.end(), absl::ascii_iscntrl)
             ? std::string()
             : name;
}

void AddName(const ASN1_STRING* text, std::vector<std::string>& names) {
  std::string name = TextOf(text);
  const bool plain = std::all_of(name.begin(), name.end(), absl::ascii_isgraph);
  if (plain && !name.empty()) names.push_back(std::move(name));
}

void AddAddress(const ASN1_OCTET_STRING* address,
                std::vector<std::string>& names) {
  const std::string bytes = TextOf(address);
  if (bytes.size() != sizeof(in_addr) && bytes.size() != sizeof(in6_addr)) {
    return;
  }
  const int family = bytes.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  char text[INET6_ADDRSTRLEN] = "";
  names.emplace_back(inet_ntop(family, bytes.data(), text, sizeof(text)));
}

// False if the certificate has no alternative names of any kind.
bool AddAltNames(const X509* certificate, PeerCertificate& peer) {
  const bssl::UniquePtr<GENERAL_NAMES> list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (list == nullptr) {
    ERR_clear_error();
    return false;
  }
  for (size_t i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
    switch (name->type) {
      case GEN_DNS:
        AddName(name->d.dNSName, peer.dns_names);
        break;
      case GEN_URI:
        AddName(name->d.uniformResourceIdentifier, peer.uris);
        break;
      case GEN_EMAIL:
        AddName(name->d.rfc822Name, peer.emails);
        break;
      case GEN_IPADD:
        AddAddress(name->d.iPAddress, peer.ip_addresses);
        break;
      default:
        break;
    }
  }
  return sk_GENERAL_NAME_num(list.get()) > 0;
}

absl::Status CheckChain(const Identity& identity, const std::string& path) {
  for (size_t i = 1; i < identity.chain.size(); ++i) {
    X509* issued = identity.chain[i - 1].get();
    X509* issuer = identity.chain[i].get();
    const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(issuer));
    if (X509_check_issued(issuer, issued) == X509_V_OK && key != nullptr &&
        X509_verify(issued, key.get()) == 1) {
      continue;
    }
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat(
        Named("cert_file", path), ": the chain is broken: certificate ", i + 1,
        ", ", TextOf(X509_get_subject_name(issuer)),
        ", did not issue the one before it, ",
        TextOf(X509_get_subject_name(issued))));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(absl::string_view option,
                                     const std::string& path) {
  const auto failed = [&](int error) {
    return absl::ErrnoToStatus(
        error, absl::StrCat(option, ": cannot read \"", path, "\""));
  };
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return failed(errno);
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t size = read(fd.get(), buffer, sizeof(buffer));
    if (size == 0) return text;
    if (size < 0 && errno != EINTR) return failed(errno);
    if (size > 0) text.append(buffer, static_cast<size_t>(size));
    if (text.size() > kMaxFile) {
      return absl::InvalidArgumentError(absl::StrCat(
          Named(option, path), ": larger than ", kMaxFile, " bytes"));
    }
  }
}

absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> ReadCertificates(
    absl::string_view option, const std::string& path) {
  return ReadPem<X509>(option, path, "certificate", [](BIO* bio) {
    return PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  });
}

absl::StatusOr<std::vector<bssl::UniquePtr<X509_CRL>>> ReadRevocations(
    absl::string_view option, const std::string& path) {
  return ReadPem<X509_CRL>(option, path, "revocation list", [](BIO* bio) {
    return PEM_read_bio_X509_CRL(bio, nullptr, nullptr, nullptr);
  });
}

absl::Status CheckPair(absl::string_view cert_file,
                       absl::string_view key_file) {
  if (!cert_file.empty() && !key_file.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "cert_file and key_file: both are needed, ",
      cert_file.empty() ? "cert_file" : "key_file", " is not set"));
}

absl::StatusOr<Identity> ReadIdentity(const std::string& cert_file,
                                      const std::string& key_file) {
  Identity identity;
  absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> chain =
      ReadCertificates("cert_file", cert_file);
  if (!chain.ok()) return chain.status();
  identity.chain = *std::move(chain);
  const absl::StatusOr<std::string> key = ReadFile("key_file", key_file);
  if (!key.ok()) return key.status();
  // An empty passphrase: an encrypted key is an error, never a prompt.
  identity.key.reset(PEM_read_bio_PrivateKey(AsBio(*key).get(), nullptr,
                                             nullptr, const_cast<char*>("")));
  if (identity.key == nullptr) {
    return SslError(
        absl::StrCat(Named("key_file", key_file), ": bad PEM private key"),
        "unknown failure");
  }
  if (X509_check_private_key(identity.chain[0].get(), identity.key.get()) !=
      1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat(Named("key_file", key_file), ": does not match ",
                     Named("cert_file", cert_file)));
  }
  if (absl::Status whole = CheckChain(identity, cert_file); !whole.ok()) {
    return whole;
  }
  for (const bssl::UniquePtr<X509>& certificate : identity.chain) {
    identity.not_before = std::max(
        identity.not_before, TimeOf(X509_get0_notBefore(certificate.get())));
    identity.not_after = std::min(
        identity.not_after, TimeOf(X509_get0_notAfter(certificate.get())));
  }
  return identity;
}

PeerCertificate Describe(const X509* certificate) {
  PeerCertificate peer = {
      .subject = TextOf(X509_get_subject_name(certificate)),
      .issuer = TextOf(X509_get_issuer_name(certificate)),
      .common_name = CommonName(certificate),
      .not_before = TimeOf(X509_get0_notBefore(certificate)),
      .not_after = TimeOf(X509_get0_notAfter(certificate))};
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  peer.serial = absl::AsciiStrToUpper(absl::BytesToHexString(TextOf(serial)));
  AddAltNames(certificate, peer);
  return peer;
}

std::vector<std::string> HostNames(const X509* certificate) {
  PeerCertificate names;
  std::vector<std::string> hosts;
  if (AddAltNames(certificate, names)) {
    hosts = std::move(names.dns_names);
  } else if (std::string name = CommonName(certificate); !name.empty()) {
    hosts.push_back(std::move(name));
  }
  for (std::string& host : hosts) absl::AsciiStrToLower(&host);
  return hosts;
}

}  // namespace bergen::sslutils
