// SPDX-License-Identifier: Apache-2.0

#include "backdoor/call_stats.h"

#include "absl/time/time.h"
#include "backdoor/profile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::backdoor {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

const Function kMain = {"m.cc", 1, "main"};
const Function kWork = {"m.cc", 2, "Work"};
const Function kFib = {"m.cc", 3, "Fib"};

Profile OneSecondSamples() {
  return {.functions = {kMain, kWork, kFib}, .period = absl::Seconds(1)};
}

TEST(CallStatsTest, TimeGoesToTheInnermostAndTotalsToAllInTheStack) {
  Profile profile = OneSecondSamples();
  profile.stacks = {{{1, 0}, 3}, {{0}, 2}};
  const CallStats stats = Summarize(profile);
  ASSERT_THAT(stats, SizeIs(2));
  const CallCounts& main = stats.at(kMain).counts;
  EXPECT_EQ(main.own_time, absl::Seconds(2));
  EXPECT_EQ(main.total_time, absl::Seconds(5));
  EXPECT_EQ(main.calls, 5);
  EXPECT_EQ(main.primitive_calls, 5);
  EXPECT_THAT(stats.at(kMain).callers, IsEmpty());

  const CallCounts& work = stats.at(kWork).counts;
  EXPECT_EQ(work.own_time, absl::Seconds(3));
  EXPECT_EQ(work.total_time, absl::Seconds(3));
  const CallCounts& from_main = stats.at(kWork).callers.at(kMain);
  EXPECT_EQ(from_main.own_time, absl::Seconds(3));
  EXPECT_EQ(from_main.total_time, absl::Seconds(3));
  EXPECT_EQ(from_main.calls, 3);
  EXPECT_EQ(from_main.primitive_calls, 3);
}

TEST(CallStatsTest, ARecursiveFunctionCountsOnceInEachSample) {
  Profile profile = OneSecondSamples();
  profile.stacks = {{{2, 2, 2, 1, 0}, 4}};
  const CallStats stats = Summarize(profile);
  const FunctionStats& fib = stats.at(kFib);
  EXPECT_EQ(fib.counts.own_time, absl::Seconds(4));
  EXPECT_EQ(fib.counts.total_time, absl::Seconds(4));
  EXPECT_EQ(fib.counts.calls, 4);

  const CallCounts& itself = fib.callers.at(kFib);
  EXPECT_EQ(itself.primitive_calls, 0);
  EXPECT_EQ(itself.calls, 4);
  EXPECT_EQ(itself.own_time, absl::Seconds(4));
  EXPECT_EQ(itself.total_time, absl::Seconds(4));

  const CallCounts& from_work = fib.callers.at(kWork);
  EXPECT_EQ(from_work.own_time, absl::ZeroDuration());
  EXPECT_EQ(from_work.total_time, absl::Seconds(4));
  EXPECT_EQ(from_work.primitive_calls, 4);
}

TEST(CallStatsTest, IndirectRecursionCountsEachPairOnce) {
  Profile profile = OneSecondSamples();
  profile.stacks = {{{1, 2, 1, 2, 0}, 1}};
  const CallStats stats = Summarize(profile);
  EXPECT_EQ(stats.at(kWork).counts.total_time, absl::Seconds(1));
  EXPECT_EQ(stats.at(kWork).callers.at(kFib).total_time, absl::Seconds(1));
  EXPECT_EQ(stats.at(kFib).callers.at(kWork).total_time, absl::Seconds(1));
  EXPECT_EQ(stats.at(kFib).callers.at(kMain).total_time, absl::Seconds(1));
}

TEST(CallStatsTest, AnEmptyProfileHasNoStatistics) {
  EXPECT_THAT(Summarize(Profile()), IsEmpty());
}

}  // namespace
}  // namespace bergen::backdoor
