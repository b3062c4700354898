// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets that this program was started with: by the service manager
// (socket activation, or its store of descriptors), or by an older process of
// the same service that hands over to this one.
//
//   absl::StatusOr<InheritedListeners> inherited =
//       InheritedListeners::FromEnvironment();
//   if (!inherited.ok()) return inherited.status();
//   absl::StatusOr<Listener> http =
//       inherited->TakeOrListenTcp("http", host, port, {});
//   ...
//   for (const std::string& name : inherited->CloseRest()) {
//     log.warn("inherited listener {} is not used", name);
//   }
//
// Both say which descriptors they are as systemd does: they begin with 3,
// LISTEN_FDS is their number, LISTEN_FDNAMES their names with colons between
// them, and LISTEN_PID the process that they are for. The older process adds
// BERGEN_LISTEN_OWNED, a digit for each: 1 if this one has to remove the file
// of a UNIX socket at its end. Descriptors that do not listen may be passed on
// in the same way, after the listeners.
//
// Source: sd_listen_fds_with_names(3). oslo.service has nothing of the kind.

#ifndef SERVICE_INHERITED_LISTENERS_H_
#define SERVICE_INHERITED_LISTENERS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/listener.h"
#include "service/unique_fd.h"

namespace bergen {

// The first descriptor that is passed on.
inline constexpr int kFirstInheritedFd = 3;

// An open descriptor of somebody else.
struct NamedFd {
  std::string name;
  int fd = -1;
};

// The variables, `NAME=VALUE`, for a process to which `listeners` and then
// `others` are passed on, except LISTEN_PID, which only that process knows.
// InvalidArgument for a name that cannot be passed on: it is empty, longer than
// 255 bytes, or has control characters or colons in it.
absl::StatusOr<std::vector<std::string>> VariablesFor(
    const std::vector<Listener*>& listeners,
    const std::vector<NamedFd>& others = {});

// Not thread-safe.
class InheritedListeners {
 public:
  // None.
  InheritedListeners() = default;

  // Takes the variables out of the environment, and what they name over. Not
  // thread-safe, as changing the environment is not: for the beginning of
  // `main`. InvalidArgument if LISTEN_FDS is no number, or a descriptor is not
  // open.
  static absl::StatusOr<InheritedListeners> FromEnvironment();

  // The first listener of that name for which `fits` is true.
  std::optional<Listener> Take(
      absl::string_view name,
      absl::FunctionRef<bool(const Listener& listener)> fits);

  // The inherited one if its address is that, or else a new one; fails as
  // `Listener`'s function of that name. Any port fits port 0.
  absl::StatusOr<Listener> TakeOrListenTcp(absl::string_view name,
                                           absl::string_view host, int port,
                                           const ListenerOptions& options);
  absl::StatusOr<Listener> TakeOrListenUnix(absl::string_view name,
                                            absl::string_view path,
                                            const ListenerOptions& options);

  // The first descriptor of that name that does not listen; otherwise not
  // `ok()`. What is behind it is for the caller to check.
  UniqueFd TakeFd(absl::string_view name);

  // Closes those that nobody has taken; `NAME (ADDRESS)` of each. Clients that
  // wait for them see their connection reset.
  std::vector<std::string> CloseRest();

 private:
  std::vector<Listener> listeners_;
  struct Other {
    std::string name;
    UniqueFd fd;
    std::string why;  // It is no listener.
  };
  std::vector<Other> others_;
};

}  // namespace bergen

#endif  // SERVICE_INHERITED_LISTENERS_H_
