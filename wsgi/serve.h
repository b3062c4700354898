// SPDX-License-Identifier: Apache-2.0
//
// An HTTP server in each worker, for a launcher:
//
//   auto launcher = launcher::Launch(log, wsgi::Serve(log, app, *listener),
//                                    {.workers = 2, .listeners =
//                                    {&*listener}});

#ifndef WSGI_SERVE_H_
#define WSGI_SERVE_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/listener.h"
#include "service/service_group.h"
#include "spdlog/fwd.h"
#include "wsgi/application.h"
#include "wsgi/server.h"

namespace bergen::wsgi {

// A launcher::ServiceFactory that adds a server with `options`, which tells the
// launcher of its health. `log`, `app` and `listener` must outlive the
// launcher. Fails as `Server::Create`.
inline auto Serve(spdlog::logger& log, Application& app,
                  const Listener& listener, ServerOptions options = {}) {
  // The folder of the launcher is above this one, hence `auto`.
  return [&log, &app, &listener, options = std::move(options)](
             const auto& worker, ServiceGroup& services) -> absl::Status {
    ServerOptions own = options;
    own.vitals = worker.vitals;
    own.multiprocess = worker.total > 1;
    absl::StatusOr<std::unique_ptr<Server>> server =
        Server::Create(log, app, {&listener}, own);
    if (!server.ok()) return server.status();
    services.Add(*std::move(server));
    return absl::OkStatus();
  };
}

}  // namespace bergen::wsgi

#endif  // WSGI_SERVE_H_
