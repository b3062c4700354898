// SPDX-License-Identifier: Apache-2.0

#include "backdoor/text_server.h"

#include <unistd.h>

#include <list>
#include <memory>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "backdoor/text_client_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kFarewell[] = "now exiting InteractiveConsole...\n";

// Every client is a person at once, or every client is a pipe, so that no test
// depends on time.
TextServerOptions Persons() { return {.banner_delay = absl::ZeroDuration()}; }
TextServerOptions Pipes() {
  return {.banner_delay = absl::InfiniteDuration(),
          .pipe_quiet = absl::InfiniteDuration()};
}

class TextServerTest : public ::testing::Test {
 protected:
  TextServerTest() {
    Add({.name = "echo",
         .parameters = {{.name = "text", .required = true}},
         .handler = [](const Arguments& arguments, const Caller&,
                       Output& output) {
           output.Write(absl::StrCat(arguments.String("text"), "\n"));
           return absl::OkStatus();
         }});
    Add({.name = "who",
         .handler = [](const Arguments&, const Caller& caller, Output& output) {
           output.Write(caller.name);
           return absl::OkStatus();
         }});
    Add({.name = "change",
         .changes_state = true,
         .role = Role::kOperate,
         .handler = [](const Arguments&, const Caller&, Output&) {
           return absl::UnavailableError("not today");
         }});
    Add({.name = "block",
         .handler = [this](const Arguments&, const Caller&, Output& output) {
           entered_.Notify();
           leave_.WaitForNotification();
           output.Write("done\n");
           return absl::OkStatus();
         }});
    // Writes until nobody reads.
    Add({.name = "flood",
         .handler = [this](const Arguments&, const Caller&, Output& output) {
           while (output.Write(std::string(1000, 'x')) && !output.cancelled()) {
           }
           flood_ended_.Notify();
           return absl::OkStatus();
         }});
  }

  void Add(Command command) {
    ASSERT_THAT(table_.Add(std::move(command)), IsOk());
  }

  void ListenTcp() {
    absl::StatusOr<Listener> listener =
        Listener::ListenTcp("backdoor", "127.0.0.1", 0, {});
    ASSERT_THAT(listener, IsOk());
    listener_ = std::make_shared<Listener>(*std::move(listener));
  }

  void ListenUnix() {
    absl::StatusOr<Listener> listener = Listener::ListenUnix(
        "backdoor", dir_.path() + "/text.sock", {.unix_mode = 0600});
    ASSERT_THAT(listener, IsOk());
    listener_ = std::make_shared<Listener>(*std::move(listener));
  }

  void Start(const TextServerOptions& options) {
    if (listener_ == nullptr) ListenTcp();
    server_ = std::make_unique<TextServer>(listener_, table_, options, log_);
    ASSERT_THAT(server_->Start(), IsOk());
  }

  // Ends the server, so that the log is complete.
  std::string Log() {
    server_.reset();
    return log_text_.str();
  }

