// SPDX-License-Identifier: Apache-2.0

#include "sslutils/server_context.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openssl/ssl.h"
#include "service/unique_fd.h"
#include "sslutils/client_context.h"
#include "sslutils/stream.h"
#include "sslutils/test_certificates.h"
#include "tests/support/status_matchers.h"

namespace bergen::sslutils {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ServerContextTest : public ::testing::Test {
 protected:
  ServerContextTest() {
    authority_.Issue("127.0.0.1", Path("server.crt"), Path("server.key"));
    authority_.Issue("alice", Path("client.crt"), Path("client.key"));
    authority_.WriteCertificate(Path("ca.crt"));

    int fds[2];
    EXPECT_EQ(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
    server_fd_.Reset(fds[0]);
    client_fd_.Reset(fds[1]);
    client_context_.reset(SSL_CTX_new(TLS_method()));
  }

  // Unique to the test, so that tests may run beside each other.
  std::string Path(const std::string& name) const {
    return absl::StrCat(
        ::testing::TempDir(), "/",
        ::testing::UnitTest::GetInstance()->current_test_info()->name(), ".",
        getpid(), ".", name);
  }

  ServerContextOptions Options() const {
    return {.cert_file = Path("server.crt"), .key_file = Path("server.key")};
  }

  void UseClientCertificate(SSL_CTX* client,
                            const std::string& name = "client") const {
    EXPECT_EQ(
        SSL_CTX_use_certificate_chain_file(client, Path(name + ".crt").c_str()),
        1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(client, Path(name + ".key").c_str(),
                                          SSL_FILETYPE_PEM),
              1);
  }

  // Runs both handshakes; returns the server's last result.
  IoResult Connect(const ServerContext& context) {
    client_.reset(SSL_new(client_context_.get()));
    SSL_set_fd(client_.get(), client_fd_.get());
    SSL_set_connect_state(client_.get());
    server_ = context.Accept(server_fd_.get());
    for (;;) {
      const bool client_done = SSL_do_handshake(client_.get()) == 1;
      const IoResult result = server_->Handshake();
      if (result.state == IoState::kFailed) return result;
      if (client_done && result.state == IoState::kDone) return result;
    }
  }

  TestAuthority authority_;
  UniqueFd server_fd_;
  UniqueFd client_fd_;
  bssl::UniquePtr<SSL_CTX> client_context_;
  bssl::UniquePtr<SSL> client_;
  std::unique_ptr<Stream> server_;
};

TEST_F(ServerContextTest, CarriesBytesBothWaysAndClosesInOrder) {
  const auto context = ServerContext::Create(Options());
  ASSERT_THAT(context, IsOk());
  ASSERT_EQ(Connect(**context).state, IoState::kDone);
  EXPECT_EQ(server_->version(), "TLSv1.3");
  EXPECT_FALSE(server_->peer_certificate().has_value());

  char buffer[64];
  EXPECT_EQ(server_->Read(buffer, sizeof(buffer)).state, IoState::kWantRead);
  ASSERT_EQ(SSL_write(client_.get(), "ping", 4), 4);
  IoResult read = server_->Read(buffer, 2);
  ASSERT_EQ(read.state, IoState::kDone);
  EXPECT_EQ(std::string(buffer, read.bytes), "pi");
  EXPECT_TRUE(server_->HasPending());
  read = server_->Read(buffer, sizeof(buffer));
  EXPECT_EQ(std::string(buffer, read.bytes), "ng");
  EXPECT_FALSE(server_->HasPending());

  EXPECT_EQ(server_->Write("pong").bytes, 4u);
  ASSERT_EQ(SSL_read(client_.get(), buffer, sizeof(buffer)), 4);
  EXPECT_EQ(std::string(buffer, 4), "pong");

  SSL_shutdown(client_.get());
  EXPECT_EQ(server_->Read(buffer, sizeof(buffer)).state, IoState::kClosed);
  EXPECT_EQ(server_->Shutdown().state, IoState::kDone);
}

TEST_F(ServerContextTest, WritesInPartsWhenThePeerReadsSlowly) {
  const auto context = ServerContext::Create(Options());
  ASSERT_THAT(context, IsOk());
  ASSERT_EQ(Connect(**context).state, IoState::kDone);

  const std::string data(8 << 20, 'x');
  size_t sent = 0;
  size_t received = 0;
  char buffer[16384];
  while (received < data.size()) {
    if (sent < data.size()) {
      const IoResult result =
          server_->Write(absl::string_view(data).substr(sent));
      ASSERT_NE(result.state, IoState::kFailed) << result.error;
      sent += result.bytes;
    }
    const int read = SSL_read(client_.get(), buffer, sizeof(buffer));
    if (read > 0) received += static_cast<size_t>(read);
  }
  EXPECT_EQ(sent, data.size());
}

TEST_F(ServerContextTest, ACutConnectionIsAnErrorNotAnEnd) {
  const auto context = ServerContext::Create(Options());
  ASSERT_THAT(context, IsOk());
  ASSERT_EQ(Connect(**context).state, IoState::kDone);
  client_fd_.Reset();
  char buffer[16];
  const IoResult result = server_->Read(buffer, sizeof(buffer));
  EXPECT_EQ(result.state, IoState::kFailed);
  EXPECT_THAT(result.error, StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ServerContextTest, APlainTextClientFailsTheHandshakeWithAReason) {
  const auto context = ServerContext::Create(Options());
  ASSERT_THAT(context, IsOk());
  ASSERT_EQ(write(client_fd_.get(), "GET / HTTP/1.1\r\n\r\n", 18), 18);
  const std::unique_ptr<Stream> stream = (*context)->Accept(server_fd_.get());
  const IoResult result = stream->Handshake();
  EXPECT_EQ(result.state, IoState::kFailed);
  EXPECT_THAT(result.error, StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("http request")));
}

TEST_F(ServerContextTest, WithAnAuthorityAClientNeedsACertificate) {
  ServerContextOptions options = Options();
  options.ca_file = Path("ca.crt");
  const auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  const IoResult result = Connect(**context);
  EXPECT_EQ(result.state, IoState::kFailed);
  EXPECT_THAT(result.error, StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("certificate")));
}

TEST_F(ServerContextTest, AClientOfTheAuthorityIsKnownByItsCertificate) {
  authority_.Issue("alice", Path("client.crt"), Path("client.key"),
                   {"a.example", "URI:spiffe://example/alice", "IP:192.0.2.7",
                    "email:alice@example", "b.example",
                    // Would look like another name when cut or printed.
                    std::string("admin\0.example", 14), "x\nDNS:admin"});
  ServerContextOptions options = Options();
  options.ca_file = Path("ca.crt");
  const auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  UseClientCertificate(client_context_.get());
  ASSERT_EQ(Connect(**context).state, IoState::kDone);
  const std::optional<PeerCertificate> peer = server_->peer_certificate();
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->subject, "CN=alice");
  EXPECT_EQ(peer->common_name, "alice");
  EXPECT_EQ(peer->issuer, "CN=test authority");
  EXPECT_THAT(peer->serial, MatchesRegex("[0-9A-F]+"));
  EXPECT_LT(peer->not_before, absl::Now());
  EXPECT_GT(peer->not_after, absl::Now());
  EXPECT_THAT(peer->dns_names, ElementsAre("a.example", "b.example"));
  EXPECT_THAT(peer->uris, ElementsAre("spiffe://example/alice"));
  EXPECT_THAT(peer->ip_addresses, ElementsAre("192.0.2.7"));
  EXPECT_THAT(peer->emails, ElementsAre("alice@example"));
}

