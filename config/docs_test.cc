// SPDX-License-Identifier: Apache-2.0

#include "config/docs.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "config/listing.h"
#include "config/option.h"
#include "config/testdata/relay_options.h"
#include "config/units.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Listing Must(absl::StatusOr<Listing> listing) {
  EXPECT_THAT(listing, IsOk());
  if (!listing.ok()) std::abort();
  return *std::move(listing);
}

Listing Relay() {
  return Must(Listing::Create({{"acme.relay", acme::ListRelayOpts()},
                               {"acme.base", acme::ListBaseOpts()}}));
}

// A listing of one option in the group `g` of the module `m`.
Listing One(const AnyOption& option) {
  return Must(Listing::Create({{"m", {{.name = "g", .options = {option}}}}}));
}

// What the sample has for that option.
std::string Sample(const AnyOption& option, const IniStyle& style = {}) {
  const std::string before = "[DEFAULT]\n\n\n[g]\n\n#\n# From m\n#\n";
  const std::string text = WriteIni(One(option), style);
  EXPECT_THAT(text, StartsWith(before));
  return text.substr(before.size());
}

TEST(IniSampleTest, IsTheOneThatOsloConfigWrites) {
  std::ifstream file("config/testdata/relay.conf.sample");
  const std::string expected{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(WriteIni(Relay(), {}), expected);
}

TEST(IniSampleTest, HasTheUnitsOfAQuantity) {
  EXPECT_EQ(Sample(Option<absl::Duration>{.name = "wait",
                                          .default_value = absl::Seconds(90),
                                          .help = "How long.",
                                          .min = absl::Milliseconds(1)}),
            "\n# How long. (duration value)\n"
            "# Units: ms, s, min, h, d; a plain number is in s\n"
            "# Minimum value: 1ms\n"
            "#wait = 90s\n");
}

TEST(IniSampleTest, OfNothingHasTheDefaultHeader) {
  EXPECT_EQ(WriteIni(Must(Listing::Create({})), {}), "[DEFAULT]\n");
}

TEST(IniSampleTest, WrapsAtTheWidthOrNotAtAll) {
  const Option<bool> option = {.name = "x", .help = "aa bb cc\ndd"};
  EXPECT_EQ(Sample(option, {.wrap_width = 7}),
            "\n# aa bb\n# cc\n# dd\n# (boolean\n# value)\n#x = <None>\n");
  const Option<bool> verbose = {.name = "x",
                                .help = std::string(200, 'a') + " b"};
  EXPECT_EQ(
      Sample(verbose, {.wrap_width = 0}),
      absl::StrCat("\n# ", verbose.help, " (boolean value)\n#x = <None>\n"));
}

TEST(IniSampleTest, MinimalHasRequiredOptionsAndNoCommentSigns) {
  EXPECT_EQ(Sample(Option<bool>{.name = "x", .help = "X."}, {.minimal = true}),
            "");
  EXPECT_EQ(Sample(Option<std::string>{.name = "x",
                                       .default_value = "a\nb",
                                       .help = "X.",
                                       .required = true},
                   {.minimal = true}),
            "\n# X. (string value)\nx = a\n    b\n");
}

TEST(IniSampleTest, SummariesAreTheFirstParagraph) {
  EXPECT_EQ(Sample(Option<bool>{.name = "x", .help = "One:\n\nTwo."},
                   {.summarize = true}),
            "\n# One. For more information, refer to the documentation. "
            "(boolean\n# value)\n#x = <None>\n");
  EXPECT_EQ(
      Sample(Option<bool>{.name = "x", .help = "One."}, {.summarize = true}),
      "\n# One (boolean value)\n#x = <None>\n");
}

TEST(IniSampleTest, EmptyDefaultsEndAtTheEqualsSign) {
  EXPECT_EQ(Sample(Option<std::string>{.name = "x", .default_value = ""}),
            "\n# (string value)\n#x =\n");
}

TEST(IniSampleTest, HelpThatAlreadySaysDeprecatedIsNotPrefixed) {
  EXPECT_EQ(Sample(Option<bool>{
                .name = "x", .help = "DEPRECATED. X.", .removal = Removal{}}),
            "\n# DEPRECATED. X. (boolean value)\n"
            "# This option is deprecated for removal.\n"
            "# Its value may be silently ignored in the future.\n"
            "#x = <None>\n");
}

TEST(IniSampleTest, OldNamesWithoutGroupOrNameAreCompleted) {
  EXPECT_THAT(
      Sample(Option<bool>{
          .name = "x", .deprecated_names = {{.name = "old"}, {.group = "h"}}}),
      HasSubstr("# Deprecated group/name - [g]/old\n"
                "# Deprecated group/name - [h]/x\n"));
}

TEST(IniSampleTest, TheDefaultOfASecretIsMasked) {
  EXPECT_EQ(Sample(Option<std::string>{
                .name = "x", .default_value = "hunter2", .secret = true}),
            "\n# (string value)\n#x = ****\n");
}

}  // namespace
}  // namespace bergen::config
