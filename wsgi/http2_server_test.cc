// SPDX-License-Identifier: Apache-2.0
//
// The server's HTTP/2 on sockets. What HTTP/2 is, is tested by http2_test and
// http2_connection_test; here is what a server makes of it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/connection_state.h"
#include "wsgi/environ.h"
#include "wsgi/http2_test_client.h"
#include "wsgi/server.h"

namespace bergen::wsgi {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A client with a socket. What it was told is in `h2`.
class Client {
 public:
  explicit Client(int port, bool reads = true, in_addr_t from = INADDR_LOOPBACK)
      : h2(reads), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    // A safety net: no test waits this long.
    const timeval limit = {.tv_sec = 60, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(from);
    open_ = bind(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(address)) == 0;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = open_ && connect(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                             sizeof(address)) == 0;
    Flush();
  }

  bool open() const { return open_; }

  void Flush() {
    const std::string output = h2.Output();
    for (absl::string_view rest = output; !rest.empty() && open_;) {
      const ssize_t size =
          send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      open_ = size > 0;
      if (open_) rest.remove_prefix(size);
    }
  }
  // Says what there is to say, and listens, until `holds` or the end.
  void Until(const std::function<bool()>& holds) {
    Flush();
    char buffer[65536];
    while (!holds()) {
      const ssize_t size = recv(fd_.get(), buffer, sizeof(buffer), 0);
      open_ = open_ && size > 0;
      if (size <= 0) return;
      h2.Input({buffer, static_cast<size_t>(size)});
      Flush();
    }
  }
  void UntilEnd() {
    Until([] { return false; });
  }
  // The head and the body that came for it.
  std::string Answer(int32_t stream) {
    Until([&] { return h2.closed.count(stream) != 0; });
    return absl::StrCat(h2.heads[stream], " ", h2.bodies[stream]);
  }
  std::string Get(const std::string& path) { return Answer(h2.Get(path)); }

  Http2TestClient h2;

 private:
  UniqueFd fd_;
  bool open_ = false;
};

// The same piece for ever.
class Endless : public BodySource {
 public:
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    return piece_;
  }

 private:
  const std::string piece_ = std::string(20000, 'x');
};

// `/block` waits for `unblock`, `/endless` sends for ever, `/` answers with the
// request's body.
class TestApplication : public Application {
 public:
  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    if (environ.path_info() == "/block") {
      blocked.Notify();
      unblock.WaitForNotification();
    }
    absl::StatusOr<std::string> body = ReadAll(environ.input(), 1 << 20);
    if (!body.ok()) return body.status();
    if (absl::Status started = start_response("200 OK", {}); !started.ok()) {
      return started;
    }
    if (environ.path_info() == "/endless") {
      return Body(std::make_unique<Endless>());
    }
    return Body(absl::StrCat(environ.path_info(), *body));
  }

  absl::Notification blocked;
  absl::Notification unblock;
};

// The parameter: whether the application runs on the loop's thread.
class Http2ServerTest : public ::testing::TestWithParam<bool> {
 protected:
  Http2ServerTest()
      : log_("http2_server_test",
             std::make_shared<spdlog::sinks::ostream_sink_mt>(logged_)),
        listener_(Listener::ListenTcp("http", "127.0.0.1", 0, {})) {
    log_.set_pattern("%l %v");
    log_.set_level(spdlog::level::info);
  }

