// SPDX-License-Identifier: Apache-2.0

#include "backdoor/text_session.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::backdoor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kFarewell[] = "now exiting InteractiveConsole...\n";

class TextSessionTest : public ::testing::Test {
 protected:
  // Runs everything that can be run; each command answers its own line.
  std::vector<std::string> RunAll() {
    std::vector<std::string> lines;
    while (std::optional<std::string> line = session_.TakeCommand()) {
      lines.push_back(*line);
      session_.OnResult(absl::OkStatus(), false, now_);
    }
    return lines;
  }

  void Pass(absl::Duration time) {
    now_ += time;
    session_.OnTime(now_);
  }

  // Makes the client a person and drops the banner.
  void WaitForPrompt() {
    Pass(options_.banner_delay);
    EXPECT_EQ(session_.TakeOutput(), "hello\n>>> ");
  }

  TextSessionOptions options_ = {.banner = "hello\n", .max_line_length = 10};
  absl::Time now_ = absl::UnixEpoch();
  TextSession session_{options_, now_};
};

TEST_F(TextSessionTest, AClientThatWaitsGetsTheBannerAndAPrompt) {
  EXPECT_EQ(session_.deadline(), now_ + absl::Milliseconds(100));
  Pass(absl::Milliseconds(99));
  EXPECT_EQ(session_.TakeOutput(), "");
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(session_.TakeOutput(), "hello\n>>> ");
}

TEST_F(TextSessionTest, APersonGetsAPromptAfterEachAnswer) {
  WaitForPrompt();
  session_.OnInput("a\nb\r\n\n", now_);
  EXPECT_THAT(RunAll(), ElementsAre("a", "b", ""));
  EXPECT_EQ(session_.TakeOutput(), ">>> >>> >>> ");
  session_.OnInput("c\n", now_);
  ASSERT_EQ(session_.TakeCommand(), "c");
  session_.OnResult(absl::NotFoundError("no c"), /*line_open=*/true, now_);
  EXPECT_EQ(session_.TakeOutput(), "\nno c\n>>> ");
}

TEST_F(TextSessionTest, OfACutConnectionWholeLinesRun) {
  session_.OnInput("first\nset_workers(1", now_);
  session_.OnEndOfInput(TextSession::End::kCut, now_);
  EXPECT_THAT(RunAll(), ElementsAre("first"));
  EXPECT_TRUE(session_.finished());
}

TEST_F(TextSessionTest, APersonStaysUntilTheIdleTimeout) {
  WaitForPrompt();
  Pass(options_.idle_timeout - absl::Milliseconds(1));
  session_.OnInput("a\n", now_);
  EXPECT_THAT(RunAll(), ElementsAre("a"));
  Pass(options_.idle_timeout - absl::Milliseconds(1));
  EXPECT_FALSE(session_.finished());
  Pass(absl::Milliseconds(1));
  EXPECT_TRUE(session_.finished());
  EXPECT_THAT(session_.TakeOutput(), HasSubstr(kFarewell));
}

TEST_F(TextSessionTest, APipeGetsAnswersOnlyAndTheFarewellOnceItIsQuiet) {
  Pass(absl::Milliseconds(99));
  session_.OnInput("a\nb\n", now_);
  EXPECT_THAT(RunAll(), ElementsAre("a", "b"));
  EXPECT_EQ(session_.deadline(), now_ + absl::Seconds(1));
  Pass(absl::Milliseconds(999));
  EXPECT_EQ(session_.TakeOutput(), "");
  EXPECT_FALSE(session_.finished());
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(session_.TakeOutput(), kFarewell);
  EXPECT_TRUE(session_.finished());
}

TEST_F(TextSessionTest, MoreInputProlongsThePipe) {
  session_.OnInput("a\n", now_);
  EXPECT_THAT(RunAll(), ElementsAre("a"));
  Pass(absl::Milliseconds(999));
  session_.OnInput("b\n", now_);
  EXPECT_THAT(RunAll(), ElementsAre("b"));
  Pass(absl::Milliseconds(999));
  EXPECT_FALSE(session_.finished());
}

TEST_F(TextSessionTest, ARunningCommandDoesNotCountAsQuiet) {
  session_.OnInput("a\n", now_);
  ASSERT_EQ(session_.TakeCommand(), "a");
  EXPECT_EQ(session_.deadline(), absl::InfiniteFuture());
  Pass(absl::Hours(9));
  EXPECT_FALSE(session_.finished());
  session_.OnResult(absl::OkStatus(), false, now_);
  EXPECT_EQ(session_.deadline(), now_ + absl::Seconds(1));
}

