// SPDX-License-Identifier: Apache-2.0

#include "sslutils/options.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/handle.h"
#include "config/registrar.h"

namespace bergen::sslutils {
namespace {

using config::Handle;
using config::Option;

constexpr char kGroup[] = "ssl";

Option<std::string> CaFile() {
  return {.name = "ca_file",
          .help =
              "CA certificate file to use to verify connecting clients. "
              "Setting it makes client certificates mandatory."};
}

Option<std::string> CertFile() {
  return {.name = "cert_file",
          .help = "Certificate file to use when starting the server securely."};
}

Option<std::string> KeyFile() {
  return {.name = "key_file",
          .help = "Private key file to use when starting the server securely."};
}

Option<std::string> Version() {
  return {.name = "version",
          .help =
              "TLS version to use: sslv23 or unset for TLS 1.2 and 1.3, or "
              "exactly one of tlsv1, tlsv1_1, tlsv1_2, tlsv1_3."};
}

Option<std::string> Ciphers() {
  return {.name = "ciphers",
          .help =
              "Ciphers of TLS 1.2 and older, in the OpenSSL cipher list "
              "format. Unset: those with forward secrecy and authenticated "
              "encryption, or, if older versions are accepted, which have "
              "none of these, all."};
}

Option<std::string> MinVersion() {
  return {.name = "min_version",
          .help =
              "Oldest TLS version to accept, tlsv1_2 or tlsv1_3 for example; "
              "not together with a version that pins one."};
}

Option<std::string> MaxVersion() {
  return {.name = "max_version", .help = "Newest TLS version to accept."};
}

Option<std::string> Curves() {
  return {.name = "curves",
          .help =
              "Groups for the key exchange by preference, such as "
              "X25519:P-256; unset is the library's default."};
}

Option<std::string> CrlFile() {
  return {.name = "crl_file",
          .help =
              "File of revocation lists (PEM), one for each authority of a "
              "client's chain. Needs ca_file."};
}

Option<std::string> OcspFile() {
  return {
      .name = "ocsp_file",
      .help = "OCSP response (DER) for cert_file, given to clients that ask."};
}

Option<std::vector<std::string>> SniCertificates() {
  return {.name = "sni_certificates",
          .help =
              "Further certificates, each as CERT_FILE:KEY_FILE, chosen by "
              "the host name that a client asks for."};
}

Option<std::string> TicketKeyFile() {
  return {.name = "session_ticket_key_file",
          .help =
              "File in which the keys of session tickets are kept, so that "
              "sessions outlive the program. It is created if it is missing. "
              "Unset: workers share keys in memory, which a program that "
              "takes over on SIGUSR2 inherits."};
}

Option<double> TicketKeyRotation() {
  return {.name = "session_ticket_key_rotation",
          .default_value = 3600,
          .help =
              "Seconds after which tickets are made with a new key. For three "
              "times as long the old one opens tickets.",
          .min = 1,
          .max = 604800};
}

struct Handles {
  Handle<std::string> ca_file;
  Handle<std::string> cert_file;
  Handle<std::string> key_file;
  Handle<std::string> version;
  Handle<std::string> ciphers;
  Handle<std::string> min_version;
  Handle<std::string> max_version;
  Handle<std::string> curves;
  Handle<std::string> crl_file;
  Handle<std::string> ocsp_file;
  Handle<std::vector<std::string>> sni_certificates;
  Handle<std::string> ticket_key_file;
  Handle<double> ticket_key_rotation;
};

absl::StatusOr<Handles> RegisterHandles(config::Registry& registry) {
  config::Registrar add(registry, kGroup);
  const Handles handles = {.ca_file = add(CaFile()),
                           .cert_file = add(CertFile()),
                           .key_file = add(KeyFile()),
                           .version = add(Version()),
                           .ciphers = add(Ciphers()),
                           .min_version = add(MinVersion()),
                           .max_version = add(MaxVersion()),
                           .curves = add(Curves()),
                           .crl_file = add(CrlFile()),
                           .ocsp_file = add(OcspFile()),
                           .sni_certificates = add(SniCertificates()),
                           .ticket_key_file = add(TicketKeyFile()),
                           .ticket_key_rotation = add(TicketKeyRotation())};
  if (!add.status().ok()) return add.status();
  return handles;
}

absl::Status CheckReadable(absl::string_view option, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status = {};
  int error = 0;
  if (!fd.ok() || fstat(fd.get(), &status) != 0) {
    error = errno;
  } else if (S_ISDIR(status.st_mode)) {
    error = EISDIR;
  }
  if (error == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(
      error, absl::StrCat("ssl.", option, ": cannot read \"", path, "\""));
}

absl::StatusOr<std::vector<CertificateFiles>> FurtherCertificates(
    const Handles& handles) {
  std::vector<CertificateFiles> all;
  for (const std::string& pair : handles.sni_certificates.Get()) {
    const std::vector<std::string> files = absl::StrSplit(pair, ':');
    if (files.size() != 2 || files[0].empty() || files[1].empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ssl.sni_certificates: not CERT_FILE:KEY_FILE: \"", pair, "\""));
    }
    all.push_back({.cert_file = files[0], .key_file = files[1]});
  }
  return all;
}

}  // namespace

