// SPDX-License-Identifier: Apache-2.0
//
// Connects to a door that speaks TLS, and gives a plain descriptor.
//
//   absl::StatusOr<std::unique_ptr<TlsDialer>> dialer = TlsDialer::Create(
//       {.ca_file = ca, .cert_file = cert, .key_file = key, .alpn = {"h2"}});
//   if (!dialer.ok()) return dialer.status();
//   absl::StatusOr<UniqueFd> fd =
//       (*dialer)->Dial("ops.example.org:8010", absl::Seconds(10));
//   if (!fd.ok()) return fd.status();
//   auto channel = grpc::CreateInsecureChannelFromFd("door", fd->Release());

#ifndef BACKDOOR_TLS_DIALER_H_
#define BACKDOOR_TLS_DIALER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"
#include "sslutils/client_context.h"
#include "sslutils/terminator.h"

namespace bergen::backdoor {

// Thread-safe. Connections end when it is destroyed.
class TlsDialer {
 public:
  // The errors of `ClientContext::Create` and `Terminator::Start`.
  static absl::StatusOr<std::unique_ptr<TlsDialer>> Create(
      const sslutils::ClientContextOptions& options);

  // `address` is HOST:PORT or [IPV6]:PORT; the server's certificate must be for
  // that host. The descriptor is non-blocking. InvalidArgument for another
  // address, NotFound if it has no such host, Unavailable if nothing listens or
  // the handshake fails, DeadlineExceeded after `timeout`. Resolving a name may
  // take longer.
  absl::StatusOr<UniqueFd> Dial(absl::string_view address,
                                absl::Duration timeout);

 private:
  TlsDialer(std::shared_ptr<const sslutils::ClientContext> context,
            std::unique_ptr<sslutils::Terminator> terminator);

  const std::shared_ptr<const sslutils::ClientContext> context_;
  const std::unique_ptr<sslutils::Terminator> terminator_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_TLS_DIALER_H_
