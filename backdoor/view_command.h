// SPDX-License-Identifier: Apache-2.0
//
// A command that takes no arguments and changes nothing: only its answer
// matters.
//
//   table.Add(ViewCommand("crashes", "What has crashed.", ShowCrashes,
//                         control));

#ifndef BACKDOOR_VIEW_COMMAND_H_
#define BACKDOOR_VIEW_COMMAND_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "backdoor/command.h"

namespace bergen::backdoor {

// `answer` is called with `control`, which the command keeps.
template <typename Control>
Command ViewCommand(const std::string& name, const std::string& help,
                    absl::Status (*answer)(const Control&, Output&),
                    std::shared_ptr<const Control> control) {
  return {.name = name,
          .help = help,
          .handler = [answer, control = std::move(control)](
                         const Arguments&, const Caller&, Output& output) {
            return answer(*control, output);
          }};
}

}  // namespace bergen::backdoor

#endif  // BACKDOOR_VIEW_COMMAND_H_
