// SPDX-License-Identifier: Apache-2.0
//
// What somebody who types `bergenctl prof neutron seconds=10 @2` wants.

#ifndef BACKDOOR_CONTROL_REQUEST_H_
#define BACKDOOR_CONTROL_REQUEST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bergen::backdoor {

struct ControlRequest {
  // As command_table.h reads it: `prof(neutron, seconds=10)`.
  std::string line;
  // The same in words.
  std::string command;
  std::vector<std::string> arguments;
  // The number of the only worker asked; none: all of them.
  std::optional<int> worker;
  // The supervisor is asked. It has no door: any worker answers for it, from
  // what the supervisor shows them.
  bool supervisor = false;
  // How long the command itself was asked to take, by an argument `seconds=`.
  absl::Duration duration;
};

// The first word is the command, complete if it has a parenthesis; the others
// are its arguments, of which `NAME=VALUE` has a name. A word that begins with
// `@` may stand anywhere and says who is asked: `@2`, `@all` or
// `@supervisor`, which only knows `status` (in `line` the command supervisor),
// workers, set_workers, crashes and reload.
// InvalidArgument if there is no command, or a target is neither or comes
// twice, or a word has control characters.
absl::StatusOr<ControlRequest> ParseControlRequest(
    const std::vector<std::string>& words);

// What a `prof` is to save.
struct SavedProfile {
  std::string name;
  std::string formats;
};

// None if the request is not one to save a profile.
std::optional<SavedProfile> ProfileToSave(const ControlRequest& request);

// The line for worker `number` of several that are asked: files of `prof` get
// the number, `neutron-2`, since all would be written to one place, and are
// made to be merged. InvalidArgument if that cannot be done: `prof('neutron')`
// in one word.
absl::StatusOr<std::string> LineForWorker(const ControlRequest& request,
                                          int number);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_CONTROL_REQUEST_H_
