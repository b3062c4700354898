// SPDX-License-Identifier: Apache-2.0

#include <event2/event.h>

#include "tests/bench/engine_servers/canned.h"

namespace bergen::bench {
namespace {

struct Peer {
  event* read = nullptr;
};

void OnRead(int fd, short, void* argument) {  // NOLINT(runtime/int)
  static char buffer[kReadSize];
  const ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
  if (size > 0 && (!EndsRequest(buffer, size) ||
                   send(fd, kAnswer, kAnswerSize, MSG_NOSIGNAL) > 0)) {
    return;
  }
  Peer* peer = static_cast<Peer*>(argument);
  event_free(peer->read);
  close(fd);
  delete peer;
}

void OnAccept(int listener, short, void* argument) {  // NOLINT(runtime/int)
  for (int fd; (fd = Accept(listener)) >= 0;) {
    Peer* peer = new Peer;
    peer->read = event_new(static_cast<event_base*>(argument), fd,
                           EV_READ | EV_PERSIST, OnRead, peer);
    event_add(peer->read, nullptr);
  }
}

}  // namespace
}  // namespace bergen::bench

int main() {
  event_base* base = event_base_new();
  event* accept =
      event_new(base, bergen::bench::ListenAndSay(), EV_READ | EV_PERSIST,
                bergen::bench::OnAccept, base);
  event_add(accept, nullptr);
  return event_base_dispatch(base);
}
