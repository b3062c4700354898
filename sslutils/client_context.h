// SPDX-License-Identifier: Apache-2.0
//
// What a TLS client needs, for our own tools.
//
//   absl::StatusOr<std::shared_ptr<const ClientContext>> tls =
//       ClientContext::Create({.ca_file = "ca.crt"});
//   if (!tls.ok()) return tls.status();
//   auto stream = (*tls)->Connect(fd, "server.example.org");
//   if (!stream.ok()) return stream.status();

#ifndef SSLUTILS_CLIENT_CONTEXT_H_
#define SSLUTILS_CLIENT_CONTEXT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sslutils/stream.h"

namespace bergen::sslutils {

struct ClientContextOptions {
  // PEM file of the authorities that vouch for servers; needed.
  std::string ca_file;
  // The client's own certificate and key, PEM; both or neither.
  std::string cert_file;
  std::string key_file;
  // See `ServerContextOptions::min_version`.
  std::string min_version;
  // Application protocols to offer, by preference.
  std::vector<std::string> alpn;
};

// Thread-safe. Connections may outlive it.
class ClientContext {
 public:
  // The errors of `ServerContext::Create`.
  static absl::StatusOr<std::shared_ptr<const ClientContext>> Create(
      const ClientContextOptions& options);

  virtual ~ClientContext() = default;

  // The client's side of a connection on `fd`, as in `ServerContext::Accept`.
  // The handshake fails unless the server's certificate is for `host`: a name,
  // which is also sent (SNI), or an IP address. InvalidArgument if it is
  // neither.
  virtual absl::StatusOr<std::unique_ptr<Stream>> Connect(
      int fd, absl::string_view host) const = 0;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_CLIENT_CONTEXT_H_
