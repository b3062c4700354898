// SPDX-License-Identifier: Apache-2.0

#include "sslutils/terminator.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/unique_fd.h"
#include "sslutils/client_context.h"
#include "sslutils/peer_certificate.h"
#include "sslutils/server_context.h"
#include "sslutils/stream.h"
#include "sslutils/test_certificates.h"
#include "tests/support/status_matchers.h"

namespace bergen::sslutils {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A safety net, never what a test measures.
constexpr int kDeadlineMs = 30'000;

struct Pair {
  UniqueFd a, b;
};

Pair MakePair() {
  int fds[2];
  EXPECT_EQ(
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
      0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// False at the deadline.
bool WaitFor(int fd, int events) {
  pollfd polled = {.fd = fd};
  polled.events = static_cast<decltype(polled.events)>(events);
  return poll(&polled, 1, kDeadlineMs) == 1;
}

// Until the end, or `size` bytes are there.
std::string ReadFd(int fd, size_t size = std::string::npos) {
  std::string all;
  char buffer[4096];
  while (all.size() < size && WaitFor(fd, POLLIN)) {
    const ssize_t count =
        read(fd, buffer, std::min(sizeof(buffer), size - all.size()));
    if (count <= 0) break;
    all.append(buffer, static_cast<size_t>(count));
  }
  return all;
}

// A client's TLS by hand: the terminator is on one side only.
class Client {
 public:
  Client(const ClientContext& context, UniqueFd fd) : fd_(std::move(fd)) {
    auto stream = context.Connect(fd_.get(), "server.example.org");
    EXPECT_THAT(stream, IsOk());
    stream_ = *std::move(stream);
  }

  IoResult Handshake() {
    return Until([this] { return stream_->Handshake(); });
  }
  void Send(absl::string_view data) {
    while (!data.empty()) {
      const IoResult result =
          Until([this, data] { return stream_->Write(data); });
      ASSERT_EQ(result.state, IoState::kDone) << result.error;
      data.remove_prefix(result.bytes);
    }
  }
  // Until the end, or `size` bytes are there.
  std::string Read(size_t size = std::string::npos) {
    std::string all;
    char buffer[4096];
    while (all.size() < size) {
      const IoResult result =
          Until([&] { return stream_->Read(buffer, sizeof(buffer)); });
      if (result.state != IoState::kDone) {
        end_ = result.state;
        break;
      }
      all.append(buffer, result.bytes);
    }
    return all;
  }
  void Shutdown() { stream_->Shutdown(); }
  void Close() { fd_.Reset(); }
  // How the last `Read` ended.
  IoState end() const { return end_; }

 private:
  template <typename Operation>
  IoResult Until(const Operation& operation) {
    while (true) {
      const IoResult result = operation();
      if (result.state == IoState::kWantRead) {
        EXPECT_TRUE(WaitFor(fd_.get(), POLLIN));
      } else if (result.state == IoState::kWantWrite) {
        EXPECT_TRUE(WaitFor(fd_.get(), POLLOUT));
      } else {
        return result;
      }
    }
  }

  UniqueFd fd_;
  std::unique_ptr<Stream> stream_;
  IoState end_ = IoState::kDone;
};

class TerminatorTest : public ::testing::Test {
 protected:
  TerminatorTest() {
    authority_.Issue("server", Path("server.crt"), Path("server.key"),
                     {"server.example.org"});
    authority_.Issue("alice", Path("client.crt"), Path("client.key"),
                     {"alice.example.org"});
    authority_.WriteCertificate(Path("ca.crt"));
    auto server = ServerContext::Create({.cert_file = Path("server.crt"),
                                         .key_file = Path("server.key"),
                                         .ca_file = Path("ca.crt"),
                                         .alpn = {"h2"}});
    EXPECT_THAT(server, IsOk());
    server_ = *std::move(server);
    auto client = ClientContext::Create({.ca_file = Path("ca.crt"),
                                         .cert_file = Path("client.crt"),
                                         .key_file = Path("client.key"),
                                         .alpn = {"h2"}});
    EXPECT_THAT(client, IsOk());
    client_ = *std::move(client);
  }

  std::string Path(const std::string& name) const {
    return absl::StrCat(
        ::testing::TempDir(), "/",
        ::testing::UnitTest::GetInstance()->current_test_info()->name(), ".",
        getpid(), ".", name);
  }

  void Start(const TerminatorOptions& options = {}) {
    auto started = Terminator::Start(options);
    ASSERT_THAT(started, IsOk());
    terminator_ = *std::move(started);
  }

  void Add(UniqueFd fd) {
    std::unique_ptr<Stream> stream = server_->Accept(fd.get());
    terminator_->Add(std::move(fd), std::move(stream),
                     [this](absl::StatusOr<Terminator::Plain> plain) {
                       absl::MutexLock lock(&mutex_);
                       done_.push_back(std::move(plain));
                     });
  }

  // What the next call of `Done` was given.
  absl::StatusOr<Terminator::Plain> Next() {
    absl::MutexLock lock(&mutex_);
    const auto any = [this] { return !done_.empty(); };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&any),
                                 absl::Milliseconds(kDeadlineMs))) {
      return absl::UnknownError("nothing came");
    }
    absl::StatusOr<Terminator::Plain> next = std::move(done_.front());
    done_.erase(done_.begin());
    return next;
  }

