// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.service's HTTP server (checks.txt) against ours. A comment
// says where we differ on purpose.

#include "wsgi/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
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
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "sslutils/server_context.h"
#include "sslutils/test_certificates.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/environ.h"

namespace bergen::wsgi {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A client that sends bytes and reads what comes.
class Client {
 public:
  explicit Client(const Listener& listener)
      : fd_(socket(listener.is_unix() ? AF_UNIX : AF_INET,
                   SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    // A safety net: no test waits this long.
    const timeval limit = {.tv_sec = 60, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    connected_ =
        connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0;
  }

  bool connected() const { return connected_; }

  void Send(absl::string_view text) {
    while (!text.empty()) {
      const ssize_t size =
          send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (size <= 0) return;
      text.remove_prefix(size);
    }
  }

  // Up to and including `end`, or all until the server closes.
  std::string Read(absl::string_view end) {
    char buffer[65536];
    size_t found;
    while ((found = received_.find(std::string(end))) == std::string::npos) {
      const ssize_t size = recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (size <= 0) return std::exchange(received_, {});
      received_.append(buffer, size);
    }
    std::string read = received_.substr(0, found + end.size());
    received_.erase(0, read.size());
    return read;
  }

  // Sends, and reads until the server closes.
  std::string Talk(absl::string_view text) {
    Send(text);
    return ReadToEnd();
  }

  std::string ReadToEnd() {
    std::string all = std::exchange(received_, {});
    char buffer[65536];
    for (ssize_t size;
         (size = recv(fd_.get(), buffer, sizeof(buffer), 0)) > 0;) {
      all.append(buffer, size);
    }
    return all;
  }

 private:
  UniqueFd fd_;
  bool connected_ = false;
  std::string received_;
};

std::string Get(absl::string_view target, absl::string_view headers = "") {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n", headers,
                      "\r\n");
}

constexpr absl::string_view kClose = "Connection: close\r\n";

// Answers PONG, unless its path says something else.
class Pong : public Application {
 public:
  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    std::string body = "PONG";
    if (environ.path_info() == "/error") return absl::InternalError("secret");
    if (environ.path_info() == "/slow") {
      begun.Notify();
      go_on.WaitForNotification();
    }
    if (environ.path_info() == "/read") {
      absl::StatusOr<std::string> input = ReadAll(environ.input(), 1 << 20);
      if (!input.ok()) return input.status();
      body = *std::move(input);
    }
    if (environ.path_info() == "/address") {
      body =
          absl::StrCat(environ.server_name(), ",", environ.server_port(), ",",
                       environ.remote_addr(), ",", environ.remote_port());
    }
    absl::Status started =
        start_response("200 OK", {{"Content-Type", "text/plain"}});
    if (!started.ok()) return started;
    return Body(std::move(body));
  }

  absl::Notification begun;
  absl::Notification go_on;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() : ServerTest("127.0.0.1") {}
  explicit ServerTest(absl::string_view host)
      : listener_(Listener::ListenTcp("http", host, 0,
                                      {.tcp_keepidle = absl::Seconds(500)})) {
    EXPECT_THAT(listener_, IsOk());
  }

  std::unique_ptr<Server> Start(const Listener& listener,
                                const ServerOptions& options) {
    absl::StatusOr<std::unique_ptr<Server>> server =
        Server::Create(log_, app_, {&listener}, options);
    EXPECT_THAT(server, IsOk());
    if (!server.ok()) return nullptr;
    EXPECT_THAT((*server)->Start(), IsOk());
    return *std::move(server);
  }

  void Start(const ServerOptions& options) {
    server_ = Start(*listener_, options);
    ASSERT_NE(server_, nullptr);
  }

  std::string Talk(absl::string_view text) {
    return Client(*listener_).Talk(text);
  }

  // Ends the server and closes its listener for good.
  void StopAndWait() {
    server_->Stop();
    listener_->Close();
    EXPECT_THAT(server_->Wait(), IsOk());
  }

  void ExpectSocketOptions() {
    const auto option = [this](int level, int name) {
      int value = -1;
      socklen_t size = sizeof(value);
      getsockopt(listener_->fd(), level, name, &value, &size);
      return value;
    };
    EXPECT_EQ(option(SOL_SOCKET, SO_REUSEADDR), 1);
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 500);
  }

  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
  Pong app_;
  absl::StatusOr<Listener> listener_;
  std::unique_ptr<Server> server_;
};