  void Start(ServerOptions options = {}) {
    options.inline_app = GetParam();
    // Clients that idle until the server ends cost each test its default.
    if (options.drain_grace == ServerOptions().drain_grace) {
      options.drain_grace = absl::Milliseconds(20);
    }
    ASSERT_THAT(listener_, IsOk());
    absl::StatusOr<std::unique_ptr<Server>> server =
        Server::Create(log_, app_, {&*listener_}, options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    ASSERT_THAT(server_->Start(), IsOk());
  }

  std::string StopAndReadLog() {
    server_->Stop();
    EXPECT_THAT(server_->Wait(), IsOk());
    log_.flush();
    return logged_.str();
  }

  // Streams as they are shown: `3 request GET /block`.
  std::vector<std::string> Streams() {
    std::vector<std::string> shown;
    const auto connections = server_->Connections(absl::Seconds(60));
    EXPECT_THAT(connections, IsOk());
    for (const ConnectionState& connection : *connections) {
      for (const ConnectionState::Stream& stream : connection.streams) {
        EXPECT_EQ(connection.stage, ConnectionState::kRequest);
        EXPECT_GE(stream.age, absl::ZeroDuration());
        shown.push_back(absl::StrCat(
            stream.number, " ", StageName(stream.stage), " ", stream.request));
      }
    }
    return shown;
  }
  // What was sent may still be on its way.
  void AwaitStreams(const std::vector<std::string>& wanted) {
    while (Streams() != wanted) std::this_thread::yield();
  }

  int port() const { return listener_->port(); }

  std::ostringstream logged_;
  spdlog::logger log_;
  absl::StatusOr<Listener> listener_;
  TestApplication app_;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(PoolAndInline, Http2ServerTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Inline" : "Pool";
                         });

TEST_P(Http2ServerTest, RequestsAreAnsweredLoggedAndCounted) {
  Start({.drain_grace = absl::ZeroDuration()});
  Client client(port());
  EXPECT_THAT(client.Get("/one"), HasSubstr(":status=200;"));
  const int32_t id = client.h2.Post("hello", {{"x-request-id", "req-7"}});
  EXPECT_THAT(client.Answer(id), HasSubstr(" /hello"));
  EXPECT_EQ(server_->counters().requests, 2u);
  // An answer is there before its thread has counted it.
  while (server_->counters().requests_in_progress > 0) {
    std::this_thread::yield();
  }
  const std::string log = StopAndReadLog();
  EXPECT_THAT(log, HasSubstr("info 127.0.0.1 \"GET /one HTTP/2.0\" status: 200 "
                             " len: 4 time: 0."));
  EXPECT_THAT(log, HasSubstr("\"POST / HTTP/2.0\" status: 200  len: 6 "));
}

TEST_P(Http2ServerTest, IdleConnectionsAreClosed) {
  Start({.client_socket_timeout = absl::Milliseconds(50)});
  Client silent(port());
  Client after(port());
  EXPECT_THAT(after.Get("/"), HasSubstr(":status=200;"));
  silent.UntilEnd();
  after.UntilEnd();
  EXPECT_FALSE(silent.open());
  EXPECT_FALSE(after.open());
}

TEST_P(Http2ServerTest, ConnectionsAreLimitedInAllAndByAddress) {
  Start({.max_connections = 2, .max_connections_per_address = 1});
  Client first(port());
  EXPECT_THAT(first.Get("/"), HasSubstr(":status=200;"));
  Client same(port());
  EXPECT_EQ(same.Get("/"), " ");
  EXPECT_FALSE(same.open());
  Client other(port(), /*reads=*/true, INADDR_LOOPBACK + 1);
  EXPECT_THAT(other.Get("/"), HasSubstr(":status=200;"));
  Client third(port(), /*reads=*/true, INADDR_LOOPBACK + 2);
  EXPECT_EQ(third.Get("/"), " ");
  EXPECT_EQ(server_->counters().refused_connections, 2u);
}

TEST_P(Http2ServerTest, ConnectionHasALimitOfRequests) {
  Start({.max_requests_per_connection = 2});
  Client client(port());
  EXPECT_THAT(client.Get("/1"), HasSubstr(" /1"));
  EXPECT_THAT(client.h2.goaways, IsEmpty());
  EXPECT_THAT(client.Get("/2"), HasSubstr(" /2"));
  client.UntilEnd();
  ASSERT_EQ(client.h2.goaways.size(), 1);
  EXPECT_EQ(client.h2.goaways[0].second, NGHTTP2_NO_ERROR);
}

TEST_P(Http2ServerTest, HeadsAndBodiesHaveLimits) {
  Start({.max_headers = 5, .max_headers_size = 300, .max_body_size = 10});
  Client client(port());
  EXPECT_THAT(
      client.Answer(client.h2.Get(
          "/", {{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}, {"e", "1"}})),
      HasSubstr(":status=431;"));
  EXPECT_THAT(client.Answer(client.h2.Get("/", {{"a", std::string(300, 'x')}})),
              HasSubstr(":status=431;"));
  EXPECT_THAT(client.Answer(client.h2.Post(std::string(11, 'x'))),
              HasSubstr(":status=413;"));
  EXPECT_THAT(client.Answer(client.h2.Post(std::string(11, 'x'),
                                           {{"content-length", "11"}})),
              HasSubstr(":status=413;"));
  EXPECT_THAT(client.Answer(client.h2.Post(std::string(10, 'x'))),
              HasSubstr(":status=200;"));
}

TEST_P(Http2ServerTest, SlowClientsHoldUpNobodyElse) {
  Start({.pool_size = 2});
  Client slow(port(), /*reads=*/false);
  std::vector<std::string> wanted;
  wanted.reserve(40);
  for (int i = 0; i < 20; ++i) {
    wanted.push_back(
        absl::StrCat(slow.h2.Get("/endless?secret"), " response GET /endless"));
  }
  slow.Flush();
  AwaitStreams(wanted);
  for (int i = 0; i < 20; ++i) {
    const int32_t id = slow.h2.Post("some", {}, /*ends=*/false);
    slow.Flush();
    wanted.push_back(absl::StrCat(id, " body POST /"));
  }
  AwaitStreams(wanted);
  EXPECT_EQ(server_->counters().requests_in_progress, 20);
  Client fast(port());
  EXPECT_THAT(fast.Answer(fast.h2.Post("fast")), HasSubstr(" /fast"));
}

TEST_P(Http2ServerTest, SlowClientsEndByTheirDeadlines) {
  Start({.pool_size = 2,
         .body_timeout = absl::Milliseconds(50),
         .write_timeout = absl::Milliseconds(50)});
  Client client(port(), /*reads=*/false);
  const int32_t body = client.h2.Post("some", {}, /*ends=*/false);
  EXPECT_THAT(client.Answer(body), HasSubstr(":status=408;"));
  const int32_t reader = client.h2.Get("/endless");
  client.Answer(reader);
  EXPECT_EQ(client.h2.closed[reader], NGHTTP2_INTERNAL_ERROR);
  EXPECT_TRUE(client.open());
  // The stream is closed; what is left of it may not be yet.
  while (server_->counters().requests_in_progress > 0) {
    std::this_thread::yield();
  }
}

TEST_P(Http2ServerTest, StopTellsClientsAndFinishesTheirRequests) {
  Start({.drain_grace = absl::Milliseconds(10)});
  Client client(port());
  const int32_t id = client.h2.Post("some", {}, /*ends=*/false);
  client.Flush();
  AwaitStreams({absl::StrCat(id, " body POST /")});
  server_->Stop();
  client.Until([&] { return client.h2.goaways.size() == 2; });
  // First that no more are wanted, then which was the last.
  EXPECT_EQ(client.h2.goaways[0].first, 0x7fffffff);
  EXPECT_EQ(client.h2.goaways[1].first, id);
  EXPECT_EQ(client.h2.goaways[1].second, NGHTTP2_NO_ERROR);
  client.h2.Resume(id, " more");
  EXPECT_THAT(client.Answer(id), HasSubstr(" /some more"));
  client.UntilEnd();
  EXPECT_THAT(server_->Wait(), IsOk());
}

TEST_P(Http2ServerTest, StopServesWhatWasOnItsWay) {
  Start({.drain_grace = absl::Seconds(60)});
  Client client(port());
  EXPECT_THAT(client.Get("/before"), HasSubstr(" /before"));
  server_->Stop();
  // It has not read yet that no more are wanted.
  EXPECT_THAT(client.Get("/after"), HasSubstr(" /after"));
  client.Until([&] { return !client.h2.goaways.empty(); });
}

TEST_P(Http2ServerTest, DestructionCutsOffSlowClients) {
  Start({.pool_size = 2});
  Client client(port(), /*reads=*/false);
  const int32_t id = client.h2.Get("/endless");
  client.Flush();
  AwaitStreams({absl::StrCat(id, " response GET /endless")});
  server_.reset();
  client.UntilEnd();
  EXPECT_EQ(client.h2.closed.count(id), 0);
}

TEST_P(Http2ServerTest, StreamsAtOnceAreLimited) {
  Start({.http2_limits = {.max_streams = 2, .window = 1000}});
  Client client(port());
  EXPECT_THAT(client.Get("/"), HasSubstr(":status=200;"));
  std::vector<int32_t> ids;
  ids.reserve(3);
  for (int i = 0; i < 3; ++i) {
    ids.push_back(client.h2.Post("some", {}, /*ends=*/false));
    client.Flush();
  }
  // The third waits on its side: it knows the limit.
  AwaitStreams({absl::StrCat(ids[0], " body POST /"),
                absl::StrCat(ids[1], " body POST /")});
}

TEST_P(Http2ServerTest, TooManyResetsEndTheConnection) {
  Start({.http2_limits = {.resets = 5, .resets_per_second = 0}});
  Client client(port());
  for (int i = 0; i < 7; ++i) {
    const int32_t id = client.h2.Post("some", {}, /*ends=*/false);
    client.Flush();
    client.h2.Reset(id);
  }
  client.UntilEnd();
  ASSERT_EQ(client.h2.goaways.size(), 1);
  EXPECT_EQ(client.h2.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_THAT(StopAndReadLog(),
              HasSubstr("warning wsgi: closing a connection of 127.0.0.1: "
                        "RESOURCE_EXHAUSTED: HTTP/2: too many"));
}

TEST_P(Http2ServerTest, TooManyFramesThatMoveNothingEndTheConnection) {
  Start({.http2_limits = {.idle_frames = 10, .idle_frames_per_second = 0}});
  Client client(port());
  for (int i = 0; i < 20; ++i) client.h2.Ping();
  client.UntilEnd();
  ASSERT_EQ(client.h2.goaways.size(), 1);
  EXPECT_EQ(client.h2.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_P(Http2ServerTest, LimitsOutOfBoundsAreNamed) {
  EXPECT_THAT(Server::Create(log_, app_, {&*listener_},
                             {.http2_limits = {.max_streams = 0}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("http2_max_streams must be at least 1")));
  EXPECT_THAT(
      Server::Create(log_, app_, {&*listener_},
                     {.http2_limits = {.window = 1u << 31}}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("http2_window")));
}

// Only what blocks the application's thread.
class PoolHttp2ServerTest : public Http2ServerTest {};

INSTANTIATE_TEST_SUITE_P(Pool, PoolHttp2ServerTest, ::testing::Values(false));

TEST_P(PoolHttp2ServerTest, RequestThatWaitsTooLongForAThreadGetsA503) {
  Start({.pool_size = 1, .queue_timeout = absl::Milliseconds(20)});
  Client client(port());
  const int32_t first = client.h2.Get("/block");
  client.Flush();
  app_.blocked.WaitForNotification();
  EXPECT_THAT(client.Get("/second"), HasSubstr(":status=503;"));
  EXPECT_EQ(Streams(), std::vector<std::string>(
                           {absl::StrCat(first, " request GET /block")}));
  app_.unblock.Notify();
  EXPECT_THAT(client.Answer(first), HasSubstr(":status=200;"));
}

}  // namespace
}  // namespace bergen::wsgi
