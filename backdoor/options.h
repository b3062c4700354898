// SPDX-License-Identifier: Apache-2.0
//
// The backdoor's options, in group DEFAULT, and the address they amount to.
//
//   absl::StatusOr<backdoor::Options> options =
//       backdoor::RegisterOpts(registry);
//   if (!options.ok()) return options.status();
//   absl::StatusOr<std::optional<Address>> address = options->address();
//
// Source: `eventlet_backdoor_opts` of oslo.service, there in the namespace
// `oslo.service.service` together with the launcher's.

#ifndef BACKDOOR_OPTIONS_H_
#define BACKDOOR_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backdoor/address.h"
#include "backdoor/listen.h"
#include "backdoor/roles.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/registry.h"

namespace bergen::backdoor {

// Valid as long as the registry.
struct Options {
  config::Handle<std::string> backdoor_port;
  config::Handle<std::string> backdoor_socket;
  config::Handle<std::string> backdoor_bind_host;
  config::Handle<bool> backdoor_use_ssl;
  config::Handle<std::vector<std::string>> backdoor_roles;

  // None if both are unset; the errors of `ParseAddress`. To be read before
  // workers are forked, so that a bad value stops the start.
  absl::StatusOr<std::optional<Address>> address() const;

  // The errors of `RoleMap::Parse`. To be read before workers are forked too.
  absl::StatusOr<RoleMap> roles() const;

  // How a door is opened for those who have a role.
  BackdoorListenOptions listen_options(const RoleMap& roles) const;
};

// For samples, documentation and schemas.
config::OptionList ListOpts();

// Once or repeatedly; fails as `config::Registry::Register`.
absl::StatusOr<Options> RegisterOpts(config::Registry& registry);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_OPTIONS_H_
