// SPDX-License-Identifier: Apache-2.0

#include "sslutils/options.h"

#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "config/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sslutils/test_certificates.h"
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

}  // namespace
}  // namespace bergen::sslutils