  // A connected client, and the plain end of its connection.
  Terminator::Plain Connect(std::unique_ptr<Client>& client) {
    Pair pair = MakePair();
    Add(std::move(pair.a));
    client = std::make_unique<Client>(*client_, std::move(pair.b));
    EXPECT_EQ(client->Handshake().state, IoState::kDone);
    absl::StatusOr<Terminator::Plain> plain = Next();
    EXPECT_THAT(plain, IsOk());
    return *std::move(plain);
  }

  TestAuthority authority_;
  std::shared_ptr<ServerContext> server_;
  std::shared_ptr<const ClientContext> client_;
  absl::Mutex mutex_;
  std::vector<absl::StatusOr<Terminator::Plain>> done_;
  std::unique_ptr<Terminator> terminator_;
};

TEST_F(TerminatorTest, CarriesBytesBothWaysAndSaysWhoIsThere) {
  Start();
  std::unique_ptr<Client> client;
  const Terminator::Plain plain = Connect(client);
  ASSERT_TRUE(plain.certificate.has_value());
  EXPECT_EQ(plain.certificate->common_name, "alice");
  EXPECT_THAT(plain.certificate->dns_names, ElementsAre("alice.example.org"));
  EXPECT_EQ(plain.alpn, "h2");
  client->Send("ping");
  EXPECT_EQ(ReadFd(plain.fd.get(), 4), "ping");
  ASSERT_EQ(write(plain.fd.get(), "pong", 4), 4);
  EXPECT_EQ(client->Read(4), "pong");
}

TEST_F(TerminatorTest, TheEndOfEitherSideReachesTheOther) {
  Start();
  std::unique_ptr<Client> client;
  Terminator::Plain plain = Connect(client);
  client->Send("last words");
  client->Shutdown();
  EXPECT_EQ(ReadFd(plain.fd.get()), "last words");
  EXPECT_FALSE(plain.cut());
  // Our direction is still open.
  ASSERT_EQ(write(plain.fd.get(), "answer", 6), 6);
  plain.fd.Reset();
  EXPECT_EQ(client->Read(), "answer");
  EXPECT_EQ(client->end(), IoState::kClosed);
}

TEST_F(TerminatorTest, ThePlainEndCanBeHalfClosed) {
  Start();
  std::unique_ptr<Client> client;
  const Terminator::Plain plain = Connect(client);
  ASSERT_EQ(write(plain.fd.get(), "question", 8), 8);
  shutdown(plain.fd.get(), SHUT_WR);
  EXPECT_EQ(client->Read(), "question");
  EXPECT_EQ(client->end(), IoState::kClosed);
  client->Send("answer");
  client->Shutdown();
  EXPECT_EQ(ReadFd(plain.fd.get()), "answer");
  EXPECT_FALSE(plain.cut());
}

TEST_F(TerminatorTest, ACutConnectionIsToldFromAnOrderlyEnd) {
  Start();
  std::unique_ptr<Client> client;
  const Terminator::Plain plain = Connect(client);
  client->Send("half a li");
  client->Close();
  EXPECT_EQ(ReadFd(plain.fd.get()), "half a li");
  EXPECT_TRUE(plain.cut());
}