TEST_F(ServerContextTest, VersionPinsOneProtocol) {
  ServerContextOptions options = Options();
  options.version = "TLSv1_2";
  const auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  ASSERT_EQ(Connect(**context).state, IoState::kDone);
  EXPECT_EQ(server_->version(), "TLSv1.2");
}

TEST_F(ServerContextTest, OldProtocolsAreRefusedByDefault) {
  SSL_CTX_set_max_proto_version(client_context_.get(), TLS1_1_VERSION);
  const auto context = ServerContext::Create(Options());
  ASSERT_THAT(context, IsOk());
  EXPECT_EQ(Connect(**context).state, IoState::kFailed);
}

TEST_F(ServerContextTest, AlpnPrefersOursAndToleratesStrangers) {
  ServerContextOptions options = Options();
  options.alpn = {"h2", "http/1.1"};
  auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  const uint8_t offer[] = "\x08http/1.1\x02h2";
  SSL_CTX_set_alpn_protos(client_context_.get(), offer, sizeof(offer) - 1);
  // A stream outlives the last other owner of its context.
  client_.reset(SSL_new(client_context_.get()));
  ASSERT_EQ(Connect(**context).state, IoState::kDone);
  EXPECT_EQ(server_->alpn(), "h2");
}

TEST_F(ServerContextTest, AStreamKeepsItsContext) {
  ServerContextOptions options = Options();
  options.alpn = {"h2"};
  auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  const uint8_t offer[] = "\x02h2";
  SSL_CTX_set_alpn_protos(client_context_.get(), offer, sizeof(offer) - 1);
  client_.reset(SSL_new(client_context_.get()));
  SSL_set_fd(client_.get(), client_fd_.get());
  SSL_set_connect_state(client_.get());
  server_ = (*context)->Accept(server_fd_.get());
  context->reset();
  bool client_done = false;
  bool server_done = false;
  while (!client_done || !server_done) {
    client_done = SSL_do_handshake(client_.get()) == 1;
    const IoResult result = server_->Handshake();
    ASSERT_NE(result.state, IoState::kFailed) << result.error;
    server_done = result.state == IoState::kDone;
  }
  EXPECT_EQ(server_->alpn(), "h2");
}

