// SPDX-License-Identifier: Apache-2.0
//
// The options of HTTP servers, and what they amount to.
//
//   absl::StatusOr<ServerOptions> options = ConfiguredOptions(registry);
//   if (!options.ok()) return options.status();
//   options->tls = tls;
//   auto server = Server::Create(log, app, {&listener}, *options);
//
// Source: `wsgi` of oslo.service. Differences: values have bounds, there are
// limits for each phase of a request, and 0 for a time, which means to wait for
// ever, is translated here.

#ifndef WSGI_OPTIONS_H_
#define WSGI_OPTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/option.h"
#include "config/registry.h"
#include "service/listener.h"
#include "wsgi/server.h"

namespace bergen::wsgi {

config::OptionList ListOpts();

// May be called repeatedly; the functions below call it themselves. Its errors
// are those of `Registry::Register`.
absl::Status RegisterOpts(config::Registry& registry);

// Defaults, with the options' values at this moment in their places.
absl::StatusOr<ServerOptions> ConfiguredOptions(config::Registry& registry);
absl::StatusOr<ListenerOptions> ConfiguredListenerOptions(
    config::Registry& registry);

// `api_paste_config`: the file that names applications.
absl::StatusOr<std::string> PasteConfig(config::Registry& registry);

}  // namespace bergen::wsgi

#endif  // WSGI_OPTIONS_H_
