// SPDX-License-Identifier: Apache-2.0
//
// Who is at the other end of a connected socket.
//
//   const Peer peer = GetPeer(fd);
//   log.info("connection from {}", peer.name);

#ifndef BACKDOOR_PEER_H_
#define BACKDOOR_PEER_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "sslutils/peer_certificate.h"

namespace bergen::backdoor {

struct Peer {
  // `127.0.0.1:40112`, `[::1]:40112`, `pid 812 uid 0`, or `unknown`; with a
  // certificate its subject follows: `192.0.2.7:40112 CN=alice`.
  std::string name;
  // As the kernel knows it, for a unix socket only.
  std::optional<uid_t> uid;
  // On TCP from this machine.
  bool loopback = false;
  // Verified, over TLS.
  std::optional<sslutils::PeerCertificate> certificate;
};

// `fd` is the socket that was accepted; its certificate is not known here.
Peer GetPeer(int fd);

// The same peer, after it has shown `certificate`.
Peer WithCertificate(Peer peer, sslutils::PeerCertificate certificate);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_PEER_H_
