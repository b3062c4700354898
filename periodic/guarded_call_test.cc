// SPDX-License-Identifier: Apache-2.0

#include "periodic/guarded_call.h"

#include <stdexcept>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::HasSubstr;

TEST(CallGuardedTest, ReturnsWhatTheCallReturns) {
  EXPECT_THAT(CallGuarded([] { return absl::OkStatus(); }), IsOk());
  EXPECT_THAT(CallGuarded([]() -> absl::StatusOr<int> { return 3; }),
              IsOkAndHolds(3));
}

TEST(CallGuardedTest, AnExceptionIsAnInternalError) {
  EXPECT_THAT(
      CallGuarded([]() -> absl::Status { throw std::runtime_error("thrown"); }),
      StatusIs(absl::StatusCode::kInternal, HasSubstr("thrown")));
  EXPECT_THAT(CallGuarded([]() -> absl::StatusOr<int> { throw 1; }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("unknown type")));
}

}  // namespace
}  // namespace bergen::periodic
