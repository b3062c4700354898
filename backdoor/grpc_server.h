// SPDX-License-Identifier: Apache-2.0
//
// The gRPC door of the command table: `bergen.backdoor.v1.Control` in
// control.proto, with health and reflection.
//
//   auto listener = std::make_shared<Listener>(*std::move(opened));
//   GrpcServer door(std::move(listener), table, {}, log);
//   absl::Status started = door.Start();
//
//   $ grpcurl -plaintext -unix /run/demo/control.sock list
//
// Source: none; oslo.service has only the console. gRPC must not be used before
// a fork, so the listener is opened in the parent and gRPC meets it in `Start`.

#ifndef BACKDOOR_GRPC_SERVER_H_
#define BACKDOOR_GRPC_SERVER_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command_table.h"
#include "backdoor/entrance.h"
#include "service/listener.h"
#include "service/service.h"
#include "spdlog/fwd.h"

namespace bergen::backdoor {

struct GrpcServerOptions {
  // For the log.
  int worker_number = 0;
  // Who may come in, how, and as what. Its TLS needs ALPN `h2`.
  EntranceOptions entrance;
  // One more is closed.
  size_t max_connections = 16;
  // Commands that run at once; one more gets RESOURCE_EXHAUSTED.
  int max_running = 8;
  // A client that takes nothing of its answer for so long is cut off.
  absl::Duration write_timeout = absl::Seconds(30);
  // Connections without a call for so long are closed.
  absl::Duration idle_timeout = absl::Hours(1);
  // Whether the health service says `ready` before `SetReady` is called: false
  // where other services start after this one.
  bool ready_at_start = true;
  // Grace for running commands after `Stop`; then they are cancelled.
  absl::Duration stop_timeout = absl::Seconds(30);
};

// Thread-safe as `Service` says. Is created, or at least started, in the
// process that answers, after the last fork.
class GrpcServer : public Service {
 public:
  // `table` and `log` outlive the server. The listener is shared so that
  // whoever opened it may keep it for the next server.
  GrpcServer(std::shared_ptr<const Listener> listener,
             const CommandTable& table, const GrpcServerOptions& options,
             spdlog::logger& log);
  // Stops and waits if need be.
  ~GrpcServer() override;

  absl::string_view name() const override { return "backdoor-grpc"; }

  // The errors of `Entrance::Start`; Unavailable if gRPC does not start;
  // ResourceExhausted if a descriptor or a thread cannot be made.
  absl::Status Start() override;

  // What the health service says of `ready`, until the process drains. Its
  // names, each for `Check` and `Watch`: the empty one and `live` (the door
  // answers), `ready`, and `draining` (from `PrepareStop` or `Stop`).
  void SetReady(bool ready);

  void PrepareStop() override;
  void Stop() override;

  absl::Status Wait() override;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_GRPC_SERVER_H_
