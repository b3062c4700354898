// SPDX-License-Identifier: Apache-2.0

#include "periodic/retry.h"

#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
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
using ::testing::HasSubstr;

constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

// A fake clock whose waits pass at once and are written down.
class RecordingClock : public FakeClock {
 public:
  bool WaitUntil(Event& event, absl::Time deadline) override {
    if (event.IsSet()) return true;
    waits.push_back(deadline - Now());
    Advance(deadline - Now());
    return event.IsSet();
  }

  std::vector<absl::Duration> waits;
};

class RetryTest : public ::testing::Test {
 protected:
  RecordingClock clock_;
  std::ostringstream text_;
  spdlog::logger log_{"test",
                      std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
};

TEST_F(RetryTest, ReturnsASuccessAtOnce) {
  const auto retry = Retry::Create("f", {}, clock_, log_);
  ASSERT_THAT(retry, IsOk());
  EXPECT_THAT(
      retry->Call([]() -> absl::StatusOr<std::string> { return "done"; }),
      IsOkAndHolds("done"));
  EXPECT_THAT(clock_.waits, ElementsAre());
}

TEST_F(RetryTest, WaitsGrowUpToTheLongest) {
  const auto retry = Retry::Create("f",
                                   {.codes = {kUnavailable},
                                    .wait_increment = absl::Seconds(2),
                                    .max_wait = absl::Seconds(5)},
                                   clock_, log_);
  ASSERT_THAT(retry, IsOk());
  int calls = 0;
  EXPECT_THAT(retry->Call([&] {
    return ++calls == 5 ? absl::OkStatus() : absl::UnavailableError("no");
  }),
              IsOk());
  EXPECT_THAT(clock_.waits, ElementsAre(absl::Seconds(2), absl::Seconds(4),
                                        absl::Seconds(5), absl::Seconds(5)));
}

TEST_F(RetryTest, EveryCallHasAllItsRetries) {
  const auto retry = Retry::Create(
      "f", {.codes = {kUnavailable}, .max_retries = 2}, clock_, log_);
  ASSERT_THAT(retry, IsOk());
  int calls = 0;
  auto wrapped = retry->Wrap([&calls](int code) {
    ++calls;
    return absl::UnavailableError(std::to_string(code));
  });
  for (int call = 1; call <= 3; ++call) {
    EXPECT_THAT(wrapped(call), StatusIs(kUnavailable, std::to_string(call)));
    EXPECT_EQ(calls, 3 * call);
  }
}

TEST_F(RetryTest, OtherErrorsAreReturnedAtOnce) {
  const auto retry =
      Retry::Create("f", {.codes = {kUnavailable}}, clock_, log_);
  const auto never = Retry::Create("f", {}, clock_, log_);
  ASSERT_THAT(retry, IsOk());
  ASSERT_THAT(never, IsOk());
  EXPECT_THAT(retry->Call([] { return absl::DataLossError("lost"); }),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(never->Call([] { return absl::UnavailableError("no"); }),
              StatusIs(kUnavailable));
  EXPECT_THAT(clock_.waits, ElementsAre());
}

TEST_F(RetryTest, AnExceptionIsAnInternalError) {
  const auto retry = Retry::Create(
      "f", {.codes = {absl::StatusCode::kInternal}, .max_retries = 1}, clock_,
      log_);
  ASSERT_THAT(retry, IsOk());
  int calls = 0;
  EXPECT_THAT(retry->Call([&calls]() -> absl::Status {
    ++calls;
    throw std::runtime_error("thrown");
  }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("thrown")));
  EXPECT_EQ(calls, 2);
}

TEST_F(RetryTest, SaysWhatItDoesAtDebugLevelOnly) {
  log_.set_level(spdlog::level::debug);
  const auto retry = Retry::Create(
      "connect", {.codes = {kUnavailable}, .max_retries = 1}, clock_, log_);
  ASSERT_THAT(retry, IsOk());
  const auto fail = [] { return absl::UnavailableError("no route"); };
  EXPECT_THAT(retry->Call(fail), StatusIs(kUnavailable));
  EXPECT_THAT(text_.str(), HasSubstr("connect: retry 1 in 10s"));
  EXPECT_THAT(text_.str(), HasSubstr("connect: gives up after 1 retries"));
  text_.str("");
  log_.set_level(spdlog::level::info);
  EXPECT_THAT(retry->Call(fail), StatusIs(kUnavailable));
  EXPECT_EQ(text_.str(), "");
}

TEST_F(RetryTest, StopEndsAWaitThatHasBegun) {
  FakeClock clock;
  Event stop;
  const auto retry =
      Retry::Create("f", {.codes = {kUnavailable}}, clock, log_, &stop);
  ASSERT_THAT(retry, IsOk());
  absl::Status result;
  std::thread thread([&] {
    result = retry->Call([] { return absl::UnavailableError("no"); });
  });
  clock.WaitForSleepers(1);
  stop.Set();
  thread.join();
  EXPECT_THAT(result, StatusIs(kUnavailable, "no"));
}

TEST_F(RetryTest, RefusesSettingsThatWouldSpin) {
  EXPECT_THAT(
      Retry::Create("f", {.wait_increment = absl::ZeroDuration()}, clock_,
                    log_),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("retry of f: ")));
  EXPECT_THAT(Retry::Create("f", {.max_wait = -absl::Seconds(1)}, clock_, log_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-1s")));
  EXPECT_THAT(
      Retry::Create("f", {.max_retries = -1}, clock_, log_),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("retries -1")));
}

TEST(RetryScheduleTest, CountsWhatItGrants) {
  RetrySchedule schedule({.codes = {kUnavailable},
                          .max_retries = 2,
                          .wait_increment = absl::Milliseconds(10)});
  const absl::Status error = absl::UnavailableError("no");
  EXPECT_EQ(schedule.OnError(error), absl::Milliseconds(10));
  EXPECT_EQ(schedule.OnError(error), absl::Milliseconds(20));
  EXPECT_EQ(schedule.OnError(error), std::nullopt);
  EXPECT_EQ(schedule.retries(), 2);
}

}  // namespace
}  // namespace bergen::periodic