TEST_F(ServerContextTest, BadOptionsAreErrorsThatNameThem) {
  EXPECT_THAT(ServerContext::Create({}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("both are needed")));
  ServerContextOptions options = Options();
  options.key_file = Path("missing.key");
  EXPECT_THAT(ServerContext::Create(options),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("key_file"), HasSubstr("missing.key"))));
  options.key_file = Path("client.key");
  EXPECT_THAT(ServerContext::Create(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("key_file"), HasSubstr("match"))));
  options = Options();
  options.cert_file = Path("server.key");
  EXPECT_THAT(ServerContext::Create(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("holds no PEM certificate")));
  options = Options();
  std::ofstream(Path("broken.crt"))
      << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  options.cert_file = Path("broken.crt");
  EXPECT_THAT(
      ServerContext::Create(options),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("broken.crt")));
  options = Options();
  options.version = "sslv3";
  EXPECT_THAT(ServerContext::Create(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("version"), HasSubstr("\"sslv3\""))));
  options = Options();
  options.ciphers = "NO-SUCH-CIPHER";
  EXPECT_THAT(ServerContext::Create(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("NO-SUCH-CIPHER")));
  options = Options();
  options.ca_file = Path("missing.crt");
  EXPECT_THAT(ServerContext::Create(options),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ca_file")));
}