TEST_F(TerminatorTest, MuchDataBothWaysAtOnceComesWhole) {
  Start({.buffer_size = 1000});
  std::unique_ptr<Client> client;
  const Terminator::Plain plain = Connect(client);
  const std::string data(3'000'000, 'x');
  size_t sent = 0;
  size_t received = 0;
  std::string echoed;
  // An echo: what came from the client goes back.
  char buffer[5000];
  std::string waiting;
  std::thread echo([&] {
    while (received < data.size() || !waiting.empty()) {
      const int events = (received < data.size() ? POLLIN : 0) |
                         (waiting.empty() ? 0 : POLLOUT);
      if (!WaitFor(plain.fd.get(), events)) return;
      const ssize_t count = read(plain.fd.get(), buffer, sizeof(buffer));
      if (count > 0) {
        waiting.append(buffer, static_cast<size_t>(count));
        received += static_cast<size_t>(count);
      }
      const ssize_t wrote =
          write(plain.fd.get(), waiting.data(), waiting.size());
      if (wrote > 0) waiting.erase(0, static_cast<size_t>(wrote));
    }
  });
  while (sent < data.size()) {
    const size_t part = std::min<size_t>(100'000, data.size() - sent);
    client->Send(absl::string_view(data).substr(sent, part));
    sent += part;
    echoed += client->Read(1);
  }
  echoed += client->Read(data.size() - echoed.size());
  echo.join();
  EXPECT_EQ(echoed, data);
}

TEST_F(TerminatorTest, APeerThatIsNoTlsClientIsRefused) {
  Start();
  Pair pair = MakePair();
  Add(std::move(pair.a));
  ASSERT_GT(write(pair.b.get(), "GET / HTTP/1.1\r\n\r\n", 18), 0);
  EXPECT_THAT(std::string(Next().status().message()),
              HasSubstr("TLS handshake"));
}

TEST_F(TerminatorTest, AClientWithoutACertificateIsRefused) {
  Start();
  const auto anonymous = ClientContext::Create({.ca_file = Path("ca.crt")});
  ASSERT_THAT(anonymous, IsOk());
  Pair pair = MakePair();
  Add(std::move(pair.a));
  Client client(**anonymous, std::move(pair.b));
  client.Handshake();
  EXPECT_THAT(std::string(Next().status().message()),
              HasSubstr("did not return a certificate"));
  EXPECT_EQ(client.Read(), "");
  EXPECT_EQ(client.end(), IoState::kFailed);
}

TEST_F(TerminatorTest, AHandshakeHasADeadline) {
  Start({.handshake_timeout = absl::Milliseconds(20)});
  Pair pair = MakePair();
  Add(std::move(pair.a));
  EXPECT_THAT(Next().status(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                        HasSubstr("not done within 20ms")));
  EXPECT_EQ(ReadFd(pair.b.get()), "");
}

TEST_F(TerminatorTest, HandshakesThatNeverEndGiveWayToNewOnes) {
  Start({.handshake_timeout = absl::InfiniteDuration(), .max_handshakes = 2});
  Pair first = MakePair();
  Pair second = MakePair();
  Add(std::move(first.a));
  Add(std::move(second.a));
  std::unique_ptr<Client> client;
  Pair third = MakePair();
  Add(std::move(third.a));
  EXPECT_THAT(Next().status(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ReadFd(first.b.get()), "");
  Client other(*client_, std::move(third.b));
  EXPECT_EQ(other.Handshake().state, IoState::kDone);
  EXPECT_THAT(Next(), IsOk());
}

TEST_F(TerminatorTest, APeerThatTakesNothingIsCutOff) {
  Start({.write_timeout = absl::Milliseconds(20)});
  std::unique_ptr<Client> client;
  const Terminator::Plain plain = Connect(client);
  const std::string data(100'000, 'x');
  while (WaitFor(plain.fd.get(), POLLOUT)) {
    if (send(plain.fd.get(), data.data(), data.size(), MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN) {
      break;
    }
  }
  EXPECT_EQ(errno, EPIPE);
  EXPECT_TRUE(plain.cut());
}

TEST_F(TerminatorTest, StopLetsWhatIsWrittenOutAndEndsTheRest) {
  Start();
  std::unique_ptr<Client> finished;
  std::unique_ptr<Client> idle;
  Terminator::Plain plain = Connect(finished);
  const Terminator::Plain kept = Connect(idle);
  Pair shaking = MakePair();
  Add(std::move(shaking.a));
  ASSERT_EQ(write(plain.fd.get(), "bye", 3), 3);
  plain.fd.Reset();
  std::thread reader([&] {
    EXPECT_EQ(finished->Read(), "bye");
    EXPECT_EQ(finished->end(), IoState::kClosed);
    finished->Close();
  });
  terminator_->Stop(absl::Milliseconds(100));
  reader.join();
  EXPECT_THAT(Next().status(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(kept.cut());
  EXPECT_EQ(ReadFd(kept.fd.get()), "");
  Add(std::move(MakePair().a));
  EXPECT_THAT(Next().status(), StatusIs(absl::StatusCode::kCancelled));
  terminator_->Stop(absl::ZeroDuration());
}

TEST_F(TerminatorTest, BothEndsCanBeTerminators) {
  Start();
  Pair pair = MakePair();
  Add(std::move(pair.a));
  auto stream = client_->Connect(pair.b.get(), "server.example.org");
  ASSERT_THAT(stream, IsOk());
  terminator_->Add(std::move(pair.b), *std::move(stream),
                   [this](absl::StatusOr<Terminator::Plain> plain) {
                     absl::MutexLock lock(&mutex_);
                     done_.push_back(std::move(plain));
                   });
  const absl::StatusOr<Terminator::Plain> one = Next();
  const absl::StatusOr<Terminator::Plain> other = Next();
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(other, IsOk());
  ASSERT_EQ(write(one->fd.get(), "ping", 4), 4);
  EXPECT_EQ(ReadFd(other->fd.get(), 4), "ping");
}

}  // namespace
}  // namespace bergen::sslutils
