// SPDX-License-Identifier: Apache-2.0

#include "backdoor/roles.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backdoor/command.h"
#include "backdoor/peer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sslutils/peer_certificate.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kOwn = 1000;

Peer User(uid_t uid) { return {.name = "user", .uid = uid}; }

Peer Local() { return {.name = "127.0.0.1:9", .loopback = true}; }

Peer Certified(sslutils::PeerCertificate certificate) {
  return WithCertificate(Local(), std::move(certificate));
}

RoleMap Parsed(const std::vector<std::string>& entries) {
  absl::StatusOr<RoleMap> map = RoleMap::Parse(entries);
  EXPECT_THAT(map, IsOk());
  return *std::move(map);
}

TEST(RoleMapTest, WithoutEntriesRootTheOwnUserAndThisMachineAreAdmins) {
  const RoleMap map;
  EXPECT_EQ(map.RoleOf(User(0), kOwn), Role::kAdmin);
  EXPECT_EQ(map.RoleOf(User(kOwn), kOwn), Role::kAdmin);
  EXPECT_EQ(map.RoleOf(User(kOwn + 1), kOwn), std::nullopt);
  EXPECT_EQ(map.RoleOf(Local(), kOwn), Role::kAdmin);
  EXPECT_EQ(map.RoleOf({.name = "192.0.2.1:9"}, kOwn), std::nullopt);
  EXPECT_EQ(map.RoleOf({.name = "unknown"}, kOwn), std::nullopt);
}

TEST(RoleMapTest, ACertificateAloneGivesNoRoleNotEvenOnThisMachine) {
  const RoleMap map = Parsed({"loopback=admin"});
  EXPECT_EQ(map.RoleOf(Certified({.common_name = "alice"}), kOwn),
            std::nullopt);
}

TEST(RoleMapTest, TheFirstEntryThatFitsCounts) {
  const RoleMap map = Parsed({"uid:1001=operate", "uid:0=none", "uid:*=view"});
  EXPECT_EQ(map.RoleOf(User(1001), kOwn), Role::kOperate);
  EXPECT_EQ(map.RoleOf(User(0), kOwn), std::nullopt);
  EXPECT_EQ(map.RoleOf(User(kOwn), kOwn), Role::kView);
  EXPECT_EQ(map.RoleOf(Local(), kOwn), Role::kAdmin);
}

TEST(RoleMapTest, CertificatesAreKnownByTheirNames) {
  const RoleMap map = Parsed({
      "cn:Alice = Ops=admin",
      "san:ops.example.org=operate",
      " san:spiffe://example.org/ops = operate ",
      "san:192.0.2.7=none",
      "certificate=view",
  });
  EXPECT_EQ(map.RoleOf(Certified({.common_name = "Alice = Ops"}), kOwn),
            Role::kAdmin);
  EXPECT_EQ(map.RoleOf(Certified({.common_name = "alice = ops"}), kOwn),
            Role::kView);
  EXPECT_EQ(
      map.RoleOf(Certified({.dns_names = {"x.org", "OPS.example.org"}}), kOwn),
      Role::kOperate);
  EXPECT_EQ(map.RoleOf(Certified({.dns_names = {"ops.example.org.x"}}), kOwn),
            Role::kView);
  EXPECT_EQ(map.RoleOf(Certified({.uris = {"spiffe://example.org/ops"}}), kOwn),
            Role::kOperate);
  EXPECT_EQ(map.RoleOf(Certified({.uris = {"SPIFFE://example.org/ops"}}), kOwn),
            Role::kView);
  EXPECT_EQ(map.RoleOf(Certified({.ip_addresses = {"192.0.2.7"}}), kOwn),
            std::nullopt);
  EXPECT_EQ(map.RoleOf(Local(), kOwn), Role::kAdmin);
}

TEST(RoleMapTest, ThisMachineCanBeGivenLess) {
  EXPECT_EQ(Parsed({"loopback=view"}).RoleOf(Local(), kOwn), Role::kView);
  EXPECT_EQ(Parsed({"loopback=none"}).RoleOf(Local(), kOwn), std::nullopt);
}

TEST(RoleMapTest, KnowsWhetherASocketHasToBeOpenToOthers) {
  EXPECT_FALSE(RoleMap().AdmitsOthers(kOwn));
  EXPECT_FALSE(
      Parsed({"uid:0=view", "uid:1000=view", "uid:7=none", "loopback=view"})
          .AdmitsOthers(kOwn));
  EXPECT_TRUE(Parsed({"uid:1001=view"}).AdmitsOthers(kOwn));
  EXPECT_TRUE(Parsed({"uid:*=view"}).AdmitsOthers(kOwn));
}

TEST(RoleMapTest, AnEntryThatIsNoneIsExplained) {
  for (const char* entry :
       {"", "uid:1", "uid:1=", "uid:1=root", "uid:1=Admin", "uid:=view",
        "uid:-1=view", "uid:4294967295=view", "uid:x=view", "gid:1=view",
        "cn:=view", "san:=view", "=view", "Loopback=view"}) {
    EXPECT_THAT(RoleMap::Parse({"uid:0=view", entry}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("backdoor_roles '"), HasSubstr(entry),
                               HasSubstr("WHO=ROLE"))))
        << entry;
  }
}

}  // namespace
}  // namespace bergen::backdoor
