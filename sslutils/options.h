// SPDX-License-Identifier: Apache-2.0
//
// The options of TLS servers, group `ssl`, and what they amount to.
//
//   absl::StatusOr<bool> enabled = IsEnabled(registry);
//   if (!enabled.ok()) return enabled.status();
//   if (*enabled) tls = Wrap(registry, {"http/1.1"});
//
// Source: `sslutils` of oslo.service. Differences: that files can be read and
// fit together is checked by `Wrap`, before the first connection.

#ifndef SSLUTILS_OPTIONS_H_
#define SSLUTILS_OPTIONS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/option.h"
#include "config/registry.h"
#include "service/unique_fd.h"
#include "sslutils/server_context.h"
#include "sslutils/ticket_keys.h"

namespace bergen::sslutils {

config::OptionList ListOpts();

// May be called repeatedly; `IsEnabled` and `Wrap` call it themselves.
absl::Status RegisterOpts(config::Registry& registry);

// Whether a certificate and its key are configured. Otherwise an error names
// option and file: NotFound if one is missing, PermissionDenied if it may not
// be read, InvalidArgument if only one of the two is set.
absl::StatusOr<bool> IsEnabled(config::Registry& registry);

// Under which keys of session tickets are passed on from one generation of a
// program to the next (`LaunchOptions::other_fds`).
inline constexpr char kTicketKeysName[] = "ticket-keys";

// The keys that all workers share: of `session_ticket_key_file`, or those in
// the memory behind `inherited`, or, if that is nothing or was made by another
// version, new ones in memory. Made once, before workers are forked.
absl::StatusOr<std::shared_ptr<TicketKeys>> ConfiguredTicketKeys(
    config::Registry& registry, UniqueFd inherited = UniqueFd());

// A context from the options' values at this moment. `ticket_keys` may be
// null: then sessions resume at this context only. The errors of
// `ServerContext::Create`.
absl::StatusOr<std::shared_ptr<ServerContext>> Wrap(
    config::Registry& registry, const std::vector<std::string>& alpn,
    std::shared_ptr<TicketKeys> ticket_keys = nullptr);

}  // namespace bergen::sslutils

#endif  // SSLUTILS_OPTIONS_H_
