// SPDX-License-Identifier: Apache-2.0
//
// The keys of session tickets, shared by all processes of a service: a client
// resumes its session at whichever worker it meets.
//
//   absl::StatusOr<std::shared_ptr<TicketKeys>> keys = TicketKeys::Create({});
//   if (!keys.ok()) return keys.status();
//   ... fork workers; each gives *keys to its ServerContext ...
//
// Keys live in memory that forked processes share, and are replaced in place
// when they are old enough, by whichever process notices first. There is no
// lock: a process that is killed meanwhile holds up nobody. Another generation
// of the program gets the same memory by its descriptor, or by a file.

#ifndef SSLUTILS_TICKET_KEYS_H_
#define SSLUTILS_TICKET_KEYS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/unique_fd.h"

namespace bergen::sslutils {

struct TicketKey {
  std::array<uint8_t, 16> name;
  std::array<uint8_t, 32> mac;
  std::array<uint8_t, 32> cipher;
};

struct TicketKeysOptions {
  // How long a key makes tickets; for three times as long after that it still
  // opens them. At least a second. Processes that share keys agree on it.
  absl::Duration rotation = absl::Hours(1);
};

// Thread-safe, and safe between processes.
class TicketKeys {
 public:
  // Memory of its own. Made before workers are forked.
  static absl::StatusOr<std::shared_ptr<TicketKeys>> Create(
      const TicketKeysOptions& options);

  // The keys behind `fd` of another TicketKeys, in a program that inherited
  // it. InvalidArgument if it is something else.
  static absl::StatusOr<std::shared_ptr<TicketKeys>> FromFd(
      UniqueFd fd, const TicketKeysOptions& options);

  // The keys in the file `path`, which is created with mode 0600 if it is
  // missing. PermissionDenied if it belongs to somebody else or others may
  // read it; InvalidArgument if it holds something else. Best on a file system
  // in memory, such as /run.
  static absl::StatusOr<std::shared_ptr<TicketKeys>> OpenFile(
      const std::string& path, const TicketKeysOptions& options);

  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // For `FromFd` of a program that is executed. Close-on-exec until somebody
  // changes that.
  int fd() const { return fd_.get(); }

  // The key that makes tickets at `now`, which is a new one if the last has
  // served its time.
  TicketKey Current(absl::Time now);

  // The key of that name (16 bytes), unless it is too old at `now`.
  std::optional<TicketKey> Find(absl::string_view name, absl::Time now) const;

 private:
  struct Shared;

  TicketKeys(UniqueFd fd, Shared* shared, absl::Duration rotation);

  static absl::StatusOr<std::shared_ptr<TicketKeys>> Map(
      UniqueFd fd, absl::string_view what, const TicketKeysOptions& options);
  // A complete key and when it was made; nothing while it is written.
  std::optional<TicketKey> Read(size_t slot, absl::Time& made) const;
  void Rotate(uint64_t number, absl::Time now);

  UniqueFd fd_;
  Shared* shared_;
  absl::Duration rotation_;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_TICKET_KEYS_H_
