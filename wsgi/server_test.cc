// SPDX-License-Identifier: Apache-2.0

#include "wsgi/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/listener.h"
#include "service/unique_fd.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "sslutils/server_context.h"
#include "sslutils/test_certificates.h"
#include "tests/support/status_matchers.h"
#include "wsgi/application.h"
#include "wsgi/connection_state.h"
#include "wsgi/environ.h"
#include "wsgi/file_body.h"
#include "wsgi/monotonic.h"
#include "wsgi/request_id.h"

namespace bergen::wsgi {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

// A response as it came over the wire.
struct Answer {
  std::string head;
  std::string body;
};

// A client that does what it is told and nothing else.
class RawClient {
 public:
  // `holds`: bytes that may wait to be read; 0: as many as the system likes.
  explicit RawClient(int port, in_addr_t from = INADDR_LOOPBACK, int holds = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (holds > 0) {
      setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &holds, sizeof(holds));
    }
    // A safety net: no test waits this long.
    const timeval limit = {.tv_sec = 60, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(from);
    const bool bound = bind(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                            sizeof(address)) == 0;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        bound && connect(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                         sizeof(address)) == 0;
  }

  // Of a UNIX socket.
  explicit RawClient(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connected_ = connect(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                         sizeof(address)) == 0;
  }

  bool connected() const { return connected_; }

  bool Send(absl::string_view text) {
    while (!text.empty()) {
      const ssize_t size =
          send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      text.remove_prefix(size);
    }
    return true;
  }

  void Get(absl::string_view target) {
    Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n\r\n"));
  }

  // Something, or the end, has come.
  bool HasInput() const {
    char byte;
    return recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }

  int fd() const { return fd_.get(); }
  void CloseWrite() { shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.Reset(); }

  // What is left until the server closes.
  std::string ReadToEnd() {
    while (ReadMore()) {
    }
    return std::exchange(received_, {});
  }

  // Up to and including `end`.
  std::string ReadUntil(absl::string_view end) {
    size_t found;
    while ((found = received_.find(std::string(end))) == std::string::npos) {
      if (!ReadMore()) return std::exchange(received_, {}) + "<closed>";
    }
    return Take(found + end.size());
  }

  Answer ReadAnswer(bool has_body = true) {
    Answer answer;
    answer.head = ReadUntil("\r\n\r\n");
    if (!has_body) return answer;
    const size_t length = answer.head.find("Content-Length: ");
    if (length != std::string::npos) {
      answer.body = ReadBytes(atoll(answer.head.c_str() + length + 16));
    } else if (absl::StrContains(answer.head, "chunked")) {
      for (;;) {
        const size_t size = strtoull(ReadUntil("\r\n").c_str(), nullptr, 16);
        answer.body += ReadBytes(size);
        if (ReadBytes(2) != "\r\n" || size == 0) break;
      }
    }
    return answer;
  }

  std::string ReadBytes(size_t size) {
    while (received_.size() < size && ReadMore()) {
    }
    return Take(std::min(size, received_.size()));
  }

 private:
  bool ReadMore() {
    char buffer[65536];
    const ssize_t size = recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (size <= 0) return false;
    received_.append(buffer, size);
    return true;
  }

  std::string Take(size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  UniqueFd fd_;
  bool connected_ = false;
  std::string received_;
};

// Gives back what it reads.
class EchoSource : public BodySource {
 public:
  explicit EchoSource(Input& input) : input_(&input) {}
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    const absl::StatusOr<size_t> size = input_->Read(buffer_, sizeof(buffer_));
    if (!size.ok()) return size.status();
    if (*size == 0) return std::nullopt;
    return absl::string_view(buffer_, *size);
  }

 private:
  Input* input_;
  char buffer_[10000];
};

// Gives the same piece for ever; says when it is destroyed.
class EndlessSource : public BodySource {
 public:
  EndlessSource(absl::Notification& pulled, absl::Notification& destroyed)
      : pulled_(&pulled), destroyed_(&destroyed) {}
  ~EndlessSource() override { destroyed_->Notify(); }
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    if (!pulled_->HasBeenNotified()) pulled_->Notify();
    return absl::string_view(piece_);
  }

 private:
  absl::Notification* pulled_;
  absl::Notification* destroyed_;
  const std::string piece_ = std::string(20000, 'x');
};

class FloodSource : public BodySource {
 public:
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    return absl::string_view(piece_);
  }

 private:
  const std::string piece_ = std::string(20000, 'x');
};

class PiecesSource : public BodySource {
 public:
  explicit PiecesSource(std::vector<std::string> pieces)
      : pieces_(std::move(pieces)) {}
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    if (next_ == pieces_.size()) return std::nullopt;
    if (pieces_[next_] == "fail") return absl::InternalError("no more");
    if (pieces_[next_] == "throw") throw std::runtime_error("thrown");
    return absl::string_view(pieces_[next_++]);
  }

 private:
  std::vector<std::string> pieces_;
  size_t next_ = 0;
};

// A file that only the server itself can send.
class SentFile : public FileBody {
 public:
  using FileBody::FileBody;
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    return absl::InternalError("asked for a piece");
  }
};

// The request's trailers, given back as its own.
class TrailersSource : public BodySource {
 public:
  explicit TrailersSource(Input& input) : input_(&input) {}
  absl::StatusOr<std::optional<absl::string_view>> Next() override {
    const absl::StatusOr<size_t> size = input_->Read(buffer_, sizeof(buffer_));
    if (!size.ok()) return size.status();
    if (*size == 0) return std::nullopt;
    return absl::string_view(buffer_, *size);
  }
  absl::Span<const Header> Trailers() override { return input_->trailers(); }

 private:
  Input* input_;
  char buffer_[100];
};

