// SPDX-License-Identifier: Apache-2.0
//
// Commands about an HTTP server in this process.
//
//   HttpControl control = {.connections = [&] { return Connections(server); }};
//   absl::Status added = AddHttpCommands(std::move(control), table);
//
//   connections()    who is connected, and what each connection does
//   requests()       of these, the requests being answered, the oldest first
//   certs()          when certificates expire
//   metrics()        what a page of metrics has, of all workers
//
// Source: none; oslo.service does not know its connections.

#ifndef BACKDOOR_HTTP_COMMANDS_H_
#define BACKDOOR_HTTP_COMMANDS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backdoor/command_table.h"

namespace bergen::backdoor {

// What the commands ask, so that any server can answer. Thread-safe; a command
// whose function is empty is not added.
struct HttpControl {
  struct Connection {
    std::string peer;
    std::string stage;  // A word: `idle`.
    absl::Duration age;
    std::string request;  // Not empty: one is being answered.
    // Of HTTP/2: each has a request.
    struct Stream {
      int number;
      std::string stage;
      absl::Duration age;
      std::string request;
    };
    std::vector<Stream> streams = {};
  };
  std::function<absl::StatusOr<std::vector<Connection>>()> connections;

  struct Certificate {
    std::string name;
    absl::Time expires;
  };
  std::function<std::vector<Certificate>()> certificates;
  std::function<std::string()> metrics;
  std::function<absl::Time()> now = absl::Now;
};

// Adds what `control` allows. AlreadyExists if the table has one of them.
absl::Status AddHttpCommands(HttpControl control, CommandTable& table);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_HTTP_COMMANDS_H_