  const ShortTempDirForTest dir_;
  std::ostringstream log_text_;
  spdlog::logger log_{
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  absl::Notification entered_, leave_, flood_ended_;
  CommandTable table_;
  std::shared_ptr<const Listener> listener_;
  std::unique_ptr<TextServer> server_;
};

TEST_F(TextServerTest, APersonGetsBannerAnswersErrorsAndPrompts) {
  Start(Persons());
  TextClientForTest client(*listener_);
  EXPECT_THAT(client.ReadUntil(">>> "),
              MatchesRegex("bergen, worker 0, process [0-9]+\n"
                           "Type \"help\\(\\)\" for the commands.\n"
                           "\\(InteractiveConsole\\)\n>>> "));
  client.Send("echo('hi')\r\n");
  EXPECT_EQ(client.ReadUntil(">>> "), "hi\n>>> ");
  client.Send("ecko\n");
  EXPECT_EQ(client.ReadUntil(">>> "),
            "unknown command 'ecko'; did you mean echo?\n>>> ");
  client.Send("\n");
  EXPECT_EQ(client.ReadUntil(">>> "), ">>> ");
  client.EndInput();
  EXPECT_EQ(client.ReadAll(), std::string("\n") + kFarewell);
}

TEST_F(TextServerTest, APipeGetsAnswersAndTheFarewell) {
  Start(Pipes());
  TextClientForTest client(*listener_);
  client.Send("echo(a)\necho(b)\necho(c)");
  client.EndInput();
  EXPECT_EQ(client.ReadAll(), std::string("a\nb\nc\n") + kFarewell);
}

TEST_F(TextServerTest, APipeThatDoesNotHalfCloseIsClosedOnceItIsQuiet) {
  Start({.banner_delay = absl::InfiniteDuration(),
         .pipe_quiet = absl::ZeroDuration()});
  TextClientForTest client(*listener_);
  client.Send("echo(a)\n");
  EXPECT_EQ(client.ReadAll(), std::string("a\n") + kFarewell);
}

TEST_F(TextServerTest, WhatAClientSentRunsThoughItHasLeft) {
  absl::Notification ran;
  Add({.name = "mark",
       .handler = [&ran](const Arguments&, const Caller&, Output&) {
         ran.Notify();
         return absl::OkStatus();
       }});
  Start(Persons());
  TextClientForTest client(*listener_);
  client.ReadUntil(">>> ");
  client.Send("echo(a)\necho(b)\nmark()\n");
  client.Close();
  ran.WaitForNotification();
}

TEST_F(TextServerTest, ASlowCommandHoldsUpNobodyElse) {
  Start(Pipes());
  TextClientForTest slow(*listener_);
  slow.Send("block()\n");
  slow.EndInput();
  entered_.WaitForNotification();
  TextClientForTest quick(*listener_);
  quick.Send("echo(a)\n");
  quick.EndInput();
  EXPECT_THAT(quick.ReadAll(), HasSubstr("a\n"));
  leave_.Notify();
  EXPECT_EQ(slow.ReadAll(), std::string("done\n") + kFarewell);
}

TEST_F(TextServerTest, ALongAnswerIsHeldUpAndEndsWhenTheClientLeaves) {
  TextServerOptions options = Persons();
  options.max_waiting_reply = 5000;
  Start(options);
  TextClientForTest client(*listener_);
  client.ReadUntil(">>> ");
  client.Send("flood()\n");
  EXPECT_THAT(client.ReadUntil("xxx"), HasSubstr("x"));
  EXPECT_FALSE(flood_ended_.HasBeenNotified());
  client.Close();
  flood_ended_.WaitForNotification();
}

TEST_F(TextServerTest, AClientThatReadsNothingIsDropped) {
  TextServerOptions options = Persons();
  options.write_timeout = absl::ZeroDuration();
  Start(options);
  TextClientForTest client(*listener_);
  client.Send("flood()\n");
  flood_ended_.WaitForNotification();
  EXPECT_THAT(Log(), HasSubstr("reads nothing for 0, dropped"));
}

TEST_F(TextServerTest, OneConnectionTooManyIsToldSo) {
  TextServerOptions options = Persons();
  options.max_connections = 1;
  Start(options);
  TextClientForTest first(*listener_);
  first.ReadUntil(">>> ");
  TextClientForTest second(*listener_);
  EXPECT_EQ(second.ReadAll(), "there are 1 connections already\n");
  first.Send("echo(a)\n");
  EXPECT_EQ(first.ReadUntil(">>> "), "a\n>>> ");
}

TEST_F(TextServerTest, ClientsThatReadNothingHoldUpNoOther) {
  absl::BlockingCounter waiting(3);
  Add({.name = "dump",
       .handler = [&waiting](const Arguments&, const Caller&, Output& output) {
         output.Write("x");
         waiting.DecrementCount();
         while (output.Write(std::string(1'000'000, 'x'))) {
         }
         return absl::OkStatus();
       }});
  TextServerOptions options = Persons();
  options.handler_threads = 1;
  Start(options);
  // Each takes the only turn while the others wait for their clients.
  std::list<TextClientForTest> idlers;
  for (int i = 0; i < 3; ++i) {
    idlers.emplace_back(*listener_).Send("dump()\n");
  }
  waiting.Wait();
  TextClientForTest client(*listener_);
  client.ReadUntil(">>> ");
  client.Send("echo(a)\n");
  EXPECT_EQ(client.ReadUntil(">>> "), "a\n>>> ");
}

TEST_F(TextServerTest, ALineOverTheLimitIsRefusedAndTheNextOneRuns) {
  Start(Pipes());
  TextClientForTest client(*listener_);
  client.Send(absl::StrCat("echo(", std::string(100000, 'x'), ")\necho(a)\n"));
  client.EndInput();
  EXPECT_EQ(client.ReadAll(), absl::StrCat("the line is longer than 4096 "
                                           "bytes\na\n",
                                           kFarewell));
}

TEST_F(TextServerTest, AnAnswerWithoutANewlineGetsOne) {
  Start(Persons());
  TextClientForTest client(*listener_);
  client.ReadUntil(">>> ");
  client.Send("who\n");
  EXPECT_THAT(client.ReadUntil(">>> "), MatchesRegex("127.0.0.1:[0-9]+\n>>> "));
}

TEST_F(TextServerTest, AUnixSocketKnowsWhoIsThere) {
  ListenUnix();
  Start(Persons());
  TextClientForTest client(*listener_);
  client.ReadUntil(">>> ");
  client.Send("who\nchange()\n");
  const std::string me = absl::StrCat("pid ", getpid(), " uid ", getuid());
  EXPECT_EQ(client.ReadUntil(">>> "), me + "\n>>> ");
  EXPECT_EQ(client.ReadUntil(">>> "), "not today\n>>> ");
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("connection from " + me));
  EXPECT_THAT(log, HasSubstr(me + " ran change(): UNAVAILABLE: not today"));
  EXPECT_THAT(log, Not(HasSubstr("ran who")));
}

