// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.config's generator, documentation and validator
// (checks.txt) against ours. A comment says where we differ on purpose. That
// samples are the same byte for byte is shown by tests/differential.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/docs.h"
#include "config/host.h"
#include "config/listing.h"
#include "config/machine_readable.h"
#include "config/native_text.h"
#include "config/option.h"
#include "config/page.h"
#include "config/program.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

// A type that the library does not know.
struct Colour {
  std::string name;

  friend bool operator==(const Colour&, const Colour&) = default;
  friend bool operator<(const Colour& a, const Colour& b) {
    return a.name < b.name;
  }
};

template <>
struct bergen::config::ValueType<Colour> {
  static constexpr absl::string_view kName = "colour value";
  static absl::StatusOr<Colour> Parse(absl::string_view text) {
    return Colour{std::string(text)};
  }
  static std::string Print(const Colour& colour) { return colour.name; }
};

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Listing Must(const std::vector<ModuleOptions>& modules) {
  absl::StatusOr<Listing> listing = Listing::Create(modules);
  EXPECT_THAT(listing, IsOk());
  if (!listing.ok()) std::abort();
  return *std::move(listing);
}

std::string Ini(const std::vector<ModuleOptions>& modules,
                const IniStyle& style = {}) {
  return WriteIni(Must(modules), style);
}

std::string Json(const std::vector<ModuleOptions>& modules) {
  return WriteJson(MachineReadable(Must(modules), {}));
}

// The module `m` with one option in `DEFAULT`.
std::vector<ModuleOptions> One(const AnyOption& option) {
  return {{"m", {{.name = "DEFAULT", .options = {option}}}}};
}

// What its sample has between the head of the block and the end.
std::string Sample(const AnyOption& option, const IniStyle& style = {}) {
  const std::string head = "[DEFAULT]\n\n#\n# From m\n#\n\n";
  const std::string text = Ini(One(option), style);
  EXPECT_THAT(text, StartsWith(head));
  return text.substr(head.size());
}

AnyOption Flag(const std::string& name) {
  return Option<bool>{.name = name, .help = "F."};
}

std::string FlagText(const std::string& name) {
  return absl::StrCat("\n# F. (boolean value)\n#", name, " = <None>\n");
}

std::string From(const std::string& name_space) {
  return absl::StrCat("\n#\n# From ", name_space, "\n#\n");
}

class ProgramRun : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/ocXXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return absl::StrCat(folder_, "/", name);
  }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }

  // The exit status; `out_` and `errors_` are what was said.
  int Run(int (*main)(int, char**, const std::vector<ModuleOptions>&),
          const std::vector<ModuleOptions>& modules,
          std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "program");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ::testing::internal::CaptureStderr();
    ::testing::internal::CaptureStdout();
    const int status =
        main(static_cast<int>(argv.size()), argv.data(), modules);
    out_ = ::testing::internal::GetCapturedStdout();
    errors_ = ::testing::internal::GetCapturedStderr();
    return status;
  }

  std::string folder_;
  std::string out_;
  std::string errors_;
};

using GeneratorRunTest = ProgramRun;
using ValidatorRunTest = ProgramRun;

// A list is printed without blanks, and a default for a list is always one.
TEST(SampleTest, Oc160HowDefaultsAreWritten) {
  EXPECT_EQ(Sample(Option<std::string>{.name = "x",
                                       .default_value = "d",
                                       .help = "H.",
                                       .sample_default = " as it is "}),
            "# H. (string value)\n#\n"
            "# This option has a sample default set, which means that\n"
            "# its actual default value may vary from the one documented\n"
            "# below.\n#x =  as it is \n");
  EXPECT_THAT(Sample(Option<int64_t>{.name = "x", .default_value = 7}),
              HasSubstr("\n#x = 7\n"));
  EXPECT_THAT(Sample(Option<std::string>{.name = "x", .default_value = " a"}),
              HasSubstr("\n#x = \" a\"\n"));
  EXPECT_THAT(
      Sample(Option<std::vector<std::string>>{
          .name = "x", .default_value = std::vector<std::string>{"a", "b c"}}),
      HasSubstr("\n#x = a,b c\n"));
  EXPECT_THAT(Sample(Option<std::vector<std::string>>{.name = "x",
                                                      .default_text = "a, b"}),
              HasSubstr("\n#x = a, b\n"));
}

