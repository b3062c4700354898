// SPDX-License-Identifier: Apache-2.0
//
// Where the gRPC doors of a service are, so that bergenctl finds them by the
// service's name:
//
//   BASE/SERVICE/INSTANCE/worker-N.sock
//
//   // The service, before it forks:
//   absl::StatusOr<std::string> directory =
//       MakeInstanceDirectory(RunBase(), "demo");
//   if (!directory.ok()) return directory.status();
//   Listener::ListenUnix("grpc.0", WorkerSocket(*directory, 0), ...);
//
//   // bergenctl:
//   absl::StatusOr<std::vector<Door>> doors = FindDoors(RunBase(), "demo");
//
// An instance is named after the process that made its directory, so two
// programs of one name do not meet. A later generation of the program inherits
// the sockets and keeps their names.
//
// Source: none; oslo.service prints a port to the log.

#ifndef BACKDOOR_RUN_DIRECTORY_H_
#define BACKDOOR_RUN_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bergen::backdoor {

// $XDG_RUNTIME_DIR/bergen, or else bergen-UID in the temp directory. Reads the
// environment, so call it from main.
std::string RunBase();

// Makes BASE/SERVICE/PID, for this user only, and returns it. Directories of
// instances that have ended are removed. InvalidArgument if `service` is not 1
// to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit;
// FailedPrecondition if a directory on the way is somebody else's, or others
// may write to it; else the system's error, with the path.
absl::StatusOr<std::string> MakeInstanceDirectory(absl::string_view base,
                                                  absl::string_view service);

// Removes the directory, if there is nothing left in it.
void RemoveInstanceDirectory(const std::string& directory);

// The path of worker `worker`'s socket.
std::string WorkerSocket(absl::string_view directory, int worker);

// One process that answers, or did at the time of the call.
struct Door {
  std::string instance;
  int worker = 0;
  std::string path;
};

// Those of all instances, by instance and worker. NotFound, naming the services
// that there are, if nothing answers. InvalidArgument as above.
absl::StatusOr<std::vector<Door>> FindDoors(absl::string_view base,
                                            absl::string_view service);

}  // namespace bergen::backdoor

#endif  // BACKDOOR_RUN_DIRECTORY_H_
