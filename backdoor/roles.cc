// SPDX-License-Identifier: Apache-2.0

#include "backdoor/roles.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backdoor/command_table.h"
#include "sslutils/peer_certificate.h"

namespace bergen::backdoor {
namespace {

constexpr absl::string_view kNone = "none";

absl::Status Malformed(absl::string_view entry, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "backdoor_roles '", entry, "': ", what,
      "; an entry is WHO=ROLE: WHO is uid:NUMBER, uid:*, cn:TEXT, san:TEXT, "
      "certificate or loopback, ROLE is view, operate, admin or none"));
}

bool HasAltName(const sslutils::PeerCertificate& certificate,
                const std::string& name) {
  const auto same_host = [&name](const std::string& host) {
    return absl::EqualsIgnoreCase(host, name);
  };
  return absl::c_any_of(certificate.dns_names, same_host) ||
         absl::c_linear_search(certificate.ip_addresses, name) ||
         absl::c_linear_search(certificate.uris, name) ||
         absl::c_linear_search(certificate.emails, name);
}

}  // namespace

absl::StatusOr<RoleMap::Entry> RoleMap::ParseEntry(absl::string_view text) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  // At the last one: names may have others.
  const size_t equals = stripped.rfind('=');
  if (equals == absl::string_view::npos) {
    return Malformed(stripped, "has no =");
  }
  absl::string_view who =
      absl::StripTrailingAsciiWhitespace(stripped.substr(0, equals));
  const absl::string_view role_name =
      absl::StripLeadingAsciiWhitespace(stripped.substr(equals + 1));
  Entry entry;
  if (role_name != kNone) {
    for (const Role role : {Role::kView, Role::kOperate, Role::kAdmin}) {
      if (role_name == RoleName(role)) entry.role = role;
    }
    if (!entry.role.has_value()) return Malformed(stripped, "no such role");
  }
  if (who == "certificate") {
    entry.kind = Kind::kCertificate;
    return entry;
  }
  if (who == "loopback") {
    entry.kind = Kind::kLoopback;
    return entry;
  }
  if (absl::ConsumePrefix(&who, "uid:")) {
    entry.kind = Kind::kUid;
    if (who == "*") return entry;
    uint32_t uid = 0;
    // The last number means "no user" to the system.
    if (!absl::SimpleAtoi(who, &uid) || uid == static_cast<uid_t>(-1)) {
      return Malformed(stripped, "no user's number");
    }
    entry.uid = uid;
    return entry;
  }
  if (absl::ConsumePrefix(&who, "cn:")) {
    entry.kind = Kind::kCommonName;
  } else if (absl::ConsumePrefix(&who, "san:")) {
    entry.kind = Kind::kAltName;
  } else {
    return Malformed(stripped, "not known who that is");
  }
  if (who.empty()) return Malformed(stripped, "the name is empty");
  entry.text = std::string(who);
  return entry;
}

absl::StatusOr<RoleMap> RoleMap::Parse(
    const std::vector<std::string>& entries) {
  RoleMap map;
  for (const std::string& text : entries) {
    absl::StatusOr<Entry> entry = ParseEntry(text);
    if (!entry.ok()) return entry.status();
    map.entries_.push_back(*std::move(entry));
  }
  return map;
}

bool RoleMap::Fits(const Entry& entry, const Peer& peer) {
  const std::optional<sslutils::PeerCertificate>& shown = peer.certificate;
  switch (entry.kind) {
    case Kind::kUid:
      return peer.uid.has_value() &&
             (!entry.uid.has_value() || *entry.uid == *peer.uid);
    case Kind::kCommonName:
      return shown.has_value() && shown->common_name == entry.text;
    case Kind::kAltName:
      return shown.has_value() && HasAltName(*shown, entry.text);
    case Kind::kCertificate:
      return shown.has_value();
    case Kind::kLoopback:
      return peer.loopback && !shown.has_value();
  }
  return false;
}

std::optional<Role> RoleMap::RoleOf(const Peer& peer, uid_t own_uid) const {
  for (const Entry& entry : entries_) {
    if (Fits(entry, peer)) return entry.role;
  }
  const bool trusted = peer.uid.has_value()
                           ? *peer.uid == 0 || *peer.uid == own_uid
                           : peer.loopback && !peer.certificate.has_value();
  return trusted ? std::optional<Role>(Role::kAdmin) : std::nullopt;
}

bool RoleMap::AdmitsOthers(uid_t own_uid) const {
  return absl::c_any_of(entries_, [own_uid](const Entry& entry) {
    return entry.kind == Kind::kUid && entry.role.has_value() &&
           entry.uid != std::optional<uid_t>(0) &&
           entry.uid != std::optional<uid_t>(own_uid);
  });
}

}  // namespace bergen::backdoor
