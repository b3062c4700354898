// SPDX-License-Identifier: Apache-2.0
//
// One suite through each door: the same command has the same answer and the
// same error.

#include <algorithm>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/control.grpc.pb.h"
#include "backdoor/control.pb.h"
#include "backdoor/grpc_server.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "backdoor/text_client_for_test.h"
#include "backdoor/text_server.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFarewell[] = "now exiting InteractiveConsole...\n";

struct Answer {
  std::string text;
  // Of the error; empty if there was none.
  std::string error;

  friend bool operator==(const Answer& a, const Answer& b) {
    return a.text == b.text && a.error == b.error;
  }
  friend std::ostream& operator<<(std::ostream& out, const Answer& answer) {
    return out << "'" << answer.text << "', error '" << answer.error << "'";
  }
};

enum class Door { kTextTcp, kTextUnix, kGrpcTcp, kGrpcUnix };

bool IsGrpc(Door door) {
  return door == Door::kGrpcTcp || door == Door::kGrpcUnix;
}
bool IsUnix(Door door) {
  return door == Door::kTextUnix || door == Door::kGrpcUnix;
}

class TransportTest : public ::testing::TestWithParam<Door> {
 protected:
  TransportTest() {
    Add({.name = "echo",
         .parameters = {{.name = "text", .required = true}},
         .handler = [](const Arguments& arguments, const Caller&,
                       Output& output) {
           output.Write(arguments.String("text"));
           output.Write("\n");
           return absl::OkStatus();
         }});
    Add({.name = "big",
         .handler = [](const Arguments&, const Caller&, Output& output) {
           output.Write(std::string(1'000'000, 'x') + "\n");
           return absl::OkStatus();
         }});
    Add({.name = "fail",
         .changes_state = true,
         .handler = [](const Arguments&, const Caller&, Output& output) {
           output.Write("half\n");
           return absl::UnavailableError("fail: not today");
         }});
    Add({.name = "who",
         .handler = [](const Arguments&, const Caller& caller, Output& output) {
           output.Write(caller.name + "\n");
           return absl::OkStatus();
         }});
    Add({.name = "admin",
         .role = Role::kAdmin,
         .handler = [](const Arguments&, const Caller&, Output&) {
           return absl::OkStatus();
         }});
    Add({.name = "block",
         .handler = [this](const Arguments&, const Caller&, Output& output) {
           entered_.Notify();
           leave_.WaitForNotification();
           output.Write("done\n");
           return absl::OkStatus();
         }});
    Add({.name = "until_cancelled",
         .handler = [this](const Arguments&, const Caller&, Output& output) {
           entered_.Notify();
           while (!output.cancelled()) {
             output.Write("x\n");
           }
           return absl::OkStatus();
         }});
  }

  void Add(Command command) {
    ASSERT_THAT(table_.Add(std::move(command)), IsOk());
  }

  void Start(Role role = Role::kAdmin) {
    absl::StatusOr<Listener> listener =
        IsUnix(GetParam())
            ? Listener::ListenUnix("door", dir_.path() + "/door.sock",
                                   {.unix_mode = 0600})
            : Listener::ListenTcp("door", "127.0.0.1", 0, {});
    ASSERT_THAT(listener, IsOk());
    listener_ = std::make_shared<Listener>(*std::move(listener));
    if (IsGrpc(GetParam())) {
      service_ = std::make_unique<GrpcServer>(
          listener_, table_, GrpcServerOptions{.role = role}, log_);
    } else {
      // Every client is a pipe, which its half-close ends.
      service_ = std::make_unique<TextServer>(
          listener_, table_,
          TextServerOptions{.role = role,
                            .banner_delay = absl::InfiniteDuration(),
                            .pipe_quiet = absl::InfiniteDuration()},
          log_);
    }
    ASSERT_THAT(service_->Start(), IsOk());
  }

  Answer Run(const std::string& line) {
    return IsGrpc(GetParam()) ? RunGrpc(line) : RunText(line);
  }

  Answer RunText(const std::string& line) {
    TextClientForTest client(*listener_);
    client.Send(line);
    client.EndInput();
    std::string text = client.ReadAll();
    EXPECT_TRUE(absl::EndsWith(text, kFarewell)) << text;
    text.resize(text.size() - std::min(text.size(), sizeof(kFarewell) - 1));
    return {.text = text};
  }

