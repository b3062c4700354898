// SPDX-License-Identifier: Apache-2.0
//
// Runs services, in this process or in workers forked from it, and does what
// operators expect of signals.
//
//   int main() {
//     absl::StatusOr<bergen::Listener> http =
//         bergen::Listener::ListenTcp("http", "127.0.0.1", 8080, {});
//     if (!http.ok()) return Complain(http.status());
//     auto launcher = bergen::launcher::Launch(
//         registry, *spdlog::default_logger(),
//         [&](const WorkerInfo& worker, bergen::ServiceGroup& services) {
//           services.Add(std::make_unique<HttpServer>(*http));
//           return absl::OkStatus();
//         },
//         {.workers = 2, .listeners = {&*http}});
//     if (!launcher.ok()) return Complain(launcher.status());
//     return (*launcher)->Wait();
//   }
//
// Source: `launch` in oslo.service. Differences: nothing is started or forked
// before `Wait`, services exist only in the process that runs them, and
// `options.restart_method` is honoured whether or not the process is a daemon.

#ifndef LAUNCHER_LAUNCH_H_
#define LAUNCHER_LAUNCH_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/registry.h"
#include "launcher/launcher.h"
#include "spdlog/fwd.h"

namespace bergen::launcher {

// Blocks the signals that `Wait` handles, as `Launch` does, in this thread and
// in those started from now on. For programs that start threads before
// `Launch`: a signal delivered to a thread that does not block it ends the
// process.
void BlockHandledSignals();

// `reload` or `mutate`; InvalidArgument for anything else.
absl::StatusOr<RestartMethod> ParseRestartMethod(absl::string_view text);

// `options.workers` 1 runs the services in this process, more forks as many
// workers. Nothing runs before `Wait`; signals that come meanwhile are kept. A
// program with workers should not have other threads by then: children do not
// have them, but find their locks held. A warning says so.
//
// `log` must not be asynchronous if there are workers. InvalidArgument if
// `options` break what they say; Unimplemented on a kernel without pidfds.
absl::StatusOr<std::unique_ptr<Launcher>> Launch(spdlog::logger& log,
                                                 ServiceFactory factory,
                                                 LaunchOptions options);

// The same, with the launcher's options (options.h) registered in `registry`,
// which must outlive the launcher: the graceful timeout, the drain delay, the
// limits of restarts and health, and whether options are logged come from
// there, instead of those in `options`. The limits are read now, once. SIGHUP
// reads the registry again and logs what has changed; then `options.reload` or
// `options.mutate` is called. Also fails as `RegisterOpts` and
// `Options::restart_limits`.
absl::StatusOr<std::unique_ptr<Launcher>> Launch(config::Registry& registry,
                                                 spdlog::logger& log,
                                                 ServiceFactory factory,
                                                 LaunchOptions options);

}  // namespace bergen::launcher

#endif  // LAUNCHER_LAUNCH_H_
