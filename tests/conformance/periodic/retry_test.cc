// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.service's RetryDecorator (checks.txt) against ours.

#include "periodic/retry.h"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "periodic/clock.h"
#include "periodic/fake_clock.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::periodic {
namespace {

using ::testing::ElementsAre;

// As the original's SleepFixture: waits pass at once and are written down.
class SleepFixture : public FakeClock {
 public:
  bool WaitUntil(Event&, absl::Time deadline) override {
    waits.push_back(absl::ToDoubleSeconds(deadline - Now()));
    Advance(deadline - Now());
    return false;
  }

  std::vector<double> waits;
};

class RetryConformance : public ::testing::Test {
 protected:
  // Fails `failures` times, then returns "result".
  absl::StatusOr<std::string> Call(const RetryOptions& options, int failures,
                                   const absl::Status& error) {
    const absl::StatusOr<Retry> retry =
        Retry::Create("f", options, clock_, log_);
    if (!retry.ok()) return retry.status();
    calls_ = 0;
    return retry->Call([&]() -> absl::StatusOr<std::string> {
      if (++calls_ <= failures) return error;
      return "result";
    });
  }

  SleepFixture clock_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  int calls_ = 0;
  const absl::Status listed_ = absl::UnavailableError("listed");
};

TEST_F(RetryConformance, Os064ReturnsTheValue) {
  EXPECT_THAT(Call({}, 0, listed_), IsOkAndHolds("result"));
  EXPECT_EQ(calls_, 1);
}

TEST_F(RetryConformance, Os065RetriesListedErrors) {
  EXPECT_THAT(Call({.codes = {absl::StatusCode::kUnavailable},
                    .wait_increment = absl::Milliseconds(10)},
                   2, listed_),
              IsOkAndHolds("result"));
  EXPECT_EQ(calls_, 3);
  EXPECT_THAT(clock_.waits, ElementsAre(0.01, 0.02));
}

TEST_F(RetryConformance, Os066GivesUpAfterTheMostRetries) {
  EXPECT_THAT(Call({.codes = {absl::StatusCode::kUnavailable},
                    .max_retries = 2,
                    .wait_increment = absl::Milliseconds(10)},
                   3, listed_),
              StatusIs(absl::StatusCode::kUnavailable, "listed"));
  EXPECT_EQ(calls_, 3);
}

TEST_F(RetryConformance, Os067DoesNotRetryOtherErrors) {
  EXPECT_THAT(Call({.codes = {absl::StatusCode::kUnavailable}}, 1,
                   absl::DataLossError("other")),
              StatusIs(absl::StatusCode::kDataLoss, "other"));
  EXPECT_EQ(calls_, 1);
}

TEST_F(RetryConformance, Os068WaitsLongerEachTime) {
  EXPECT_THAT(Call({.codes = {absl::StatusCode::kUnavailable},
                    .max_retries = 3,
                    .wait_increment = absl::Seconds(2)},
                   100, listed_),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(clock_.waits, ElementsAre(2, 4, 6));
}

TEST_F(RetryConformance, Ox020EveryCallHasAllItsTries) {
  const absl::StatusOr<Retry> retry = Retry::Create(
      "f", {.codes = {absl::StatusCode::kUnavailable}, .max_retries = 2},
      clock_, log_);
  ASSERT_THAT(retry, IsOk());
  int calls = 0;
  auto wrapped = retry->Wrap([&] {
    ++calls;
    return listed_;
  });
  for (int attempts : {3, 6, 9}) {
    EXPECT_THAT(wrapped(), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(calls, attempts);
  }
}

}  // namespace
}  // namespace bergen::periodic
