// SPDX-License-Identifier: Apache-2.0

#include "backdoor/http_commands.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/string_output_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

class HttpCommandsTest : public ::testing::Test {
 protected:
  HttpCommandsTest() {
    HttpControl control;
    control.connections = [this] { return connections_; };
    control.certificates = [this] { return certificates_; };
    control.metrics = [] { return "http_requests_total 3\n"; };
    control.now = [] { return absl::UnixEpoch(); };
    EXPECT_THAT(AddHttpCommands(std::move(control), table_), IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line) {
    StringOutput output;
    const absl::Status status =
        Dispatch(table_, line, {.name = "ann"}, output, log_);
    return output.text() + std::string(status.message());
  }

  absl::StatusOr<std::vector<HttpControl::Connection>> connections_ =
      std::vector<HttpControl::Connection>();
  std::vector<HttpControl::Certificate> certificates_;
  CommandTable table_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(HttpCommandsTest, ConnectionsAreCountedAndListedTheOldestFirst) {
  EXPECT_EQ(Run("connections"), "0 connections\n");
  connections_ = std::vector<HttpControl::Connection>(
      {{"[::1]:1", "idle", absl::Seconds(2), ""},
       {"10.0.0.1:2", "request", absl::Milliseconds(12), "GET /a"},
       {"10.0.0.1:3", "idle", absl::Minutes(3), ""}});
  EXPECT_EQ(Run("connections"),
            "3 connections, 2 idle, 1 request\n"
            "10.0.0.1:3 idle 3m\n"
            "[::1]:1 idle 2s\n"
            "10.0.0.1:2 request 12ms GET /a\n");
}

TEST_F(HttpCommandsTest, RequestsAreThoseBeingAnswered) {
  connections_ = std::vector<HttpControl::Connection>(
      {{"a:1", "request", absl::Seconds(1), "GET /new"},
       {"b:2", "idle", absl::Hours(1), ""},
       {"c:3", "request", absl::Seconds(9), "PUT /old"}});
  EXPECT_EQ(Run("requests"), "9s PUT /old from c:3\n1s GET /new from a:1\n");
}

TEST_F(HttpCommandsTest, StreamsAreShownWithTheirConnection) {
  connections_ = std::vector<HttpControl::Connection>(
      {{"a:1", "request", absl::Seconds(5), "GET /one"},
       {"b:2",
        "request",
        absl::Seconds(1),
        "",
        {{1, "body", absl::Seconds(9), "PUT /two"},
         {3, "response", absl::Seconds(2), "GET /three"}}}});
  EXPECT_EQ(Run("connections"),
            "2 connections, 2 request\n"
            "a:1 request 5s GET /one\n"
            "b:2 request 1s\n"
            "  stream 1 body 9s PUT /two\n"
            "  stream 3 response 2s GET /three\n");
  EXPECT_EQ(Run("requests"),
            "9s PUT /two from b:2 stream 1\n"
            "5s GET /one from a:1\n"
            "2s GET /three from b:2 stream 3\n");
}

TEST_F(HttpCommandsTest, WhatTheServerCannotTellIsAnError) {
  connections_ = absl::DeadlineExceededError("http: no answer");
  EXPECT_EQ(Run("connections"), "http: no answer");
  EXPECT_EQ(Run("requests"), "http: no answer");
}

TEST_F(HttpCommandsTest, CertificatesSayWhenTheyExpire) {
  certificates_ = {{"http", absl::UnixEpoch() + absl::Hours(24 * 30 + 1)},
                   {"old", absl::UnixEpoch() - absl::Hours(49)}};
  EXPECT_EQ(Run("certs"),
            "http: expires at 1970-01-31T01:00:00Z, 30 days from now\n"
            "old: expired at 1969-12-29T23:00:00Z, -2 days from now\n");
}

TEST_F(HttpCommandsTest, MetricsAreTheirPage) {
  EXPECT_EQ(Run("metrics"), "http_requests_total 3\n");
}

TEST_F(HttpCommandsTest, WhatNobodyAnswersIsNoCommand) {
  CommandTable table;
  ASSERT_THAT(AddHttpCommands({}, table), IsOk());
  EXPECT_TRUE(table.commands().empty());
}

}  // namespace
}  // namespace bergen::backdoor