TEST(SampleTest, Oc167NoOptions) {
  EXPECT_EQ(Ini({}), "[DEFAULT]\n");
  EXPECT_EQ(Ini({{"m", {}}}), "[DEFAULT]\n");
  EXPECT_EQ(Ini({{"m", {{.name = "g"}}}}), "[DEFAULT]\n");
}

TEST(SampleTest, Oc168OneAndTwoNamespacesAndAGroupInBoth) {
  EXPECT_EQ(Ini({{"m", {{.name = "DEFAULT", .options = {Flag("x")}}}}}),
            "[DEFAULT]\n" + From("m") + FlagText("x"));
  EXPECT_EQ(
      Ini({{"z", {{.name = "DEFAULT", .options = {Flag("x")}}}},
           {"a", {{.name = "DEFAULT", .options = {Flag("y")}}}}}),
      "[DEFAULT]\n" + From("a") + FlagText("y") + From("z") + FlagText("x"));
  EXPECT_EQ(Ini({{"z", {{.name = "g", .options = {Flag("x")}}}},
                 {"a", {{.name = "g", .options = {Flag("y")}}}}}),
            "[DEFAULT]\n\n\n[g]\n" + From("a") + FlagText("y") + From("z") +
                FlagText("x"));
}

TEST(SampleTest, Oc169GroupsWithAndWithoutHelpInTheOrderOfTheirNames) {
  EXPECT_EQ(
      Ini({{"m",
            {{.name = "h", .options = {Flag("y")}},
             {.name = "g", .help = "G\n\nhelp.", .options = {Flag("x")}}}}}),
      "[DEFAULT]\n\n\n[g]\n# G\n#\n# help.\n" + From("m") + FlagText("x") +
          "\n\n[h]\n" + From("m") + FlagText("y"));
}

// The build fails for an option without help, unless it is told not to, where
// the original logs a warning.
TEST_F(GeneratorRunTest, Oc170AHyphenatedNameAndNoHelp) {
  EXPECT_EQ(Sample(Option<bool>{.name = "foo-bar", .help = "F."}),
            "# F. (boolean value)\n#foo_bar = <None>\n");
  const auto modules = One(Option<bool>{.name = "foo-bar"});
  EXPECT_EQ(Run(GeneratorMain, modules, {}), 1);
  EXPECT_EQ(errors_, "DEFAULT.foo_bar: has no help\n");
  EXPECT_EQ(Run(GeneratorMain, modules, {"--allow-missing-help"}), 0);
  EXPECT_THAT(out_, HasSubstr("\n# (boolean value)\n#foo_bar = <None>\n"));
}

TEST(SampleTest, Oc171LongHelpIsWrappedAtAnyWidth) {
  const auto text = [](int width) {
    return Sample(Option<std::string>{.name = "x",
                                      .help = std::string(60, 'a') +
                                              " bb cc dd ee\n  * kept\n\nend"},
                  {.wrap_width = width});
  };
  const std::string word(60, 'a');
  EXPECT_EQ(text(70), "# " + word +
                          " bb cc\n# dd ee\n#   * kept\n#\n# end (string "
                          "value)\n#x = <None>\n");
  EXPECT_EQ(text(40), "# " + word +
                          "\n# bb cc dd ee\n#   * kept\n#\n# end (string "
                          "value)\n#x = <None>\n");
  EXPECT_EQ(text(0), "# " + word +
                         " bb cc dd ee\n#   * kept\n#\n# end (string "
                         "value)\n#x = <None>\n");
}