TEST_F(TextSessionTest, ALastLineWithoutItsEndRunsWhenThePipeIsQuiet) {
  session_.OnInput("a", now_);
  EXPECT_THAT(RunAll(), IsEmpty());
  Pass(absl::Seconds(1));
  EXPECT_FALSE(session_.finished());
  EXPECT_THAT(RunAll(), ElementsAre("a"));
  EXPECT_TRUE(session_.finished());
  EXPECT_EQ(session_.TakeOutput(), kFarewell);
}

TEST_F(TextSessionTest, EndOfInputRunsWhatCameAndSaysGoodbye) {
  session_.OnInput("a\nb", now_);
  session_.OnEndOfInput(TextSession::End::kOrderly, now_);
  EXPECT_FALSE(session_.wants_input());
  EXPECT_THAT(RunAll(), ElementsAre("a", "b"));
  EXPECT_TRUE(session_.finished());
  EXPECT_EQ(session_.TakeOutput(), kFarewell);
}

TEST_F(TextSessionTest, EndOfInputWhileACommandRunsWaitsForIt) {
  session_.OnInput("a\n", now_);
  ASSERT_EQ(session_.TakeCommand(), "a");
  session_.OnEndOfInput(TextSession::End::kOrderly, now_);
  EXPECT_FALSE(session_.finished());
  session_.OnResult(absl::OkStatus(), false, now_);
  EXPECT_TRUE(session_.finished());
}

TEST_F(TextSessionTest, AClientThatLeavesAtOnceGetsTheFarewellOnly) {
  session_.OnEndOfInput(TextSession::End::kOrderly, now_);
  EXPECT_TRUE(session_.finished());
  EXPECT_EQ(session_.TakeOutput(), kFarewell);
}

TEST_F(TextSessionTest, AnEndAtThePromptStartsANewLine) {
  WaitForPrompt();
  session_.OnEndOfInput(TextSession::End::kOrderly, now_);
  EXPECT_EQ(session_.TakeOutput(), std::string("\n") + kFarewell);
}

TEST_F(TextSessionTest, OneCommandRunsAtATime) {
  session_.OnInput("a\nb\n", now_);
  ASSERT_EQ(session_.TakeCommand(), "a");
  EXPECT_EQ(session_.TakeCommand(), std::nullopt);
  session_.OnResult(absl::OkStatus(), false, now_);
  EXPECT_EQ(session_.TakeCommand(), "b");
}

TEST_F(TextSessionTest, DropsALineThatIsTooLongAndGoesOn) {
  WaitForPrompt();
  session_.OnInput("0123456789\n", now_);
  EXPECT_THAT(RunAll(), ElementsAre("0123456789"));
  session_.TakeOutput();
  session_.OnInput("0123456789x", now_);
  EXPECT_EQ(session_.TakeOutput(), "the line is longer than 10 bytes\n");
  for (int i = 0; i < 100; ++i) session_.OnInput("0123456789x", now_);
  EXPECT_TRUE(session_.wants_input());
  EXPECT_EQ(session_.TakeOutput(), "");
  session_.OnInput("\nnext\n", now_);
  EXPECT_THAT(RunAll(), ElementsAre("next"));
  EXPECT_EQ(session_.TakeOutput(), ">>> >>> ");
}

TEST_F(TextSessionTest, AnEndInsideALineThatIsTooLongIsAnEnd) {
  session_.OnInput("0123456789x", now_);
  session_.OnEndOfInput(TextSession::End::kOrderly, now_);
  EXPECT_THAT(RunAll(), IsEmpty());
  EXPECT_TRUE(session_.finished());
}

TEST_F(TextSessionTest, StopsReadingWhileEnoughWaits) {
  session_.OnInput("a\n", now_);
  ASSERT_EQ(session_.TakeCommand(), "a");
  for (int i = 0; i < 40; ++i) session_.OnInput("\n", now_);
  EXPECT_FALSE(session_.wants_input());
  session_.OnResult(absl::OkStatus(), false, now_);
  RunAll();
  EXPECT_TRUE(session_.wants_input());
}

TEST_F(TextSessionTest, StopDropsWhatWaitsAndFinishesWhatRuns) {
  session_.OnInput("a\nb\n", now_);
  ASSERT_EQ(session_.TakeCommand(), "a");
  session_.OnStop();
  EXPECT_FALSE(session_.finished());
  session_.OnResult(absl::OkStatus(), false, now_);
  EXPECT_EQ(session_.TakeCommand(), std::nullopt);
  EXPECT_TRUE(session_.finished());
}

TEST_F(TextSessionTest, AnInfiniteDelayMakesEveryClientAPipe) {
  TextSession session({.banner_delay = absl::InfiniteDuration()}, now_);
  EXPECT_EQ(session.deadline(), absl::InfiniteFuture());
  TextSession at_once({.banner = "x\n", .banner_delay = absl::ZeroDuration()},
                      now_);
  EXPECT_EQ(at_once.TakeOutput(), "x\n>>> ");
}

}  // namespace
}  // namespace bergen::backdoor