// One client after another against `context`; they share tickets.
class Visits {
 public:
  explicit Visits(SSL_CTX* client) : client_(client) {
    SSL_CTX_set_session_cache_mode(client_, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_set_app_data(client_, this);
    SSL_CTX_sess_set_new_cb(client_, [](SSL* ssl, SSL_SESSION* session) {
      auto* self =
          static_cast<Visits*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      self->session_.reset(session);
      return 1;
    });
  }

  // Handshake and one byte each way. The server's stream, or null.
  std::unique_ptr<Stream> Visit(const ServerContext& context,
                                const char* host = nullptr) {
    int fds[2];
    EXPECT_EQ(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
    server_fd_.Reset(fds[0]);
    client_fd_.Reset(fds[1]);
    ssl_.reset(SSL_new(client_));
    SSL_set_fd(ssl_.get(), client_fd_.get());
    SSL_set_connect_state(ssl_.get());
    if (host != nullptr) SSL_set_tlsext_host_name(ssl_.get(), host);
    if (session_ != nullptr) SSL_set_session(ssl_.get(), session_.get());
    std::unique_ptr<Stream> server = context.Accept(server_fd_.get());
    for (;;) {
      const bool client_done = SSL_do_handshake(ssl_.get()) == 1;
      const IoResult result = server->Handshake();
      if (result.state == IoState::kFailed) return nullptr;
      if (client_done && result.state == IoState::kDone) break;
    }
    char byte;
    EXPECT_EQ(server->Write("x").bytes, 1u);
    EXPECT_EQ(SSL_read(ssl_.get(), &byte, 1), 1);
    return server;
  }

  SSL* ssl() { return ssl_.get(); }

 private:
  SSL_CTX* client_;
  UniqueFd server_fd_;
  UniqueFd client_fd_;
  bssl::UniquePtr<SSL> ssl_;
  bssl::UniquePtr<SSL_SESSION> session_;
};

std::string ServerSubject(SSL* client) {
  const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(client));
  char text[256];
  X509_NAME_oneline(X509_get_subject_name(certificate.get()), text,
                    sizeof(text));
  return text;
}

TEST_F(ServerContextTest, HostNameChoosesTheCertificate) {
  authority_.Issue("a", Path("a.crt"), Path("a.key"),
                   {"a.example", "b.example"});
  authority_.Issue("wild", Path("w.crt"), Path("w.key"), {"*.wild.example"});
  ServerContextOptions options = Options();
  options.further_certificates = {{Path("a.crt"), Path("a.key")},
                                  {Path("w.crt"), Path("w.key")}};
  const auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  const std::pair<const char*, const char*> expected[] = {
      {nullptr, "/CN=127.0.0.1"},
      {"other", "/CN=127.0.0.1"},
      {"B.example", "/CN=a"},
      {"x.wild.example", "/CN=wild"},
      {"x.y.wild.example", "/CN=127.0.0.1"},
  };
  for (const auto& [host, subject] : expected) {
    bssl::UniquePtr<SSL_CTX> client(SSL_CTX_new(TLS_method()));
    Visits visits(client.get());
    const auto stream = visits.Visit(**context, host);
    ASSERT_NE(stream, nullptr);
    EXPECT_EQ(ServerSubject(visits.ssl()), subject);
    EXPECT_EQ(stream->server_name(), host == nullptr ? "" : host);
  }
}

TEST_F(ServerContextTest, SessionsResumeAtEveryContextWithTheSameKeys) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    bssl::UniquePtr<SSL_CTX> client(SSL_CTX_new(TLS_method()));
    SSL_CTX_set_max_proto_version(client.get(), version);
    Visits visits(client.get());
    const auto keys = TicketKeys::Create({});
    ASSERT_THAT(keys, IsOk());
    ServerContextOptions options = Options();
    options.ticket_keys = *keys;
    const auto one = ServerContext::Create(options);
    const auto two = ServerContext::Create(options);
    const auto stranger = ServerContext::Create(Options());
    ASSERT_THAT(one, IsOk());
    ASSERT_THAT(two, IsOk());
    ASSERT_THAT(stranger, IsOk());
    EXPECT_FALSE(visits.Visit(**one)->resumed());
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(visits.Visit(i % 2 == 0 ? **two : **one)->resumed()) << i;
    }
    EXPECT_FALSE(visits.Visit(**stranger)->resumed());
  }
}

TEST_F(ServerContextTest, AResumedSessionStillKnowsItsClient) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ServerContextOptions options = Options();
    options.ca_file = Path("ca.crt");
    const auto context = ServerContext::Create(options);
    ASSERT_THAT(context, IsOk());
    bssl::UniquePtr<SSL_CTX> client(SSL_CTX_new(TLS_method()));
    SSL_CTX_set_max_proto_version(client.get(), version);
    UseClientCertificate(client.get());
    Visits visits(client.get());
    for (const bool resumed : {false, true, true}) {
      const auto stream = visits.Visit(**context);
      ASSERT_NE(stream, nullptr);
      EXPECT_EQ(stream->resumed(), resumed);
      ASSERT_TRUE(stream->peer_certificate().has_value());
      EXPECT_EQ(stream->peer_certificate()->subject, "CN=alice");
    }
  }
}

TEST_F(ServerContextTest, FiftySwapsFailNoHandshakeAndABadPairChangesNothing) {
  const auto context = ServerContext::Create(Options());
  ASSERT_THAT(context, IsOk());
  EXPECT_EQ((*context)->ReloadIfChanged(), std::nullopt);
  bssl::UniquePtr<SSL_CTX> client(SSL_CTX_new(TLS_method()));
  Visits visits(client.get());
  for (int swap = 0; swap < 50; ++swap) {
    const std::string name = absl::StrCat("swap", swap);
    authority_.Issue(name, Path("new.crt"), Path("new.key"));
    ASSERT_EQ(rename(Path("new.crt").c_str(), Path("server.crt").c_str()), 0);
    // Between the two the pair does not match.
    const auto half = (*context)->ReloadIfChanged();
    ASSERT_TRUE(half.has_value());
    EXPECT_THAT(*half, StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("does not match")));
    EXPECT_EQ((*context)->ReloadIfChanged(), std::nullopt);
    ASSERT_NE(visits.Visit(**context), nullptr);
    ASSERT_EQ(rename(Path("new.key").c_str(), Path("server.key").c_str()), 0);
    const auto whole = (*context)->ReloadIfChanged();
    ASSERT_TRUE(whole.has_value());
    EXPECT_THAT(*whole, IsOk());
    bssl::UniquePtr<SSL_CTX> fresh(SSL_CTX_new(TLS_method()));
    Visits first_visit(fresh.get());
    ASSERT_NE(first_visit.Visit(**context), nullptr);
    EXPECT_EQ(ServerSubject(first_visit.ssl()), absl::StrCat("/CN=", name));
  }
}

