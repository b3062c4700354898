// SPDX-License-Identifier: Apache-2.0

#include "wsgi/options.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::wsgi {
namespace {

TEST(OptionsTest, DefaultsAreThoseOfTheServer) {
  config::Registry registry;
  const absl::StatusOr<ServerOptions> options = ConfiguredOptions(registry);
  ASSERT_THAT(options, IsOk());
  const ServerOptions defaults;
  EXPECT_EQ(options->pool_size, defaults.pool_size);
  EXPECT_EQ(options->keep_alive, defaults.keep_alive);
  EXPECT_EQ(options->client_socket_timeout, defaults.client_socket_timeout);
  EXPECT_EQ(options->max_header_line, defaults.max_header_line);
  EXPECT_EQ(options->header_timeout, defaults.header_timeout);
  EXPECT_EQ(options->body_timeout, defaults.body_timeout);
  EXPECT_EQ(options->write_timeout, defaults.write_timeout);
  EXPECT_EQ(options->queue_timeout, defaults.queue_timeout);
  EXPECT_EQ(options->least_rate, defaults.least_rate);
  EXPECT_EQ(options->handshake_timeout, defaults.handshake_timeout);
  EXPECT_EQ(options->max_url_len, defaults.max_url_len);
  EXPECT_EQ(options->max_headers, defaults.max_headers);
  EXPECT_EQ(options->max_headers_size, defaults.max_headers_size);
  EXPECT_EQ(options->max_body_size, defaults.max_body_size);
  EXPECT_EQ(options->body_buffer, defaults.body_buffer);
  EXPECT_EQ(options->http2_limits.max_streams,
            defaults.http2_limits.max_streams);
  EXPECT_EQ(options->http2_limits.window, defaults.http2_limits.window);
  EXPECT_EQ(options->http2_limits.resets, defaults.http2_limits.resets);
  EXPECT_EQ(options->http2_limits.resets_per_second,
            defaults.http2_limits.resets_per_second);
  EXPECT_EQ(options->http2_limits.idle_frames,
            defaults.http2_limits.idle_frames);
  EXPECT_EQ(options->http2_limits.idle_frames_per_second,
            defaults.http2_limits.idle_frames_per_second);
  EXPECT_EQ(options->http2_limits.continuations,
            defaults.http2_limits.continuations);
  EXPECT_EQ(options->max_connections, defaults.max_connections);
  EXPECT_EQ(options->max_connections_per_address,
            defaults.max_connections_per_address);
  EXPECT_EQ(options->max_handshakes, defaults.max_handshakes);
  EXPECT_EQ(options->max_requests_per_connection,
            defaults.max_requests_per_connection);
  EXPECT_EQ(options->debug, defaults.debug);
  EXPECT_EQ(options->drain_grace, defaults.drain_grace);
  EXPECT_EQ(options->request_deadline, defaults.request_deadline);
  EXPECT_EQ(options->log_format, defaults.log_format);
  const absl::StatusOr<ListenerOptions> listener =
      ConfiguredListenerOptions(registry);
  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(listener->tcp_keepidle, ListenerOptions().tcp_keepidle);
  EXPECT_THAT(PasteConfig(registry),
              IsOkAndHolds(std::string("api-paste.ini")));
}

TEST(OptionsTest, ValuesReachTheServer) {
  config::Registry registry;
  ASSERT_THAT(RegisterOpts(registry), IsOk());
  const auto set = [&registry](absl::string_view name, auto value) {
    EXPECT_THAT(registry.SetOverride("DEFAULT", name, value), IsOk()) << name;
  };
  set("wsgi_default_pool_size", int64_t{7});
  set("wsgi_keep_alive", false);
  set("client_socket_timeout", int64_t{0});
  set("max_header_line", int64_t{100});
  set("wsgi_server_debug", true);
  set("wsgi_drain_grace", 0.5);
  set("wsgi_request_deadline", 2.5);
  set("wsgi_header_timeout", 1.5);
  set("wsgi_body_timeout", 2.0);
  set("wsgi_write_timeout", 0.0);
  set("wsgi_queue_timeout", 3.0);
  set("wsgi_least_rate", int64_t{9});
  set("wsgi_handshake_timeout", 4.0);
  set("wsgi_max_request_line", int64_t{101});
  set("wsgi_max_headers", int64_t{11});
  set("wsgi_max_headers_size", int64_t{102});
  set("wsgi_max_body_size", int64_t{103});
  set("wsgi_body_buffer", int64_t{107});
  set("wsgi_http2_max_streams", int64_t{201});
  set("wsgi_http2_window", int64_t{202});
  set("wsgi_http2_resets", int64_t{203});
  set("wsgi_http2_resets_per_second", int64_t{204});
  set("wsgi_http2_idle_frames", int64_t{205});
  set("wsgi_http2_idle_frames_per_second", int64_t{206});
  set("wsgi_http2_continuations", int64_t{207});
  set("wsgi_max_connections", int64_t{12});
  set("wsgi_max_connections_per_address", int64_t{13});
  set("wsgi_max_handshakes", int64_t{14});
  set("wsgi_max_requests_per_connection", int64_t{15});
  set("wsgi_http2", false);
  set("wsgi_log_format", std::string("%(client_ip)s"));
  set("tcp_keepidle", int64_t{5});
  set("api_paste_config", std::string("x.ini"));
  const absl::StatusOr<ServerOptions> options = ConfiguredOptions(registry);
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->pool_size, 7);
  EXPECT_FALSE(options->keep_alive);
  EXPECT_EQ(options->client_socket_timeout, absl::InfiniteDuration());
  EXPECT_EQ(options->max_header_line, 100u);
  EXPECT_EQ(options->header_timeout, absl::Milliseconds(1500));
  EXPECT_EQ(options->body_timeout, absl::Seconds(2));
  EXPECT_EQ(options->write_timeout, absl::InfiniteDuration());
  EXPECT_EQ(options->queue_timeout, absl::Seconds(3));
  EXPECT_EQ(options->least_rate, 9u);
  EXPECT_EQ(options->handshake_timeout, absl::Seconds(4));
  EXPECT_EQ(options->max_url_len, 101u);
  EXPECT_EQ(options->max_headers, 11);
  EXPECT_EQ(options->max_headers_size, 102u);
  EXPECT_EQ(options->max_body_size, 103u);
  EXPECT_EQ(options->body_buffer, 107u);
  EXPECT_EQ(options->http2_limits.max_streams, 201u);
  EXPECT_EQ(options->http2_limits.window, 202u);
  EXPECT_EQ(options->http2_limits.resets, 203u);
  EXPECT_EQ(options->http2_limits.resets_per_second, 204u);
  EXPECT_EQ(options->http2_limits.idle_frames, 205u);
  EXPECT_EQ(options->http2_limits.idle_frames_per_second, 206u);
  EXPECT_EQ(options->http2_limits.continuations, 207u);
  EXPECT_EQ(options->max_connections, 12);
  EXPECT_EQ(options->max_connections_per_address, 13);
  EXPECT_EQ(options->max_handshakes, 14);
  EXPECT_EQ(options->max_requests_per_connection, 15u);
  EXPECT_FALSE(options->http2);
  EXPECT_TRUE(options->debug);
  EXPECT_EQ(options->drain_grace, absl::Milliseconds(500));
  EXPECT_EQ(options->request_deadline, absl::Milliseconds(2500));
  EXPECT_EQ(options->log_format, "%(client_ip)s");
  const absl::StatusOr<ListenerOptions> listener =
      ConfiguredListenerOptions(registry);
  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(listener->tcp_keepidle, absl::Seconds(5));
  EXPECT_THAT(PasteConfig(registry), IsOkAndHolds(std::string("x.ini")));
}

TEST(OptionsTest, ValuesOutOfBoundsAreRefused) {
  config::Registry registry;
  ASSERT_THAT(RegisterOpts(registry), IsOk());
  for (const char* name :
       {"wsgi_default_pool_size", "client_socket_timeout", "max_header_line",
        "tcp_keepidle", "wsgi_max_request_line", "wsgi_max_headers",
        "wsgi_max_headers_size", "wsgi_max_body_size", "wsgi_body_buffer",
        "wsgi_max_connections", "wsgi_least_rate",
        "wsgi_max_connections_per_address", "wsgi_max_handshakes",
        "wsgi_max_requests_per_connection"}) {
    EXPECT_THAT(registry.SetOverride("DEFAULT", name, int64_t{-1}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
}

}  // namespace
}  // namespace bergen::wsgi