// A deprecated name that is only another group is shown too.
TEST(SampleTest, Oc172ChoicesDeprecatedNamesAndRemoval) {
  EXPECT_EQ(Sample(Option<std::string>{
                .name = "x",
                .help = "H.",
                .choices = {{"a", "the first"}, {"b", ""}, {"", "none"}}}),
            "# H. (string value)\n# Possible values:\n# a - the first\n"
            "# b - <No description provided>\n# '' - none\n#x = <None>\n");
  EXPECT_EQ(
      Sample(Option<bool>{.name = "x",
                          .help = "H.",
                          .deprecated_names = {{.name = "o"},
                                               {.name = "p", .group = "g"},
                                               {.name = "q-r"},
                                               {.group = "h"}}}),
      "# H. (boolean value)\n"
      "# Deprecated group/name - [DEFAULT]/o\n"
      "# Deprecated group/name - [g]/p\n"
      "# Deprecated group/name - [h]/x\n"
      "# Deprecated group/name - [DEFAULT]/q_r\n"
      "#x = <None>\n");
  EXPECT_EQ(Sample(Option<bool>{
                .name = "x", .help = "H.", .removal = {{.reason = "R."}}}),
            "# DEPRECATED: H. (boolean value)\n"
            "# This option is deprecated for removal.\n"
            "# Its value may be silently ignored in the future.\n"
            "# Reason: R.\n#x = <None>\n");
  EXPECT_THAT(
      Sample(Option<bool>{
          .name = "x", .help = "DEPRECATED: H.", .removal = {{.since = "2"}}}),
      StartsWith("# DEPRECATED: H. (boolean value)\n"
                 "# This option is deprecated for removal since 2.\n"));
}

TEST(SampleTest, Oc173EachType) {
  const auto ends = [](const AnyOption& option, const std::string& type,
                       const std::string& end) {
    EXPECT_EQ(Sample(option), absl::StrCat("# (", type, " value)\n", end));
  };
  ends(Option<std::string>{.name = "x", .default_value = "a b"}, "string",
       "#x = a b\n");
  ends(Option<std::string>{.name = "x", .default_value = " a "}, "string",
       "#x = \" a \"\n");
  ends(Option<std::string>{.name = "x", .default_value = "a\nb\nc"}, "string",
       "#x = a\n#    b\n#    c\n");
  ends(Option<bool>{.name = "x", .default_value = false}, "boolean",
       "#x = false\n");
  ends(Option<int64_t>{.name = "x", .default_value = 10, .min = 1, .max = 20},
       "integer", "# Minimum value: 1\n# Maximum value: 20\n#x = 10\n");
  ends(Option<int64_t>{.name = "x", .min = 0}, "integer",
       "# Minimum value: 0\n#x = <None>\n");
  ends(Option<int64_t>{.name = "x", .max = 0}, "integer",
       "# Maximum value: 0\n#x = <None>\n");
  ends(Option<double>{.name = "x", .default_value = 0.1}, "floating point",
       "#x = 0.1\n");
  ends(
      Option<std::vector<std::string>>{
          .name = "x", .default_value = std::vector<std::string>{"a", "b"}},
      "list", "#x = a,b\n");
  ends(Option<std::vector<int64_t>>{.name = "x",
                                    .default_value = std::vector<int64_t>{1, 2},
                                    .type = {.bounds = true}},
       "list", "#x = [1,2]\n");
  ends(Option<Dict<std::string>>{.name = "x",
                                 .default_value =
                                     Dict<std::string>{{"b", "2"}, {"a", "1"}}},
       "dict", "#x = a:1,b:2\n");
  ends(Option<IpAddress>{.name = "x", .default_value = IpAddress{"127.0.0.1"}},
       "IP address", "#x = 127.0.0.1\n");
  ends(Option<Port>{.name = "x", .default_value = Port{80}}, "port",
       "# Minimum value: 0\n# Maximum value: 65535\n#x = 80\n");
  ends(Option<Hostname>{.name = "x", .default_value = Hostname{"localhost"}},
       "hostname", "#x = localhost\n");
  const auto multi = [](const Option<Multi<std::string>>& option) {
    return Sample(option);
  };
  EXPECT_EQ(multi({.name = "x", .default_value = Multi<std::string>{"1", "2"}}),
            "# (multi valued)\n#x = 1\n#x = 2\n");
  EXPECT_EQ(multi({.name = "x"}), "# (multi valued)\n#x =\n");
  EXPECT_EQ(multi({.name = "x", .default_value = Multi<std::string>{}}),
            "# (multi valued)\n#x =\n");
  EXPECT_THAT(
      multi({.name = "x", .sample_default = Multi<std::string>{"1", "2"}}),
      HasSubstr("\n# below.\n#x = 1\n#x = 2\n"));
  EXPECT_THAT(
      Sample(Option<std::string>{.name = "x", .sample_default = "fqdn"}),
      HasSubstr("\n# below.\n#x = fqdn\n"));
}

