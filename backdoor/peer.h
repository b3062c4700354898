// SPDX-License-Identifier: Apache-2.0
//
// Who is at the other end of a connected socket.
//
//   const Peer peer = GetPeer(fd);
//   if (!IsTrusted(peer, geteuid())) return;
//   log.info("connection from {}", peer.name);

#ifndef BACKDOOR_PEER_H_
#define BACKDOOR_PEER_H_

#include <sys/types.h>

#include <optional>
#include <string>

namespace bergen::backdoor {

struct Peer {
  // `127.0.0.1:40112`, `[::1]:40112`, `pid 812 uid 0`, or `unknown`.
  std::string name;
  // As the kernel knows it, for a unix socket only.
  std::optional<uid_t> uid;
};

Peer GetPeer(int fd);

// False for a user who is neither root nor `own_uid`. The mode of a unix socket
// says the same; this holds as well if somebody changes it.
bool IsTrusted(const Peer& peer, uid_t own_uid);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PEER_H_
