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
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/control.grpc.pb.h"
#include "backdoor/control.pb.h"
#include "backdoor/entrance.h"
#include "backdoor/grpc_server.h"
#include "backdoor/roles.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "backdoor/text_client_for_test.h"
#include "backdoor/text_server.h"
#include "backdoor/tls_dialer.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/service.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "sslutils/server_context.h"
#include "sslutils/test_certificates.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A safety net, never what a test measures.
constexpr absl::Duration kDeadline = absl::Seconds(30);
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

enum class Door {
  kTextTcp,
  kTextUnix,
  kTextTls,
  kGrpcTcp,
  kGrpcUnix,
  kGrpcTls,
};

bool IsGrpc(Door door) {
  return door == Door::kGrpcTcp || door == Door::kGrpcUnix ||
         door == Door::kGrpcTls;
}
bool IsUnix(Door door) {
  return door == Door::kTextUnix || door == Door::kGrpcUnix;
}
bool IsTls(Door door) {
  return door == Door::kTextTls || door == Door::kGrpcTls;
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
         .role = Role::kOperate,
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

  std::string Path(const std::string& name) const {
    return absl::StrCat(dir_.path(), "/", name);
  }

  // Everybody has `role`.
  EntranceOptions Entrance(Role role) {
    const std::string name(RoleName(role));
    absl::StatusOr<RoleMap> roles = RoleMap::Parse(
        {"uid:*=" + name, "loopback=" + name, "cn:alice=" + name});
    EXPECT_THAT(roles, IsOk());
    EntranceOptions entrance = {.roles = *std::move(roles)};
    if (!IsTls(GetParam())) return entrance;
    const sslutils::TestAuthority authority;
    authority.Issue("127.0.0.1", Path("s.crt"), Path("s.key"),
                    {"IP:127.0.0.1"});
    authority.Issue("alice", Path("c.crt"), Path("c.key"));
    authority.Issue("mallory", Path("m.crt"), Path("m.key"));
    authority.WriteCertificate(Path("ca.crt"));
    std::vector<std::string> alpn;
    if (IsGrpc(GetParam())) alpn.emplace_back("h2");
    auto tls = sslutils::ServerContext::Create({.cert_file = Path("s.crt"),
                                                .key_file = Path("s.key"),
                                                .ca_file = Path("ca.crt"),
                                                .alpn = alpn});
    EXPECT_THAT(tls, IsOk());
    entrance.tls = *std::move(tls);
    dialer_ = Dialer("c");
    return entrance;
  }

  std::unique_ptr<TlsDialer> Dialer(const std::string& who) {
    auto dialer = TlsDialer::Create({.ca_file = Path("ca.crt"),
                                     .cert_file = Path(who + ".crt"),
                                     .key_file = Path(who + ".key"),
                                     .alpn = {"h2"}});
    EXPECT_THAT(dialer, IsOk());
    return *std::move(dialer);
  }

  UniqueFd Dial() {
    absl::StatusOr<UniqueFd> fd =
        dialer_->Dial(listener_->address(), kDeadline);
    EXPECT_THAT(fd, IsOk());
    return fd.ok() ? *std::move(fd) : UniqueFd();
  }

  void Start(Role role = Role::kAdmin) {
    absl::StatusOr<Listener> listener =
        IsUnix(GetParam())
            ? Listener::ListenUnix("door", dir_.path() + "/door.sock",
                                   {.unix_mode = 0600})
            : Listener::ListenTcp("door", "127.0.0.1", 0, {});
    ASSERT_THAT(listener, IsOk());
    listener_ = std::make_shared<Listener>(*std::move(listener));
    StartOnListener(role);
  }

  void StartOnListener(Role role) {
    if (IsGrpc(GetParam())) {
      service_ = std::make_unique<GrpcServer>(
          listener_, table_, GrpcServerOptions{.entrance = Entrance(role)},
          log_);
    } else {
      // Every client is a pipe, which its half-close ends.
      service_ = std::make_unique<TextServer>(
          listener_, table_,
          TextServerOptions{.entrance = Entrance(role),
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
    TextClientForTest client = IsTls(GetParam())
                                   ? TextClientForTest(Dial())
                                   : TextClientForTest(*listener_);
    client.Send(line);
    client.EndInput();
    std::string text = client.ReadAll();
    EXPECT_TRUE(absl::EndsWith(text, kFarewell)) << text;
    text.resize(text.size() - std::min(text.size(), sizeof(kFarewell) - 1));
    return {.text = text};
  }

  std::shared_ptr<grpc::Channel> Connect() {
    if (IsTls(GetParam())) {
      return grpc::CreateInsecureChannelFromFd("door", Dial().Release());
    }
    const std::string target = IsUnix(GetParam())
                                   ? absl::StrCat("unix:", listener_->host())
                                   : listener_->address();
    return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  }

  Answer RunGrpc(const std::string& line) {
    const auto stub = v1::Control::NewStub(Connect());
    grpc::ClientContext context;
    // A safety net.
    context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
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
  std::unique_ptr<TlsDialer> dialer_;
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

TEST_P(TransportTest, TheRoleOfTheCallerCounts) {
  Start(Role::kOperate);
  EXPECT_EQ(Run("admin"),
            WithError("", "admin: needs the role admin, you have operate"));
  EXPECT_THAT(Log(), AllOf(HasSubstr("may not run admin"),
                           HasSubstr(", role operate")));
}

TEST_P(TransportTest, AViewerIsRefusedWhatChangesState) {
  Start(Role::kView);
  for (const Command* command : table_.commands()) {
    if (!command->changes_state) continue;
    EXPECT_EQ(Run(command->name),
              WithError("", absl::StrCat(command->name, ": needs the role ",
                                         RoleName(command->role),
                                         ", you have view")));
  }
  EXPECT_THAT(Log(), AllOf(HasSubstr("may not run fail: fail: needs the role "
                                     "operate, you have view"),
                           Not(HasSubstr("ran fail"))));
}

TEST_P(TransportTest, WhoHasNoRoleIsRefused) {
  if (!IsTls(GetParam())) GTEST_SKIP() << "everybody here has one";
  Start();
  dialer_ = Dialer("m");
  if (IsGrpc(GetParam())) {
    EXPECT_THAT(Run("who").error, Not(IsEmpty()));
  } else {
    EXPECT_THAT(TextClientForTest(Dial()).ReadAll(),
                HasSubstr("CN=mallory may not use this door\n"));
  }
  EXPECT_THAT(Log(), HasSubstr("CN=mallory refused: "));
}

TEST_P(TransportTest, ChangesAreLoggedWithWhoAndTheResult) {
  Start();
  const std::string me = Run("who").text;
  EXPECT_THAT(me, HasSubstr(IsUnix(GetParam()) ? "pid " : "127.0.0.1:"));
  if (IsTls(GetParam())) {
    EXPECT_THAT(me, HasSubstr(" CN=alice"));
  }
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
  StartOnListener(Role::kAdmin);
  EXPECT_EQ(Run("echo(2)"), (Answer{"2\n", ""}));
}

TEST_P(TransportTest, RefusesAnAddressThatOthersCanReach) {
  absl::StatusOr<Listener> listener =
      Listener::ListenTcp("door", "0.0.0.0", 0, {});
  ASSERT_THAT(listener, IsOk());
  const auto shared = std::make_shared<Listener>(*std::move(listener));
  EntranceOptions plain = Entrance(Role::kAdmin);
  plain.tls = nullptr;
  GrpcServer grpc(shared, table_, {.entrance = plain}, log_);
  EXPECT_THAT(grpc.Start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     HasSubstr("without TLS")));
  TextServer text(shared, table_, {.entrance = plain}, log_);
  EXPECT_THAT(text.Start(), StatusIs(absl::StatusCode::kFailedPrecondition));
  if (!IsTls(GetParam())) return;
  EXPECT_THAT(
      GrpcServer(shared, table_, {.entrance = Entrance(Role::kAdmin)}, log_)
          .Start(),
      IsOk());
  auto open = sslutils::ServerContext::Create(
      {.cert_file = Path("s.crt"), .key_file = Path("s.key")});
  ASSERT_THAT(open, IsOk());
  GrpcServer for_all(shared, table_, {.entrance = {.tls = *open}}, log_);
  EXPECT_THAT(for_all.Start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("ssl.ca_file")));
}

INSTANTIATE_TEST_SUITE_P(Doors, TransportTest,
                         ::testing::Values(Door::kTextTcp, Door::kTextUnix,
                                           Door::kTextTls, Door::kGrpcTcp,
                                           Door::kGrpcUnix, Door::kGrpcTls),
                         [](const ::testing::TestParamInfo<Door>& info) {
                           switch (info.param) {
                             case Door::kTextTcp:
                               return "TextTcp";
                             case Door::kTextUnix:
                               return "TextUnix";
                             case Door::kTextTls:
                               return "TextTls";
                             case Door::kGrpcTcp:
                               return "GrpcTcp";
                             case Door::kGrpcUnix:
                               return "GrpcUnix";
                             case Door::kGrpcTls:
                               return "GrpcTls";
                           }
                           return "";
                         });

}  // namespace
}  // namespace bergen::backdoor
