// SPDX-License-Identifier: Apache-2.0

#include "wsgi/http2.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "wsgi/http2_test_client.h"

namespace bergen::wsgi {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// What the session tells, kept; and what responses consist of.
class Recorder : public Http2Session::Handler {
 public:
  struct Stream {
    std::unique_ptr<Request> request;
    std::optional<Refusal> refusal;
    bool has_body = false;
    std::string body;
    bool body_ended = false;
    Http2Fields trailers;
    bool closed = false;
    // To be sent.
    std::string response;
    bool response_ended = true;
    bool response_failed = false;
    Http2Fields response_trailers;
  };

  void OnRequest(int32_t id, std::unique_ptr<Request> request,
                 std::optional<Refusal> refusal, bool has_body) override {
    Stream& stream = streams[id];
    stream.request = std::move(request);
    stream.refusal = refusal;
    stream.has_body = has_body;
  }
  void OnBody(int32_t id, absl::string_view data) override {
    absl::StrAppend(&streams[id].body, data);
  }
  void OnBodyEnd(int32_t id, Http2Fields trailers) override {
    streams[id].body_ended = true;
    streams[id].trailers = std::move(trailers);
  }
  void OnClosed(int32_t id) override { streams[id].closed = true; }
  Http2Session::Output ReadResponse(int32_t id, char* buffer,
                                    size_t size) override {
    Stream& stream = streams[id];
    if (stream.response_failed) return {.failed = true};
    size = std::min(size, stream.response.size());
    memcpy(buffer, stream.response.data(), size);
    stream.response.erase(0, size);
    return {.size = size,
            .ended = stream.response_ended && stream.response.empty(),
            .trailers = &stream.response_trailers};
  }

  std::map<int32_t, Stream> streams;
};

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream,
                  absl::string_view payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) {
    frame.push_back(static_cast<char>(payload.size() >> shift));
  }
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) {
    frame.push_back(static_cast<char>(stream >> shift));
  }
  return absl::StrCat(frame, payload);
}

class Http2SessionTest : public testing::Test {
 protected:
  void Begin(const Http2Limits& limits = {}, const HeadLimits& head = {}) {
    session_ = std::make_unique<Http2Session>(head, limits, server_);
  }
  // Both ends say all that they have to say.
  absl::Status Talk() {
    absl::Status status;
    for (;;) {
      const std::string up = client_.Output();
      if (!up.empty()) status.Update(session_->Receive(up, now_));
      const std::string down = Sent();
      client_.Input(down);
      if (down.empty() && up.empty()) return status;
    }
  }
  std::string Sent() {
    std::string out;
    for (;;) {
      const size_t size = out.size();
      session_->Send(out, size + 1);
      if (out.size() == size) return out;
    }
  }
  void Start(const Http2Limits& limits = {}, const HeadLimits& head = {}) {
    Begin(limits, head);
    ASSERT_THAT(Talk(), IsOk());
  }
  absl::Status GetAndReset() {
    const int32_t id = client_.Get("/");
    if (absl::Status status = Talk(); !status.ok()) return status;
    EXPECT_NE(At(id).request, nullptr);
    client_.Reset(id);
    return Talk();
  }
  Recorder::Stream& At(int32_t stream) { return server_.streams[stream]; }

  Recorder server_;
  Http2TestClient client_;
  std::unique_ptr<Http2Session> session_;
  absl::Duration now_ = absl::Seconds(1000);
};

TEST_F(Http2SessionTest, ARequestIsWhatHttp1WouldSay) {
  Start();
  const int32_t id = client_.Get("//a%20b?q=1", {{"accept", "x"},
                                                 {"cookie", "a=1"},
                                                 {"x-two", "1"},
                                                 {"cookie", "b=2"},
                                                 {"x-two", "2"},
                                                 {"x_hidden", "1"}});
  ASSERT_THAT(Talk(), IsOk());
  const Request& request = *At(id).request;
  EXPECT_FALSE(At(id).refusal.has_value());
  EXPECT_FALSE(At(id).has_body);
  EXPECT_EQ(request.major_version, 2);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/a b");
  EXPECT_EQ(request.query, "q=1");
  EXPECT_EQ(request.request_line, "GET //a%20b?q=1 HTTP/2.0");
  std::vector<std::string> headers;
  for (const Header& header : request.headers) {
    headers.push_back(absl::StrCat(header.name, "=", header.value));
  }
  EXPECT_THAT(headers, ElementsAre("host=example.org", "accept=x", "x-two=1,2",
                                   "cookie=a=1; b=2"));
  EXPECT_EQ(session_->streams(), 1);
}

