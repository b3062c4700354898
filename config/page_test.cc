// SPDX-License-Identifier: Apache-2.0

#include "config/page.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/listing.h"
#include "config/option.h"
#include "config/regex.h"
#include "config/testdata/relay_options.h"
#include "config/units.h"
#include "config/uri.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
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

std::string Golden(const std::string& name) {
  std::ifstream file(absl::StrCat("config/testdata/", name));
  return {std::istreambuf_iterator<char>(file), {}};
}

// What follows `begin`, up to `end`, each time.
std::multiset<std::string> Between(const std::string& page,
                                   const std::string& begin, char end) {
  std::multiset<std::string> found;
  for (size_t at = page.find(begin); at != page.npos;
       at = page.find(begin, at + 1)) {
    const size_t name = at + begin.size();
    found.insert(page.substr(name, page.find(end, name) - name));
  }
  return found;
}

TEST(PageTest, OfRelayIsTheGoldenOne) {
  EXPECT_EQ(WriteMarkdown(Relay(), "Options of relay"), Golden("relay.md"));
  EXPECT_EQ(WriteHtml(Relay(), "Options of relay"), Golden("relay.html"));
  EXPECT_EQ(WriteRst(Relay(), "Options of relay"), Golden("relay.rst"));
}

TEST(PageTest, EveryGroupAndOptionHasTheSameAnchorInEachFormat) {
  const std::multiset<std::string> anchors =
      Between(WriteMarkdown(Relay(), "T"), "<a id=\"", '"');
  EXPECT_EQ(anchors.size(), 17u);
  EXPECT_EQ(std::set<std::string>(anchors.begin(), anchors.end()).size(), 17u);
  EXPECT_EQ(anchors.count("DEFAULT"), 1u);
  EXPECT_EQ(anchors.count("DEFAULT.dry_run"), 1u);
  EXPECT_EQ(anchors.count("store.path"), 1u);
  EXPECT_EQ(Between(WriteHtml(Relay(), "T"), " id=\"", '"'), anchors);
  EXPECT_EQ(Between(WriteRst(Relay(), "T"), "<a id=\"", '"'), anchors);
  EXPECT_EQ(Between(WriteRst(Relay(), "T"), "\n.. _", ':'), anchors);
}

TEST(PageTest, AnchorsOfOddNamesAreDifferentToo) {
  const Listing listing = Must(Listing::Create(
      {{"m",
        {{.name = "a", .options = {Option<bool>{.name = "b"}}},
         {.name = "a.b", .options = {Option<bool>{.name = "c"}}},
         {.name = "a\"<",
          .options = {Option<bool>{.name = "D"},
                      Option<bool>{.name = "d"}}}}}}));
  const std::multiset<std::string> expected = {
      "a", "a.b", "a~2eb", "a~2eb.c", "a~22~3c", "a~22~3c.D", "a~22~3c.d"};
  EXPECT_EQ(Between(WriteHtml(listing, "T"), " id=\"", '"'), expected);
  // Labels have no case.
  EXPECT_EQ(Between(WriteRst(listing, "T"), "\n.. _", ':').size(),
            expected.size() - 1);
}

TEST(MarkdownTest, SaysEverythingAboutAnOption) {
  EXPECT_THAT(WriteMarkdown(One(Option<int64_t>{
                                .name = "x",
                                .default_value = 2,
                                .help = "Not <None> & more.",
                                .min = 1,
                                .max = 9,
                                .choices = {{2, "two"}, {3, ""}},
                                .required = true,
                                .secret = false,
                                .is_mutable = true,
                                .deprecated_names = {{.name = "y"}},
                                .removal = {{.reason = "Old.", .since = "2"}}}),
                            "T"),
              HasSubstr("\n### <a id=\"g.x\"></a>x\n\n"
                        "**Deprecated for removal since 2.** Old.\n\n"
                        "Not &lt;None> &amp; more.\n\n"
                        "* Type: integer value\n"
                        "* Default: `2`\n"
                        "* Minimum: 1\n"
                        "* Maximum: 9\n"
                        "* Required: yes\n"
                        "* Mutable: can be changed without restarting\n"
                        "* Environment: `OS_G__X`\n"
                        "* Deprecated name: `[g] y`\n"
                        "* From: m\n"
                        "* Possible values:\n"
                        "  * `2`: two\n"
                        "  * `3`\n"));
}

TEST(MarkdownTest, AnOptionOfSeveralModulesIsThereOnce) {
  const OptionList list = {
      {.name = "g", .options = {Option<bool>{.name = "x"}}}};
  const std::string page =
      WriteMarkdown(Must(Listing::Create({{"m", list}, {"n", list}})), "T");
  EXPECT_THAT(page, HasSubstr("* From: m, n\n"));
  EXPECT_EQ(page.find("id=\"g.x\""), page.rfind("id=\"g.x\""));
}

