// SPDX-License-Identifier: Apache-2.0

#include "sslutils/options.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "config/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/unique_fd.h"
#include "sslutils/test_certificates.h"
#include "sslutils/ticket_keys.h"
#include "tests/support/status_matchers.h"

namespace bergen::sslutils {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    authority_.Issue("127.0.0.1", Path("s.crt"), Path("s.key"));
    EXPECT_THAT(RegisterOpts(registry_), IsOk());
  }

  static std::string Path(const std::string& name) {
    return absl::StrCat(::testing::TempDir(), "/options.", getpid(), ".", name);
  }

  void Set(const std::string& option, const std::string& value) {
    EXPECT_THAT(registry_.SetOverride("ssl", option, value), IsOk());
  }

  TestAuthority authority_;
  config::Registry registry_;
};

TEST_F(OptionsTest, NothingSetMeansDisabled) {
  EXPECT_THAT(IsEnabled(registry_), IsOkAndHolds(false));
}

TEST_F(OptionsTest, CertificateAndKeyMeanEnabled) {
  Set("cert_file", Path("s.crt"));
  Set("key_file", Path("s.key"));
  EXPECT_THAT(IsEnabled(registry_), IsOkAndHolds(true));
  EXPECT_THAT(Wrap(registry_, {"http/1.1"}), IsOk());
}

TEST_F(OptionsTest, OneOfTheTwoIsAnError) {
  Set("cert_file", Path("s.crt"));
  EXPECT_THAT(IsEnabled(registry_), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("key_file is not set")));
}

TEST_F(OptionsTest, AMissingFileIsNamedWithItsOption) {
  for (const char* option : {"cert_file", "ca_file", "key_file"}) {
    config::Registry registry;
    ASSERT_THAT(RegisterOpts(registry), IsOk());
    ASSERT_THAT(registry.SetOverride("ssl", option, Path("missing")), IsOk());
    EXPECT_THAT(IsEnabled(registry),
                StatusIs(absl::StatusCode::kNotFound,
                         AllOf(HasSubstr(option), HasSubstr("missing"))));
  }
}

TEST_F(OptionsTest, TicketKeysOfTheGenerationBeforeAreUsed) {
  const auto old = ConfiguredTicketKeys(registry_);
  ASSERT_THAT(old, IsOk());
  const absl::Time now = absl::Now();
  const auto next = ConfiguredTicketKeys(
      registry_, UniqueFd(fcntl((*old)->fd(), F_DUPFD_CLOEXEC, 0)));
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ((*next)->Current(now).mac, (*old)->Current(now).mac);
  EXPECT_NE(ftruncate((*next)->fd(), 0), 0);
  // A file has precedence.
  Set("session_ticket_key_file", Path("keys"));
  const auto of_file = ConfiguredTicketKeys(
      registry_, UniqueFd(fcntl((*old)->fd(), F_DUPFD_CLOEXEC, 0)));
  ASSERT_THAT(of_file, IsOk());
  EXPECT_NE((*of_file)->Current(now).mac, (*old)->Current(now).mac);
}

TEST_F(OptionsTest, TicketKeysThatCannotBeReadAreReplaced) {
  UniqueFd garbage(memfd_create("garbage", MFD_CLOEXEC));
  ASSERT_EQ(write(garbage.get(), "garbage", 7), 7);
  const auto keys = ConfiguredTicketKeys(registry_, std::move(garbage));
  ASSERT_THAT(keys, IsOk());
  const TicketKey key = (*keys)->Current(absl::Now());
  EXPECT_TRUE((*keys)
                  ->Find(absl::string_view(
                             reinterpret_cast<const char*>(key.name.data()),
                             key.name.size()),
                         absl::Now())
                  .has_value());
}

}  // namespace
}  // namespace bergen::sslutils