// Differences: a line of the limit's length is refused with 431 (RFC 6585), not
// 400; the limit is of the server, not of the process.
TEST_F(ServerTest, Os110Ox026HeaderLineLimit) {
  Start({.max_header_line = 4096});
  // `A: ` and the line's end count.
  const auto line = [](size_t size) {
    return absl::StrCat("A: ", std::string(size - 5, 'x'), "\r\n");
  };
  EXPECT_THAT(Talk(Get("/", absl::StrCat(line(4095), kClose))),
              StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Talk(Get("/", absl::StrCat(line(4096), kClose))),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, Os111RandomPort) {
  EXPECT_GT(listener_->port(), 0);
  Start({});
  EXPECT_THAT(Talk(Get("/", kClose)), EndsWith("PONG"));
}

TEST_F(ServerTest, Os113SocketOptionsAndAliveUntilStopped) {
  ExpectSocketOptions();
  Start({});
  EXPECT_THAT(Talk(Get("/", kClose)), EndsWith("PONG"));
  const absl::StatusOr<Listener> again =
      Listener::ListenTcp("again", "127.0.0.1", listener_->port(), {});
  EXPECT_FALSE(again.ok());
  const int port = listener_->port();
  StopAndWait();
  EXPECT_THAT(Listener::ListenTcp("again", "127.0.0.1", port, {}), IsOk());
}

// Differences: the host is the path, and the file goes when it is closed.
TEST_F(ServerTest, Os114Ox038UnixSocket) {
  const std::string path = absl::StrCat("/tmp/conformance.", getpid(), ".sock");
  listener_ = Listener::ListenUnix("unix", path, {.unix_mode = 0644});
  ASSERT_THAT(listener_, IsOk());
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
  EXPECT_EQ(listener_->host(), path);
  EXPECT_EQ(listener_->port(), -1);
  Start({});
  EXPECT_THAT(Talk(Get("/address", kClose)), EndsWith("\r\n\r\nunix,,unix,"));
  StopAndWait();
  EXPECT_NE(stat(path.c_str(), &info), 0);
}

TEST_F(ServerTest, Os115WaitReturnsWhenNothingRuns) {
  Start({});
  Client client(*listener_);
  client.Send(Get("/slow", kClose));
  app_.begun.WaitForNotification();
  server_->Stop();
  std::atomic<bool> let_go = false;
  std::thread waiting([&] {
    EXPECT_THAT(server_->Wait(), IsOk());
    EXPECT_TRUE(let_go.load());
  });
  let_go = true;
  app_.go_on.Notify();
  EXPECT_THAT(client.ReadToEnd(), EndsWith("PONG"));
  waiting.join();
}

TEST_F(ServerTest, Os116UrlLimit) {
  Start({.max_url_len = 16384});
  const auto target = [](size_t size) {
    return absl::StrCat("/", std::string(size, 'x'));
  };
  EXPECT_THAT(Talk(Get(target(10000), kClose)),
              StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Talk(Get(target(20000), kClose)), StartsWith("HTTP/1.1 414 "));
}

TEST_F(ServerTest, Os118Ox033SilentClientsAreClosedWithoutAnAnswer) {
  Start({.client_socket_timeout = absl::Milliseconds(50)});
  EXPECT_EQ(Talk(""), "");
  EXPECT_EQ(Talk("GET / HT"), "");
  Client after(*listener_);
  after.Send(Get("/"));
  EXPECT_THAT(after.Read("PONG"), EndsWith("PONG"));
  EXPECT_EQ(after.ReadToEnd(), "");
}

TEST_F(ServerTest, Os119WithoutKeepAliveEachResponseIsTheLast) {
  Start({.keep_alive = false});
  EXPECT_THAT(Talk(Get("/")), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                    HasSubstr(kClose), EndsWith("PONG")));
}

TEST_F(ServerTest, Ox025RequestLineLimit) {
  Start({});
  // The method, the version and the line's end count, 8192 in all.
  const auto request = [](size_t size) {
    const size_t rest = sizeof("GET / HTTP/1.1\r\n") - 1;
    return Get(absl::StrCat("/", std::string(size - rest, 'x')), kClose);
  };
  EXPECT_THAT(Talk(request(8191)), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Talk(request(8192)),
              AllOf(StartsWith("HTTP/1.1 414 "), HasSubstr(kClose)));
}

