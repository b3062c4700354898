// SPDX-License-Identifier: Apache-2.0
//
// What is special to this door; transport_test.cc has what doors share.

#include "backdoor/grpc_server.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/control.grpc.pb.h"
#include "backdoor/control.pb.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

using Reader = std::unique_ptr<grpc::ClientReader<v1::ExecuteReply>>;

class GrpcServerTest : public ::testing::Test {
 protected:
  GrpcServerTest() {
    Add({.name = "bytes",
         .parameters = {{.name = "text", .required = true}},
         .handler = [](const Arguments&, const Caller&, Output& output) {
           output.Write("a\xff\xc3\xa5");
           return absl::OkStatus();
         }});
    Add({.name = "flood",
         .handler = [this](const Arguments&, const Caller&, Output& output) {
           const std::string text(100'000, 'x');
           while (output.Write(text)) {
           }
           flood_ended_.Notify();
           return absl::OkStatus();
         }});
    Add({.name = "block",
         .handler = [this](const Arguments&, const Caller&, Output&) {
           entered_.Notify();
           leave_.WaitForNotification();
           return absl::OkStatus();
         }});
  }

  void Add(Command command) {
    ASSERT_THAT(table_.Add(std::move(command)), IsOk());
  }

  void Start(const GrpcServerOptions& options) {
    absl::StatusOr<Listener> listener = Listener::ListenUnix(
        "door", dir_.path() + "/door.sock", {.unix_mode = 0600});
    ASSERT_THAT(listener, IsOk());
    target_ = absl::StrCat("unix:", listener->host());
    server_ = std::make_unique<GrpcServer>(
        std::make_shared<Listener>(*std::move(listener)), table_, options,
        log_);
    ASSERT_THAT(server_->Start(), IsOk());
  }

  std::unique_ptr<v1::Control::Stub> Connect() {
    grpc::ChannelArguments arguments;
    // A connection of its own, where channels would share one.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::Control::NewStub(grpc::CreateCustomChannel(
        target_, grpc::InsecureChannelCredentials(), arguments));
  }

  static Reader Execute(v1::Control::Stub& stub, grpc::ClientContext& context,
                        const std::string& line) {
    // A safety net.
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    v1::ExecuteRequest request;
    request.set_command(line);
    return stub.Execute(&context, request);
  }

  const ShortTempDirForTest dir_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
  absl::Notification entered_, leave_, flood_ended_;
  CommandTable table_;
  std::string target_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerTest, BytesThatAreNoTextAreReplaced) {
  Start({});
  const auto stub = Connect();
  grpc::ClientContext context;
  const Reader reader = Execute(*stub, context, "bytes(x)");
  v1::ExecuteReply reply;
  ASSERT_TRUE(reader->Read(&reply));
  EXPECT_EQ(reply.text(), "a?\xc3\xa5");
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(GrpcServerTest, AClientThatReadsNothingIsCutOff) {
  Start({.write_timeout = absl::Milliseconds(1)});
  const auto stub = Connect();
  grpc::ClientContext context;
  const Reader reader = Execute(*stub, context, "flood");
  flood_ended_.WaitForNotification();
  v1::ExecuteReply reply;
  while (reader->Read(&reply)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(GrpcServerTest, AClientThatLeavesEndsItsCommand) {
  Start({});
  const auto stub = Connect();
  grpc::ClientContext context;
  const Reader reader = Execute(*stub, context, "flood");
  v1::ExecuteReply reply;
  ASSERT_TRUE(reader->Read(&reply));
  context.TryCancel();
  flood_ended_.WaitForNotification();
  while (reader->Read(&reply)) {
  }
  reader->Finish();
}

TEST_F(GrpcServerTest, OneCommandTooManyIsToldSo) {
  Start({.max_running = 1});
  const auto stub = Connect();
  grpc::ClientContext first, second;
  const Reader busy = Execute(*stub, first, "block");
  entered_.WaitForNotification();
  const grpc::Status status = Execute(*stub, second, "bytes(x)")->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("1 commands running"));
  leave_.Notify();
  EXPECT_TRUE(busy->Finish().ok());
}

TEST_F(GrpcServerTest, OneConnectionTooManyIsClosedAndAClosedOneMakesRoom) {
  Start({.max_connections = 1});
  const auto second = Connect();
  {
    const auto first = Connect();
    grpc::ClientContext context, refused;
    EXPECT_TRUE(Execute(*first, context, "")->Finish().ok());
    EXPECT_EQ(Execute(*second, refused, "")->Finish().error_code(),
              grpc::StatusCode::UNAVAILABLE);
  }
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  EXPECT_TRUE(Execute(*second, context, "")->Finish().ok());
}

TEST_F(GrpcServerTest, StopCancelsWhatDoesNotEndInTime) {
  Add({.name = "until_cancelled",
       .handler = [this](const Arguments&, const Caller&, Output& output) {
         entered_.Notify();
         while (output.Write("x")) {
         }
         return absl::OkStatus();
       }});
  Start({.stop_timeout = absl::ZeroDuration()});
  const auto stub = Connect();
  grpc::ClientContext context;
  const Reader reader = Execute(*stub, context, "until_cancelled");
  entered_.WaitForNotification();
  server_->Stop();
  EXPECT_THAT(server_->Wait(), IsOk());
  v1::ExecuteReply reply;
  while (reader->Read(&reply)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

}  // namespace
}  // namespace bergen::backdoor
