// SPDX-License-Identifier: Apache-2.0
//
// What the servers of this folder have in common: they differ only in the I/O
// engine, so none parses more of a request than its end.

#ifndef TESTS_BENCH_ENGINE_SERVERS_CANNED_H_
#define TESTS_BENCH_ENGINE_SERVERS_CANNED_H_

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bergen::bench {

inline constexpr char kAnswer[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 13\r\n"
    "Date: Tue, 24 Nov 2026 02:02:54 GMT\r\n"
    "\r\n"
    "Hello, world!";
inline constexpr size_t kAnswerSize = sizeof(kAnswer) - 1;
inline constexpr size_t kReadSize = 16384;

// A request without a body, complete in one read, as wrk sends it.
inline bool EndsRequest(const char* data, size_t size) {
  return size >= 4 && memcmp(data + size - 4, "\r\n\r\n", 4) == 0;
}

// Listens on a free port of 127.0.0.1 and prints it.
inline int ListenAndSay() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(fd, 512) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    perror("listen");
    exit(1);
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

inline int Accept(int listener) {
  const int fd =
      accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  }
  return fd;
}

}  // namespace bergen::bench

#endif  // TESTS_BENCH_ENGINE_SERVERS_CANNED_H_