TEST(SampleTest, Oc174ATypeOfTheProgramAndAnotherNameForAType) {
  EXPECT_EQ(Sample(Option<Colour>{.name = "x", .default_value = Colour{"red"}}),
            "# (colour value)\n#x = red\n");
  EXPECT_EQ(Sample(Option<int64_t>{
                .name = "x", .default_value = 7, .type_name = "lucky value"}),
            "# (lucky value)\n#x = 7\n");
  EXPECT_EQ(Sample(Option<std::string>{.name = "x", .default_value = "7"}),
            "# (string value)\n#x = 7\n");
}

// What a module has in a group is one block, even if it lists the group twice.
TEST(SampleTest, Oc175AGroupWithHelpAndWithoutIsOneGroup) {
  const OptionGroup with = {.name = "g", .help = "G.", .options = {Flag("x")}};
  const OptionGroup without = {.name = "g", .options = {Flag("y")}};
  const std::string head = "[DEFAULT]\n\n\n[g]\n# G.\n" + From("m");
  EXPECT_EQ(Ini({{"m", {with, without}}}),
            head + FlagText("x") + FlagText("y"));
  EXPECT_EQ(Ini({{"m", {without, with}}}),
            head + FlagText("y") + FlagText("x"));
}

TEST_F(GeneratorRunTest, Oc176AFileIsWholeAndTheStandardOutputStaysOpen) {
  const auto modules = One(Flag("x"));
  EXPECT_EQ(Run(GeneratorMain, modules, {"--output-file", Path("out")}), 0);
  EXPECT_EQ(out_, "");
  std::ifstream file(Path("out"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, Ini(modules));
  EXPECT_EQ(Run(GeneratorMain, modules, {}), 0);
  EXPECT_EQ(out_, text);
  EXPECT_EQ(Run(GeneratorMain, modules, {}), 0);
  EXPECT_EQ(out_, text);
}

TEST(MachineReadableTest, Oc178TheStructureIsExact) {
  const std::string text =
      Json({{"m",
             {{.name = "g",
               .help = "G.",
               .options = {
                   Option<int64_t>{
                       .name = "a-b",
                       .default_value = 2,
                       .help = std::string(99, 'h'),
                       .min = 1,
                       .max = 3,
                       .deprecated_names = {{.name = "o"}, {.group = "p"}}},
                   Option<std::string>{
                       .name = "c", .choices = {{"x", "X."}, {"y", ""}}}}}}}});
  const std::string common = "\"deprecated_reason\": null, ";
  EXPECT_THAT(
      text,
      AllOf(
          HasSubstr("\"options\": {\"DEFAULT\": {\"help\": \"\", \"opts\": [], "
                    "\"standard_opts\": []}, \"g\": {\"driver_option\": \"\", "
                    "\"driver_opts\": {}, \"dynamic_group_owner\": \"\", "
                    "\"help\": \"G.\", \"opts\": ["),
          HasSubstr(absl::StrCat(
              "{\"advanced\": false, \"choices\": [], \"default\": 2, "
              "\"deprecated_for_removal\": false, \"deprecated_opts\": "
              "[{\"group\": \"g\", \"name\": \"o\"}, {\"group\": \"p\", "
              "\"name\": \"a-b\"}], ",
              common,
              "\"deprecated_since\": null, \"dest\": \"a_b\", \"help\": \"",
              std::string(99, 'h'),
              "\", \"max\": 3, \"metavar\": null, \"min\": 1, \"mutable\": "
              "false, \"name\": \"a-b\", \"namespace\": \"m\", \"positional\": "
              "false, \"required\": false, \"sample_default\": null, "
              "\"secret\": false, \"short\": null, \"type\": \"integer "
              "value\"}")),
          HasSubstr("\"choices\": [[\"x\", \"X.\"], [\"y\", null]]"),
          HasSubstr("\"standard_opts\": [\"a-b\", \"c\"]"),
          HasSubstr("\"deprecated_options\": {\"g\": [{\"name\": \"o\", "
                    "\"replacement_group\": \"g\", \"replacement_name\": "
                    "\"a-b\"}], \"p\": [{\"name\": \"a-b\", ")));
}

// A repeated option has to be the same one: two that differ are an error.
TEST(ListingTest, Oc179DuplicatesMixedCaseAndRepeatedNamespaces) {
  EXPECT_EQ(Ini({{"m", {{.name = "g", .options = {Flag("x"), Flag("x")}}}}}),
            "[DEFAULT]\n\n\n[g]\n" + From("m") + FlagText("x"));
  EXPECT_EQ(Ini({{"m",
                  {{.name = "g", .options = {Flag("x")}},
                   {.name = "h", .options = {Flag("x")}}}},
                 {"n", {{.name = "g", .options = {Flag("x")}}}}}),
            "[DEFAULT]\n\n\n[g]\n" + From("m") + FlagText("x") + From("n") +
                FlagText("x") + "\n\n[h]\n" + From("m") + FlagText("x"));
  EXPECT_EQ(
      Ini({{"m",
            {{.name = "Group", .options = {Flag("x")}},
             {.name = "group", .options = {Flag("y")}}}}}),
      "[DEFAULT]\n\n\n[Group]\n" + From("m") + FlagText("x") + FlagText("y"));
  EXPECT_EQ(Ini({{"m", {{.name = "g", .options = {Flag("x")}}}},
                 {"m", {{.name = "g", .options = {Flag("x"), Flag("y")}}}}}),
            "[DEFAULT]\n\n\n[g]\n" + From("m") + FlagText("x") + FlagText("y"));
  EXPECT_THAT(Listing::Create(
                  {{"m",
                    {{.name = "g",
                      .options = {Flag("x"), Option<int64_t>{.name = "x"}}}}}}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("g.x")));
}

TEST(ListingTest, Oc180GroupsOfAllNamespacesAndDefaultFirst) {
  const Listing nothing = Must({});
  ASSERT_EQ(nothing.groups().size(), 1u);
  EXPECT_EQ(nothing.groups()[0].name, "DEFAULT");
  const Listing listing = Must({{"n", {{.name = "b", .options = {Flag("x")}}}},
                                {"m",
                                 {{.name = "a", .options = {Flag("x")}},
                                  {.name = "b", .options = {Flag("y")}}}}});
  ASSERT_EQ(listing.groups().size(), 3u);
  EXPECT_EQ(listing.groups()[0].name, "DEFAULT");
  EXPECT_EQ(listing.groups()[1].name, "a");
  EXPECT_EQ(listing.groups()[2].name, "b");
  ASSERT_EQ(listing.groups()[2].blocks.size(), 2u);
  EXPECT_EQ(listing.groups()[2].blocks[0].name_space, "m");
  EXPECT_EQ(listing.groups()[2].blocks[1].name_space, "n");
}

TEST(SampleTest, Oc181TheNoteOnMutableOptions) {
  const std::string note =
      "# Note: This option can be changed without restarting.\n";
  EXPECT_EQ(Sample(Option<bool>{.name = "x", .is_mutable = true}),
            "# (boolean value)\n" + note + "#x = <None>\n");
  EXPECT_THAT(Sample(Option<bool>{.name = "x"}), Not(HasSubstr(note)));
}

// A module that cannot be listed does not link. A namespace that is not there
// is an error too.
TEST_F(GeneratorRunTest, Oc182ErrorsOfListingAndNoArguments) {
  const std::vector<ModuleOptions> bad = {
      {"m",
       {{.name = "g", .options = {Flag("x"), Option<int64_t>{.name = "x"}}}}}};
  EXPECT_EQ(Run(GeneratorMain, bad, {"--format=ini"}), 1);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(errors_, HasSubstr("g.x"));
  EXPECT_EQ(Run(GeneratorMain, One(Flag("x")), {"--namespace=n"}), 1);
  EXPECT_THAT(errors_, HasSubstr("there is none called n"));
  EXPECT_EQ(Run(GeneratorMain, {}, {}), 1);
  EXPECT_THAT(errors_, StartsWith("usage: program "));
}

TEST(SampleTest, Oc184MinimalSummarisedAndAdvanced) {
  const std::vector<ModuleOptions> modules = {
      {"m",
       {{.name = "DEFAULT",
         .options = {
             Option<bool>{.name = "adv", .help = "A.", .advanced = true},
             Option<HostAddress>{
                 .name = "host", .help = "H.", .required = true},
             Option<HostDomain>{.name = "domain",
                                .default_value = HostDomain{"a_b.c"},
                                .help = "Summary:\n\nDetails."}}}}}};
  EXPECT_EQ(Ini(modules, {.minimal = true}),
            "[DEFAULT]\n" + From("m") +
                "\n# H. (host address value)\nhost = <None>\n");
  const std::string text = Ini(modules, {.wrap_width = 0, .summarize = true});
  EXPECT_EQ(text,
            "[DEFAULT]\n" + From("m") +
                "\n# H (host address value)\n#host = <None>\n"
                "\n# Summary. For more information, refer to the "
                "documentation. (host domain value)\n#domain = a_b.c\n"
                "\n# A (boolean value)\n"
                "# Advanced Option: intended for advanced users and not used\n"
                "# by the majority of users, and might have a significant\n"
                "# effect on stability and/or performance.\n"
                "#adv = <None>\n");
}

// The three formats of a page, which are ours, say the same.
std::vector<std::string> Pages(const std::vector<ModuleOptions>& modules) {
  const Listing listing = Must(modules);
  return {WriteMarkdown(listing, "T"), WriteHtml(listing, "T"),
          WriteRst(listing, "T")};
}

TEST(PageTest, Oc190DefaultGroupDefaultsTypesBoundsAndChoices) {
  for (const std::string& page :
       Pages({{"m",
               {{.name = "DEFAULT",
               .options = {
                   Option<Colour>{.name = "c", .default_value = Colour{"red"}},
                   Option<int64_t>{.name = "n", .min = 0, .max = 9},
                   Option<std::string>{.name = "s",
                   .choices = {{"one", "The first."}, {"two", ""}}}}}}}})) {
    EXPECT_THAT(page, AllOf(HasSubstr("[DEFAULT]"), HasSubstr("colour value"),
                            HasSubstr("red"), HasSubstr("Minimum"),
                            HasSubstr("Maximum"), HasSubstr("The first."),
                            HasSubstr("two"), HasSubstr("id=\"DEFAULT.n\"")));
  }
  EXPECT_THAT(Pages(One(Option<int64_t>{.name = "n", .min = 0}))[0],
              AllOf(HasSubstr("* Minimum: 0\n"), Not(HasSubstr("Maximum"))));
}

TEST(PageTest, Oc191GroupHelpOldNamesRemovalMutableAndAdvanced) {
  for (const std::string& page :
       Pages({{"m",
               {{.name = "g",
               .help = "About g.",
               .options = {Option<bool>{
                   .name = "x",
     .is_mutable = true,
     .advanced = true,
     .deprecated_names = {{.name = "o"}, {.name = "p", .group = "q"}},
     .removal = {{.reason = "Unloved.", .since = "2"}}}}}}}})) {
    EXPECT_THAT(
        page,
        AllOf(HasSubstr("About g."), HasSubstr("[g] o"), HasSubstr("[q] p"),
              HasSubstr("for removal since 2."), HasSubstr("Unloved."),
              HasSubstr("can be changed without restarting"),
              HasSubstr("Advanced")));
  }
  for (const std::string& page : Pages(One(Flag("x")))) {
    EXPECT_THAT(page,
                AllOf(Not(HasSubstr("Deprecated")), Not(HasSubstr("Mutable")),
                      Not(HasSubstr("Advanced"))));
  }
}

// There is one section of a group, with one anchor, and each option names its
// modules; the original may also split the page by namespaces.
TEST(PageTest, Oc192NamespacesAreMergedAndHelpIsFoundWhereverItIs) {
  for (const std::string& page :
       Pages({{"m", {{.name = "g", .options = {Flag("x")}}}},
              {"n",
               {{.name = "g", .help = "About g.", .options = {Flag("y")}}}}})) {
    EXPECT_THAT(page, HasSubstr("About g."));
    EXPECT_EQ(page.find("id=\"g\""), page.rfind("id=\"g\""));
    EXPECT_LT(page.find("id=\"g.x\""), page.find("id=\"g.y\""));
  }
}

TEST_F(ValidatorRunTest, Oc194TheExitStatus) {
  const std::vector<ModuleOptions> modules = {
      {"m",
       {{.name = "g",
         .options = {
             Option<int64_t>{.name = "x",
                             .default_value = 1,
                             .deprecated_names = {{.name = "old"}}}}}}}};
  const auto validate = [&](const std::string& text,
                            std::vector<std::string> flags) {
    flags.push_back("--input-file=" + Write("x.conf", text));
    return Run(ValidatorMain, modules, std::move(flags));
  };
  EXPECT_EQ(validate("[g]\nx = 2\n", {}), 0);
  EXPECT_EQ(validate("[g]\nold = 2\n", {}), 0);
  EXPECT_THAT(errors_, HasSubstr("old"));
  EXPECT_EQ(validate("[g]\nold = 2\n", {"--fatal-warnings"}), 1);
  EXPECT_EQ(validate("[g]\nunknown = 2\n", {}), 1);
  EXPECT_EQ(validate("[h]\nx = 2\n", {}), 1);
  EXPECT_EQ(validate("[h]\nx = 2\n", {"--exclude-group=h"}), 0);
  EXPECT_EQ(validate("[g]\nx = 2\n", {"--check-defaults"}), 0);
  EXPECT_THAT(errors_, HasSubstr("is 2, its default 1"));
  // The original does not look at values.
  EXPECT_EQ(validate("[g]\nx = two\n", {}), 1);
  EXPECT_EQ(Run(ValidatorMain, {}, {"--input-file=" + Path("x.conf")}), 1);
  EXPECT_THAT(errors_, HasSubstr("there are no options to compare with"));
}

TEST_F(GeneratorRunTest, Oc207OutputIsAFunctionOfTheOptionsAlone) {
  const std::vector<ModuleOptions> modules = {
      {"m", {{.name = "g", .options = {Flag("x"), Flag("y")}}}},
      {"n", {{.name = "g", .options = {Flag("z")}}}}};
  for (const std::string format :
       {"ini", "json", "yaml", "md", "html", "rst"}) {
    const std::vector<std::string> flags = {"--namespace=m", "--namespace=n",
                                            "--recorded-output-file=out",
                                            "--format=" + format};
    ASSERT_EQ(::unsetenv("OS_DEFAULT__TITLE"), 0);
    ASSERT_EQ(Run(GeneratorMain, modules, flags), 0);
    const std::string text = out_;
    EXPECT_THAT(text, Not(HasSubstr(folder_)));
    // Neither the environment nor the order of linking matters.
    ASSERT_EQ(::setenv("OS_DEFAULT__TITLE", "Mine", 1), 0);
    ASSERT_EQ(::setenv("OS_DEFAULT__MINIMAL", "true", 1), 0);
    EXPECT_EQ(Run(GeneratorMain, {modules[1], modules[0]}, flags), 0);
    EXPECT_EQ(out_, text);
    ASSERT_EQ(::unsetenv("OS_DEFAULT__TITLE"), 0);
    ASSERT_EQ(::unsetenv("OS_DEFAULT__MINIMAL"), 0);
  }
}

}  // namespace
}  // namespace bergen::config