TEST_F(TextServerTest, StopSendsTheAnswerOfWhatRunsAndDropsWhatWaits) {
  Start(Persons());
  TextClientForTest busy(*listener_);
  busy.ReadUntil(">>> ");
  TextClientForTest idle(*listener_);
  idle.ReadUntil(">>> ");
  busy.Send("block()\necho(a)\n");
  entered_.WaitForNotification();
  server_->Stop();
  EXPECT_EQ(idle.ReadAll(), std::string("\n") + kFarewell);
  leave_.Notify();
  EXPECT_THAT(busy.ReadAll(), AllOf(HasSubstr("done\n"), HasSubstr(kFarewell),
                                    Not(HasSubstr("a\n>>>"))));
  EXPECT_THAT(server_->Wait(), IsOk());
}

TEST_F(TextServerTest, StopBeforeStartMeansThatNothingBegins) {
  ListenTcp();
  TextServer server(listener_, table_, {}, log_);
  server.Stop();
  EXPECT_THAT(server.Start(), IsOk());
  EXPECT_THAT(server.Wait(), IsOk());
  server.Stop();
}

TEST_F(TextServerTest, TheNextServerTakesOverTheListener) {
  Start(Pipes());
  server_.reset();
  Start(Pipes());
  TextClientForTest client(*listener_);
  client.Send("echo(a)\n");
  client.EndInput();
  EXPECT_THAT(client.ReadAll(), HasSubstr("a\n"));
}

TEST_F(TextServerTest, SaysWhereItListens) {
  Start({.worker_number = 3});
  const std::string where = listener_->address();
  EXPECT_THAT(Log(), HasSubstr(absl::StrCat("worker 3: backdoor listening on ",
                                            where, " for process ", getpid())));
}

TEST_F(TextServerTest, RefusesAnAddressThatOthersCanReach) {
  absl::StatusOr<Listener> listener =
      Listener::ListenTcp("backdoor", "0.0.0.0", 0, {});
  ASSERT_THAT(listener, IsOk());
  TextServer server(std::make_shared<Listener>(*std::move(listener)), table_,
                    {}, log_);
  EXPECT_THAT(server.Start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("0.0.0.0")));
}

}  // namespace
}  // namespace bergen::backdoor
