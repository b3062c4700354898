// SPDX-License-Identifier: Apache-2.0

#include "backdoor/object_commands.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/string_output_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/live_objects.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

struct Thing {
  std::string text;
  LiveObject<Thing> live;

  Thing(std::string what, LiveType<Thing>* type)
      : text(std::move(what)), live(type, this) {}
};

class ObjectCommandsTest : public ::testing::Test {
 protected:
  ObjectCommandsTest() {
    EXPECT_THAT(AddObjectCommands(objects_, table_), IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line) {
    StringOutput output;
    const absl::Status status =
        Dispatch(table_, line, {.name = "ann"}, output, log_);
    return output.text() + std::string(status.message());
  }

  LiveObjects objects_{[] { return absl::Seconds(0); }};
  LiveType<Thing> things_{objects_, "Thing",
                          [](const Thing& thing) { return thing.text; }};
  LiveType<Thing> others_{objects_, "Other",
                          [](const Thing& thing) { return thing.text; }};
  CommandTable table_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(ObjectCommandsTest, ListsTheTypes) {
  const Thing thing("a", &things_);
  EXPECT_EQ(Run("fo"),
            "Thing: 1 live, 1 made, the oldest 0 old\nOther: 0 live, 0 made\n");
}

TEST_F(ObjectCommandsTest, ShowsSomeOfAType) {
  const Thing first("a", &things_);
  EXPECT_EQ(Run("fo(Thing)"),
            absl::StrFormat("Thing: 1 live, 1 made, the oldest 0 old\n"
                            "%p 0 old: a\n",
                            &first));
  const Thing second("b", &things_);
  const std::string one = Run("fo('Thing', 1)");
  EXPECT_THAT(one, HasSubstr("Thing: 2 live"));
  EXPECT_EQ(std::count(one.begin(), one.end(), '\n'), 2);
  EXPECT_EQ(Run("fo(Other)"), "Other: 0 live, 0 made\n");
}

TEST_F(ObjectCommandsTest, AnUnknownTypeIsAnErrorThatNamesTheOthers) {
  EXPECT_EQ(Run("fo(Port)"), "no type 'Port' among Thing, Other");
}

}  // namespace
}  // namespace bergen::backdoor
