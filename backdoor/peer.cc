// SPDX-License-Identifier: Apache-2.0

#include "backdoor/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace bergen::backdoor {
namespace {

bool IsLoopback(const in_addr& address) {
  return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

}  // namespace

Peer GetPeer(int fd) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return {.name = "unknown"};
  }
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
    return {.name = absl::StrCat(host, ":", ntohs(in.sin_port)),
            .loopback = IsLoopback(in.sin_addr)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof(host));
    return {.name = absl::StrCat("[", host, "]:", ntohs(in.sin6_port)),
            .loopback = IN6_IS_ADDR_LOOPBACK(&in.sin6_addr) != 0};
  }
  ucred credentials = {};
  length = sizeof(credentials);
  if (address.ss_family != AF_UNIX ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return {.name = "unknown"};
  }
  return {
      .name = absl::StrCat("pid ", credentials.pid, " uid ", credentials.uid),
      .uid = credentials.uid};
}

Peer WithCertificate(Peer peer, sslutils::PeerCertificate certificate) {
  absl::StrAppend(&peer.name, " ", certificate.subject);
  peer.certificate = std::move(certificate);
  return peer;
}

}  // namespace bergen::backdoor