// Its paths do what the tests need.
class TestApplication : public Application {
 public:
  absl::StatusOr<Body> operator()(Environ& environ,
                                  StartResponse& start_response) override {
    const absl::string_view path = environ.path_info();
    if (path == "/throw") throw std::runtime_error("thrown");
    if (path == "/fail") return absl::InternalError("failed");
    if (path == "/silent") return Body("text");
    if (path == "/split") {
      return Start(start_response("200 OK", {{"A", "b\r\nC: d"}}), "text");
    }
    if (path == "/length") {
      return Start(start_response("200 OK", {{"Content-Length", "3"}}), "text");
    }
    if (path == "/read") {
      absl::StatusOr<std::string> body = ReadAll(environ.input(), 1 << 20);
      read_status_ = body.status();
      if (!read_failed_.HasBeenNotified() && !body.ok()) read_failed_.Notify();
      if (!body.ok()) return body.status();
      return Start(start_response("200 OK", {}), *body);
    }
    if (path == "/echo") {
      if (absl::Status status = start_response("200 OK", {}); !status.ok()) {
        return status;
      }
      return Body(std::make_unique<EchoSource>(environ.input()));
    }
    if (path == "/file" || path == "/pulled-file" || path == "/short-file") {
      UniqueFd fd(memfd_create("server_test", MFD_CLOEXEC));
      const std::string& text = FileText();
      if (write(fd.get(), text.data(), text.size()) !=
          static_cast<ssize_t>(text.size())) {
        return absl::InternalError("no file");
      }
      absl::Status started = start_response("200 OK", {});
      if (!started.ok()) return started;
      const uint64_t size = text.size() - 10 + (path == "/short-file" ? 1 : 0);
      if (path == "/pulled-file") {
        return Body(std::make_unique<FileBody>(std::move(fd), 10, size));
      }
      return Body(std::make_unique<SentFile>(std::move(fd), 10, size));
    }
    if (path == "/trailers") {
      absl::Status started = start_response("200 OK", {});
      if (!started.ok()) return started;
      return Body(std::make_unique<TrailersSource>(environ.input()));
    }
    if (path == "/endless") {
      if (absl::Status status = start_response("200 OK", {}); !status.ok()) {
        return status;
      }
      return Body(std::make_unique<EndlessSource>(pulled_, destroyed_));
    }
    if (path == "/flood") {
      if (absl::Status status = start_response("200 OK", {}); !status.ok()) {
        return status;
      }
      return Body(std::make_unique<FloodSource>());
    }
    if (path == "/page") {
      return Start(start_response("200 OK", {}),
                   std::string(8000, 'p') + "page");
    }
    if (path == "/huge") {
      return Start(start_response("200 OK", {}), std::string(6000000, 'h'));
    }
    if (path == "/pieces") {
      const std::string query(environ.query_string());
      std::vector<Header> headers;
      if (query == "short") headers = {{"Content-Length", "9"}};
      if (query == "long") headers = {{"Content-Length", "1"}};
      if (absl::Status status = start_response("200 OK", headers);
          !status.ok()) {
        return status;
      }
      std::vector<std::string> pieces = {"ab", "", "cde"};
      if (query == "fail" || query == "throw") pieces.push_back(query);
      return Body(std::make_unique<PiecesSource>(pieces));
    }
    if (path == "/block") {
      blocked_.Notify();
      unblock_.WaitForNotification();
      return Start(start_response("200 OK", {}), "unblocked");
    }
    if (path == "/who") {
      return Start(
          start_response("200 OK", {}),
          absl::StrCat(environ.server_name(), " ", environ.server_port(), " ",
                       environ.remote_addr(), " ", environ.remote_port()));
    }
    if (path == "/204") {
      return Start(start_response("204 No Content", {}), "ignored");
    }
    if (path == "/close") {
      return Start(start_response("200 OK", {{"Connection", "close"}}), "bye");
    }
    if (path == "/big") {
      return Start(start_response("200 OK", {}), std::string(3000000, 'b'));
    }
    return Start(start_response("200 OK", {{"Content-Type", "text/plain"}}),
                 absl::StrCat(environ.request_method(), " ", path));
  }

  // More than a socket holds at once.
  static const std::string& FileText() {
    static const std::string text = [] {
      std::string made;
      made.resize(9000000);
      for (size_t i = 0; i < made.size(); ++i) {
        made[i] = static_cast<char>(i * 7 / 5);
      }
      return made;
    }();
    return text;
  }

  absl::Status read_status_;
  absl::Notification read_failed_;
  absl::Notification pulled_;
  absl::Notification destroyed_;
  absl::Notification blocked_;
  absl::Notification unblock_;

 private:
  static absl::StatusOr<Body> Start(const absl::Status& started,
                                    absl::string_view text) {
    if (!started.ok()) return started;
    return Body(std::string(text));
  }
};

// The parameter: whether the application runs on the loop's thread.
class ServerTest : public ::testing::TestWithParam<bool> {
 protected:
  ServerTest()
      : log_("server_test",
             std::make_shared<spdlog::sinks::ostream_sink_mt>(logged_)),
        listener_(Listener::ListenTcp("http", "127.0.0.1", 0, {})) {
    log_.set_pattern("%l %v");
    log_.set_level(spdlog::level::info);
  }

  void Start(ServerOptions options = {}) { Start(app_, std::move(options)); }
  void Start(Application& app, ServerOptions options) {
    options.inline_app = GetParam();
    // Clients that idle until the server ends cost each test its default.
    if (options.drain_grace == ServerOptions().drain_grace) {
      options.drain_grace = absl::Milliseconds(20);
    }
    ASSERT_THAT(listener_, IsOk());
    absl::StatusOr<std::unique_ptr<Server>> server =
        Server::Create(log_, app, {&*listener_}, options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    ASSERT_THAT(server_->Start(), IsOk());
  }

  // What was logged by now; waits for everything to end.
  std::string StopAndReadLog() {
    server_->Stop();
    EXPECT_THAT(server_->Wait(), IsOk());
    log_.flush();
    return logged_.str();
  }

  int port() const { return listener_->port(); }

  std::ostringstream logged_;
  spdlog::logger log_;
  absl::StatusOr<Listener> listener_;
  TestApplication app_;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(PoolAndInline, ServerTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Inline" : "Pool";
                         });

TEST_P(ServerTest, ConnectionStaysOpenForTheNextRequest) {
  Start();
  RawClient client(port());
  for (const char* target : {"/one", "/two"}) {
    client.Get(target);
    const Answer answer = client.ReadAnswer();
    EXPECT_THAT(answer.head,
                MatchesRegex("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 8\r\nDate: .* GMT\r\n\r\n"));
    EXPECT_EQ(answer.body, absl::StrCat("GET ", target));
  }
}

TEST_P(ServerTest, ClosesWhenEitherSideWantsTo) {
  Start();
  for (const char* request : {"GET / HTTP/1.0\r\n\r\n",
                              "GET / HTTP/1.1\r\nHost: h\r\n"
                              "Connection: close\r\n\r\n",
                              "GET /close HTTP/1.1\r\nHost: h\r\n\r\n"}) {
    RawClient client(port());
    client.Send(request);
    EXPECT_THAT(client.ReadToEnd(), HasSubstr("Connection: close\r\n"))
        << request;
  }
  RawClient client(port());
  client.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer().head,
              HasSubstr("Connection: keep-alive\r\n"));
  client.Get("/again");
  EXPECT_EQ(client.ReadAnswer().body, "GET /again");
}

TEST_P(ServerTest, KeepAliveCanBeTurnedOff) {
  Start({.keep_alive = false});
  RawClient client(port());
  client.Get("/");
  EXPECT_THAT(client.ReadToEnd(), HasSubstr("Connection: close\r\n"));
}

TEST_P(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawClient client(port());
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&requests, "POST /", i,
                    " HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  }
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(client.ReadAnswer().body, absl::StrCat("POST /", i));
  }
}

TEST_P(ServerTest, AnswerDoesNotWaitForTheRestOfTheNextRequest) {
  Start();
  for (const char* next :
       {"GET /ne",
        "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na",
        "nonsense\r\n\r\n"}) {
    RawClient client(port());
    client.Send(absl::StrCat("GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
                             "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", next));
    EXPECT_EQ(client.ReadAnswer().body, "GET /a") << next;
    EXPECT_EQ(client.ReadAnswer().body, "GET /b") << next;
    if (absl::StartsWith(next, "nonsense")) {
      EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400 "));
    } else if (absl::StartsWith(next, "GET")) {
      client.Send("xt HTTP/1.1\r\nHost: h\r\n\r\n");
      EXPECT_EQ(client.ReadAnswer().body, "GET /next");
    } else {
      client.Send("b");
      EXPECT_EQ(client.ReadAnswer().body, "ab");
    }
  }
}

