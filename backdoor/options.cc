// SPDX-License-Identifier: Apache-2.0

#include "backdoor/options.h"

#include "absl/strings/string_view.h"
#include "config/registrar.h"

namespace bergen::backdoor {
namespace {

using config::Handle;
using config::Option;

Option<std::string> BackdoorPort() {
  return {.name = "backdoor_port",
          .help =
              "Enable the backdoor on TCP, on the loopback address only. "
              "Acceptable values are 0, PORT, and START:END: 0 listens on a "
              "port that the system chooses; PORT on that one, which the "
              "first worker gets; START:END gives each worker the next free "
              "port of the range. The port is written to the log. If it is "
              "in use, the service goes on without a backdoor."};
}

Option<std::string> BackdoorSocket() {
  return {.name = "backdoor_socket",
          .help =
              "Enable the backdoor on a unix socket at this path, for "
              "the service's own user and root only. It wins over "
              "backdoor_port. In the path, {pid} and {worker} become the "
              "process's id and the worker's number; without either the "
              "first worker gets it."};
}

std::optional<absl::string_view> TextOf(const Handle<std::string>& handle) {
  if (!handle.has_value()) return std::nullopt;
  return absl::string_view(handle.Get());
}

}  // namespace

absl::StatusOr<std::optional<Address>> Options::address() const {
  return ParseAddress(TextOf(backdoor_port), TextOf(backdoor_socket));
}

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {BackdoorPort(), BackdoorSocket()}}};
}

absl::StatusOr<Options> RegisterOpts(config::Registry& registry) {
  config::Registrar add(registry, config::kDefaultGroup);
  const Options options = {.backdoor_port = add(BackdoorPort()),
                           .backdoor_socket = add(BackdoorSocket())};
  if (!add.status().ok()) return add.status();
  return options;
}

}  // namespace bergen::backdoor