TEST_F(Http2SessionTest, AResponseAndItsTrailersArrive) {
  Start();
  const int32_t id = client_.Get("/");
  ASSERT_THAT(Talk(), IsOk());
  At(id).response = std::string(200000, 'x');
  At(id).response_trailers = {{"x-sum", "7"}};
  session_->Respond(id, 200, {{"content-type", "text/plain"}}, true);
  // The client gives as much more as it has read.
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.bodies[id].size(), 200000);
  EXPECT_EQ(client_.heads[id], ":status=200;content-type=text/plain;x-sum=7;");
  EXPECT_EQ(client_.closed[id], NGHTTP2_NO_ERROR);
  EXPECT_TRUE(At(id).closed);
  EXPECT_EQ(session_->streams(), 0);
}

TEST_F(Http2SessionTest, AResponseGoesOnWhenThereIsMore) {
  Start();
  const int32_t id = client_.Get("/");
  ASSERT_THAT(Talk(), IsOk());
  At(id).response = "one";
  At(id).response_ended = false;
  session_->Respond(id, 200, {}, true);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.bodies[id], "one");
  EXPECT_EQ(client_.closed.count(id), 0);
  At(id).response = "two";
  At(id).response_ended = true;
  session_->Resume(id);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.bodies[id], "onetwo");
  EXPECT_EQ(client_.closed.count(id), 1);
}

TEST_F(Http2SessionTest, AResponseThatFailsIsAStreamThatFails) {
  Start();
  const int32_t id = client_.Get("/");
  ASSERT_THAT(Talk(), IsOk());
  At(id).response_failed = true;
  session_->Respond(id, 200, {}, true);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.closed[id], NGHTTP2_INTERNAL_ERROR);
  EXPECT_THAT(client_.goaways, IsEmpty());
}

TEST_F(Http2SessionTest, ABodyArrivesOnlyAsItIsUsed) {
  Start({.window = 1000});
  const int32_t id = client_.Post(std::string(2500, 'x'));
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_TRUE(At(id).request->chunked);
  EXPECT_EQ(At(id).body.size(), 1000);
  session_->Consumed(id, 1000);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(At(id).body.size(), 2000);
  EXPECT_FALSE(At(id).body_ended);
  session_->Consumed(id, 1000);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(At(id).body.size(), 2500);
  EXPECT_TRUE(At(id).body_ended);
}

TEST_F(Http2SessionTest, OneUnreadBodyDoesNotHoldUpOthers) {
  Start({.max_streams = 20, .window = 100 * 1024});
  for (int i = 0; i < 15; ++i) {
    client_.Post(std::string(100 * 1024 + 1, 'x'));
    ASSERT_THAT(Talk(), IsOk());
  }
  const int32_t id = client_.Post("small");
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(At(id).body, "small");
}

TEST_F(Http2SessionTest, ALengthThatIsNotTrueEndsTheStream) {
  Start();
  const int32_t id = client_.Post("four", {{"content-length", "3"}});
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.closed[id], NGHTTP2_PROTOCOL_ERROR);
  EXPECT_FALSE(At(id).body_ended);
  EXPECT_TRUE(At(id).closed);
}

TEST_F(Http2SessionTest, AnEarlyAnswerStopsTheBody) {
  Start({.window = 1000});
  const int32_t id = client_.Post(std::string(2500, 'x'));
  ASSERT_THAT(Talk(), IsOk());
  session_->Respond(id, 413, {}, false);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.heads[id], ":status=413;");
  EXPECT_EQ(client_.closed[id], NGHTTP2_NO_ERROR);
  EXPECT_EQ(session_->streams(), 0);
}

