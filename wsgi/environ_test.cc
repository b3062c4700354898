// SPDX-License-Identifier: Apache-2.0

#include "wsgi/environ.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"
#include "wsgi/http1.h"
#include "wsgi/request.h"
#include "wsgi/tls_info.h"

namespace bergen::wsgi {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Optional;
using ::testing::Pair;

class FakeInput : public Input {
 public:
  explicit FakeInput(std::string text) : text_(std::move(text)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    // In small parts, so that `ReadAll` has to ask again.
    size = std::min({size, text_.size(), size_t{3}});
    memcpy(buffer, text_.data(), size);
    text_.erase(0, size);
    return size;
  }

 private:
  std::string text_;
};

class EnvironTest : public ::testing::Test {
 protected:
  Environ& Parse(const std::string& head) {
    request_.head = head;
    EXPECT_FALSE(ParseHead(request_).has_value());
    environ_ = std::make_unique<Environ>(request_, connection_, input_, log_);
    return *environ_;
  }

  static std::map<std::string, std::string> All(const Environ& environ) {
    std::map<std::string, std::string> all;
    environ.ForEach([&all](absl::string_view key, absl::string_view value) {
      EXPECT_TRUE(all.emplace(key, value).second) << key << " comes twice";
    });
    return all;
  }

  Request request_;
  ConnectionInfo connection_ = {.server_name = "127.0.0.1",
                                .server_port = "80",
                                .remote_addr = "10.0.0.1",
                                .remote_port = "5000"};
  FakeInput input_{"hello"};
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
  std::unique_ptr<Environ> environ_;
};

TEST_F(EnvironTest, SaysWhatThePepAsksFor) {
  const Environ& environ = Parse(
      "POST //a%20b?q=1 HTTP/1.1\r\nHost: h\r\nContent-Type: text/x\r\n"
      "Content-Length: 5\r\nX-One: 1\r\nx-one: 2\r\nX_Two: 3\r\n\r\n");
  const std::map<std::string, std::string> expected = {
      {"REQUEST_METHOD", "POST"},    {"SCRIPT_NAME", ""},
      {"PATH_INFO", "/a b"},         {"RAW_PATH_INFO", "//a%20b"},
      {"QUERY_STRING", "q=1"},       {"CONTENT_TYPE", "text/x"},
      {"CONTENT_LENGTH", "5"},       {"SERVER_NAME", "127.0.0.1"},
      {"SERVER_PORT", "80"},         {"REMOTE_ADDR", "10.0.0.1"},
      {"REMOTE_PORT", "5000"},       {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"SERVER_SOFTWARE", "bergen"}, {"GATEWAY_INTERFACE", "CGI/1.1"},
      {"wsgi.version", "(1, 0)"},    {"wsgi.url_scheme", "http"},
      {"wsgi.multithread", "true"},  {"wsgi.multiprocess", "false"},
      {"wsgi.run_once", "false"},    {"HTTP_HOST", "h"},
      {"HTTP_X_ONE", "1,2"},
  };
  EXPECT_EQ(All(environ), expected);
  for (const auto& [key, value] : expected) {
    EXPECT_THAT(environ.Get(key), Optional(absl::string_view(value))) << key;
  }
  EXPECT_EQ(environ.path_info(), "/a b");
  EXPECT_EQ(environ.content_length(), 5u);
  EXPECT_THAT(environ.Header("x-ONE"), Optional(absl::string_view("1,2")));
}

TEST_F(EnvironTest, LeavesOutWhatIsNotThere) {
  const Environ& environ = Parse("GET / HTTP/1.0\r\n\r\n");
  for (const char* key : {"QUERY_STRING", "CONTENT_LENGTH", "HTTPS",
                          "HTTP_HOST", "HTTP_CONTENT_LENGTH", "nonsense"}) {
    EXPECT_FALSE(environ.Get(key).has_value()) << key;
    EXPECT_THAT(All(environ), Not(Contains(Key(key))));
  }
  EXPECT_EQ(environ.query_string(), "");
  EXPECT_EQ(environ.content_type(), "text/plain");
  EXPECT_EQ(environ.content_length(), std::nullopt);
  EXPECT_EQ(environ.server_protocol(), "HTTP/1.0");
}

TEST_F(EnvironTest, QueryMayBeThereAndEmpty) {
  EXPECT_THAT(Parse("GET /? HTTP/1.0\r\n\r\n").Get("QUERY_STRING"),
              Optional(absl::string_view("")));
}

TEST_F(EnvironTest, TlsShows) {
  connection_.https = true;
  const Environ& environ = Parse("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(environ.url_scheme(), "https");
  EXPECT_THAT(All(environ), Contains(Pair("HTTPS", "on")));
}

TEST_F(EnvironTest, TlsWithoutClientCertificateSaysSo) {
  connection_.tls = std::make_shared<TlsInfo>(
      TlsInfo{.protocol = "TLSv1.3", .cipher = "AES"});
  const Environ& environ = Parse(
      "GET / HTTP/1.1\r\nHost: h\r\nSSL-Client-S-DN: CN=admin\r\n"
      "SSL_CLIENT_VERIFY: SUCCESS\r\n\r\n");
  const std::map<std::string, std::string> all = All(environ);
  EXPECT_THAT(all, Contains(Pair("SSL_PROTOCOL", "TLSv1.3")));
  EXPECT_THAT(all, Contains(Pair("SSL_CIPHER", "AES")));
  EXPECT_THAT(all, Contains(Pair("SSL_SESSION_RESUMED", "Initial")));
  EXPECT_THAT(all, Contains(Pair("SSL_CLIENT_VERIFY", "NONE")));
  for (const char* key :
       {"SSL_CLIENT_S_DN", "SSL_TLS_SNI", "SSL_SERVER_NAME", "SSL_"}) {
    EXPECT_THAT(all, Not(Contains(Key(key))));
    EXPECT_FALSE(environ.Get(key).has_value()) << key;
  }
  EXPECT_FALSE(environ.tls()->client.has_value());
}

TEST_F(EnvironTest, AClientCertificateShowsAsInModSsl) {
  connection_.tls = std::make_shared<TlsInfo>(
      TlsInfo{.server_name = "api.example",
              .resumed = true,
              .client = {{.subject = "CN=alice,O=Example",
                          .issuer = "CN=ca",
                          .common_name = "alice",
                          .serial = "0A",
                          .dns_names = {"a.example", "b.example"},
                          .ip_addresses = {"192.0.2.1"},
                          .uris = {"spiffe://example/alice"},
                          .emails = {"alice@example"}}}});
  const Environ& environ = Parse("GET / HTTP/1.0\r\n\r\n");
  const std::map<std::string, std::string> expected = {
      {"SSL_SESSION_RESUMED", "Resumed"},
      {"SSL_TLS_SNI", "api.example"},
      {"SSL_SERVER_NAME", "api.example"},
      {"SSL_CLIENT_VERIFY", "SUCCESS"},
      {"SSL_CLIENT_S_DN", "CN=alice,O=Example"},
      {"SSL_CLIENT_S_DN_CN", "alice"},
      {"SSL_CLIENT_I_DN", "CN=ca"},
      {"SSL_CLIENT_M_SERIAL", "0A"},
      {"SSL_CLIENT_SAN_DNS_0", "a.example"},
      {"SSL_CLIENT_SAN_DNS_1", "b.example"},
      {"SSL_CLIENT_SAN_IP_0", "192.0.2.1"},
      {"SSL_CLIENT_SAN_URI_0", "spiffe://example/alice"},
      {"SSL_CLIENT_SAN_Email_0", "alice@example"},
  };
  std::map<std::string, std::string> shown;
  for (const auto& [key, value] : All(environ)) {
    if (absl::StartsWith(key, "SSL_")) shown.emplace(key, value);
  }
  EXPECT_EQ(shown, expected);
  for (const auto& [key, value] : expected) {
    EXPECT_THAT(environ.Get(key), Optional(absl::string_view(value))) << key;
  }
  EXPECT_FALSE(environ.Get("SSL_CLIENT_SAN_DNS_2").has_value());
}

TEST_F(EnvironTest, WhatIsSetReplacesWhatWas) {
  Environ& environ = Parse("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  environ.Set("REQUEST_METHOD", "PUT");
  environ.Set("HTTP_HOST", "other");
  environ.Set("mine", "1");
  environ.Set("mine", "2");
  EXPECT_EQ(environ.request_method(), "PUT");
  EXPECT_THAT(environ.Get("HTTP_HOST"), Optional(absl::string_view("other")));
  EXPECT_THAT(All(environ), Contains(Pair("mine", "2")));
  EXPECT_THAT(All(environ), Contains(Pair("REQUEST_METHOD", "PUT")));
  EXPECT_THAT(All(environ), Contains(Pair("HTTP_HOST", "other")));
}

TEST_F(EnvironTest, PathMovesToTheScriptName) {
  Environ& environ = Parse("GET /a/b/c HTTP/1.0\r\n\r\n");
  environ.ShiftPath(2);
  EXPECT_EQ(environ.script_name(), "/a");
  EXPECT_EQ(environ.path_info(), "/b/c");
  environ.ShiftPath(2);
  EXPECT_EQ(environ.script_name(), "/a/b");
  EXPECT_EQ(environ.path_info(), "/c");
  environ.Set("PATH_INFO", "/x/y");
  environ.ShiftPath(2);
  EXPECT_EQ(environ.script_name(), "/a/b/x");
  EXPECT_EQ(environ.path_info(), "/y");
}

TEST_F(EnvironTest, ReadAllStopsAtItsLimit) {
  FakeInput five("hello");
  EXPECT_THAT(ReadAll(five, 5), IsOkAndHolds(std::string("hello")));
  FakeInput six("hello!");
  EXPECT_THAT(ReadAll(six, 5), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bergen::wsgi
