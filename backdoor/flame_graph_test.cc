// SPDX-License-Identifier: Apache-2.0

#include "backdoor/flame_graph.h"

#include <string>

#include "absl/time/time.h"
#include "backdoor/profile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Profile TwoThreads() {
  return {.functions = {{"a.cc", 1, "main"},
                        {"b.cc", 9, "demo::Work<\"x\">"},
                        {"", 0, "rare"}},
          .stacks = {{.functions = {1, 0}, .samples = 3, .thread = "pool"},
                     {.functions = {0}, .samples = 1, .thread = "pool"},
                     {.functions = {2}, .samples = 4}},
          .period = absl::Milliseconds(10),
          .samples = 8,
          .duration = absl::Seconds(5),
          .clock = "cpu"};
}

TEST(FlameGraphTest, AFrameIsAsWideAsItsSamplesAndAboveItsCaller) {
  const std::string svg = EncodeFlameGraph(TwoThreads(), "n & m");
  EXPECT_THAT(svg, HasSubstr(">n &amp; m</text>"));
  EXPECT_THAT(svg, HasSubstr("8 samples in 5.0 s, one each 10ms of processor"));
  EXPECT_THAT(svg, HasSubstr("data-depth=\"0\"><title>all (8 samples, "
                             "100.00%)</title><rect x=\"0.0000%\" y=\"0\" "
                             "width=\"100.0000%\""));
  EXPECT_THAT(svg, HasSubstr("data-depth=\"1\"><title>pool (4 samples, 50.00%)"
                             "</title>"));
  EXPECT_THAT(svg, HasSubstr("data-depth=\"2\"><title>main (4 samples, 50.00%) "
                             "a.cc:1</title>"));
  EXPECT_THAT(
      svg, HasSubstr("data-depth=\"3\"><title>demo::Work&lt;&quot;x&quot;&gt; "
                     "(3 samples, 37.50%) b.cc:9</title>"));
}

TEST(FlameGraphTest, FramesTooNarrowToBeSeenAreLeftOut) {
  Profile profile = TwoThreads();
  profile.stacks[0].samples = 1'000'000;
  EXPECT_THAT(EncodeFlameGraph(profile, ""),
              AllOf(HasSubstr("demo::Work"), Not(HasSubstr("rare"))));
}

TEST(FlameGraphTest, WithoutSamplesThereIsAnEmptyGraph) {
  EXPECT_THAT(EncodeFlameGraph({}, "nothing"),
              AllOf(HasSubstr("nothing"), HasSubstr("</svg>"),
                    Not(HasSubstr("class=\"f\""))));
}

TEST(FlameGraphTest, BytesThatXmlDoesNotAllowAreReplaced) {
  const Profile profile = {.functions = {{"", 0, "\xff\x01]]>"}},
                           .stacks = {{.functions = {0}, .samples = 1}}};
  const std::string svg = EncodeFlameGraph(profile, "\xfe");
  EXPECT_THAT(svg, HasSubstr("? ]]&gt;"));
  for (const char c : {'\xff', '\xfe', '\x01'}) {
    EXPECT_EQ(svg.find(c), std::string::npos);
  }
}

}  // namespace
}  // namespace bergen::backdoor
