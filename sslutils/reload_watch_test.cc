// SPDX-License-Identifier: Apache-2.0

#include "sslutils/reload_watch.h"

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "sslutils/server_context.h"
#include "sslutils/stream.h"

namespace bergen::sslutils {
namespace {

using ::testing::HasSubstr;

// A context whose files are whatever the test says.
class FakeContext : public ServerContext {
 public:
  std::unique_ptr<Stream> Accept(int) const override { return nullptr; }
  absl::Status Reload() override { return absl::OkStatus(); }
  std::optional<absl::Status> ReloadIfChanged() override {
    ++looks;
    return std::exchange(next, std::nullopt);
  }
  bool requires_client_certificate() const override { return false; }
  absl::Time expires() const override { return expiry; }

  int looks = 0;
  std::optional<absl::Status> next;
  absl::Time expiry = absl::InfiniteFuture();
};

class ReloadWatchTest : public ::testing::Test {
 protected:
  ReloadWatchTest()
      : log_("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)),
        watch_(context_, "http", log_) {
    log_.set_pattern("%l %v");
  }

  std::ostringstream text_;
  spdlog::logger log_;
  FakeContext context_;
  ReloadWatch watch_;
};

TEST_F(ReloadWatchTest, LooksOnceASecond) {
  for (const int milliseconds : {0, 1, 999, 1000, 1999, 2500}) {
    EXPECT_FALSE(watch_.Look(absl::Milliseconds(milliseconds)));
  }
  EXPECT_EQ(context_.looks, 3);
  EXPECT_EQ(text_.str(), "");
}

TEST_F(ReloadWatchTest, TellsOfChangedFilesGoodAndBad) {
  context_.next = absl::OkStatus();
  EXPECT_TRUE(watch_.Look(absl::Seconds(1)));
  context_.next = absl::InvalidArgumentError("no PEM");
  EXPECT_FALSE(watch_.Look(absl::Seconds(2)));
  EXPECT_EQ(text_.str(),
            "info http: took over changed TLS files\n"
            "error http: changed TLS files are not used: "
            "INVALID_ARGUMENT: no PEM\n");
}

TEST_F(ReloadWatchTest, WarnsOfACertificateThatExpiresSoonOnce) {
  context_.expiry = absl::Now() + absl::Hours(24 * 13);
  watch_.WarnOfExpiry(absl::Now());
  watch_.Look(absl::Seconds(1));
  const std::string text = text_.str();
  EXPECT_THAT(text, HasSubstr("warning http: a certificate expires"));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

}  // namespace
}  // namespace bergen::sslutils
