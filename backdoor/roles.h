// SPDX-License-Identifier: Apache-2.0
//
// What somebody may do, by who they are.
//
//   absl::StatusOr<RoleMap> roles =
//       RoleMap::Parse({"uid:1000=operate", "san:ops.example.org=admin"});
//   if (!roles.ok()) return roles.status();
//   std::optional<Role> role = roles->RoleOf(GetPeer(fd), geteuid());
//   if (!role.has_value()) return Refuse();

#ifndef BACKDOOR_ROLES_H_
#define BACKDOOR_ROLES_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "backdoor/peer.h"

namespace bergen::backdoor {

// A list of who has which role; the first entry that fits counts. After all
// others stand root, the process's own user and, as in the original, everybody
// who comes over TCP from this machine: they are admins. Who fits no entry is
// refused. Immutable, and so thread-safe.
class RoleMap {
 public:
  // Only what stands after all others.
  RoleMap() = default;

  // Each entry is WHO=ROLE. ROLE is view, operate, admin, or none for those
  // who are refused. WHO is one of
  //
  //   uid:1000     the user of a unix socket's client; `uid:*` is any
  //   cn:TEXT      the last common name of a verified client certificate
  //   san:TEXT     one of its alternative names: host name, address, URI, email
  //   certificate  any verified client certificate
  //   loopback     TCP from this machine, without a certificate
  //
  // Texts are compared whole, host names ignoring case. InvalidArgument with
  // the entry and what is allowed.
  static absl::StatusOr<RoleMap> Parse(const std::vector<std::string>& entries);

  // None: refused. `own_uid` is the user of this process.
  std::optional<Role> RoleOf(const Peer& peer, uid_t own_uid) const;

  // Whether a user other than root and `own_uid` has a role, so that a unix
  // socket has to be open to them.
  bool AdmitsOthers(uid_t own_uid) const;

 private:
  enum class Kind { kUid, kCommonName, kAltName, kCertificate, kLoopback };
  struct Entry {
    Kind kind = Kind::kUid;
    // Of kUid; none is any.
    std::optional<uid_t> uid;
    // Of kCommonName and kAltName.
    std::string text;
    // None: refused.
    std::optional<Role> role;
  };

  static absl::StatusOr<Entry> ParseEntry(absl::string_view text);
  static bool Fits(const Entry& entry, const Peer& peer);

  std::vector<Entry> entries_;
};

}  // namespace bergen::backdoor

#endif  // BACKDOOR_ROLES_H_
