// SPDX-License-Identifier: Apache-2.0
//
// One conversation through the text door, without its socket: bytes and the
// passing of time go in, command lines and text come out.
//
//   TextSession session({.banner = "demo 1.0\n"}, now);
//   session.OnInput("help\n", now);
//   while (std::optional<std::string> line = session.TakeCommand()) {
//     session.OnResult(Run(*line), /*line_open=*/false, now);
//   }
//   Send(session.TakeOutput());
//   if (session.finished()) Close();
//
// Clients are of two kinds, told apart by who speaks first. A person waits for
// the prompt. A pipe (`echo "prof()" | nc localhost 8002`) sends at once, and
// many an `nc` then waits for the server to close; so a client that has sent
// something before the banner was due is a pipe: it gets no banner and no
// prompts, and the farewell once it has been quiet for a while.
//
// Source: the console of oslo.service's eventlet_backdoor; there the wait for
// the server's end of the pipe never ends unless nc half-closes.

#ifndef BACKDOOR_TEXT_SESSION_H_
#define BACKDOOR_TEXT_SESSION_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command_table.h"

namespace bergen::backdoor {

struct TextSessionOptions {
  // Sent to a person before the first prompt; whole lines.
  std::string banner;
  // How long a client may wait before it counts as a person.
  absl::Duration banner_delay = absl::Milliseconds(100);
  // Quiet time, nothing running, after which a pipe is at its end.
  absl::Duration pipe_quiet = absl::Seconds(1);
  // The same for a person.
  absl::Duration idle_timeout = absl::Hours(1);
  // Bytes of a line without its end; the rest of a longer one is dropped.
  size_t max_line_length = CommandTable::kMaxLineLength;
};

// Not thread-safe. Times given must not decrease.
class TextSession {
 public:
  enum class End { kOrderly, kCut };

  TextSession(const TextSessionOptions& options, absl::Time now);

  // Events.
  void OnInput(absl::string_view bytes, absl::Time now);
  // The client sends no more; what it has sent still runs, a last line without
  // its end included, unless the connection was cut: such a line may be the
  // beginning of another one.
  void OnEndOfInput(End end, absl::Time now);
  // Time has passed; to be called at `deadline`, harmless at other times.
  void OnTime(absl::Time now);
  // The command taken last has ended. `line_open`: what it wrote does not
  // end with a newline.
  void OnResult(const absl::Status& result, bool line_open, absl::Time now);
  // Ends the session after the command that runs; drops those that wait.
  void OnStop();

  // Actions. The next line to run; none while one runs.
  std::optional<std::string> TakeCommand();
  // What is to be sent now; empty if nothing.
  std::string TakeOutput();
  // Nothing more will come: close once everything is sent.
  bool finished() const { return finished_; }
  // False while enough waits to be run.
  bool wants_input() const;
  // When to call `OnTime`; InfiniteFuture() if no time matters.
  absl::Time deadline() const;

 private:
  enum class Client { kUnknown, kPerson, kPipe };

  // Moves complete lines, or what is left at the end, to `next_line_`; says
  // goodbye when nothing can come any more.
  void Advance();
  // The next whole line of `input_`, without its end.
  std::optional<std::string> CutLine();
  void Prompt();

  TextSessionOptions options_;
  Client client_ = Client::kUnknown;
  absl::Time last_event_;
  std::string input_;
  std::string output_;
  std::optional<std::string> next_line_;
  bool running_ = false;
  bool skipping_ = false;  // Inside a line that is too long.
  bool ended_ = false;     // No more input is read.
  bool finished_ = false;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_TEXT_SESSION_H_
