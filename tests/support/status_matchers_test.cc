// SPDX-License-Identifier: Apache-2.0

#include "tests/support/status_matchers.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen {
namespace {

using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatusMatchersTest, TellApartValuesCodesAndMessages) {
  const absl::StatusOr<int> three = 3;
  EXPECT_THAT(three, IsOk());
  EXPECT_THAT(three, IsOkAndHolds(3));
  EXPECT_THAT(three, Not(IsOkAndHolds(Gt(3))));

  const absl::StatusOr<int> lost = absl::NotFoundError("it is lost");
  EXPECT_THAT(lost, Not(IsOk()));
  EXPECT_THAT(lost, Not(IsOkAndHolds(3)));
  EXPECT_THAT(lost, StatusIs(absl::StatusCode::kNotFound, HasSubstr("lost")));
  EXPECT_THAT(lost, Not(StatusIs(absl::StatusCode::kNotFound, "lost")));
  EXPECT_THAT(lost, Not(StatusIs(absl::StatusCode::kInternal)));
}

}  // namespace
}  // namespace bergen
