// SPDX-License-Identifier: Apache-2.0
//
// Any bytes to a server that expects a handshake: whole and cut in two they
// must come to the same, which is no handshake.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/unique_fd.h"
#include "sslutils/server_context.h"
#include "sslutils/stream.h"
#include "sslutils/test_certificates.h"

namespace bergen::sslutils {
namespace {

// More would not fit into the socket.
constexpr size_t kMostInput = 65536;

std::shared_ptr<ServerContext> NewContext() {
  const std::string certificate = absl::StrCat("/tmp/tls_fuzz.", getpid());
  const std::string key = absl::StrCat(certificate, ".key");
  TestAuthority().Issue("server", certificate, key);
  absl::StatusOr<std::shared_ptr<ServerContext>> context =
      ServerContext::Create({.cert_file = certificate,
                             .key_file = key,
                             .alpn = {"h2", "http/1.1"}});
  unlink(certificate.c_str());
  unlink(key.c_str());
  if (!context.ok()) abort();
  return *std::move(context);
}

IoState Give(Stream& stream, int fd, absl::string_view bytes) {
  if (write(fd, bytes.data(), bytes.size()) !=
      static_cast<ssize_t>(bytes.size())) {
    abort();
  }
  return stream.Handshake().state;
}

IoState Outcome(const ServerContext& context, absl::string_view input,
                size_t cut) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0) abort();
  const UniqueFd server(fds[0]);
  const UniqueFd client(fds[1]);
  const std::unique_ptr<Stream> stream = context.Accept(server.get());
  IoState state = Give(*stream, client.get(), input.substr(0, cut));
  if (state == IoState::kWantRead) {
    state = Give(*stream, client.get(), input.substr(cut));
  }
  if (state == IoState::kDone) abort();
  return state;
}

}  // namespace
}  // namespace bergen::sslutils

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bergen::sslutils;  // NOLINT
  static const std::shared_ptr<ServerContext>& context =
      *new std::shared_ptr<ServerContext>(NewContext());
  const absl::string_view input(reinterpret_cast<const char*>(data),
                                std::min(size, kMostInput));
  if (input.empty()) return 0;
  // Somewhere else in each; a handshake is too long for all places.
  const size_t cut =
      std::accumulate(data, data + size, size_t{0}) % input.size();
  if (Outcome(*context, input, cut) != Outcome(*context, input, input.size())) {
    abort();
  }
  return 0;
}
