// SPDX-License-Identifier: Apache-2.0
//
// A gRPC service of one's own, as a service that launchers run. See grpc.cc.

#ifndef EXAMPLES_GREETER_H_
#define EXAMPLES_GREETER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "examples/greeter.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "periodic/clock.h"
#include "service/service.h"

namespace bergen::examples {

// Calls in progress are completed before it ends.
class GreeterService : public Service, public Greeter::Service {
 public:
  // `address` is HOST:PORT or unix:PATH.
  explicit GreeterService(std::string address) : address_(std::move(address)) {}

  absl::string_view name() const override { return "greeter"; }
  absl::Status Start() override {
    server_ = grpc::ServerBuilder()
                  .AddListeningPort(address_, grpc::InsecureServerCredentials())
                  .RegisterService(this)
                  .BuildAndStart();
    return server_ == nullptr
               ? absl::UnavailableError("greeter: cannot listen at " + address_)
               : absl::OkStatus();
  }
  void Stop() override { stop_.Set(); }
  absl::Status Wait() override {
    clock_.WaitUntil(stop_, absl::InfiniteFuture());
    server_->Shutdown();
    return absl::OkStatus();
  }

  grpc::Status Greet(grpc::ServerContext*, const GreetRequest* in,
                     GreetReply* out) override {
    out->set_text(absl::StrCat("Hello, ", in->name()));
    return grpc::Status::OK;
  }

 private:
  const std::string address_;
  periodic::RealClock clock_;
  periodic::Event stop_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace bergen::examples

#endif  // EXAMPLES_GREETER_H_
