// SPDX-License-Identifier: Apache-2.0
//
// Matchers for absl::Status and absl::StatusOr, which Debian's Abseil lacks.
//
//   ASSERT_THAT(port, IsOk());
//   EXPECT_THAT(port, IsOkAndHolds(80));
//   EXPECT_THAT(port, StatusIs(absl::StatusCode::kNotFound, HasSubstr("x")));

#ifndef TESTS_SUPPORT_STATUS_MATCHERS_H_
#define TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

namespace bergen {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

MATCHER_P(StatusIs, code, "") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code;
}

// `message` is a matcher of the message's text.
MATCHER_P2(StatusIs, code, message, "") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(
             message, std::string(StatusOf(arg).message()), result_listener);
}

// `value` is a value or a matcher of it.
MATCHER_P(IsOkAndHolds, value, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

}  // namespace bergen

#endif  // TESTS_SUPPORT_STATUS_MATCHERS_H_
