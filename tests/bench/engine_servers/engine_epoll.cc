// SPDX-License-Identifier: Apache-2.0
//
// The bare loop that the libraries are measured against.

#include <sys/epoll.h>

#include "tests/bench/engine_servers/canned.h"

int main() {
  using namespace bergen::bench;  // NOLINT
  const int listener = ListenAndSay();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  static char buffer[kReadSize];
  epoll_event events[64];
  for (;;) {
    const int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        for (int peer; (peer = Accept(listener)) >= 0;) {
          event.events = EPOLLIN;
          event.data.fd = peer;
          epoll_ctl(epoll, EPOLL_CTL_ADD, peer, &event);
        }
        continue;
      }
      const ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
      if (size <= 0) {
        close(fd);
      } else if (EndsRequest(buffer, size) &&
                 send(fd, kAnswer, kAnswerSize, MSG_NOSIGNAL) < 0) {
        close(fd);
      }
    }
  }
}
