// SPDX-License-Identifier: Apache-2.0
//
// What a TLS server needs to accept connections: keys, trust and policy, read
// once and shared by its connections.
//
//   absl::StatusOr<std::shared_ptr<const ServerContext>> tls =
//       ServerContext::Create({.cert_file = "s.crt", .key_file = "s.key"});
//   if (!tls.ok()) return tls.status();
//   std::unique_ptr<Stream> stream = (*tls)->Accept(fd);
//
// Source: `sslutils.wrap` in oslo.service. Differences: TLS 1.2 at least unless
// `version` pins an older one, `tlsv1_3` exists, and files are checked here and
// not at the first connection.

#ifndef SSLUTILS_SERVER_CONTEXT_H_
#define SSLUTILS_SERVER_CONTEXT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sslutils/stream.h"

namespace bergen::sslutils {

struct ServerContextOptions {
  // PEM files: the chain, leaf first, and its private key. Both are needed.
  std::string cert_file;
  std::string key_file;
  // PEM file of the authorities that client certificates are checked against.
  // Empty: no client certificate is asked for. Set: one is required.
  std::string ca_file;
  // Empty: TLS 1.2 and 1.3. Otherwise, ignoring case: `sslv23` (the same),
  // `tlsv1`, `tlsv1_1`, `tlsv1_2` or `tlsv1_3`, exactly that version.
  std::string version;
  // OpenSSL cipher list for TLS 1.2 and older; empty is the library's default.
  std::string ciphers;
  // Application protocols by preference, such as `h2`; empty turns ALPN off.
  std::vector<std::string> alpn;
};

// Thread-safe. Connections may outlive it.
class ServerContext {
 public:
  // Reads the files. NotFound or PermissionDenied names the option and the file
  // that cannot be read; InvalidArgument says what else is wrong: a key
  // that does not match, text that is not PEM, an unknown version.
  static absl::StatusOr<std::shared_ptr<const ServerContext>> Create(
      const ServerContextOptions& options);

  virtual ~ServerContext() = default;

  // The server's side of a connection on `fd`: connected, non-blocking, owned
  // by the caller and open for the life of the stream.
  virtual std::unique_ptr<Stream> Accept(int fd) const = 0;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_SERVER_CONTEXT_H_
