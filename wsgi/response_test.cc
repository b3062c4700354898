// SPDX-License-Identifier: Apache-2.0

#include "wsgi/response.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/http1.h"
#include "wsgi/request.h"

namespace bergen::wsgi {
namespace {

using ::testing::HasSubstr;

constexpr char kDate[] = "DATE";

// The head of the response to `request_head`.
std::string Head(const std::string& request_head, ResponseHead& head,
                 std::optional<uint64_t> body_size, bool may_keep = true) {
  Request request;
  request.head = request_head;
  EXPECT_FALSE(ParseHead(request).has_value());
  std::string out;
  head.AppendTo(PlanResponse(request, head, body_size, may_keep), kDate, out);
  return out;
}

constexpr char kGet11[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr char kGet10[] = "GET / HTTP/1.0\r\n\r\n";
constexpr char kHead[] = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(ResponseTest, HeadSaysHowTheBodyEnds) {
  ResponseHead head;
  ASSERT_THAT(head("200 OK", {{"A", "b"}}), IsOk());
  EXPECT_EQ(Head(kGet11, head, 5),
            "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\nDate: DATE\r\n"
            "\r\n");
  EXPECT_EQ(Head(kGet11, head, std::nullopt),
            "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n"
            "Date: DATE\r\n\r\n");
  EXPECT_EQ(Head(kGet10, head, std::nullopt),
            "HTTP/1.1 200 OK\r\nA: b\r\nDate: DATE\r\nConnection: close\r\n"
            "\r\n");
  EXPECT_EQ(Head(kHead, head, 5),
            "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\nDate: DATE\r\n"
            "\r\n");
  EXPECT_EQ(Head(kGet11, head, 5, /*may_keep=*/false),
            "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\nDate: DATE\r\n"
            "Connection: close\r\n\r\n");
}

TEST(ResponseTest, SomeStatusesHaveNoBody) {
  ResponseHead head;
  ASSERT_THAT(head("204 No Content", {{"Content-Length", "0"}}), IsOk());
  EXPECT_EQ(Head(kGet11, head, 5),
            "HTTP/1.1 204 No Content\r\nDate: DATE\r\n\r\n");
  head.Reset();
  ASSERT_THAT(head("304 Not Modified", {{"Content-Length", "7"}}), IsOk());
  EXPECT_EQ(Head(kGet11, head, 0),
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n"
            "Date: DATE\r\n\r\n");
}

TEST(ResponseTest, LaterCallReplacesAnEarlierOneUntilTheHeadIsSent) {
  ResponseHead head;
  ASSERT_THAT(head("200 OK", {{"A", "b"}, {"Content-Length", "5"}}), IsOk());
  ASSERT_THAT(head("404 Not Found", {{"Date", "mine"}}), IsOk());
  EXPECT_EQ(Head(kGet11, head, 0),
            "HTTP/1.1 404 Not Found\r\nDate: mine\r\nContent-Length: 0\r\n"
            "\r\n");
  EXPECT_THAT(head("200 OK", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(ResponseTest, WhatCannotBeSentAsItIsIsRefused) {
  ResponseHead head;
  for (const char* status : {"", "200", "OK", "2000 OK", "20x OK",
                             "200 OK\r\nA: b", "100 Continue", "600 Beyond"}) {
    EXPECT_THAT(head(status, {}), StatusIs(absl::StatusCode::kInvalidArgument))
        << status;
  }
  const Header bad[] = {
      {"A", "b\r\nC: d"},
      {"A", "b\n"},
      {"A\r\n", "b"},
      {"A B", "c"},
      {"", "b"},
      {"A:", "b"},
      {"Content-Length", "-1"},
      {"Content-Length", ""},
      {"Content-Length", "1x"},
      {"Transfer-Encoding", "chunked"},
      {"connection", "upgrade"},
      {"Keep-Alive", "1"},
      {"A", absl::string_view("b\0", 2)},
  };
  for (const Header& header : bad) {
    EXPECT_THAT(head("200 OK", {header}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << header.name << ": " << header.value;
    EXPECT_FALSE(head.started());
  }
  EXPECT_THAT(head("200 OK", {{"Set-Cookie", "a=\xc3\xa9"}, {"A", "\t"}}),
              IsOk());
}

TEST(ResponseTest, ChunkLinesAreHexadecimal) {
  std::string out;
  AppendChunkLine(255, out);
  EXPECT_EQ(out, "ff\r\n");
}

TEST(ResponseTest, DateIsWrittenAsHttpWantsIt) {
  EXPECT_EQ(HttpDate::Format(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  HttpDate date;
  EXPECT_THAT(std::string(date.Now()), HasSubstr(" GMT"));
}

}  // namespace
}  // namespace bergen::wsgi