TEST(MarkdownTest, SecretsAreMaskedAndOddTextIsQuoted) {
  EXPECT_THAT(WriteMarkdown(
                  One(Option<std::string>{
                      .name = "x", .default_value = "hunter2", .secret = true}),
                  "T"),
              AllOf(HasSubstr("* Default: `****`"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(
      WriteMarkdown(
          One(Option<std::string>{.name = "x", .default_value = "`a\nb"}), "T"),
      HasSubstr("* Default: `` `a\\nb ``\n"));
}

TEST(MarkdownTest, FormAndUnitsOfTypesAreShown) {
  EXPECT_THAT(WriteMarkdown(One(Option<ByteSize>{.name = "size"}), "T"),
              HasSubstr("* Type: byte size value\n* Default: unset\n* Units: "
                        "B, KiB, MiB, GiB, kB, MB, GB; a plain number is in "
                        "B\n"));
  EXPECT_THAT(
      WriteMarkdown(
          One(Option<Dict<Uri>>{
              .name = "at",
              .type = {.item = {.schemes = {"http", "ftp"}}, .bounds = true}}),
          "T"),
      HasSubstr("* Form: stands in {}\n"
                "* Rules: each value: its scheme is one of http, ftp\n"));
}

TEST(MarkdownTest, RulesAndValuesAreShownAsTheyAreInAFile) {
  EXPECT_THAT(WriteMarkdown(
                  One(Option<Multi<std::string>>{
                      .name = "x-y",
                      .default_value = Multi<std::string>{"", " a ", "b,c"},
                      .type = {.item = {.max_length = 9, .regex = Regex("_*")}},
                      .short_name = 'x',
                      .cli = true}),
                  "T"),
              AllOf(HasSubstr("* Default: (empty), `\" a \"`, `b,c`\n"),
                    HasSubstr("* Rules: at most 9 characters; "
                              "matches the regex \\_\\*\n"),
                    HasSubstr("* Command line: `--g-x-y`, `-x`\n")));
  EXPECT_THAT(
      WriteMarkdown(One(Option<std::string>{
                        .name = "x", .metavar = "FILE", .positional = true}),
                    "T"),
      HasSubstr("* Command line: by position, as `FILE`\n"));
}

TEST(HtmlTest, EverythingThatLooksLikeMarkupIsText) {
  const std::string page =
      WriteHtml(One(Option<std::string>{.name = "x",
                                        .default_value = "<i>",
                                        .help = "<script>alert(\"&\")</script>",
                                        .choices = {{"<i>", "<u>"}},
                                        .removal = {{.reason = "<b>"}}}),
                "<T>");
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>\n"));
  EXPECT_THAT(page, EndsWith("</html>\n"));
  EXPECT_THAT(page,
              AllOf(HasSubstr("<title>&lt;T&gt;</title>"),
                    HasSubstr("<p>&lt;script&gt;alert(&quot;&amp;&quot;)"
                              "&lt;/script&gt;</p>"),
                    HasSubstr("<dd><code>&lt;i&gt;</code></dd>"),
                    HasSubstr("<li><code>&lt;i&gt;</code>: &lt;u&gt;</li>"),
                    HasSubstr("</strong> &lt;b&gt;</p>"),
                    Not(HasSubstr("<script")), Not(HasSubstr("<u>"))));
}

TEST(HtmlTest, NeedsNothingElseAndFitsAPhone) {
  const std::string page = WriteHtml(Relay(), "T");
  EXPECT_THAT(page, HasSubstr("<meta name=\"viewport\" "
                              "content=\"width=device-width, "));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("src=")), Not(HasSubstr("<link")),
                          Not(HasSubstr("href=\"h")), Not(HasSubstr("url("))));
}

TEST(HtmlTest, HelpKeepsItsParagraphsAndLines) {
  EXPECT_THAT(
      WriteHtml(One(Option<bool>{.name = "x", .help = "\na\nb\n \n\n  c\n"}),
                "T"),
      HasSubstr("<p>a\nb</p>\n<p>  c</p>\n"));
}

TEST(RstTest, HelpThatLooksLikeMarkupIsText) {
  EXPECT_THAT(
      WriteRst(One(Option<bool>{.name = "x",
                                .help = "1. `a` *b* _c_ |d|::\n\n- e\n\nf\ng"}),
               "T"),
      HasSubstr("\n1\\. \\`a\\` \\*b\\* \\_c\\_ \\|d\\|:\\:\n\n\\- e\n\n"
                "| f\n| g\n\n:Type: boolean value\n"));
}

TEST(RstTest, CodeIsLiteralWhateverIsInIt) {
  const auto page = [](const std::string& value) {
    return WriteRst(
        One(Option<std::string>{.name = "x", .default_value = value}), "T");
  };
  EXPECT_THAT(page("a\\b*"), HasSubstr(":Default: ``a\\b*``\n"));
  EXPECT_THAT(page("`a\\`"), HasSubstr(":Default: :literal:`\\`a\\\\\\``\n"));
  EXPECT_THAT(page(" a"), HasSubstr(":Default: ``\" a\"``\n"));
  EXPECT_THAT(page(""), HasSubstr(":Default: (empty)\n"));
}

TEST(PageTest, SecretsAreMaskedInEachFormat) {
  const Listing listing = One(Option<std::string>{
      .name = "x", .default_value = "hunter2", .secret = true});
  for (const auto write : {WriteMarkdown, WriteHtml, WriteRst}) {
    EXPECT_THAT(write(listing, "T"),
                AllOf(HasSubstr("****"), Not(HasSubstr("hunter2"))));
  }
}

}  // namespace
}  // namespace bergen::config
