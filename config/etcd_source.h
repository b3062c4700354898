// SPDX-License-Identifier: Apache-2.0
//
// Options in etcd v3: read with all other sources, and watched.
//
//   absl::StatusOr<std::unique_ptr<EtcdSource>> etcd = EtcdSource::Create(
//       grpc::CreateCustomChannel(target, credentials, arguments),
//       {.target = target, .prefix = "/demo"});
//   if (!etcd.ok()) return etcd.status();
//   EtcdWatch watch(**etcd, [&] { Log(registry.Mutate()); });
//   sources.push_back(*std::move(etcd));
//   absl::StatusOr<Report> report = registry.Load(std::move(sources));
//   if (!report.ok()) return report.status();
//   absl::Status status = watch.Start();
//   ...
//   watch.Stop();
//
// The key `/demo/ssl/ca_file` is the option `ssl.ca_file`, and
// `/demo/DEFAULT/debug` is `debug`; the value is the text as it would stand in
// a file, and no blanks or quotes are taken off. An option with several values
// has them in the byte order of the keys `/demo/DEFAULT/plugin/ANYTHING`. A key
// that is deleted leaves the option to the other sources.
//
// The channel is made by whoever knows how the server is reached (TLS belongs
// to sslutils), after the last fork(): gRPC cannot be forked once it was used.
// These arguments of a channel matter:
// * GRPC_ARG_KEEPALIVE_TIME_MS finds out that the server is gone without a
//   word.
// * GRPC_ARG_MAX_RECONNECT_BACKOFF_MS bounds how late a server that is back is
//   noticed, with `EtcdOptions::max_retry`.
// * GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH bounds the sum of all keys and values:
//   4 MiB unless said otherwise.
//
// Source: etcd's API, and the pluggable sources of oslo.config, which are read
// once and are never watched.

#ifndef CONFIG_ETCD_SOURCE_H_
#define CONFIG_ETCD_SOURCE_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/source.h"
#include "grpcpp/channel.h"

namespace bergen::config {

struct EtcdOptions {
  // What messages call the server: usually what the channel was made of.
  std::string target;
  // Without a slash at its end, as all keys of a program begin: `/demo`.
  std::string prefix;
  // Of each call: a read, or opening a watch.
  absl::Duration timeout = absl::Seconds(5);
  // After a failure the watch waits at least half of `min_retry`, then longer
  // each time, up to `max_retry`.
  absl::Duration min_retry = absl::Milliseconds(200);
  absl::Duration max_retry = absl::Seconds(30);
  // A watch is closed and opened again so often, without missing a change.
  absl::Duration watch_lifetime = absl::Minutes(10);
};

namespace internal {
class EtcdStore;
}  // namespace internal

// All keys below a prefix, as they were at one moment. As every source, read by
// one thread at a time.
class EtcdSource : public Source {
 public:
  // InvalidArgument if the target or the prefix is empty, the prefix ends in a
  // slash, a duration is not positive, or the longest wait is less than the
  // shortest. Does not connect.
  static absl::StatusOr<std::unique_ptr<EtcdSource>> Create(
      std::shared_ptr<grpc::Channel> channel, EtcdOptions options);

  ~EtcdSource() override;

  SourceKind kind() const override { return SourceKind::kOther; }

  // Asks once. Fails with the server's or gRPC's code: Unavailable if nobody
  // answers there, DeadlineExceeded if not in time, ResourceExhausted if the
  // answer is longer than the channel takes. The message names the target.
  absl::StatusOr<std::vector<Document>> ReadAll() override;

 private:
  friend class EtcdWatch;
  explicit EtcdSource(std::shared_ptr<internal::EtcdStore> store);

  const std::shared_ptr<internal::EtcdStore> store_;
};

// Says when a source should be read again: soon after each change since it was
// read last, whoever reads it. Changes that come together may be told once. If
// the server fails, the watch goes on when it is back, and has missed nothing;
// meanwhile everything stays as it is.
//
// Thread-safe, except that `Start` and `Stop` must not overlap.
class EtcdWatch {
 public:
  // `on_change` is called by the watch's own thread, and reads the source, as
  // `Registry::Mutate` and `Reload` do, or has it done by another thread. It is
  // called again, later each time, until the source has been read, which is
  // waited for as long as for a retry or a call. Whether the registry then took
  // the new values does not matter.
  //
  // `on_status`, if any, is for logs and is called by the same thread: with an
  // error when the watch fails or cannot be opened, once for each different
  // error, and with OK when it is open, at first and after errors.
  //
  // `source` need not outlive the watch. Of one source there is one watch.
  EtcdWatch(const EtcdSource& source, std::function<void()> on_change,
            std::function<void(const absl::Status&)> on_status = nullptr);

  // Stops.
  ~EtcdWatch();
  EtcdWatch(const EtcdWatch&) = delete;
  EtcdWatch& operator=(const EtcdWatch&) = delete;

  // Starts the thread, which at once calls `on_change` if the source was never
  // read. ResourceExhausted if there can be no thread. Does nothing if started.
  absl::Status Start();

  // Returns when neither callback is running, and none will be called. Cancels
  // a read by the watch's thread. Must not be called by a callback, nor by a
  // hook of the registry that `on_change` may be waiting for. May be called
  // again; after it, `Start` may be too.
  void Stop();

 private:
  void Run();
  absl::Status WatchOnce();
  bool HaveItRead();
  void Tell(const absl::Status& status);

  const std::shared_ptr<internal::EtcdStore> store_;
  const std::function<void()> on_change_;
  const std::function<void(const absl::Status&)> on_status_;
  std::thread thread_;
  // The thread's own.
  absl::Status told_;
  bool must_read_ = false;
  absl::Duration retry_;
};

}  // namespace bergen::config

#endif  // CONFIG_ETCD_SOURCE_H_
