// SPDX-License-Identifier: Apache-2.0
//
// Opens the sockets of the backdoor: each worker has its own, so that each can
// be asked by itself.
//
//   // In main, before workers are forked, in the order of their numbers:
//   for (int worker = 0; worker < workers; ++worker) {
//     absl::StatusOr<Listener> listener =
//         OpenBackdoorListener(*address, worker, {}, log);
//     if (!listener.ok()) {
//       log.warn("worker {}: no backdoor: {}", worker,
//                listener.status().message());
//     }
//   }
//
// A path with `{pid}` is opened in the worker instead: `NeedsWorkerPid`.
//
// Source: `initialize_if_enabled` in oslo.service. There a busy port aborts the
// worker, although documented otherwise, and the socket of a live process is
// taken from it.

#ifndef BACKDOOR_LISTEN_H_
#define BACKDOOR_LISTEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "backdoor/address.h"
#include "service/listener.h"
#include "spdlog/fwd.h"

namespace bergen::backdoor {

struct BackdoorListenOptions {
  // For TCP: see `Listener::ListenTcp`.
  std::string host = "127.0.0.1";
  // Permission bits of a unix socket. Who is let in is up to the door; this
  // only says who can ask.
  int unix_mode = 0600;
};

// Opens what `address` gives worker `worker_number` (from 0):
//
// * port 0: one that the kernel chooses;
// * a single port, or a path without `{pid}` and `{worker}`: worker 0 gets it,
//   the others FailedPrecondition;
// * a range: the first free port, tried upwards; called for one worker after
//   the other this gives worker K the K-th free port;
// * a path with `{pid}` or `{worker}`: that socket, `{pid}` being the process
//   that calls.
//
// AlreadyExists if the port, all of the range, or the path is in use; other
// errors as `Listener`'s. The caller logs the error and goes on without a
// backdoor.
absl::StatusOr<Listener> OpenBackdoorListener(
    const Address& address, int worker_number,
    const BackdoorListenOptions& options, spdlog::logger& log);

// True if the socket can only be opened in the worker, after the fork.
bool NeedsWorkerPid(const Address& address);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_LISTEN_H_
