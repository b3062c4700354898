// SPDX-License-Identifier: Apache-2.0

#include "sslutils/options.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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
              "format."};
}

struct Handles {
  Handle<std::string> ca_file;
  Handle<std::string> cert_file;
  Handle<std::string> key_file;
  Handle<std::string> version;
  Handle<std::string> ciphers;
};

absl::StatusOr<Handles> RegisterHandles(config::Registry& registry) {
  config::Registrar add(registry, kGroup);
  const Handles handles = {.ca_file = add(CaFile()),
                           .cert_file = add(CertFile()),
                           .key_file = add(KeyFile()),
                           .version = add(Version()),
                           .ciphers = add(Ciphers())};
  if (!add.status().ok()) return add.status();
  return handles;
}

absl::Status CheckReadable(absl::string_view option, const std::string& path) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(
      errno, absl::StrCat("ssl.", option, ": cannot read \"", path, "\""));
}

}  // namespace

config::OptionList ListOpts() {
  return {{.name = kGroup,
           .options = {CaFile(), CertFile(), KeyFile(), Version(), Ciphers()}}};
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
  if (!readable.ok()) return readable;
  if (cert_file.empty() != key_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ssl: cert_file and key_file are both needed, ",
        cert_file.empty() ? "cert_file" : "key_file", " is not set"));
  }
  return !cert_file.empty();
}

absl::StatusOr<std::shared_ptr<const ServerContext>> Wrap(
    config::Registry& registry, const std::vector<std::string>& alpn) {
  const absl::StatusOr<Handles> handles = RegisterHandles(registry);
  if (!handles.ok()) return handles.status();
  return ServerContext::Create({.cert_file = handles->cert_file.Get(),
                                .key_file = handles->key_file.Get(),
                                .ca_file = handles->ca_file.Get(),
                                .version = handles->version.Get(),
                                .ciphers = handles->ciphers.Get(),
                                .alpn = alpn});
}

}  // namespace bergen::sslutils
