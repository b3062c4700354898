// SPDX-License-Identifier: Apache-2.0

#include "wsgi/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace bergen::wsgi {
namespace {

void Describe(const sockaddr_storage& address, std::string& host,
              std::string& port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    host = inet_ntop(AF_INET, &ipv4.sin_addr, text, sizeof(text));
    port = absl::StrCat(ntohs(ipv4.sin_port));
  } else if (address.ss_family == AF_INET6) {
    const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
    host = inet_ntop(AF_INET6, &ipv6.sin6_addr, text, sizeof(text));
    port = absl::StrCat(ntohs(ipv6.sin6_port));
  } else {
    host = "unix";
    port.clear();
  }
}

}  // namespace

ConnectionInfo DescribeConnection(int fd) {
  ConnectionInfo info;
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  Describe(address, info.server_name, info.server_port);
  address = {};
  size = sizeof(address);
  // Fails if the peer is gone again; then there is nobody to describe.
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    Describe(address, info.remote_addr, info.remote_port);
  }
  return info;
}

}  // namespace bergen::wsgi
