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
  set("wsgi_log_format", std::string("%(client_ip)s"));
  set("tcp_keepidle", int64_t{5});
  set("api_paste_config", std::string("x.ini"));
  const absl::StatusOr<ServerOptions> options = ConfiguredOptions(registry);
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->pool_size, 7);
  EXPECT_FALSE(options->keep_alive);
  EXPECT_EQ(options->client_socket_timeout, absl::InfiniteDuration());
  EXPECT_EQ(options->max_header_line, 100u);
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
  for (const char* name : {"wsgi_default_pool_size", "client_socket_timeout",
                           "max_header_line", "tcp_keepidle"}) {
    EXPECT_THAT(registry.SetOverride("DEFAULT", name, int64_t{-1}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
}

}  // namespace
}  // namespace bergen::wsgi
