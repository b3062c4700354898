// SPDX-License-Identifier: Apache-2.0

#include "launcher/health_monitor.h"

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/launcher.h"
#include "periodic/fake_random.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::HasSubstr;

constexpr int kPid = 7;

class HealthMonitorTest : public ::testing::Test {
 protected:
  periodic::FakeRandom random_{0};
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(HealthMonitorTest, WithoutLimitsNothingIsChecked) {
  HealthMonitor monitor({}, random_);
  EXPECT_FALSE(monitor.enabled());
  monitor.Watch(kPid, now_);
  EXPECT_EQ(monitor.Check(kPid, {}, now_ + absl::Hours(1000)), Verdict::kFine);
}

TEST_F(HealthMonitorTest, SilenceIsAHangAndThenHopeless) {
  HealthMonitor monitor({.hang_timeout = absl::Seconds(8)}, random_);
  EXPECT_EQ(monitor.interval(), absl::Seconds(2));
  monitor.Watch(kPid, now_);
  now_ += absl::Seconds(5);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 1}, now_), Verdict::kFine);
  now_ += absl::Seconds(8) - absl::Nanoseconds(1);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 1}, now_), Verdict::kFine);
  now_ += absl::Nanoseconds(1);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 1}, now_), Verdict::kHung);
  EXPECT_EQ(monitor.reason(), "no sign of life for 8s");
  // Said once.
  now_ += absl::Seconds(8) - absl::Nanoseconds(1);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 1}, now_), Verdict::kFine);
  now_ += absl::Nanoseconds(1);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 1}, now_), Verdict::kHopeless);
}

TEST_F(HealthMonitorTest, ABeatEndsAHang) {
  HealthMonitor monitor({.hang_timeout = absl::Seconds(8)}, random_);
  monitor.Watch(kPid, now_);
  now_ += absl::Seconds(8);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 0}, now_), Verdict::kHung);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 1}, now_), Verdict::kFine);
  now_ += absl::Seconds(8);
  EXPECT_EQ(monitor.Check(kPid, {.beats = 1}, now_), Verdict::kHung);
}

TEST_F(HealthMonitorTest, IsWornOutAtEachOfItsLimits) {
  HealthMonitor monitor({.max_requests = 100,
                         .max_age = absl::Hours(1),
                         .max_memory = 1000,
                         .jitter = 0},
                        random_);
  EXPECT_EQ(monitor.interval(), absl::Seconds(1));
  monitor.Watch(kPid, now_);
  EXPECT_EQ(monitor.Check(kPid, {.requests = 99, .memory = 999}, now_),
            Verdict::kFine);
  EXPECT_EQ(monitor.Check(kPid, {.requests = 100}, now_), Verdict::kWornOut);
  EXPECT_EQ(monitor.reason(), "100 requests");
  EXPECT_EQ(monitor.Check(kPid, {.memory = 1000}, now_), Verdict::kWornOut);
  EXPECT_EQ(monitor.reason(), "1000 bytes of memory");
  now_ += absl::Hours(1);
  EXPECT_EQ(monitor.Check(kPid, {}, now_), Verdict::kWornOut);
  EXPECT_EQ(monitor.reason(), "an age of 1h");
}

TEST_F(HealthMonitorTest, ChanceLowersALimitForEachProcess) {
  HealthMonitor monitor({.max_requests = 100, .jitter = 0.2}, random_);
  random_.Set(0.5);
  monitor.Watch(kPid, now_);
  random_.Set(0);
  monitor.Watch(kPid + 1, now_);
  EXPECT_EQ(monitor.Check(kPid, {.requests = 90}, now_), Verdict::kWornOut);
  EXPECT_EQ(monitor.Check(kPid + 1, {.requests = 90}, now_), Verdict::kFine);
}

TEST_F(HealthMonitorTest, ALimitOfOneRequestIsOneRequest) {
  HealthMonitor monitor({.max_requests = 1, .jitter = 0.9}, random_);
  random_.Set(0.99);
  monitor.Watch(kPid, now_);
  EXPECT_EQ(monitor.Check(kPid, {.requests = 0}, now_), Verdict::kFine);
}

TEST_F(HealthMonitorTest, ForgottenProcessesAreFine) {
  HealthMonitor monitor({.max_requests = 1}, random_);
  monitor.Watch(kPid, now_);
  monitor.Forget(kPid);
  EXPECT_EQ(monitor.Check(kPid, {.requests = 9}, now_), Verdict::kFine);
}

TEST_F(HealthMonitorTest, NamesTheLimitThatCannotBe) {
  const auto refused = [](const HealthLimits& limits, const char* name) {
    EXPECT_THAT(CheckHealthLimits(limits),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  };
  EXPECT_THAT(CheckHealthLimits({}), IsOk());
  refused({.hang_timeout = absl::ZeroDuration()}, "hang_timeout");
  refused({.max_age = absl::Seconds(-1)}, "max_age");
  refused({.max_memory = -1}, "max_memory");
  refused({.jitter = 1}, "jitter");
}

}  // namespace
}  // namespace bergen::launcher