TEST_F(Http2SessionTest, AClientIsToldToContinue) {
  Start();
  const int32_t id = client_.Post("x", {{"expect", "100-continue"}});
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_TRUE(At(id).request->expects_continue);
  session_->Continue(id);
  session_->Respond(id, 200, {}, false);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.heads[id], ":status=100;:status=200;");
}

TEST_F(Http2SessionTest, HeadsHaveTheLimitsOfHttp1) {
  Start({}, {.max_request_line = 100,
             .max_header_line = 100,
             .max_headers_total = 300,
             .max_headers = 5});
  const auto status = [this](int32_t id) {
    return At(id).refusal.has_value() ? At(id).refusal->status : 0;
  };
  const int32_t good = client_.Get("/");
  const int32_t line = client_.Get("/" + std::string(100, 'x'));
  const int32_t header = client_.Get("/", {{"a", std::string(100, 'x')}});
  const int32_t all = client_.Get("/", {{"a", std::string(90, 'x')},
                                        {"b", std::string(90, 'x')},
                                        {"c", std::string(90, 'x')},
                                        {"d", std::string(90, 'x')}});
  const int32_t many =
      client_.Get("/", {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}});
  const int32_t host = client_.Get("/", {{"host", "other"}});
  const int32_t huge = client_.Get(
      "/", {{"a", std::string(5000, 'x')}, {"b", std::string(5000, 'x')}});
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(status(good), 0);
  EXPECT_EQ(status(line), 414);
  EXPECT_EQ(status(header), 431);
  EXPECT_EQ(status(all), 431);
  EXPECT_EQ(status(many), 431);
  EXPECT_EQ(status(host), 400);
  EXPECT_EQ(status(huge), 431);
}