TEST_F(ServerContextTest, AnExpiredCertificateIsNotReloadedButStarts) {
  const auto context = ServerContext::Create(Options());
  ASSERT_THAT(context, IsOk());
  EXPECT_GT((*context)->expires(), absl::Now());
  authority_.Issue("old", Path("server.crt"), Path("server.key"), {}, -60);
  EXPECT_THAT((*context)->Reload(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("which is not now")));
  EXPECT_GT((*context)->expires(), absl::Now());
  const auto restarted = ServerContext::Create(Options());
  ASSERT_THAT(restarted, IsOk());
  EXPECT_LT((*restarted)->expires(), absl::Now());
}

TEST_F(ServerContextTest, ABrokenChainIsNamed) {
  std::ofstream(Path("server.crt"), std::ios::app)
      << std::ifstream(Path("client.crt")).rdbuf();
  EXPECT_THAT(ServerContext::Create(Options()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("chain is broken")));
}

TEST_F(ServerContextTest, ARevokedClientIsRefusedAlsoWithASession) {
  authority_.Issue("bob", Path("bob.crt"), Path("bob.key"));
  ServerContextOptions options = Options();
  options.ca_file = Path("ca.crt");
  options.crl_file = Path("revoked.crl");
  authority_.Revoke(Path("server.crt"), Path("revoked.crl"));
  const auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  bssl::UniquePtr<SSL_CTX> client(SSL_CTX_new(TLS_method()));
  UseClientCertificate(client.get(), "bob");
  Visits visits(client.get());
  const auto stream = visits.Visit(**context);
  ASSERT_NE(stream, nullptr);
  ASSERT_TRUE(stream->peer_certificate().has_value());
  authority_.Revoke(Path("bob.crt"), Path("revoked.crl"));
  ASSERT_THAT((*context)->Reload(), IsOk());
  EXPECT_EQ(visits.Visit(**context), nullptr);
}

TEST_F(ServerContextTest, RangesOfVersionsAndGroups) {
  ServerContextOptions options = Options();
  options.min_version = "tlsv1_3";
  auto context = ServerContext::Create(options);
  ASSERT_THAT(context, IsOk());
  SSL_CTX_set_max_proto_version(client_context_.get(), TLS1_2_VERSION);
  EXPECT_EQ(Connect(**context).state, IoState::kFailed);
  options = Options();
  options.curves = "P-384";
  EXPECT_THAT(ServerContext::Create(options), IsOk());
  options.curves = "P-1";
  EXPECT_THAT(ServerContext::Create(options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("P-1")));
  options = Options();
  options.max_version = "tlsv1_1";
  EXPECT_THAT(
      ServerContext::Create(options),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("min_version")));
}

TEST_F(ServerContextTest, OurClientChecksTheHost) {
  const auto context = ServerContext::Create(Options());
  const auto client = ClientContext::Create({.ca_file = Path("ca.crt")});
  ASSERT_THAT(context, IsOk());
  ASSERT_THAT(client, IsOk());
  EXPECT_FALSE((*client)->Connect(client_fd_.get(), "").ok());
  auto stream = (*client)->Connect(client_fd_.get(), "other.example");
  ASSERT_THAT(stream, IsOk());
  server_ = (*context)->Accept(server_fd_.get());
  IoResult result;
  do {
    server_->Handshake();
    result = (*stream)->Handshake();
  } while (result.state == IoState::kWantRead);
  EXPECT_EQ(result.state, IoState::kFailed);
  EXPECT_THAT(result.error.message(), HasSubstr("certificate verify failed"));
}

}  // namespace
}  // namespace bergen::sslutils
