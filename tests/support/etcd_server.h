// SPDX-License-Identifier: Apache-2.0
//
// Debian's etcd, alone in its cluster, for tests.
//
//   absl::StatusOr<std::unique_ptr<EtcdServer>> etcd = EtcdServer::Start();
//   ASSERT_THAT(etcd, IsOk());
//   ASSERT_THAT((*etcd)->Put("/demo/DEFAULT/debug", "true"), IsOk());
//   Connect((*etcd)->target());

#ifndef TESTS_SUPPORT_ETCD_SERVER_H_
#define TESTS_SUPPORT_ETCD_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/channel.h"

namespace bergen {

// A process on loopback, with free ports and a folder of its own; both are gone
// with the object, and with the thread that started it. Not thread-safe.
class EtcdServer {
 public:
  // Returns when it answers. Aborted, with what it logged, if it does not
  // within half a minute.
  static absl::StatusOr<std::unique_ptr<EtcdServer>> Start();

  ~EtcdServer();
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  // HOST:PORT; the same after `Restart`.
  const std::string& target() const { return target_; }

  // A new channel that tries often to connect again.
  std::shared_ptr<grpc::Channel> NewChannel() const;

  // Ends the process at once, as a crash does.
  void Kill();
  // After `Kill`: with the same data, or with none.
  absl::Status Restart();
  absl::Status RestartEmpty();

  // The revision after it.
  absl::StatusOr<int64_t> Put(absl::string_view key, absl::string_view value);
  absl::StatusOr<int64_t> Delete(absl::string_view key);
  // Forgets what there was before the newest revision.
  absl::Status Compact();

 private:
  explicit EtcdServer(std::string folder);

  absl::Status Run();
  absl::Status AwaitReady();
  bool HasExited();
  absl::StatusOr<int64_t> Revision();
  std::string Log() const;

  const std::string folder_;
  std::string target_;
  std::string peer_;
  std::shared_ptr<grpc::Channel> channel_;
  pid_t pid_ = -1;
};

}  // namespace bergen

#endif  // TESTS_SUPPORT_ETCD_SERVER_H_
