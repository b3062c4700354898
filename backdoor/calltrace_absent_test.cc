// SPDX-License-Identifier: Apache-2.0

#include "absl/status/status.h"
#include "backdoor/calltrace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

TEST(CallTracerTest, WithoutCodeThatTellsOfItsCallsItSaysHowToBuildSome) {
  CallTracer tracer;
  EXPECT_THAT(tracer.Start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("--config=calltrace")));
  EXPECT_THAT(tracer.Stop(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace bergen::backdoor