config::OptionList ListOpts() {
  return {
      {.name = kGroup,
       .options = {CaFile(), CertFile(), KeyFile(), Version(), Ciphers(),
                   MinVersion(), MaxVersion(), Curves(), CrlFile(), OcspFile(),
                   SniCertificates(), TicketKeyFile(), TicketKeyRotation()}}};
}

absl::Status RegisterOpts(config::Registry& registry) {
  return RegisterHandles(registry).status();
}

absl::StatusOr<bool> IsEnabled(config::Registry& registry) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  const std::string& cert_file = handles->cert_file.Get();
  const std::string& key_file = handles->key_file.Get();

  absl::Status readable = CheckReadable("cert_file", cert_file);
  readable.Update(CheckReadable("ca_file", handles->ca_file.Get()));
  readable.Update(CheckReadable("key_file", key_file));
  readable.Update(CheckReadable("crl_file", handles->crl_file.Get()));
  readable.Update(CheckReadable("ocsp_file", handles->ocsp_file.Get()));
  const absl::StatusOr<std::vector<CertificateFiles>> further =
      FurtherCertificates(*handles);
  if (!further.ok()) return further.status();
  for (const CertificateFiles& files : *further) {
    readable.Update(CheckReadable("sni_certificates", files.cert_file));
    readable.Update(CheckReadable("sni_certificates", files.key_file));
  }
  if (!readable.ok()) return readable;
  if (cert_file.empty() != key_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ssl: cert_file and key_file are both needed, ",
        cert_file.empty() ? "cert_file" : "key_file", " is not set"));
  }
  return !cert_file.empty();
}

absl::StatusOr<std::shared_ptr<TicketKeys>> ConfiguredTicketKeys(
    config::Registry& registry, UniqueFd inherited) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  const TicketKeysOptions options = {
      .rotation = absl::Seconds(handles->ticket_key_rotation.Get())};
  const std::string& file = handles->ticket_key_file.Get();
  if (!file.empty()) return TicketKeys::OpenFile(file, options);
  if (inherited.ok()) {
    absl::StatusOr<std::shared_ptr<TicketKeys>> keys =
        TicketKeys::FromFd(std::move(inherited), options);
    if (keys.ok()) return keys;
  }
  return TicketKeys::Create(options);
}

absl::StatusOr<std::shared_ptr<ServerContext>> Wrap(
    config::Registry& registry, const std::vector<std::string>& alpn,
    std::shared_ptr<TicketKeys> ticket_keys) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  absl::StatusOr<std::vector<CertificateFiles>> further =
      FurtherCertificates(*handles);
  if (!further.ok()) return further.status();
  return ServerContext::Create({.cert_file = handles->cert_file.Get(),
                                .key_file = handles->key_file.Get(),
                                .further_certificates = *std::move(further),
                                .ca_file = handles->ca_file.Get(),
                                .crl_file = handles->crl_file.Get(),
                                .ocsp_file = handles->ocsp_file.Get(),
                                .version = handles->version.Get(),
                                .min_version = handles->min_version.Get(),
                                .max_version = handles->max_version.Get(),
                                .ciphers = handles->ciphers.Get(),
                                .curves = handles->curves.Get(),
                                .alpn = alpn,
                                .ticket_keys = std::move(ticket_keys)});
}

}  // namespace bergen::sslutils