  Answer RunGrpc(const std::string& line) {
    const std::string target = IsUnix(GetParam())
                                   ? absl::StrCat("unix:", listener_->host())
                                   : listener_->address();
    const auto stub = v1::Control::NewStub(
        grpc::CreateChannel(target, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    // A safety net.
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    v1::ExecuteRequest request;
    request.set_command(line);
    const auto reader = stub->Execute(&context, request);
    Answer answer;
    v1::ExecuteReply reply;
    while (reader->Read(&reply)) answer.text += reply.text();
    answer.error = reader->Finish().error_message();
    return answer;
  }

  // How the door shows an error after `text`: in the text, or apart from it.
  static Answer WithError(const std::string& text, const std::string& error) {
    if (IsGrpc(GetParam())) return {text, error};
    return {text + error + "\n", ""};
  }

  std::string Log() {
    service_.reset();
    return log_text_.str();
  }

  const ShortTempDirForTest dir_;
  std::ostringstream log_text_;
  spdlog::logger log_{
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  absl::Notification entered_, leave_;
  CommandTable table_;
  std::shared_ptr<const Listener> listener_;
  std::unique_ptr<Service> service_;
};

TEST_P(TransportTest, AnswersACommand) {
  Start();
  EXPECT_EQ(Run("echo('hi')"), (Answer{"hi\n", ""}));
  EXPECT_EQ(Run("echo(text=\"bl\xc3\xa5\")"), (Answer{"bl\xc3\xa5\n", ""}));
  EXPECT_EQ(Run(""), Answer());
  EXPECT_EQ(Run("  "), Answer());
}

TEST_P(TransportTest, ALongAnswerComesWhole) {
  Start();
  EXPECT_EQ(Run("big").text.size(), 1'000'001u);
}

TEST_P(TransportTest, ErrorsReadTheSame) {
  Start();
  EXPECT_EQ(Run("ecko"),
            WithError("", "unknown command 'ecko'; did you mean echo?"));
  EXPECT_EQ(Run("echo()"), WithError("", "echo: text is missing: echo(text)"));
  EXPECT_EQ(Run("echo('x"), WithError("", "column 8: no closing '"));
  EXPECT_EQ(Run("fail"), WithError("half\n", "fail: not today"));
}

TEST_P(TransportTest, TheRoleOfTheDoorCounts) {
  Start(Role::kOperate);
  EXPECT_EQ(Run("admin"),
            WithError("", "admin: needs the role admin, you have operate"));
  EXPECT_THAT(Log(), HasSubstr("may not run admin"));
}

TEST_P(TransportTest, ChangesAreLoggedWithWhoAndTheResult) {
  Start();
  const std::string me = Run("who").text;
  EXPECT_THAT(me, HasSubstr(IsUnix(GetParam()) ? "pid " : "127.0.0.1:"));
  Run("fail");
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr(" ran fail: UNAVAILABLE: fail: not today"));
  EXPECT_THAT(log, HasSubstr("connection from "));
  EXPECT_THAT(log, Not(HasSubstr("ran who")));
}

TEST_P(TransportTest, StopWaitsForTheAnswerOfWhatRuns) {
  Start();
  Answer answer;
  std::thread client([&] { answer = Run("block"); });
  entered_.WaitForNotification();
  service_->Stop();
  leave_.Notify();
  client.join();
  EXPECT_THAT(service_->Wait(), IsOk());
  EXPECT_EQ(answer, (Answer{"done\n", ""}));
}

TEST_P(TransportTest, ACommandThatWouldGoOnSeesThatTheServerStops) {
  Start();
  std::thread client([&] { Run("until_cancelled"); });
  entered_.WaitForNotification();
  service_->Stop();
  client.join();
  EXPECT_THAT(service_->Wait(), IsOk());
}

TEST_P(TransportTest, StopBeforeStartMeansThatNothingBegins) {
  Start();
  service_.reset();
  GrpcServer grpc(listener_, table_, {}, log_);
  TextServer text(listener_, table_, {}, log_);
  for (Service* service :
       {static_cast<Service*>(&grpc), static_cast<Service*>(&text)}) {
    service->Stop();
    EXPECT_THAT(service->Start(), IsOk());
    EXPECT_THAT(service->Wait(), IsOk());
    service->Stop();
  }
}

TEST_P(TransportTest, ANewServerTakesOverTheListener) {
  Start();
  Run("echo(1)");
  service_.reset();
  service_ = IsGrpc(GetParam())
                 ? std::unique_ptr<Service>(std::make_unique<GrpcServer>(
                       listener_, table_, GrpcServerOptions{}, log_))
                 : std::make_unique<TextServer>(listener_, table_,
                                                TextServerOptions{}, log_);
  ASSERT_THAT(service_->Start(), IsOk());
  EXPECT_EQ(Run("echo(2)"), (Answer{"2\n", ""}));
}

TEST_P(TransportTest, RefusesAnAddressThatOthersCanReach) {
  absl::StatusOr<Listener> listener =
      Listener::ListenTcp("door", "0.0.0.0", 0, {});
  ASSERT_THAT(listener, IsOk());
  GrpcServer server(std::make_shared<Listener>(*std::move(listener)), table_,
                    {}, log_);
  EXPECT_THAT(server.Start(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

INSTANTIATE_TEST_SUITE_P(Doors, TransportTest,
                         ::testing::Values(Door::kTextTcp, Door::kTextUnix,
                                           Door::kGrpcTcp, Door::kGrpcUnix),
                         [](const ::testing::TestParamInfo<Door>& info) {
                           switch (info.param) {
                             case Door::kTextTcp:
                               return "TextTcp";
                             case Door::kTextUnix:
                               return "TextUnix";
                             case Door::kGrpcTcp:
                               return "GrpcTcp";
                             case Door::kGrpcUnix:
                               return "GrpcUnix";
                           }
                           return "";
                         });

}  // namespace
}  // namespace bergen::backdoor
