// SPDX-License-Identifier: Apache-2.0
//
// The text door of the command table: what `nc` and `socat` talk to.
//
//   auto listener = std::make_shared<Listener>(*std::move(opened));
//   TextServer door(std::move(listener), table, {.program = "demo 1.0"}, log);
//   absl::Status started = door.Start();
//
//   $ echo "prof()" | nc localhost 8002
//
// One thread waits for all connections; commands run on a few others, so that
// a slow one holds up no other connection. See text_session.h for what is said.
//
// Source: the server of oslo.service's eventlet_backdoor. Differences: bounded
// in everything, logged, no interpreter, roles, and TLS where others than this
// machine can come in. Unlike the end of a plain connection, that of a TLS one
// can be told from a cut: then an unfinished last line is not run.

#ifndef BACKDOOR_TEXT_SERVER_H_
#define BACKDOOR_TEXT_SERVER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command_table.h"
#include "backdoor/entrance.h"
#include "service/listener.h"
#include "service/service.h"
#include "spdlog/fwd.h"

namespace bergen::backdoor {

struct TextServerOptions {
  // Name and version for the banner.
  std::string program = "bergen";
  // For the banner and the log.
  int worker_number = 0;
  // Who may come in, how, and as what.
  EntranceOptions entrance;
  // One more is told so and closed.
  size_t max_connections = 16;
  // Commands that run at once, one a connection; others wait. At least 1. One
  // whose client is slow to read is not counted.
  int handler_threads = 4;
  // Bytes of an answer that may wait to be sent; a handler that writes more is
  // held up.
  size_t max_waiting_reply = 256 * 1024;
  // A client that takes nothing of its answer for so long is dropped.
  absl::Duration write_timeout = absl::Seconds(30);
  // See TextSessionOptions.
  absl::Duration banner_delay = absl::Milliseconds(100);
  absl::Duration pipe_quiet = absl::Seconds(1);
  absl::Duration idle_timeout = absl::Hours(1);
};

// Thread-safe as `Service` says. Is created, or at least started, in the
// process that answers.
class TextServer : public Service {
 public:
  // `table` and `log` outlive the server. The listener is shared so that
  // whoever opened it may keep it for the next server (after a reload, for the
  // next worker).
  TextServer(std::shared_ptr<const Listener> listener,
             const CommandTable& table, const TextServerOptions& options,
             spdlog::logger& log);
  // Stops and waits if need be.
  ~TextServer() override;

  absl::string_view name() const override { return "backdoor"; }

  // The errors of `Entrance::Start`; ResourceExhausted if there is no
  // descriptor or threads cannot be made.
  absl::Status Start() override;

  // Answers of running commands are still sent; commands that wait are dropped.
  void Stop() override;

  absl::Status Wait() override;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_TEXT_SERVER_H_
