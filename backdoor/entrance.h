// SPDX-License-Identifier: Apache-2.0
//
// Where clients of a door come in: accepts them, has TLS terminated if it is
// wanted, and says who they are and what they may do. The door itself sees
// plain descriptors.
//
//   Entrance entrance(listener, {.roles = roles}, waker, log);
//   absl::Status started = entrance.Start();
//   ...
//   poll({{waker.fd(), POLLIN}, {entrance.fd(now), POLLIN}});
//   for (Client& client : entrance.Take(now)) {
//     if (!client.role.has_value()) continue;  // Refused; closed here.
//     Serve(std::move(client));
//   }

#ifndef BACKDOOR_ENTRANCE_H_
#define BACKDOOR_ENTRANCE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/peer.h"
#include "backdoor/roles.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "service/waker.h"
#include "spdlog/fwd.h"
#include "sslutils/reload_watch.h"
#include "sslutils/server_context.h"
#include "sslutils/terminator.h"

namespace bergen::backdoor {

struct EntranceOptions {
  // What clients may do.
  RoleMap roles;
  // Null: plain, which only a unix socket or a loopback address may be. With
  // it clients on TCP speak TLS and show a certificate that it verifies; their
  // role is that of the certificate. Unix sockets are plain all the same.
  std::shared_ptr<sslutils::ServerContext> tls;
  sslutils::TerminatorOptions terminator;
};

// Somebody who has come in.
struct Client {
  // Non-blocking, close-on-exec.
  UniqueFd fd;
  // For logs: `Peer::name`.
  std::string name;
  // None: no entry of the roles fits.
  std::optional<Role> role;
  // Null without TLS; see `Terminator::Plain`.
  std::function<bool()> cut;
};

// `Start`, `fd`, `pause_end`, `Take` and `Stop` are for one thread at a time.
class Entrance {
 public:
  // `waker` and `log` outlive it. `waker` is woken when `Take` has somebody
  // whose handshake is done.
  Entrance(std::shared_ptr<const Listener> listener,
           const EntranceOptions& options, Waker& waker, spdlog::logger& log);

  // FailedPrecondition if others than this machine could come in without TLS,
  // or with TLS that requires no client certificate. For main, before workers
  // are forked.
  static absl::Status Check(const Listener& listener,
                            const EntranceOptions& options);

  // The error of `Check`; ResourceExhausted if there is no descriptor or no
  // thread for TLS.
  absl::Status Start();

  // What to poll for reading; -1 while the system has no descriptors for more
  // clients, which ends at `pause_end`.
  int fd(absl::Time now) const;
  // InfiniteFuture() if there is no pause.
  absl::Time pause_end(absl::Time now) const;

  // Whoever came since the last call. Does not block. Takes over changed TLS
  // files now and then.
  std::vector<Client> Take(absl::Time now);

  // Lets what was written to clients go out, up to `grace`, and cuts the rest
  // off. Blocks until then. Without TLS there is nothing to do.
  void Stop(absl::Duration grace);

 private:
  void Accept(absl::Time now, std::vector<Client>& clients);
  void BeginTls(UniqueFd fd, absl::Time now);
  void EndTls(Peer peer, absl::StatusOr<sslutils::Terminator::Plain> plain);
  Client Admit(UniqueFd fd, const Peer& peer) const;

  const std::shared_ptr<const Listener> listener_;
  const EntranceOptions options_;
  Waker* const waker_;
  spdlog::logger* const log_;
  absl::Time accept_again_ = absl::InfinitePast();
  std::unique_ptr<sslutils::ReloadWatch> tls_watch_;  // Null without TLS.

  absl::Mutex mutex_;
  std::vector<Client> secured_ ABSL_GUARDED_BY(mutex_);
  // Null without TLS. Last, since its thread uses the others.
  std::unique_ptr<sslutils::Terminator> terminator_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_ENTRANCE_H_