// Differences: a status line of HTTP/1.1, and plain text instead of HTML.
TEST_F(ServerTest, Ox027TooMuchOfHeaders) {
  Start({});
  std::string large;
  for (int i = 0; i < 70; ++i) {
    absl::StrAppend(&large, "A", i, ": ", std::string(1000, 'x'), "\r\n");
  }
  EXPECT_THAT(Talk(Get("/", large)), StartsWith("HTTP/1.1 431 "));
  std::string many;
  for (int i = 0; i < 101; ++i) absl::StrAppend(&many, "A", i, ": x\r\n");
  EXPECT_THAT(Talk(Get("/", many)), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, Ox028ChunksWithExtensions) {
  Start({});
  EXPECT_THAT(
      Talk(absl::StrCat("POST /read HTTP/1.1\r\nHost: h\r\n", kClose,
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n")),
      AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("hello world")));
}

// Difference: 400, since it is the client's mistake.
TEST_F(ServerTest, Ox029BadChunkSize) {
  Start({});
  EXPECT_THAT(Talk("POST /read HTTP/1.1\r\nHost: h\r\n"
                   "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
              AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr(kClose)));
}

TEST_F(ServerTest, Ox030TwoLengths) {
  Start({});
  EXPECT_THAT(Talk("POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

// Difference: unless there is no buffer for bodies, a client is told to
// continue before the application is called.
TEST_F(ServerTest, Ox031ContinueIsSentIfTheBodyIsRead) {
  Start({.body_buffer = 0});
  const auto post = [](absl::string_view target) {
    return absl::StrCat("POST ", target,
                        " HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                        "Expect: 100-continue\r\n\r\n");
  };
  Client reads(*listener_);
  reads.Send(post("/read"));
  EXPECT_EQ(reads.Read("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  reads.Send("hello");
  EXPECT_THAT(reads.Read("hello"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Talk(post("/")), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                     HasSubstr(kClose), EndsWith("PONG")));
}

TEST_F(ServerTest, Ox032WhoKeepsAConnection) {
  Start({});
  EXPECT_THAT(Talk("GET / HTTP/1.0\r\n\r\n"),
              AllOf(HasSubstr(kClose), EndsWith("PONG")));
  EXPECT_THAT(Talk(Get("/", kClose)),
              AllOf(HasSubstr(kClose), EndsWith("PONG")));
  Client old(*listener_);
  old.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(old.Read("PONG"), HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_THAT(old.Talk("GET / HTTP/1.0\r\n\r\n"), EndsWith("PONG"));
  Client client(*listener_);
  client.Send(Get("/"));
  EXPECT_THAT(client.Read("PONG"), Not(HasSubstr("Connection:")));
  EXPECT_THAT(client.Talk(Get("/", kClose)), EndsWith("PONG"));
}

// Difference: an idle connection may send one more request before it is closed,
// for as long as `drain_grace`, which is none here.
TEST_F(ServerTest, Ox034StopWithAnIdleAndABusyConnection) {
  Start({.drain_grace = absl::ZeroDuration()});
  Client idle(*listener_);
  idle.Send(Get("/"));
  EXPECT_THAT(idle.Read("PONG"), EndsWith("PONG"));
  Client busy(*listener_);
  busy.Send(Get("/slow"));
  app_.begun.WaitForNotification();
  server_->Stop();
  EXPECT_EQ(idle.ReadToEnd(), "");
  app_.go_on.Notify();
  EXPECT_THAT(busy.ReadToEnd(), AllOf(HasSubstr(kClose), EndsWith("PONG")));
}

// Difference: another server takes the listener over, since one that has
// stopped does not start again.
TEST_F(ServerTest, Ox035ConnectionBetweenStopAndTheNextStart) {
  Start({});
  server_->Stop();
  EXPECT_THAT(server_->Wait(), IsOk());
  Client between(*listener_);
  ASSERT_TRUE(between.connected());
  between.Send(Get("/", kClose));
  Start({});
  EXPECT_THAT(between.ReadToEnd(), EndsWith("PONG"));
  const int port = listener_->port();
  StopAndWait();
  EXPECT_THAT(Listener::ListenTcp("again", "127.0.0.1", port, {}), IsOk());
}

TEST_F(ServerTest, Ox036APoolOfOneServesTheSecondAfterTheFirst) {
  Start({.pool_size = 1});
  Client first(*listener_);
  first.Send(Get("/slow", kClose));
  app_.begun.WaitForNotification();
  Client second(*listener_);
  second.Send(Get("/", kClose));
  app_.go_on.Notify();
  EXPECT_THAT(first.ReadToEnd(), EndsWith("PONG"));
  EXPECT_THAT(second.ReadToEnd(), EndsWith("PONG"));
}

// Difference: the text of the error, and no stack trace, is what debug shows.
TEST_F(ServerTest, Ox037AnErrorIsShownInDebugOnly) {
  Start({});
  EXPECT_THAT(
      Talk(Get("/error")),
      AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr(kClose),
            HasSubstr("Content-Length: 0\r\n"), Not(HasSubstr("secret"))));
  server_->Stop();
  EXPECT_THAT(server_->Wait(), IsOk());
  Start({.debug = true});
  EXPECT_THAT(Talk(Get("/error")),
              AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("secret")));
}

TEST_F(ServerTest, Ox039TwoServersOnOnePort) {
  EXPECT_THAT(Listener::ListenTcp("second", "127.0.0.1", listener_->port(), {}),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

// With a server certificate, and one for clients, of the same authority.
class TlsTest : public ServerTest {
 protected:
  TlsTest() : TlsTest("127.0.0.1") {}
  explicit TlsTest(absl::string_view host) : ServerTest(host) {
    authority_.WriteCertificate(File("ca.crt"));
    authority_.Issue("server", File("s.crt"), File("s.key"), {"localhost"});
    authority_.Issue("client", File("c.crt"), File("c.key"));
  }

  static std::string File(absl::string_view name) {
    return absl::StrCat(
        ::testing::TempDir(), "/",
        ::testing::UnitTest::GetInstance()->current_test_info()->name(), name);
  }

  ServerOptions Tls(const std::string& ca_file = "") {
    absl::StatusOr<std::shared_ptr<sslutils::ServerContext>> tls =
        sslutils::ServerContext::Create({.cert_file = File("s.crt"),
                                         .key_file = File("s.key"),
                                         .ca_file = ca_file});
    EXPECT_THAT(tls, IsOk());
    return {.tls = tls.ok() ? *tls : nullptr};
  }

  // What a client says that trusts the authority, and knows the server as
  // `localhost`.
  std::string Curl(const Listener& listener, absl::string_view arguments = "") {
    const std::string command =
        absl::StrCat("curl -s --max-time 60 --cacert ", File("ca.crt"),
                     " --connect-to '::", listener.address(), "' ", arguments,
                     " https://localhost/");
    FILE* const output = popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer;
    for (size_t size;
         (size = fread(buffer.data(), 1, buffer.size(), output)) > 0;) {
      text.append(buffer.data(), size);
    }
    pclose(output);
    return text;
  }

  const sslutils::TestAuthority authority_;
};

TEST_F(TlsTest, Os120Os122TlsServer) {
  ExpectSocketOptions();
  Start(Tls());
  EXPECT_EQ(Curl(*listener_), "PONG");
}

TEST_F(TlsTest, Os121TwoServers) {
  const absl::StatusOr<Listener> plain =
      Listener::ListenTcp("plain", "127.0.0.1", 0, {});
  ASSERT_THAT(plain, IsOk());
  Start(Tls());
  const std::unique_ptr<Server> second = Start(*plain, {});
  EXPECT_EQ(Curl(*listener_), "PONG");
  EXPECT_THAT(Client(*plain).Talk(Get("/", kClose)), EndsWith("PONG"));
}

TEST_F(TlsTest, Ox040PlainTextToATlsPort) {
  Start(Tls());
  EXPECT_THAT(Talk(Get("/")), Not(HasSubstr("200 OK")));
  EXPECT_EQ(Curl(*listener_), "PONG");
}

TEST_F(TlsTest, Ox041AClientWithoutACertificateIsRefused) {
  Start(Tls(File("ca.crt")));
  EXPECT_EQ(Curl(*listener_), "");
  EXPECT_EQ(Curl(*listener_, absl::StrCat("--cert ", File("c.crt"), " --key ",
                                          File("c.key"))),
            "PONG");
}

class Ipv6TlsTest : public TlsTest {
 protected:
  Ipv6TlsTest() : TlsTest("::1") {}
};

TEST_F(Ipv6TlsTest, Os112Os123Ipv6AndTls) {
  EXPECT_EQ(listener_->host(), "::1");
  EXPECT_GT(listener_->port(), 0);
  Start(Tls());
  EXPECT_EQ(Curl(*listener_), "PONG");
}

}  // namespace
}  // namespace bergen::wsgi
