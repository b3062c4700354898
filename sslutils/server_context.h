// SPDX-License-Identifier: Apache-2.0
//
// What a TLS server needs to accept connections: keys, trust and policy, shared
// by its connections and replaced whole when the files change.
//
//   absl::StatusOr<std::shared_ptr<ServerContext>> tls =
//       ServerContext::Create({.cert_file = "s.crt", .key_file = "s.key"});
//   if (!tls.ok()) return tls.status();
//   std::unique_ptr<Stream> stream = (*tls)->Accept(fd);
//   ... now and then ...
//   if (std::optional<absl::Status> reloaded = (*tls)->ReloadIfChanged()) ...
//
// Source: `sslutils.wrap` in oslo.service. Differences: TLS 1.2 at least unless
// `version` pins an older one, `tlsv1_3` exists, files are checked here and
// not at the first connection, and a renewed certificate needs no restart.

#ifndef SSLUTILS_SERVER_CONTEXT_H_
#define SSLUTILS_SERVER_CONTEXT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sslutils/stream.h"
#include "sslutils/ticket_keys.h"

namespace bergen::sslutils {

// PEM files: the chain, leaf first, and its private key. Both are needed.
struct CertificateFiles {
  std::string cert_file;
  std::string key_file;
};

struct ServerContextOptions {
  // The certificate for clients that ask for no host name, or one that no other
  // certificate has.
  std::string cert_file;
  std::string key_file;
  // Chosen by the host name that the client asks for (SNI): the alternative
  // names of the certificate, `*.` standing for one label.
  std::vector<CertificateFiles> further_certificates;
  // PEM file of the authorities that client certificates are checked against.
  // Empty: no client certificate is asked for. Set: one is required.
  std::string ca_file;
  // PEM file of revocation lists, one for each authority of a client's chain;
  // empty: nothing is revoked. Needs `ca_file`. Sessions are not resumed then,
  // for a client that resumes is not checked again.
  std::string crl_file;
  // DER file of an OCSP response for `cert_file`, given to clients that ask.
  std::string ocsp_file;
  // Empty: TLS 1.2 and 1.3. Otherwise, ignoring case: `sslv23` (the same),
  // `tlsv1`, `tlsv1_1`, `tlsv1_2` or `tlsv1_3`, exactly that version.
  std::string version;
  // The same names for the ends of a range; empty leaves an end alone. Not
  // together with a `version` that pins one.
  std::string min_version;
  std::string max_version;
  // OpenSSL cipher list for TLS 1.2 and older; empty: those with forward
  // secrecy and authenticated encryption, or, if older versions are accepted,
  // which have none of these, the library's default. The suites of TLS 1.3 are
  // the library's business.
  std::string ciphers;
  // Groups for the key exchange by preference, `X25519:P-256`; empty is the
  // library's default.
  std::string curves;
  // Application protocols by preference, such as `h2`; empty turns ALPN off.
  std::vector<std::string> alpn;
  // Null: keys of this context alone, which no other process knows.
  std::shared_ptr<TicketKeys> ticket_keys;
};

// Thread-safe. Connections may outlive it.
class ServerContext {
 public:
  // Reads the files. NotFound or PermissionDenied names the option and the file
  // that cannot be read; InvalidArgument says what else is wrong: a key
  // that does not match, a chain that is broken, text that is not PEM, an
  // unknown version. A certificate that has expired is accepted, lest a worker
  // that is replaced takes the service down with it; see `expires`.
  static absl::StatusOr<std::shared_ptr<ServerContext>> Create(
      const ServerContextOptions& options);

  virtual ~ServerContext() = default;

  // The server's side of a connection on `fd`: a connected, non-blocking
  // socket, owned by the caller and open for the life of the stream.
  virtual std::unique_ptr<Stream> Accept(int fd) const = 0;

  // Reads the files again, for connections that come from now on. After an
  // error what was there goes on; the errors of `Create`, and
  // FailedPrecondition for a certificate that is expired or not yet valid.
  virtual absl::Status Reload() = 0;

  // `Reload`, if a file is not what it was at the last attempt; otherwise
  // nothing. Costs one stat(2) a file.
  virtual std::optional<absl::Status> ReloadIfChanged() = 0;

  // Whether a client without a certificate is refused: `ca_file` is set.
  virtual bool requires_client_certificate() const = 0;

  // When the first certificate of any chain in use expires.
  virtual absl::Time expires() const = 0;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_SERVER_CONTEXT_H_
