// SPDX-License-Identifier: Apache-2.0

#include "backdoor/listen.h"

#include <unistd.h>

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bergen::backdoor {
namespace {

constexpr char kName[] = "backdoor";
constexpr int kBacklog = 50;

absl::StatusOr<Listener> OpenPort(const PortRange& ports, int worker_number,
                                  const std::string& host) {
  if (ports.first == ports.last && ports.first != 0 && worker_number != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("port ", ports.first,
                     " is worker 0's; give a range START:END for more"));
  }
  for (int port = ports.first; port <= ports.last; ++port) {
    absl::StatusOr<Listener> listener =
        Listener::ListenTcp(kName, host, port, {.backlog = kBacklog});
    if (!absl::IsAlreadyExists(listener.status()) ||
        ports.first == ports.last) {
      return listener;
    }
  }
  return absl::AlreadyExistsError(
      absl::StrCat(host, ":", FormatPorts(ports), ": all ports are in use"));
}

absl::StatusOr<Listener> OpenSocket(const SocketTemplate& socket,
                                    int worker_number, int mode,
                                    spdlog::logger& log) {
  const SocketPath path =
      ExpandSocketTemplate(socket.text, getpid(), worker_number);
  if (path.literal) {
    log.warn(
        "backdoor_socket '{}': not a template of {{pid}} and {{worker}}, "
        "used as it is",
        socket.text);
  }
  if (!path.per_worker && worker_number != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path.path,
                     " is worker 0's; put {worker} or {pid} into "
                     "the path for more"));
  }
  return Listener::ListenUnix(kName, path.path,
                              {.backlog = kBacklog, .unix_mode = mode});
}

}  // namespace

absl::StatusOr<Listener> OpenBackdoorListener(
    const Address& address, int worker_number,
    const BackdoorListenOptions& options, spdlog::logger& log) {
  if (const auto* ports = std::get_if<PortRange>(&address)) {
    return OpenPort(*ports, worker_number, options.host);
  }
  return OpenSocket(std::get<SocketTemplate>(address), worker_number,
                    options.unix_mode, log);
}

bool NeedsWorkerPid(const Address& address) {
  const auto* socket = std::get_if<SocketTemplate>(&address);
  return socket != nullptr && ExpandSocketTemplate(socket->text, 1, 0).path !=
                                  ExpandSocketTemplate(socket->text, 2, 0).path;
}

}  // namespace bergen::backdoor