TEST_F(Http2SessionTest, WhatIsNotHttp2IsAnError) {
  Begin();
  EXPECT_THAT(session_->Receive("GET / HTTP/1.1\r\n\r\n12345678", now_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  client_.Input(Sent());
  EXPECT_THAT(client_.goaways, ElementsAre(Pair(0, NGHTTP2_PROTOCOL_ERROR)));
  EXPECT_TRUE(session_->done());
}

TEST_F(Http2SessionTest, StreamsBeyondTheLimitAreRefused) {
  Begin({.max_streams = 2});
  // Before the client knows the limit.
  std::array<int32_t, 3> ids;
  for (int32_t& id : ids) id = client_.Get("/");
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(session_->streams(), 2);
  EXPECT_EQ(client_.closed[ids[2]], NGHTTP2_REFUSED_STREAM);
}

TEST_F(Http2SessionTest, RapidResetsEndTheConnection) {
  Start({.resets = 10, .resets_per_second = 1});
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(GetAndReset(), IsOk()) << i;
  }
  // The budget comes back with time.
  now_ += absl::Seconds(1);
  ASSERT_THAT(GetAndReset(), IsOk());
  EXPECT_THAT(GetAndReset(), StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_EQ(client_.goaways.size(), 1);
  EXPECT_EQ(client_.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(session_->done());
}

TEST_F(Http2SessionTest, StreamsThatTheClientMakesUsResetCountToo) {
  Start({.resets = 10, .resets_per_second = 0});
  for (int i = 0; i < 11; ++i) {
    EXPECT_FALSE(session_->done());
    client_.Post("four", {{"content-length", "3"}});
    ASSERT_THAT(Talk(), IsOk());
  }
  // The last one was noticed when it was reset.
  ASSERT_EQ(client_.goaways.size(), 1);
  EXPECT_EQ(client_.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(session_->done());
}

TEST_F(Http2SessionTest, StreamsThatWeResetDoNotCount) {
  Start({.resets = 2, .resets_per_second = 0});
  for (int i = 0; i < 5; ++i) {
    const int32_t id = client_.Get("/");
    ASSERT_THAT(Talk(), IsOk());
    session_->Reset(id);
    ASSERT_THAT(Talk(), IsOk());
    EXPECT_EQ(client_.closed[id], NGHTTP2_INTERNAL_ERROR);
  }
}

TEST_F(Http2SessionTest, FramesThatMoveNothingEndTheConnection) {
  const std::vector<std::pair<std::string, std::string>> floods = {
      {"SETTINGS", Frame(NGHTTP2_SETTINGS, 0, 0, "")},
      {"PING", Frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"PRIORITY", Frame(NGHTTP2_PRIORITY, 0, 5, std::string(5, 0))},
      {"DATA", Frame(NGHTTP2_DATA, 0, 1, "")},
      {"padded DATA",
       Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string("\1\0", 2))},
  };
  for (const auto& [name, frame] : floods) {
    SCOPED_TRACE(name);
    Begin({.idle_frames = 20, .idle_frames_per_second = 10});
    // A stream whose body does not end: POST http://h/.
    const std::string up =
        absl::StrCat(kHttp2Preface, Frame(NGHTTP2_SETTINGS, 0, 0, ""),
                     Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
                           "\x83\x86\x84\x41\x01h"));
    ASSERT_THAT(session_->Receive(up, now_), IsOk());
    for (int i = 0; i < 15; ++i) {
      ASSERT_THAT(session_->Receive(frame, now_), IsOk());
      Sent();
    }
    now_ += absl::Seconds(1);
    absl::Status status;
    int more = 0;
    for (; more < 30 && status.ok(); ++more) {
      status = session_->Receive(frame, now_);
    }
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
    // The client's own SETTINGS count, and those of the first second.
    EXPECT_GE(more, 10);
    // The code of the GOAWAY is the last that is said.
    EXPECT_THAT(Sent(), EndsWith(absl::string_view("\0\0\0\x0b", 4)));
    EXPECT_TRUE(session_->done());
  }
}

TEST_F(Http2SessionTest, AHeadInVeryManyFramesEndsTheConnection) {
  Start();
  ASSERT_THAT(session_->Receive(Frame(NGHTTP2_HEADERS, 0, 1, ""), now_),
              IsOk());
  EXPECT_TRUE(session_->awaits_head());
  absl::Status status;
  int frames = 0;
  for (; frames < 100 && status.ok(); ++frames) {
    status = session_->Receive(Frame(NGHTTP2_CONTINUATION, 0, 1, ""), now_);
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("CONTINUATION")));
  EXPECT_LT(frames, 20);
  client_.Input(Sent());
  ASSERT_EQ(client_.goaways.size(), 1);
  EXPECT_EQ(client_.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2SessionTest, AfterTheEndStreamsAreFinished) {
  Start();
  const int32_t first = client_.Get("/");
  ASSERT_THAT(Talk(), IsOk());
  session_->AnnounceEnd();
  // On its way when the client is told.
  const int32_t late = client_.Get("/");
  ASSERT_THAT(Talk(), IsOk());
  session_->End();
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(session_->streams(), 2);
  EXPECT_THAT(client_.goaways, ElementsAre(Pair(0x7fffffff, NGHTTP2_NO_ERROR),
                                           Pair(late, NGHTTP2_NO_ERROR)));
  EXPECT_FALSE(session_->done());
  session_->Respond(first, 200, {}, false);
  session_->Respond(late, 204, {}, false);
  ASSERT_THAT(Talk(), IsOk());
  EXPECT_EQ(client_.heads[late], ":status=204;");
  EXPECT_TRUE(session_->done());
}

TEST_F(Http2SessionTest, BytesMayComeOneByOne) {
  Begin();
  const int32_t id = client_.Post("body");
  for (const char byte : client_.Output()) {
    ASSERT_THAT(session_->Receive({&byte, 1}, now_), IsOk());
  }
  ASSERT_NE(At(id).request, nullptr);
  EXPECT_FALSE(session_->awaits_head());
  EXPECT_EQ(At(id).body, "body");
  EXPECT_TRUE(At(id).body_ended);
}

}  // namespace
}  // namespace bergen::wsgi
