// SPDX-License-Identifier: Apache-2.0

#include "periodic/etcd_leader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "grpcpp/support/sync_stream.h"
#include "third_party/etcd/rpc.grpc.pb.h"
#include "third_party/etcd/rpc.pb.h"

namespace bergen::periodic {
namespace {

class EtcdLeaseStore : public LeaseStore {
 public:
  explicit EtcdLeaseStore(const std::shared_ptr<grpc::Channel>& channel)
      : kv_(etcdserverpb::KV::NewStub(channel)),
        leases_(etcdserverpb::Lease::NewStub(channel)) {}

  absl::StatusOr<Lease> Grant(absl::Duration lifetime,
                              absl::Duration timeout) override {
    etcdserverpb::LeaseGrantRequest request;
    request.set_ttl(absl::ToInt64Seconds(lifetime));
    etcdserverpb::LeaseGrantResponse response;
    absl::Status status = Call(timeout, [&](grpc::ClientContext& context) {
      return leases_->LeaseGrant(&context, request, &response);
    });
    if (!status.ok()) return status;
    if (!response.error().empty()) return absl::UnknownError(response.error());
    return Lease{.id = response.id(),
                 .lifetime = absl::Seconds(response.ttl())};
  }

  absl::StatusOr<absl::Duration> KeepAlive(int64_t lease,
                                           absl::Duration timeout) override {
    etcdserverpb::LeaseKeepAliveRequest request;
    request.set_id(lease);
    etcdserverpb::LeaseKeepAliveResponse response;
    absl::Status status = Call(timeout, [&](grpc::ClientContext& context) {
      const std::unique_ptr<
          grpc::ClientReaderWriter<etcdserverpb::LeaseKeepAliveRequest,
                                   etcdserverpb::LeaseKeepAliveResponse>>
          stream = leases_->LeaseKeepAlive(&context);
      const bool answered = stream->Write(request) && stream->Read(&response);
      stream->WritesDone();
      if (answered) {
        // Nothing else is wanted, and the server need not say that it agrees.
        context.TryCancel();
        stream->Finish();
        return grpc::Status::OK;
      }
      const grpc::Status finished = stream->Finish();
      return finished.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                          "the server gave no answer")
                           : finished;
    });
    if (!status.ok()) return status;
    if (response.ttl() <= 0) {
      return absl::NotFoundError(
          absl::StrCat("lease ", absl::Hex(lease), " has ended"));
    }
    return absl::Seconds(response.ttl());
  }

  absl::Status Revoke(int64_t lease, absl::Duration timeout) override {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(lease);
    etcdserverpb::LeaseRevokeResponse response;
    return Call(
        timeout,
        [&](grpc::ClientContext& context) {
          return leases_->LeaseRevoke(&context, request, &response);
        },
        /*although_cancelled=*/true);
  }

  absl::StatusOr<bool> IsHeld(absl::string_view key,
                              absl::Duration timeout) override {
    etcdserverpb::RangeRequest request;
    request.set_key(std::string(key));
    etcdserverpb::RangeResponse response;
    absl::Status status = Call(timeout, [&](grpc::ClientContext& context) {
      return kv_->Range(&context, request, &response);
    });
    if (!status.ok()) return status;
    return response.kvs_size() > 0;
  }

  absl::StatusOr<std::optional<int64_t>> Hold(absl::string_view key,
                                              absl::string_view holder,
                                              int64_t lease,
                                              absl::Duration timeout) override {
    etcdserverpb::TxnRequest request;
    etcdserverpb::Compare& is_free = *request.add_compare();
    is_free.set_key(std::string(key));
    is_free.set_target(etcdserverpb::Compare::CREATE);
    is_free.set_result(etcdserverpb::Compare::EQUAL);
    is_free.set_create_revision(0);
    etcdserverpb::PutRequest& put =
        *request.add_success()->mutable_request_put();
    put.set_key(std::string(key));
    put.set_value(std::string(holder));
    put.set_lease(lease);
    etcdserverpb::TxnResponse response;
    absl::Status status = Call(timeout, [&](grpc::ClientContext& context) {
      return kv_->Txn(&context, request, &response);
    });
    if (!status.ok()) return status;
    if (!response.succeeded()) return std::nullopt;
    return response.header().revision();
  }

  void Cancel() override {
    const absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    if (current_ != nullptr) current_->TryCancel();
  }

 private:
  template <typename Function>
  absl::Status Call(absl::Duration timeout, Function function,
                    bool although_cancelled = false) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    // A member that has just died is not the only one.
    context.set_wait_for_ready(true);
    {
      const absl::MutexLock lock(&mutex_);
      if (!although_cancelled) {
        if (cancelled_) return absl::CancelledError("etcd: cancelled");
        current_ = &context;
      }
    }
    const grpc::Status status = function(context);
    const absl::MutexLock lock(&mutex_);
    current_ = nullptr;
    if (status.ok()) return absl::OkStatus();
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat("etcd: ", status.error_message()));
  }

  const std::unique_ptr<etcdserverpb::KV::Stub> kv_;
  const std::unique_ptr<etcdserverpb::Lease::Stub> leases_;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace

std::unique_ptr<LeaseStore> MakeEtcdLeaseStore(
    std::shared_ptr<grpc::Channel> channel) {
  return std::make_unique<EtcdLeaseStore>(channel);
}

absl::StatusOr<std::unique_ptr<LeaseLeader>> StartEtcdLeader(
    const LeaseLeaderOptions& options, std::shared_ptr<grpc::Channel> channel,
    Clock& clock, spdlog::logger& log) {
  return LeaseLeader::Start(options, MakeEtcdLeaseStore(std::move(channel)),
                            clock, log);
}

}  // namespace bergen::periodic
