// SPDX-License-Identifier: Apache-2.0
//
// Leads one process of a cluster, by a key in etcd.
//
//   absl::StatusOr<std::unique_ptr<LeaseLeader>> leader = StartEtcdLeader(
//       {.key = "/sync/purge", .holder = host},
//       grpc::CreateChannel("ipv4:10.0.0.1:2379,10.0.0.2:2379", credentials),
//       clock, log);
//   if (!leader.ok()) return leader.status();
//
// Fencing tokens are revisions of etcd's store, which only grow. When most of
// its members are not there, nobody leads.
//
// Source: etcd's API, version 3.

#ifndef PERIODIC_ETCD_LEADER_H_
#define PERIODIC_ETCD_LEADER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "periodic/clock.h"
#include "periodic/lease_leader.h"
#include "periodic/lease_store.h"
#include "spdlog/fwd.h"

namespace bergen::periodic {

// Keys and leases in etcd. The channel is made by whoever knows how etcd is
// reached, after the last fork(): gRPC cannot be forked once it was used.
std::unique_ptr<LeaseStore> MakeEtcdLeaseStore(
    std::shared_ptr<grpc::Channel> channel);

// LeaseLeader::Start with that store.
absl::StatusOr<std::unique_ptr<LeaseLeader>> StartEtcdLeader(
    const LeaseLeaderOptions& options, std::shared_ptr<grpc::Channel> channel,
    Clock& clock, spdlog::logger& log);

}  // namespace bergen::periodic

#endif  // PERIODIC_ETCD_LEADER_H_
