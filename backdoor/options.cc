// SPDX-License-Identifier: Apache-2.0

#include "backdoor/options.h"

#include <unistd.h>

#include "absl/strings/string_view.h"
#include "config/registrar.h"

namespace bergen::backdoor {
namespace {

using config::Handle;
using config::Option;

Option<std::string> BackdoorPort() {
  return {.name = "backdoor_port",
          .help =
              "Enable the backdoor on TCP, on backdoor_bind_host. "
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
              "the service's own user and root, and for whom "
              "backdoor_roles names. It wins over "
              "backdoor_port. In the path, {pid} and {worker} become the "
              "process's id and the worker's number; without either the "
              "first worker gets it."};
}

Option<std::string> BackdoorBindHost() {
  return {.name = "backdoor_bind_host",
          .default_value = "127.0.0.1",
          .help =
              "Address on which backdoor_port listens. Any but a loopback one "
              "needs backdoor_use_ssl."};
}

Option<bool> BackdoorUseSsl() {
  return {.name = "backdoor_use_ssl",
          .default_value = false,
          .help =
              "Have doors on TCP, text and gRPC, speak TLS with the options "
              "of the group ssl, ca_file included: clients show a certificate "
              "that it vouches for, and backdoor_roles says what they may do. "
              "Unix sockets stay as they are."};
}

Option<std::vector<std::string>> BackdoorRoles() {
  return {.name = "backdoor_roles",
          .default_value = std::vector<std::string>(),
          .help =
              "Who may do what, as WHO=ROLE; the first that fits counts. WHO "
              "is uid:NUMBER or uid:* (the user of a unix socket's client), "
              "cn:TEXT or san:TEXT (the common name or an alternative name of "
              "a client certificate), certificate (any client certificate) or "
              "loopback (TCP from this machine without one). ROLE is view, "
              "operate, admin or none. Without an entry root, the service's "
              "own user and loopback are admin, and nobody else gets in."};
}

std::optional<absl::string_view> TextOf(const Handle<std::string>& handle) {
  if (!handle.has_value()) return std::nullopt;
  return absl::string_view(handle.Get());
}

}  // namespace

absl::StatusOr<std::optional<Address>> Options::address() const {
  return ParseAddress(TextOf(backdoor_port), TextOf(backdoor_socket));
}

absl::StatusOr<RoleMap> Options::roles() const {
  return RoleMap::Parse(backdoor_roles.Get());
}

BackdoorListenOptions Options::listen_options(const RoleMap& roles) const {
  return {.host = backdoor_bind_host.Get(),
          .unix_mode = roles.AdmitsOthers(geteuid()) ? 0666 : 0600};
}

config::OptionList ListOpts() {
  return {{.name = std::string(config::kDefaultGroup),
           .options = {BackdoorPort(), BackdoorSocket(), BackdoorBindHost(),
                       BackdoorUseSsl(), BackdoorRoles()}}};
}

absl::StatusOr<Options> RegisterOpts(config::Registry& registry) {
  config::Registrar add(registry, config::kDefaultGroup);
  const Options options = {.backdoor_port = add(BackdoorPort()),
                           .backdoor_socket = add(BackdoorSocket()),
                           .backdoor_bind_host = add(BackdoorBindHost()),
                           .backdoor_use_ssl = add(BackdoorUseSsl()),
                           .backdoor_roles = add(BackdoorRoles())};
  if (!add.status().ok()) return add.status();
  return options;
}

}  // namespace bergen::backdoor
