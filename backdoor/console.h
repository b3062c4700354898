// SPDX-License-Identifier: Apache-2.0
//
// A page about a running process, for a browser on the same machine: status,
// threads, tasks, options, metrics, a profile. An application, for a server of
// its own:
//
//   Console console(table, {.role = Role::kView}, log);
//   absl::StatusOr<std::unique_ptr<wsgi::Server>> server =
//       wsgi::Server::Create(log, console, {&listener}, {.name = "console"});
//
// Everything that it shows or does is a command of the table, and is checked
// and logged as those of the other doors.
//
// Source: none.

#ifndef BACKDOOR_CONSOLE_H_
#define BACKDOOR_CONSOLE_H_

#include <cstddef>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "spdlog/fwd.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::backdoor {

struct ConsoleOptions {
  // What everybody may do who can connect. On a port that is everybody on the
  // machine; on a unix socket, who its mode allows.
  Role role = Role::kView;
  // Part of the names of saved profiles, `console-0.svg`, each of which
  // replaces the one before.
  int worker = 0;
};

// Whether a console may answer at this end of a connection: a numeric loopback
// address, or `unix`.
bool IsConsoleAddress(absl::string_view address);

// Thread-safe. Serves
//
//   GET  /, /console.css, /console.js
//   POST /run                    runs the command in the body
//   POST /profile?seconds=&clock=
//   GET  /flame.svg              of the last profile
//
// Answers to POST are JSON: `ok`, `text`, `error`. Refused, with 403, is what
// does not come to a loopback address or a unix socket, what names another
// host (a site whose name leads here), and a POST from another site or without
// the header X-Bergen-Console, which other sites cannot send.
class Console : public wsgi::Application {
 public:
  // Bytes of an answer; the rest is left out, which is said.
  static constexpr size_t kMaxAnswer = size_t{8} << 20;
  // How long a profile may take, and then any command, before it is told that
  // nobody waits.
  static constexpr absl::Duration kLongestProfile = absl::Seconds(60);
  static constexpr absl::Duration kLongestCommand = absl::Seconds(70);

  // `table` and `log` outlive it.
  Console(const CommandTable& table, const ConsoleOptions& options,
          spdlog::logger& log)
      : table_(&table), options_(options), log_(&log) {}

  absl::StatusOr<wsgi::Body> operator()(
      wsgi::Environ& environ, wsgi::StartResponse& start_response) override;

 private:
  // Of one command.
  struct Answer {
    absl::Status status;
    std::string text;
  };

  Answer Run(absl::string_view line, const wsgi::Environ& environ);
  absl::StatusOr<wsgi::Body> Command(wsgi::Environ& environ,
                                     wsgi::StartResponse& start_response);
  absl::StatusOr<wsgi::Body> Profile(wsgi::Environ& environ,
                                     wsgi::StartResponse& start_response);

  const CommandTable* const table_;
  const ConsoleOptions options_;
  spdlog::logger* const log_;
  absl::Mutex mutex_;
  std::string flame_graph_ ABSL_GUARDED_BY(mutex_);  // Empty: none yet.
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_CONSOLE_H_
