// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.config's grammar of files (checks.txt) against ours. A
// comment says where we differ on purpose.

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "config/source.h"
#include "config/sources.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// `group.name=text` of each assignment in a file, or the error.
absl::StatusOr<std::vector<std::string>> Read(const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/f.conf");
  std::ofstream(path) << text;
  const absl::StatusOr<std::vector<Document>> documents =
      FileSource(path).ReadAll();
  if (!documents.ok()) return documents.status();
  std::vector<std::string> values;
  for (const Document& document : *documents) {
    for (const RawValue& value : document.values()) {
      values.push_back(
          absl::StrCat(value.group, ".", value.name, "=", value.text));
    }
  }
  return values;
}

TEST(Grammar, Oc141BlankLinesSeparatorsAndContinuations) {
  EXPECT_THAT(Read(""), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Read("\n\n[s]\n\nfoo = bar\n\n"),
              IsOkAndHolds(ElementsAre("s.foo=bar")));
  EXPECT_THAT(Read("[s]\nfoo:bar\nbar=a:b\nbaz : a=b"),
              IsOkAndHolds(ElementsAre("s.foo=bar", "s.bar=a:b", "s.baz=a=b")));
  EXPECT_THAT(Read("[s]\nfoo = bar 0\n  bar 1\n"),
              IsOkAndHolds(ElementsAre("s.foo=bar 0\nbar 1")));
  EXPECT_THAT(Read("[s]\nfoo = bar 0\n\n  bar 1\n"),
              StatusIs(kInvalid, HasSubstr("f.conf:4: ")));
}

// A callback for comments has no use without a way to write files.
TEST(Grammar, Oc142SectionsCommentsEmptyValuesAndQuotes) {
  EXPECT_THAT(Read("[a]\nfoo = 1\n[b]\nfoo = 2\n[a]\nfoo = 3\n"),
              IsOkAndHolds(ElementsAre("a.foo=1", "b.foo=2", "a.foo=3")));
  EXPECT_THAT(Read("[a]\n"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Read("# one\n[a]\n#foo = bar\n; two\nfoo = b # not a comment\n"),
              IsOkAndHolds(ElementsAre("a.foo=b # not a comment")));
  EXPECT_THAT(Read("[a]\nfoo =\nbar:\n"),
              IsOkAndHolds(ElementsAre("a.foo=", "a.bar=")));
  EXPECT_THAT(Read("[a]\nfoo = \" foo \"\nbar = ' bar '\n"),
              IsOkAndHolds(ElementsAre("a.foo= foo ", "a.bar= bar ")));
}

// What may be a value, and so a secret, is masked; a line that may be the rest
// of the value before it is left out.
TEST(Grammar, Oc143AnErrorHasItsLineItsReasonAndTheLinesText) {
  EXPECT_THAT(Read("[a]\nnonsense here\n"),
              StatusIs(kInvalid,
                       HasSubstr("f.conf:2: neither key = value nor [section]: "
                                 "\"nonsense ****\"")));
  EXPECT_THAT(
      Read("[a]\nfoo = bar\nnonsense here\n"),
      StatusIs(kInvalid,
               EndsWith("f.conf:3: neither key = value nor [section]")));
  EXPECT_THAT(
      Read("\n[a\n"),
      StatusIs(kInvalid, HasSubstr("f.conf:2: a section is written [name]: "
                                   "\"[a\"")));
}

}  // namespace
}  // namespace bergen::config