TEST_P(ServerTest, PipelinedAnswersOfAllKindsComeInOrder) {
  Start();
  RawClient client(port());
  std::string requests;
  for (const char* target :
       {"/a", "/pieces", "/b", "/file", "/c", "/big", "/d", "/close"}) {
    absl::StrAppend(&requests, "GET ", target, " HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  client.Send(requests);
  EXPECT_EQ(client.ReadAnswer().body, "GET /a");
  EXPECT_EQ(client.ReadAnswer().body, "abcde");
  EXPECT_EQ(client.ReadAnswer().body, "GET /b");
  EXPECT_TRUE(client.ReadAnswer().body ==
              TestApplication::FileText().substr(10));
  EXPECT_EQ(client.ReadAnswer().body, "GET /c");
  EXPECT_EQ(client.ReadAnswer().body, std::string(3000000, 'b'));
  EXPECT_EQ(client.ReadAnswer().body, "GET /d");
  EXPECT_THAT(client.ReadToEnd(), EndsWith("bye"));
  const std::string log = StopAndReadLog();
  EXPECT_THAT(log, HasSubstr("\"GET /a HTTP/1.1\" status: 200  len: 6 "));
  EXPECT_THAT(log,
              HasSubstr("\"GET /big HTTP/1.1\" status: 200  len: 3000000 "));
}

TEST_P(ServerTest, PipeliningClientThatDoesNotReadIsNotReadEither) {
  constexpr int kRequests = 1000;
  Start({.pool_size = 2});
  RawClient client(port(), INADDR_LOOPBACK, /*holds=*/16384);
  client.Get("/page");
  const Answer first = client.ReadAnswer();
  std::thread sender([&client] {
    std::string requests;
    for (int i = 0; i < kRequests; ++i) {
      requests += "GET /page HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    client.Send(requests);
  });
  const auto waits = [this] {
    const absl::StatusOr<std::vector<ConnectionState>> connections =
        server_->Connections(absl::Seconds(60));
    EXPECT_THAT(connections, IsOk());
    return connections->size() == 1 &&
           connections->front().stage == ConnectionState::kResponse;
  };
  while (!waits()) std::this_thread::yield();
  const size_t size = kRequests * (first.head.size() + first.body.size());
  const std::string all = client.ReadBytes(size);
  sender.join();
  EXPECT_EQ(all.size(), size);
  EXPECT_THAT(all, EndsWith("page"));
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, RequestMayArriveByteByByte) {
  Start();
  RawClient client(port());
  for (const char c :
       absl::string_view("POST /read HTTP/1.1\r\nHost: h\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n"
                         "5\r\nhello\r\n6;ext\r\n world\r\n0\r\n\r\n")) {
    ASSERT_TRUE(client.Send(absl::string_view(&c, 1)));
  }
  EXPECT_EQ(client.ReadAnswer().body, "hello world");
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, PiecesOfUnknownLengthAreChunksForHttp11) {
  Start();
  RawClient client(port());
  client.Get("/pieces");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"),
              HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(client.ReadUntil("0\r\n\r\n"), "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, PiecesOfUnknownLengthEndByClosingForHttp10) {
  Start();
  RawClient client(port());
  client.Send("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = client.ReadToEnd();
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, Not(HasSubstr("chunked")));
  EXPECT_THAT(all, EndsWith("\r\n\r\nabcde"));
}

TEST_P(ServerTest, FailingPieceCutsTheConnection) {
  Start();
  for (const char* target : {"/pieces?fail", "/pieces?throw"}) {
    RawClient client(port());
    client.Get(target);
    EXPECT_THAT(client.ReadToEnd(), EndsWith("3\r\ncde\r\n")) << target;
  }
}

TEST_P(ServerTest, BodyMustMatchItsContentLength) {
  Start();
  RawClient complete(port());
  complete.Get("/length");
  EXPECT_THAT(complete.ReadAnswer().head, StartsWith("HTTP/1.1 500 "));
  RawClient too_short(port());
  too_short.Get("/pieces?short");
  EXPECT_THAT(too_short.ReadToEnd(), EndsWith("\r\n\r\nabcde"));
  RawClient too_long(port());
  too_long.Get("/pieces?long");
  EXPECT_THAT(too_long.ReadToEnd(), EndsWith("\r\n\r\na"));
}

TEST_P(ServerTest, FileIsSentWithoutBeingRead) {
  Start();
  RawClient client(port());
  client.Get("/file");
  const Answer answer = client.ReadAnswer();
  EXPECT_THAT(answer.head, HasSubstr("Content-Length: 8999990\r\n"));
  EXPECT_TRUE(answer.body == TestApplication::FileText().substr(10));
  client.Send("HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(/*has_body=*/false).head,
              HasSubstr("Content-Length: 8999990\r\n"));
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
  EXPECT_THAT(StopAndReadLog(), HasSubstr("status: 200  len: 8999990 "));
}

TEST_P(ServerTest, FileThatEndsTooEarlyCutsTheConnection) {
  Start();
  RawClient client(port());
  client.Get("/short-file");
  const std::string all = client.ReadToEnd();
  EXPECT_THAT(all, HasSubstr("Content-Length: 8999991\r\n"));
  EXPECT_TRUE(absl::EndsWith(all, TestApplication::FileText().substr(10)));
  const std::string log = StopAndReadLog();
  EXPECT_THAT(log, HasSubstr("/short-file: the file ends 1 bytes before"));
  EXPECT_THAT(log, HasSubstr("status: 200  len: 8999990 "));
}

TEST_P(ServerTest, ClientThatLeavesAmidAFileDoesNoHarm) {
  Start();
  RawClient client(port());
  client.Get("/file");
  client.ReadUntil("\r\n\r\n");
  client.Close();
  RawClient other(port());
  other.Get("/other");
  EXPECT_EQ(other.ReadAnswer().body, "GET /other");
}

TEST_P(ServerTest, TrailersArriveAndAreSent) {
  Start();
  RawClient client(port());
  client.Send(
      "POST /trailers HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
      "\r\n3\r\nabc\r\n0\r\nSum: 123\r\nx-more:  y \r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), Not(HasSubstr("Sum")));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"),
            "3\r\nabc\r\n0\r\nSum: 123\r\nx-more: y\r\n\r\n");
  // There is no place for them without chunks.
  client.Send(
      "POST /trailers HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(client.ReadAnswer().body, "abc");
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, TrailerThatDecidesAboutFramingIsNotSent) {
  Start();
  RawClient client(port());
  client.Send(
      "POST /trailers HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
      "\r\n3\r\nabc\r\n0\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), EndsWith("3\r\nabc\r\n"));
  EXPECT_THAT(StopAndReadLog(), HasSubstr("trailer cannot be sent"));
}

TEST_P(ServerTest, HeadAnd204HaveNoBody) {
  Start();
  RawClient client(port());
  client.Send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(/*has_body=*/false).head,
              HasSubstr("Content-Length: 7\r\n"));
  client.Send("HEAD /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(/*has_body=*/false).head,
              StartsWith("HTTP/1.1 200 OK\r\n"));
  client.Get("/204");
  EXPECT_THAT(client.ReadAnswer(/*has_body=*/false).head,
              Not(HasSubstr("Content-Length")));
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, ContinueIsSentBeforeTheBodyIsWaitedFor) {
  Start();
  for (const char* target : {"/read", "/x"}) {
    RawClient client(port());
    client.Send(absl::StrCat("POST ", target,
                             " HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                             "Expect: 100-continue\r\n\r\n"));
    EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(server_->counters().requests_in_progress, 0);
    client.Send("hello");
    EXPECT_THAT(client.ReadAnswer().head, StartsWith("HTTP/1.1 200 OK\r\n"));
    client.Get("/next");
    EXPECT_EQ(client.ReadAnswer().body, "GET /next");
    // An answer is there before its thread has counted it.
    while (server_->counters().requests_in_progress > 0) {
      std::this_thread::yield();
    }
  }
}

TEST_P(ServerTest, ARequestThatIsRefusedIsNotToldToContinue) {
  Start({.max_body_size = 4});
  RawClient client(port());
  client.Send(
      "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 413 "));
}

TEST_P(ServerTest, WithoutABufferContinueIsSentWhenTheApplicationReads) {
  Start({.body_buffer = 0});
  RawClient client(port());
  client.Send(
      "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hello");
  EXPECT_EQ(client.ReadAnswer().body, "hello");
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, WithoutContinueTheConnectionCloses) {
  Start({.body_buffer = 0});
  RawClient client(port());
  client.Send(
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
      "Expect: 100-continue\r\n\r\n");
  const Answer answer = client.ReadAnswer();
  EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer.head, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_P(ServerTest, UnreadBodyIsDroppedBeforeTheNextRequest) {
  Start({.body_buffer = 0});
  RawClient client(port());
  client.Send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().body, "POST /a");
  client.Send(std::string(100000, 'x'));
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
  client.Send(
      "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().body, "POST /b");
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, LargeUnreadBodyClosesTheConnectionAfterTheAnswer) {
  Start();
  RawClient client(port());
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n");
  client.Send(std::string(500000, 'x'));
  const std::string all = client.ReadToEnd();
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, EndsWith("POST /"));
}

TEST_P(ServerTest, FailuresOfTheApplicationAreA500WithoutText) {
  Start();
  for (const char* target : {"/throw", "/fail", "/silent", "/split"}) {
    RawClient client(port());
    client.Get(target);
    const std::string all = client.ReadToEnd();
    EXPECT_THAT(all, MatchesRegex("HTTP/1.1 500 Internal Server Error\r\n"
                                  "Content-Type: text/plain\r\n"
                                  "Content-Length: 0\r\n"
                                  "X-Request-Id: req-.*\r\nDate: .*\r\n"
                                  "Connection: close\r\n\r\n"))
        << target;
  }
  const std::string log = StopAndReadLog();
  EXPECT_THAT(log, HasSubstr("error GET /throw: the application failed: "
                             "INTERNAL: thrown"));
  EXPECT_THAT(log, HasSubstr("start_response was not called"));
}

// The id in `answer`, a response.
std::string IdIn(const std::string& answer) {
  const size_t begin = answer.find("X-Request-Id: ");
  if (begin == std::string::npos) return "none";
  const size_t value = begin + absl::string_view("X-Request-Id: ").size();
  return answer.substr(value, answer.find("\r\n", value) - value);
}

TEST_P(ServerTest, AnswersOfTheServerHaveAnIdThatItsLogHasToo) {
  Start({.max_body_size = 10,
         .log_format = "%(request_line)s %(status_code)s %(request_id)s"});
  std::vector<std::string> ids;
  for (const char* request :
       {"GET /fail HTTP/1.1\r\nHost: h\r\n\r\n", "GET / nonsense\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\nA: b\n"}) {
    RawClient client(port());
    client.Send(request);
    ids.push_back(IdIn(client.ReadToEnd()));
    EXPECT_THAT(ids.back(), StartsWith("req-")) << request;
  }
  RawClient client(port());
  client.Send(
      "POST /x HTTP/1.1\r\nHost: h\r\nX-Request-Id: req-7\r\n"
      "Content-Length: 11\r\n\r\n");
  EXPECT_EQ(IdIn(client.ReadToEnd()), "req-7");
  client.Close();
  const std::string log = StopAndReadLog();
  EXPECT_THAT(log, HasSubstr("GET /fail HTTP/1.1 500 " + ids[0] + "\n"));
  EXPECT_THAT(log, HasSubstr("INTERNAL: failed [" + ids[0] + "]\n"));
  EXPECT_THAT(log, HasSubstr("GET / nonsense 400 " + ids[1] + "\n"));
  EXPECT_THAT(log, HasSubstr("GET /x HTTP/1.1 400 " + ids[2] + "\n"));
  EXPECT_THAT(log, HasSubstr("GET /x HTTP/1.1 400 " + ids[3] + "\n"));
  EXPECT_THAT(log, HasSubstr("POST /x HTTP/1.1 413 req-7\n"));
}

TEST_P(ServerTest, MiddlewareMayAddToWhatTheClientDidWrong) {
  RequestIds with_ids(app_);
  Start(with_ids, {.max_body_size = 10});
  RawClient client(port());
  client.Send(
      "POST /read HTTP/1.1\r\nHost: h\r\nX-Request-Id: req-8\r\n"
      "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n");
  const std::string all = client.ReadToEnd();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(IdIn(all), "req-8");
}

TEST_P(ServerTest, DebugModeSaysWhatFailed) {
  Start({.debug = true});
  RawClient client(port());
  client.Get("/throw");
  EXPECT_EQ(client.ReadAnswer().body, "INTERNAL: thrown");
}

TEST_P(ServerTest, RefusesWhatItDoesNotUnderstandAndLogsIt) {
  Start({.max_header_line = 100, .max_url_len = 100, .max_body_size = 10});
  const std::string longer(100, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
      {"GET /\" HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
      {"GET /" + longer, "HTTP/1.1 414 URI Too Long\r\n"},
      {"GET / HTTP/1.1\r\nA: " + longer,
       "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
      {"GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
      {"POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n",
       "HTTP/1.1 413 Content Too Large\r\n"},
      {"POST /read HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
       "b\r\nhello world\r\n",
       "HTTP/1.1 413 Content Too Large\r\n"},
      {"POST /read HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
       "nonsense\r\n",
       "HTTP/1.1 400 Bad Request\r\n"},
  };
  for (const auto& [request, answer] : cases) {
    RawClient client(port());
    client.Send(request);
    const std::string all = client.ReadToEnd();
    EXPECT_THAT(all, StartsWith(answer)) << request;
    EXPECT_THAT(all, EndsWith("Connection: close\r\n\r\n")) << request;
  }
  const std::string log = StopAndReadLog();
  EXPECT_THAT(log, HasSubstr("127.0.0.1 \"GET /\\\" HTTP/1.1\" status: 400  "
                             "len: 0 time: "));
  EXPECT_THAT(log, HasSubstr(" status: 414  len: 0"));
  EXPECT_THAT(log, HasSubstr("\"POST /read HTTP/1.1\" status: 413  len: 0"));
}

TEST_P(ServerTest, AccessLogCountsTheBodyAndNamesForwardedClients) {
  Start();
  RawClient client(port());
  client.Send(
      "GET /pieces HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1, "
      "10.0.0.2\r\n\r\n");
  client.ReadAnswer();
  EXPECT_THAT(StopAndReadLog(),
              HasSubstr("info 10.0.0.1,10.0.0.2,127.0.0.1 \"GET /pieces "
                        "HTTP/1.1\" status: 200  len: 5 time: 0."));
}

TEST_P(ServerTest, AccessLogHasTheIdOfTheRequest) {
  RequestIds with_ids(app_);
  Start(with_ids, {.log_format = "%(request_line)s %(request_id)s"});
  RawClient client(port());
  client.Send("GET /one HTTP/1.1\r\nHost: h\r\nX-Request-Id: req-7\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer().head, HasSubstr("X-Request-Id: req-7\r\n"));
  EXPECT_THAT(StopAndReadLog(), HasSubstr("GET /one HTTP/1.1 req-7\n"));
}

TEST_P(ServerTest, BigBodyIsStreamedBothWays) {
  Start();
  std::string body;
  body.resize(10000000);
  for (size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 7 / 5);
  }
  for (const bool chunked : {false, true}) {
    RawClient client(port());
    std::thread sender([&] {
      if (!chunked) {
        client.Send(absl::StrCat(
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: ", body.size(),
            "\r\n\r\n"));
        client.Send(body);
        return;
      }
      client.Send(
          "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
          "chunked\r\n\r\n");
      absl::string_view rest = body;
      for (size_t size = 1; !rest.empty(); size = size * 3 % 70001 + 1) {
        const absl::string_view chunk = rest.substr(0, size);
        client.Send(
            absl::StrCat(absl::Hex(chunk.size()), "\r\n", chunk, "\r\n"));
        rest.remove_prefix(chunk.size());
      }
      client.Send("0\r\n\r\n");
    });
    const Answer answer = client.ReadAnswer();
    sender.join();
    EXPECT_TRUE(answer.body == body) << (chunked ? "chunked" : "length");
    client.Get("/next");
    EXPECT_EQ(client.ReadAnswer().body, "GET /next");
  }
}

TEST_P(ServerTest, ClientThatDoesNotReadHoldsUpNobodyElse) {
  Start({.pool_size = 2});
  RawClient slow(port());
  slow.Get("/endless");
  app_.pulled_.WaitForNotification();
  RawClient other(port());
  other.Get("/other");
  EXPECT_EQ(other.ReadAnswer().body, "GET /other");
  slow.Close();
  app_.destroyed_.WaitForNotification();
}

TEST_P(ServerTest, ClientThatTakesItsTimeGetsEverything) {
  Start();
  RawClient slow(port());
  slow.Get("/big");
  RawClient other(port());
  other.Get("/other");
  EXPECT_EQ(other.ReadAnswer().body, "GET /other");
  EXPECT_EQ(slow.ReadAnswer().body, std::string(3000000, 'b'));
  slow.Get("/next");
  EXPECT_EQ(slow.ReadAnswer().body, "GET /next");
}

TEST_P(ServerTest, ApplicationLearnsThatTheClientLeftAmidItsBody) {
  Start({.body_buffer = 3});
  RawClient client(port());
  client.Send("POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  client.Close();
  app_.read_failed_.WaitForNotification();
  RawClient other(port());
  other.Get("/other");
  EXPECT_EQ(other.ReadAnswer().body, "GET /other");
  StopAndReadLog();
  EXPECT_THAT(app_.read_status_, StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(ServerTest, ClientThatIsSilentAmidItsBodyGetsA408) {
  Start({.client_socket_timeout = absl::Milliseconds(50)});
  RawClient client(port());
  client.Send("POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 408 Request Timeout"));
}

TEST_P(ServerTest, BodyOfUnknownLengthIsBufferedAndReadOn) {
  Start({.body_buffer = 7});
  RawClient client(port());
  client.Send(
      "POST /read HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n");
  client.Send("6\r\n world\r\n3\r\nand");
  client.Send(" so on\r\n0\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400 "));
  RawClient other(port());
  other.Send(
      "POST /read HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n");
  other.Send("6\r\n world\r\n9\r\nand");
  other.Send(" so on\r\n0\r\n\r\n");
  EXPECT_EQ(other.ReadAnswer().body, "hello worldand so on");
  other.Get("/next");
  EXPECT_EQ(other.ReadAnswer().body, "GET /next");
}

// Clients that send, or read, so slowly that they do nothing at all.
class SlowClients {
 public:
  explicit SlowClients(int port) {
    for (int i = 0; i < kOfEach; ++i) {
      bodies.push_back(std::make_unique<RawClient>(port));
      bodies.back()->Send(
          i % 2 == 0
              ? "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab"
              : "POST /read HTTP/1.1\r\nHost: h\r\n"
                "Transfer-Encoding: chunked\r\n\r\n9\r\nab");
      readers.push_back(
          std::make_unique<RawClient>(port, INADDR_LOOPBACK, kHolds));
      readers.back()->Get(std::vector<absl::string_view>{
          "/flood", "/file", "/pulled-file", "/huge"}[i % 4]);
    }
  }

  static constexpr int kOfEach = 20;
  static constexpr int kHolds = 65536;
  std::vector<std::unique_ptr<RawClient>> bodies;
  std::vector<std::unique_ptr<RawClient>> readers;
};

TEST_P(ServerTest, SlowClientsHoldUpNobodyElse) {
  Start({.pool_size = 2});
  SlowClients slow(port());
  const auto all_wait = [this] {
    const absl::StatusOr<std::vector<ConnectionState>> connections =
        server_->Connections(absl::Seconds(60));
    EXPECT_THAT(connections, IsOk());
    const auto count = [&](ConnectionState::Stage stage) {
      return std::count_if(connections->begin(), connections->end(),
                           [stage](const ConnectionState& state) {
                             return state.stage == stage &&
                                    !state.request.empty();
                           });
    };
    return count(ConnectionState::kBody) == SlowClients::kOfEach &&
           count(ConnectionState::kResponse) == SlowClients::kOfEach;
  };
  while (!all_wait()) std::this_thread::yield();
  EXPECT_EQ(server_->counters().requests_in_progress, SlowClients::kOfEach);
  for (int i = 0; i < 10; ++i) {
    RawClient fast(port());
    fast.Send(
        "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nfast");
    EXPECT_EQ(fast.ReadAnswer().body, "fast");
  }
  // They get what they want, once they do something for it.
  for (int i = 0; i < SlowClients::kOfEach; ++i) {
    slow.bodies[i]->Send(i % 2 == 0 ? "cdefghi" : "cdefghi\r\n0\r\n\r\n");
    EXPECT_EQ(slow.bodies[i]->ReadAnswer().body, "abcdefghi");
  }
  for (int i = 1; i < 4; ++i) {
    const Answer answer = slow.readers[i]->ReadAnswer();
    if (i == 3) {
      EXPECT_EQ(answer.body, std::string(6000000, 'h'));
    } else {
      EXPECT_TRUE(answer.body == TestApplication::FileText().substr(10));
    }
    slow.readers[i]->Get("/next");
    EXPECT_EQ(slow.readers[i]->ReadAnswer().body, "GET /next");
  }
}

TEST_P(ServerTest, SlowClientsEndByTheirDeadlines) {
  Start({.pool_size = 2,
         .body_timeout = absl::Milliseconds(50),
         .write_timeout = absl::Milliseconds(50)});
  SlowClients slow(port());
  for (auto& client : slow.bodies) {
    EXPECT_THAT(client->ReadToEnd(), StartsWith("HTTP/1.1 408 "));
    client->Close();
  }
  while (server_->counters().connections > 0) std::this_thread::yield();
  EXPECT_EQ(server_->counters().requests_in_progress, 0);
  const std::string log = StopAndReadLog();
  EXPECT_THAT(log, HasSubstr("\"POST /read HTTP/1.1\" status: 408"));
  EXPECT_THAT(log, HasSubstr("\"GET /flood HTTP/1.1\" status: 200"));
  EXPECT_THAT(log, HasSubstr("\"GET /huge HTTP/1.1\" status: 200"));
}

TEST_P(ServerTest, SlowClientsAreServedWhenItStops) {
  Start({.pool_size = 2});
  RawClient reader(port());
  reader.Get("/pulled-file");
  reader.ReadUntil("\r\n\r\n");
  RawClient body(port());
  body.Send(
      "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\n\r\n");
  body.ReadUntil("\r\n\r\n");
  server_->Stop();
  body.Send("body");
  EXPECT_THAT(body.ReadToEnd(), AllOf(HasSubstr("Connection: close\r\n"),
                                      EndsWith("\r\n\r\nbody")));
  EXPECT_TRUE(reader.ReadBytes(8999990) ==
              TestApplication::FileText().substr(10));
  EXPECT_THAT(server_->Wait(), IsOk());
}

TEST_P(ServerTest, DestructionCutsOffSlowClients) {
  Start({.pool_size = 2});
  SlowClients slow(port());
  while (server_->counters().connections < 2 * SlowClients::kOfEach) {
    std::this_thread::yield();
  }
  server_.reset();
  for (auto& client : slow.bodies) EXPECT_EQ(client->ReadToEnd(), "");
}

TEST_P(ServerTest, IdleConnectionsAreClosedWithoutAnAnswer) {
  Start({.client_socket_timeout = absl::Milliseconds(50)});
  RawClient silent(port());
  RawClient half(port());
  half.Send("GET / HT");
  RawClient after(port());
  after.Get("/");
  after.ReadAnswer();
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_EQ(half.ReadToEnd(), "");
  EXPECT_EQ(after.ReadToEnd(), "");
}

TEST_P(ServerTest, HeadThatTakesTooLongGetsA408) {
  Start({.header_timeout = absl::Milliseconds(50)});
  RawClient half(port());
  half.Send("GET /half HT");
  RawClient again(port());
  again.Get("/first");
  EXPECT_EQ(again.ReadAnswer().body, "GET /first");
  again.Send("GET /second HTTP/1.1\r\n");
  RawClient pipelining(port());
  pipelining.Send(
      "GET /third HTTP/1.1\r\nHost: h\r\n\r\nGET /fourth HTTP/1.1\r\n");
  EXPECT_EQ(pipelining.ReadAnswer().body, "GET /third");
  for (RawClient* client : {&half, &again, &pipelining}) {
    EXPECT_THAT(client->ReadToEnd(),
                AllOf(StartsWith("HTTP/1.1 408 Request Timeout\r\n"),
                      EndsWith("Connection: close\r\n\r\n")));
    client->Close();
  }
  EXPECT_THAT(StopAndReadLog(), HasSubstr("\"GET /half HT\" status: 408"));
}

TEST_P(ServerTest, DrippingHeadIsNotRenewedByItsBytes) {
  Start({.header_timeout = absl::Milliseconds(50),
         .max_header_line = 1 << 30,
         .max_headers_size = 1 << 30});
  RawClient client(port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\nA: ");
  // Until the server is fed up.
  while (client.Send("x")) {
    if (client.HasInput()) break;
  }
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 408 "));
}

TEST_P(ServerTest, DrippingBodyIsNotRenewedByItsBytes) {
  Start({.body_timeout = absl::Milliseconds(50), .least_rate = 1000000000});
  RawClient client(port());
  client.Send(
      "POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  while (client.Send("x")) {
    if (client.HasInput()) break;
  }
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 408 "));
}

TEST_P(ServerTest, ClientThatTakesNothingIsCutOff) {
  Start({.write_timeout = absl::Milliseconds(50)});
  RawClient client(port());
  client.Get("/endless");
  app_.destroyed_.WaitForNotification();
  // What had been sent is still there; the end is missing.
  EXPECT_THAT(client.ReadToEnd(), Not(EndsWith("0\r\n\r\n")));
}

TEST_P(ServerTest, ConnectionsOverTheLimitAreClosed) {
  Start({.max_connections = 2});
  RawClient first(port());
  RawClient second(port());
  for (RawClient* client : {&first, &second}) {
    client->Get("/x");
    EXPECT_EQ(client->ReadAnswer().body, "GET /x");
  }
  EXPECT_EQ(RawClient(port()).ReadToEnd(), "");
  EXPECT_EQ(server_->counters().refused_connections, 1u);
  // Room again, once the server has seen it.
  first.Get("/close");
  EXPECT_THAT(first.ReadToEnd(), EndsWith("bye"));
  RawClient third(port());
  third.Get("/y");
  EXPECT_EQ(third.ReadAnswer().body, "GET /y");
  EXPECT_THAT(StopAndReadLog(), HasSubstr("warning wsgi: too many connections: "
                                          "closing a connection of 127.0.0.1"));
}

TEST_P(ServerTest, ConnectionsOfOneAddressAreLimited) {
  Start({.max_connections_per_address = 1});
  RawClient first(port());
  first.Get("/x");
  EXPECT_EQ(first.ReadAnswer().body, "GET /x");
  EXPECT_EQ(RawClient(port()).ReadToEnd(), "");
  RawClient other(port(), INADDR_LOOPBACK + 1);
  other.Get("/y");
  EXPECT_EQ(other.ReadAnswer().body, "GET /y");
}

TEST_P(ServerTest, ConnectionHasALimitOfRequests) {
  Start({.max_requests_per_connection = 2});
  RawClient client(port());
  client.Get("/1");
  EXPECT_THAT(client.ReadAnswer().head, Not(HasSubstr("Connection")));
  client.Get("/2");
  EXPECT_THAT(client.ReadToEnd(),
              AllOf(HasSubstr("Connection: close\r\n"), EndsWith("GET /2")));
}

TEST_P(ServerTest, HeadersHaveLimitsOfNumberAndSize) {
  Start({.max_headers = 2, .max_headers_size = 100});
  for (const std::string& headers :
       {std::string("A: 1\r\nB: 2\r\n"),
        absl::StrCat("A: ", std::string(100, 'x'), "\r\n")}) {
    RawClient client(port());
    client.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: h\r\n", headers, "\r\n"));
    EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 431 "));
  }
}

TEST_P(ServerTest, OldestHandshakeGivesWay) {
  const std::string folder = ::testing::TempDir();
  const sslutils::TestAuthority authority;
  authority.Issue("127.0.0.1", folder + "/h.crt", folder + "/h.key");
  absl::StatusOr<std::shared_ptr<sslutils::ServerContext>> tls =
      sslutils::ServerContext::Create(
          {.cert_file = folder + "/h.crt", .key_file = folder + "/h.key"});
  ASSERT_THAT(tls, IsOk());
  Start({.max_handshakes = 2, .tls = *tls});
  RawClient first(port());
  RawClient second(port());
  RawClient third(port());
  EXPECT_EQ(first.ReadToEnd(), "");
  EXPECT_EQ(server_->counters().refused_connections, 1u);
}

TEST_P(ServerTest, HandshakeHasADeadline) {
  const std::string folder = ::testing::TempDir();
  const sslutils::TestAuthority authority;
  authority.Issue("127.0.0.1", folder + "/d.crt", folder + "/d.key");
  absl::StatusOr<std::shared_ptr<sslutils::ServerContext>> tls =
      sslutils::ServerContext::Create(
          {.cert_file = folder + "/d.crt", .key_file = folder + "/d.key"});
  ASSERT_THAT(tls, IsOk());
  Start({.handshake_timeout = absl::Milliseconds(50), .tls = *tls});
  RawClient silent(port());
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_THAT(StopAndReadLog(), Not(HasSubstr("error")));
}

TEST_P(ServerTest, StopServesIdleConnectionsOnceMoreAndThenRefuses) {
  Start({.drain_grace = absl::Seconds(60)});
  RawClient idle(port());
  idle.Get("/first");
  EXPECT_THAT(idle.ReadAnswer().head, Not(HasSubstr("Connection")));
  server_->Stop();
  server_->Stop();
  listener_->Close();
  idle.Get("/second");
  EXPECT_THAT(idle.ReadToEnd(), HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(server_->Wait(), IsOk());
  EXPECT_FALSE(RawClient(port()).connected());
}

TEST_P(ServerTest, StopServesWhoIsWaitingInTheQueue) {
  Start({.drain_grace = absl::Seconds(60)});
  std::vector<std::unique_ptr<RawClient>> clients;
  clients.reserve(20);
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
  }
  server_->Stop();
  for (auto& client : clients) {
    client->Get("/x");
    EXPECT_THAT(client->ReadToEnd(), EndsWith("GET /x"));
  }
  EXPECT_THAT(server_->Wait(), IsOk());
}

TEST_P(ServerTest, AfterStopTheListenerMayBeShutDown) {
  Start({.drain_grace = absl::Seconds(60)});
  std::vector<std::unique_ptr<RawClient>> clients;
  clients.reserve(100);
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
  }
  server_->Stop();
  listener_->Shutdown();
  for (auto& client : clients) {
    client->Get("/x");
    EXPECT_THAT(client->ReadToEnd(), EndsWith("GET /x"));
  }
  EXPECT_THAT(server_->Wait(), IsOk());
}

TEST_P(ServerTest, StopClosesIdleConnectionsAfterTheGrace) {
  Start({.drain_grace = absl::Milliseconds(10)});
  RawClient idle(port());
  idle.Get("/");
  idle.ReadAnswer();
  server_->Stop();
  EXPECT_THAT(server_->Wait(), IsOk());
  EXPECT_EQ(idle.ReadToEnd(), "");
}

TEST_P(ServerTest, StoppingBeforeStartingServesNothing) {
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Create(log_, app_, {&*listener_}, {});
  ASSERT_THAT(server, IsOk());
  (*server)->Stop();
  EXPECT_THAT((*server)->Start(), IsOk());
  EXPECT_THAT((*server)->Wait(), IsOk());
  EXPECT_EQ((*server)->counters().connections, 0);
}

TEST_P(ServerTest, NextServerTakesOverTheListener) {
  Start();
  std::unique_ptr<Server> old = std::move(server_);
  RawClient first(port());
  first.Get("/first");
  EXPECT_EQ(first.ReadAnswer().body, "GET /first");
  Start();
  old->Stop();
  EXPECT_THAT(old->Wait(), IsOk());
  RawClient second(port());
  second.Get("/second");
  EXPECT_EQ(second.ReadAnswer().body, "GET /second");
}

TEST_P(ServerTest, ServersOfOneListenerShareItsConnections) {
  Start();
  std::unique_ptr<Server> other = std::move(server_);
  Start();
  for (int i = 0; i < 100; ++i) {
    RawClient client(port());
    client.Get("/x");
    ASSERT_EQ(client.ReadAnswer().body, "GET /x");
  }
  EXPECT_GT(server_->counters().requests, 10u);
  EXPECT_GT(other->counters().requests, 10u);
}

TEST_P(ServerTest, OutlivesTheShutdownOfItsListener) {
  Start();
  RawClient client(port());
  client.Get("/first");
  EXPECT_EQ(client.ReadAnswer().body, "GET /first");
  shutdown(listener_->fd(), SHUT_RDWR);
  EXPECT_FALSE(RawClient(port()).connected());
  client.Get("/second");
  EXPECT_EQ(client.ReadAnswer().body, "GET /second");
  EXPECT_THAT(StopAndReadLog(), Not(HasSubstr("warning")));
}

TEST_P(ServerTest, UnixSocketHasNoAddresses) {
  // Bazel's folders are too long for a socket's path.
  char folder[] = "/tmp/server_test.XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = absl::StrCat(folder, "/socket");
  listener_ = Listener::ListenUnix("http", path, {});
  Start();
  RawClient client(path);
  client.Get("/who");
  EXPECT_EQ(client.ReadAnswer().body, "unix  unix ");
  server_.reset();
  listener_->Close();
  rmdir(folder);
}

TEST_P(ServerTest, DestructionCutsOffWhoDoesNotRead) {
  Start();
  RawClient client(port());
  client.Get("/endless");
  app_.pulled_.WaitForNotification();
  server_.reset();
  app_.destroyed_.WaitForNotification();
}

TEST_P(ServerTest, OptionsOutOfBoundsAreNamed) {
  const auto create = [this](const ServerOptions& options) {
    return Server::Create(log_, app_, {&*listener_}, options).status();
  };
  EXPECT_THAT(create({.name = "api", .pool_size = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("api: pool_size")));
  EXPECT_THAT(create({.client_socket_timeout = absl::ZeroDuration()}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      create({.log_format = "%(nonsense)s"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nonsense")));
}

TEST_P(ServerTest, ServesTls) {
  const std::string folder = ::testing::TempDir();
  const sslutils::TestAuthority authority;
  authority.WriteCertificate(folder + "/ca.crt");
  authority.Issue("127.0.0.1", folder + "/s.crt", folder + "/s.key");
  absl::StatusOr<std::shared_ptr<sslutils::ServerContext>> tls =
      sslutils::ServerContext::Create(
          {.cert_file = folder + "/s.crt", .key_file = folder + "/s.key"});
  ASSERT_THAT(tls, IsOk());
  Start({.tls = *tls});

  RawClient plain(port());
  plain.Get("/");
  EXPECT_THAT(plain.ReadToEnd(), Not(HasSubstr("200 OK")));
  const std::string url = absl::StrCat("https://127.0.0.1:", port());
  const auto curl = [](const std::string& arguments) {
    FILE* output = popen(("curl -sk --max-time 60 " + arguments).c_str(), "r");
    std::string text;
    char buffer[65536];
    for (size_t size; (size = fread(buffer, 1, sizeof(buffer), output)) > 0;) {
      text.append(buffer, size);
    }
    pclose(output);
    return text;
  };
  EXPECT_EQ(curl(url + "/a " + url + "/b"), "GET /aGET /b");
  EXPECT_EQ(curl(url + "/big"), std::string(3000000, 'b'));
  EXPECT_EQ(curl("-d hello " + url + "/echo"), "hello");
  // The plain client, and curl for two URLs in one connection and two alone.
  EXPECT_EQ(server_->counters().tls_failures, 1u);
  EXPECT_EQ(server_->counters().tls_handshakes, 3u);
  EXPECT_TRUE(curl(url + "/pulled-file") ==
              TestApplication::FileText().substr(10));
}

// Only what blocks the application's thread.
class PoolServerTest : public ServerTest {};

INSTANTIATE_TEST_SUITE_P(Pool, PoolServerTest, ::testing::Values(false));

TEST_P(PoolServerTest, PoolOfOneServesOneAfterTheOther) {
  Start({.pool_size = 1});
  RawClient first(port());
  first.Get("/block");
  app_.blocked_.WaitForNotification();
  RawClient second(port());
  second.Get("/second");
  app_.unblock_.Notify();
  EXPECT_EQ(first.ReadAnswer().body, "unblocked");
  EXPECT_EQ(second.ReadAnswer().body, "GET /second");
}

TEST_P(PoolServerTest, ConnectionsAreShownWithWhatTheyDo) {
  Start({.pool_size = 1});
  RawClient idle(port());
  idle.Get("/");
  idle.ReadAnswer();
  RawClient head(port());
  head.Send("GET /unfinished HTTP");
  RawClient first(port());
  first.Get("/block?password=sesame");
  app_.blocked_.WaitForNotification();
  RawClient second(port());
  second.Get(absl::StrCat("/", std::string(100, 'x')));
  const auto wanted = [this] {
    std::vector<std::string> found;
    const absl::StatusOr<std::vector<ConnectionState>> connections =
        server_->Connections(absl::Seconds(60));
    EXPECT_THAT(connections, IsOk());
    for (const ConnectionState& state : *connections) {
      EXPECT_THAT(state.peer, StartsWith("127.0.0.1:"));
      EXPECT_GE(state.age, absl::ZeroDuration());
      found.push_back(absl::StrCat(StageName(state.stage), " ", state.request));
    }
    return std::multiset<std::string>(found.begin(), found.end()) ==
           std::multiset<std::string>(
               {"idle ", "head ", "request GET /block",
                absl::StrCat("request GET /", std::string(59, 'x'))});
  };
  // What was sent may still be on its way.
  while (!wanted()) std::this_thread::yield();
  app_.unblock_.Notify();
  EXPECT_EQ(first.ReadAnswer().body, "unblocked");
}

TEST_P(PoolServerTest, ConnectionsOfAServerThatDoesNotRunAreUnknown) {
  Start({});
  server_->Stop();
  EXPECT_THAT(server_->Wait(), IsOk());
  EXPECT_THAT(server_->Connections(absl::Milliseconds(1)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_P(PoolServerTest, RequestThatWaitsTooLongForAThreadGetsA503) {
  Start({.pool_size = 1,
         .queue_timeout = absl::Milliseconds(20),
         .body_buffer = 0});
  RawClient first(port());
  first.Get("/block");
  app_.blocked_.WaitForNotification();
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(std::make_unique<RawClient>(port()));
    waiting.back()->Send(
        "POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  }
  for (auto& client : waiting) {
    EXPECT_THAT(client->ReadToEnd(),
                AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                      HasSubstr("X-Request-Id: req-"),
                      HasSubstr("Retry-After: 1\r\n")));
    client->Close();
  }
  EXPECT_EQ(server_->counters().queue_timeouts, 3u);
  EXPECT_EQ(server_->counters().requests_in_progress, 1);
  app_.unblock_.Notify();
  EXPECT_EQ(first.ReadAnswer().body, "unblocked");
  first.Get("/next");
  EXPECT_EQ(first.ReadAnswer().body, "GET /next");
  EXPECT_THAT(StopAndReadLog(),
              HasSubstr("\"POST /second HTTP/1.1\" status: 503"));
}

// Each of 1000 connections has one request under way at any time, and the pool
// is a tenth of that. Counted, not timed.
TEST_P(PoolServerTest, EveryConnectionGetsItsTurn) {
  constexpr int kConnections = 1000;
  constexpr int kTurns = 30;
  Start({.pool_size = 100});
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<pollfd> ready;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(clients.back()->connected());
    ready.push_back(
        {.fd = clients.back()->fd(), .events = POLLIN, .revents = 0});
  }
  // All are there before the race begins.
  for (auto& client : clients) {
    client->Get("/turn");
    ASSERT_EQ(client->ReadAnswer().body, "GET /turn");
  }
  for (auto& client : clients) client->Get("/turn");
  std::vector<int> turns(kConnections, 0);
  for (int answers = 0; answers < kTurns * kConnections;) {
    ASSERT_GT(poll(ready.data(), ready.size(), 60000), 0);
    for (int i = 0; i < kConnections; ++i) {
      if (ready[i].revents == 0) continue;
      ASSERT_EQ(clients[i]->ReadAnswer().body, "GET /turn");
      ++turns[i];
      ++answers;
      clients[i]->Get("/turn");
    }
  }
  // Requests are taken in turn. The machine may suspend a thread of the pool,
  // and with it one request, while others go on: hence the slack.
  const auto [least, most] = std::minmax_element(turns.begin(), turns.end());
  RecordProperty("least_turns", *least);
  RecordProperty("most_turns", *most);
  EXPECT_GE(*least, kTurns / 3);
  EXPECT_LE(*most, kTurns * 2);
}

TEST_P(PoolServerTest, IdleConnectionsOccupyNoThread) {
  Start({.pool_size = 1});
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 10; ++i) {
    idle.push_back(std::make_unique<RawClient>(port()));
    idle.back()->Get("/");
    EXPECT_EQ(idle.back()->ReadAnswer().body, "GET /");
  }
  EXPECT_EQ(server_->counters().connections, 10);
  EXPECT_EQ(server_->counters().requests, 10u);
}

TEST_P(PoolServerTest, StopLetsABusyRequestFinish) {
  Start();
  RawClient busy(port());
  busy.Get("/block");
  app_.blocked_.WaitForNotification();
  EXPECT_EQ(server_->counters().requests_in_progress, 1);
  server_->Stop();
  app_.unblock_.Notify();
  EXPECT_THAT(busy.ReadToEnd(), EndsWith("Connection: close\r\n\r\nunblocked"));
  EXPECT_THAT(server_->Wait(), IsOk());
}

TEST_P(PoolServerTest, PipelinedRequestWaitsForTheOneBeforeIt) {
  Start();
  RawClient client(port());
  client.Get("/block");
  app_.blocked_.WaitForNotification();
  client.Get("/next");
  app_.unblock_.Notify();
  EXPECT_EQ(client.ReadAnswer().body, "unblocked");
  EXPECT_EQ(client.ReadAnswer().body, "GET /next");
}

TEST_P(PoolServerTest, PipelinedRequestsAreServedTogetherUntilOthersHaveATurn) {
  std::vector<std::string> served;  // By the only thread.
  absl::Notification begun;
  absl::Notification go_on;
  FunctionApplication app(
      [&](Environ& environ,
          StartResponse& start_response) -> absl::StatusOr<Body> {
        served.emplace_back(environ.path_info());
        if (served.size() == 1) {
          begun.Notify();
          go_on.WaitForNotification();
        }
        if (absl::Status status = start_response("200 OK", {}); !status.ok()) {
          return status;
        }
        return Body(served.back());
      });
  Start(app, {.pool_size = 1});
  constexpr int kPipelined = 40;
  std::string requests;
  for (int i = 0; i < kPipelined; ++i) {
    absl::StrAppend(&requests, "GET /", i, " HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  RawClient client(port());
  client.Send(requests);
  begun.WaitForNotification();
  RawClient other(port());
  other.Get("/other");
  while (server_->counters().requests_in_progress < 2) {
    std::this_thread::yield();
  }
  go_on.Notify();
  EXPECT_EQ(other.ReadAnswer().body, "/other");
  for (int i = 0; i < kPipelined; ++i) {
    EXPECT_EQ(client.ReadAnswer().body, absl::StrCat("/", i));
  }
  StopAndReadLog();
  EXPECT_EQ(server_->counters().requests, kPipelined + 1u);
  ASSERT_EQ(served.size(), kPipelined + 1u);
  EXPECT_EQ(served[16], "/other");
}

TEST_P(PoolServerTest, AnswersAreNotHeldForRequestsThatMayBeSlow) {
  absl::Notification block_first;
  absl::Notification block_second;
  FunctionApplication app(
      [&](Environ& environ,
          StartResponse& start_response) -> absl::StatusOr<Body> {
        const absl::string_view path = environ.path_info();
        if (path == "/first") block_first.WaitForNotification();
        if (path == "/second") block_second.WaitForNotification();
        if (absl::Status status = start_response("200 OK", {}); !status.ok()) {
          return status;
        }
        return Body(std::string(path));
      });
  Start(app, {.pool_size = 1});
  RawClient client(port());
  const absl::Duration began = MonotonicNow();
  client.Send(
      "GET /first HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /quick HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
  while (server_->counters().requests_in_progress < 1 ||
         MonotonicNow() - began < absl::Milliseconds(50)) {
    std::this_thread::yield();
  }
  block_first.Notify();
  EXPECT_EQ(client.ReadAnswer().body, "/first");
  EXPECT_EQ(client.ReadAnswer().body, "/quick");
  block_second.Notify();
  EXPECT_EQ(client.ReadAnswer().body, "/second");
}

}  // namespace
}  // namespace bergen::wsgi
