// SPDX-License-Identifier: Apache-2.0
//
// The commands of one process, and the reading of a line into one of them.
//
//   CommandTable table;
//   absl::Status added = table.Add(std::move(drain));
//   if (!added.ok()) return added;
//   absl::StatusOr<Invocation> call = table.Parse("drain(30)", Role::kAdmin);
//   if (!call.ok()) return call.status();  // "did you mean ..."
//   if (call->command != nullptr) {
//     return call->command->handler(call->arguments, caller, output);
//   }
//
// Grammar, blanks allowed between all parts:
//
//   line     := [ name [ "(" [ argument { "," argument } ] ")" ] ]
//   argument := [ name "=" ] value
//   value    := "'" text "'" | '"' text '"' | word
//   word     := letters, digits and _ . : / @ % + - ~ and bytes above 0x7f
//
// In quotes, a backslash comes before \ ' " n r t. Numbers and truth values
// (true, false, in any case, 1, 0) are words. Order: arguments without a
// name, then those with one.
//
// Source: what operators type into oslo.service's backdoor: `prof()`,
// `prof('neutron')`, and the documentation's `prof(basename)`.

#ifndef BACKDOOR_COMMAND_TABLE_H_
#define BACKDOOR_COMMAND_TABLE_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"

namespace bergen::backdoor {

struct Invocation {
  // Belongs to the table; null for a line with nothing on it.
  const Command* command = nullptr;
  Arguments arguments;
};

// Filled before the doors open; from then on constant, and so thread-safe.
class CommandTable {
 public:
  // Bytes of a line without its end. Doors refuse longer ones unread.
  static constexpr size_t kMaxLineLength = 4096;
  static constexpr size_t kMaxNameLength = 64;

  // InvalidArgument if the command is not well-formed, AlreadyExists if there
  // is one of this name.
  absl::Status Add(Command command);

  // Reads a line for somebody with `role`. InvalidArgument says which part is
  // wrong and what is allowed, NotFound names the nearest command, and
  // PermissionDenied the role that is needed.
  absl::StatusOr<Invocation> Parse(absl::string_view line, Role role) const;

  // The command called `name`; null if there is none. Lives as long as the
  // table.
  const Command* Find(absl::string_view name) const;

  // By name.
  std::vector<const Command*> commands() const;

 private:
  absl::Status UnknownCommand(absl::string_view name) const;

  std::map<std::string, Command> commands_;
};

// `text` as an argument of a line that means just this: a word if it is one,
// so that numbers stay numbers, and otherwise in quotes.
std::string QuoteArgument(absl::string_view text);

// `view`, `operate` or `admin`.
absl::string_view RoleName(Role role);

// How a command is called: `prof(name=, hz=99, clock=cpu)`; an argument that
// may be left out and has no default is shown as `name=`, a required one as
// `name`.
std::string Signature(const Command& command);

// What values a parameter takes, in words: `a whole number from 1 up to 10`.
std::string DescribeAllowed(const Parameter& parameter);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_COMMAND_TABLE_H_
