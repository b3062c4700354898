// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.config's registry (checks.txt) against ours. A comment
// says where we differ on purpose.

#include "config/registry.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/snapshot.h"
#include "config/source.h"
#include "config/sources.h"
#include "config/test_scope.h"
#include "config/value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Texts = std::vector<std::string>;

// What the sources say, in the grammar of files; may change between loads.
struct FakeText {
  std::string place;
  std::string ini;
  SourceKind kind = SourceKind::kFile;
};

class FakeSource : public Source {
 public:
  explicit FakeSource(const FakeText& text) : text_(text) {}
  SourceKind kind() const override { return text_.kind; }

  // Lines `group.name=text`; of arguments each has a place of its own.
  absl::StatusOr<std::vector<Document>> ReadAll() override {
    std::vector<Document> documents;
    int line = 0;
    for (absl::string_view rest = text_.ini; !rest.empty();) {
      const absl::string_view one = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
      const size_t dot = one.find('.');
      const size_t equals = one.find('=');
      const absl::string_view group = one.substr(0, dot);
      const absl::string_view name = one.substr(dot + 1, equals - dot - 1);
      if (text_.kind == SourceKind::kCommandLine) {
        documents
            .emplace_back(absl::StrCat("--set ", one.substr(0, equals)), true)
            .AddCopy(group, name, one.substr(equals + 1));
        continue;
      }
      if (documents.empty()) documents.emplace_back(text_.place);
      documents.back().AddCopy(group, name, one.substr(equals + 1), ++line);
    }
    return documents;
  }

 private:
  const FakeText& text_;
};

std::vector<std::unique_ptr<Source>> Sources(
    const std::vector<const FakeText*>& texts) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.reserve(texts.size());
  for (const FakeText* text : texts) {
    sources.push_back(std::make_unique<FakeSource>(*text));
  }
  return sources;
}

absl::StatusOr<Report> Load(Registry& registry,
                            const std::vector<const FakeText*>& texts) {
  return registry.Load(Sources(texts));
}

template <typename T>
Handle<T> Add(Registry& registry, absl::string_view group, Option<T> option) {
  absl::StatusOr<Handle<T>> handle =
      registry.Register(group, option, {"code.cc", 7});
  EXPECT_THAT(handle, IsOk());
  return handle.ok() ? *handle : Handle<T>();
}

FakeText File(std::string ini, std::string place = "a.conf") {
  return {.place = std::move(place), .ini = std::move(ini)};
}

FakeText Arguments(std::string ini) {
  return {.ini = std::move(ini), .kind = SourceKind::kCommandLine};
}

constexpr absl::string_view kDefault = kDefaultGroup;

TEST(Oc, Oc001ErrorsNameTheOptionAndItsGroup) {
  Registry registry;
  EXPECT_EQ(registry.Where(kDefault, "x").status().message(),
            "DEFAULT.x: no such option");
  EXPECT_EQ(registry.Where("g", "x").status().message(), "g.x: no such option");
  Add(registry, "g", Option<int64_t>{.name = "r", .required = true});
  EXPECT_THAT(registry.Load({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("g.r: required")));
}

TEST(Oc, Oc002AllMissingFilesAreNamedEachWithTheReason) {
  Registry registry;
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<FileSource>("/nonexistent/a.conf"));
  sources.push_back(std::make_unique<FileSource>("/nonexistent/b.conf"));
  EXPECT_THAT(registry.Load(std::move(sources)),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("/nonexistent/a.conf: "),
                             HasSubstr("/nonexistent/b.conf: "))));
}

TEST(Oc, Oc039TheLastFileWinsAlsoUnderAnAliasWithAWarning) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault,
          Option<std::string>{.name = "foo",
                              .deprecated_names = {{.name = "oldfoo"}}});
  const FakeText first = File("DEFAULT.foo=new");
  const FakeText last = File("DEFAULT.oldfoo=old", "b.conf");
  const absl::StatusOr<Report> report = Load(registry, {&first, &last});
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(foo.Get(), "old");
  EXPECT_THAT(report->warnings,
              ElementsAre("b.conf:1: DEFAULT.oldfoo: deprecated name of "
                          "DEFAULT.foo"));
}

TEST(Oc, Oc040AnOptionToBeRemovedIsToldOnceWithTheReason) {
  Registry registry;
  Add(registry, kDefault,
      Option<std::string>{.name = "foo",
                          .removal = Removal{.reason = "because"}});
  const FakeText file = File("DEFAULT.foo=a");
  const FakeText arguments = Arguments("DEFAULT.foo=b");
  const absl::StatusOr<Report> report = Load(registry, {&file, &arguments});
  ASSERT_THAT(report, IsOk());
  ASSERT_THAT(report->warnings, SizeIs(1));
  EXPECT_THAT(report->warnings[0], HasSubstr("(because)"));
}

// The command line always ranks above files, so its values come last.
TEST(Oc, Oc047AMultiOptionGathersFilesAndArguments) {
  Registry registry;
  const Handle<Multi<std::string>> foo = Add(
      registry, kDefault,
      Option<Multi<std::string>>{.name = "foo",
                                 .default_value = Multi<std::string>{"default"},
                                 .deprecated_names = {{.name = "oldfoo"}}});
  EXPECT_THAT(foo.Get(), ElementsAre("default"));
  const FakeText one = File("DEFAULT.foo=a");
  const FakeText two = File("DEFAULT.oldfoo=b\nDEFAULT.foo=c", "b.conf");
  const FakeText arguments = Arguments("DEFAULT.foo=d");
  ASSERT_THAT(Load(registry, {&one}), IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("a"));
  ASSERT_THAT(Load(registry, {&one, &two, &arguments}), IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(registry.Where(kDefault, "foo")->ToString(), "--set DEFAULT.foo=d");
}

TEST(Oc, Oc048AMultiOptionUnderAnAliasAloneKeepsTheOrder) {
  Registry registry;
  const Handle<Multi<std::string>> foo =
      Add(registry, kDefault,
          Option<Multi<std::string>>{.name = "foo",
                                     .deprecated_names = {{.name = "oldfoo"}}});
  const FakeText file = File("DEFAULT.oldfoo=a\nDEFAULT.oldfoo=b");
  const absl::StatusOr<Report> report = Load(registry, {&file});
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("a", "b"));
  EXPECT_THAT(report->warnings, SizeIs(1));
}

TEST(Oc, Oc051AReloadTakesWhatFilesSayNow) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "g", Option<std::string>{.name = "foo"});
  FakeText file = File("g.foo=a");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  file.ini = "g.foo=b";
  EXPECT_THAT(registry.Reload().status, IsOk());
  EXPECT_EQ(foo.Get(), "b");
}

TEST(Oc, Oc052AReloadThatFailsKeepsTheOldValues) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "g", Option<std::string>{.name = "foo", .required = true});
  FakeText file = File("g.foo=a");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  file.ini = "";
  EXPECT_THAT(registry.Reload().status,
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(foo.Get(), "a");
}

struct Mutated : ::testing::Test {
  Registry registry;
  Handle<std::string> fixed =
      Add(registry, kDefault,
          Option<std::string>{.name = "fixed", .default_value = "old"});
  Handle<std::string> foo =
      Add(registry, kDefault,
          Option<std::string>{
              .name = "foo", .default_value = "old", .is_mutable = true});
  Handle<int64_t> number = Add(
      registry, "g",
      Option<int64_t>{
          .name = "number", .default_value = 1, .max = 9, .is_mutable = true});
  FakeText file = File("");

  Mutated() { EXPECT_THAT(Load(registry, {&file}), IsOk()); }

  // `group.name old -> new verdict` of each change.
  static Texts Changes(const Report& report) {
    Texts texts;
    for (const Change& change : report.changes) {
      texts.push_back(absl::StrCat(change.group, ".", change.name, " ",
                                   change.old_text, " -> ", change.new_text,
                                   " ", static_cast<int>(change.verdict)));
    }
    return texts;
  }
};

TEST_F(Mutated, Oc053OnlyMutableOptionsChange) {
  file.ini = "DEFAULT.fixed=new\nDEFAULT.foo=new\ng.number=2";
  EXPECT_THAT(registry.Mutate().status, IsOk());
  EXPECT_EQ(fixed.Get(), "old");
  EXPECT_EQ(foo.Get(), "new");
  EXPECT_EQ(number.Get(), 2);
}

// A report has both kinds, with a verdict each; who logs it decides the order.
TEST_F(Mutated, Oc054EveryDifferenceHasAVerdict) {
  file.ini = "DEFAULT.fixed=new\nDEFAULT.foo=new";
  EXPECT_THAT(
      Changes(registry.Mutate()),
      ElementsAre("DEFAULT.fixed old -> new 1", "DEFAULT.foo old -> new 0"));
}

TEST_F(Mutated, Oc055ChangesAreSortedDefaultFirstAndEffective) {
  file.ini = "a.x=1\ng.number=01\nDEFAULT.foo=new";
  EXPECT_THAT(Changes(registry.Mutate()),
              ElementsAre("DEFAULT.foo old -> new 0"));
  file.ini = "g.number=3";
  EXPECT_THAT(Changes(registry.Mutate()),
              ElementsAre("DEFAULT.foo new -> old 0", "g.number 1 -> 3 0"));
}

// Two subscriptions are two hooks; a hook is dropped with its subscription.
TEST_F(Mutated, Oc056AReportHookIsCalledEvenIfNothingChanges) {
  int calls = 0;
  {
    const Subscription subscription = registry.OnReport(
        [&](const Report& report) { calls += report.changes.empty() ? 1 : 9; });
    EXPECT_THAT(registry.Mutate().status, IsOk());
    EXPECT_EQ(calls, 1);
  }
  EXPECT_THAT(registry.Mutate().status, IsOk());
  EXPECT_EQ(calls, 1);
}

TEST_F(Mutated, Oc057AHookSeesTheNewValue) {
  std::string seen;
  const Subscription subscription = registry.OnChange(
      foo, [&](const std::string& from, const std::string& to) {
        seen = absl::StrCat(from, " ", to, " ", foo.Get());
      });
  EXPECT_EQ(foo.Get(), "old");
  file.ini = "DEFAULT.foo=new";
  EXPECT_THAT(registry.Mutate().status, IsOk());
  EXPECT_EQ(seen, "old new new");
}

TEST_F(Mutated, Oc058ClearForgetsNeitherOptionsNorHooks) {
  int calls = 0;
  const Subscription subscription =
      registry.OnReport([&](const Report&) { ++calls; });
  ASSERT_THAT(registry.Clear(), IsOk());
  EXPECT_EQ(foo.Get(), "old");
  EXPECT_THAT(registry.Find<std::string>(kDefault, "foo"), IsOk());
  EXPECT_THAT(registry.Mutate().status,
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(calls, 1);
}

TEST(Oc, Oc059AGroupIsMadeByItsFirstOption) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "blaa",
          Option<std::string>{.name = "foo", .default_value = "d"});
  EXPECT_EQ(foo.Get(), "d");
  const FakeText arguments = Arguments("blaa.foo=bar");
  ASSERT_THAT(Load(registry, {&arguments}), IsOk());
  EXPECT_EQ(foo.Get(), "bar");
}

TEST(Oc, Oc061AnyNameMayStandInAGroup) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "conf", .default_value = 1});
  Add(registry, "g", Option<int64_t>{.name = "group", .default_value = 2});
  EXPECT_EQ(registry.Find<int64_t>("g", "conf")->Get(), 1);
  EXPECT_EQ(registry.Find<int64_t>("g", "group")->Get(), 2);
}

TEST(Oc, Oc062InOneFileTheNewSpellingBeatsEachAlias) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "blaa",
          Option<std::string>{
              .name = "foo",
              .deprecated_names = {{.name = "oldfoo"},
                                   {.group = "DEFAULT"},
                                   {.name = "oldfoo", .group = "DEFAULT"}}});
  FakeText file = File("");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  for (const char* old : {"blaa.oldfoo", "DEFAULT.foo", "DEFAULT.oldfoo"}) {
    file.ini = absl::StrCat(old, "=old");
    ASSERT_THAT(registry.Reload().status, IsOk());
    EXPECT_EQ(foo.Get(), "old") << old;
    file.ini = absl::StrCat("blaa.foo=new\n", old, "=old");
    ASSERT_THAT(registry.Reload().status, IsOk());
    EXPECT_EQ(foo.Get(), "new") << old;
  }
}

TEST(Oc, Oc063ASectionInCapitalsSetsTheGroup) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "blaa", Option<std::string>{.name = "foo"});
  const FakeText file = File("BLAA.foo=bar");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(foo.Get(), "bar");
}

// By name, too, case does not matter.
TEST(Oc, Oc064AGroupInCapitalsReadsTheSection) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "BLAA", Option<std::string>{.name = "foo"});
  const FakeText file = File("blaa.foo=bar");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(foo.Get(), "bar");
  EXPECT_EQ(registry.Find<std::string>("blaa", "foo")->Get(), "bar");
}

// There are no built-in options.
TEST(Oc, Oc065TheDumpHasExactlyTheRegisteredOptions) {
  Registry registry;
  EXPECT_THAT(registry.Dump(), IsEmpty());
  Add(registry, "g", Option<int64_t>{.name = "a", .default_value = 1});
  Add(registry, kDefault, Option<int64_t>{.name = "b"});
  const std::vector<DumpEntry> dump = registry.Dump();
  ASSERT_THAT(dump, SizeIs(2));
  EXPECT_EQ(dump[0].name, "b");
  EXPECT_EQ(dump[1].name, "a");
}

TEST(Oc, Oc066AHyphenInANameMeansAnUnderscore) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "a-b", .default_value = 1});
  EXPECT_EQ(registry.Find<int64_t>("g", "a_b")->Get(), 1);
  EXPECT_EQ(registry.Find<int64_t>("g", "a-b")->Get(), 1);
  EXPECT_EQ(registry.Dump()[0].name, "a_b");
}

TEST(Oc, Oc068AnAliasCanBeReadByName) {
  Registry registry;
  Add(registry, "g",
      Option<int64_t>{.name = "foo",
                      .default_value = 1,
                      .deprecated_names = {{.name = "old-foo"}}});
  EXPECT_EQ(registry.Find<int64_t>("g", "old_foo")->Get(), 1);
  EXPECT_EQ(registry.Find<int64_t>("g", "old-foo")->Get(), 1);
  EXPECT_THAT(registry.Dump(), SizeIs(1));
}

TEST(Oc, Oc069RegisteringTheSameTwiceIsFine) {
  Registry registry;
  const Option<std::string> foo = {.name = "foo", .default_value = "x"};
  const Handle<std::string> first = Add(registry, "g", foo);
  const Handle<std::string> second = Add(registry, "g", foo);
  EXPECT_EQ(&first.Get(), &second.Get());
}

TEST(Oc, Oc071AReferenceToAnOptionFromAnyLayer) {
  for (const char* layer : {"default", "file", "argument"}) {
    Registry registry;
    Add(registry, kDefault,
        Option<std::string>{.name = "foo", .default_value = "default"});
    Add(registry, kDefault,
        Option<std::string>{.name = "chain", .default_value = "$foo"});
    const Handle<std::string> bar =
        Add(registry, kDefault,
            Option<std::string>{.name = "bar", .default_value = "<${chain}>"});
    const FakeText file =
        File(std::string(layer) == "file" ? "DEFAULT.foo=file" : "DEFAULT.y=1");
    const FakeText arguments = Arguments(
        std::string(layer) == "argument" ? "DEFAULT.foo=argument" : "");
    ASSERT_THAT(Load(registry, {&file, &arguments}), IsOk());
    EXPECT_EQ(bar.Get(), absl::StrCat("<", layer, ">"));
  }
}

TEST(Oc, Oc072ExpandedTextBecomesANumber) {
  Registry registry;
  Add(registry, kDefault, Option<int64_t>{.name = "foo", .default_value = 4});
  const Handle<int64_t> bar =
      Add(registry, kDefault, Option<int64_t>{.name = "bar"});
  const FakeText file = File("DEFAULT.bar=${foo}2");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(bar.Get(), 42);
}

TEST(Oc, Oc073TwoWaysToWriteADollar) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo"});
  const FakeText file = File("DEFAULT.foo=$$a \\$b");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(foo.Get(), "$a $b");
}

TEST(Oc, Oc074AReferenceMeansTheOwnGroupThenDefault) {
  Registry registry;
  Add(registry, kDefault,
      Option<std::string>{.name = "foo", .default_value = "outer"});
  const Handle<std::string> bar =
      Add(registry, "g",
          Option<std::string>{.name = "bar", .default_value = "$foo"});
  EXPECT_EQ(bar.Get(), "outer");
  Add(registry, "g",
      Option<std::string>{.name = "foo",
                          .default_value = "inner",
                          .deprecated_names = {{.group = "DEFAULT"}}});
  EXPECT_EQ(bar.Get(), "inner");
  const FakeText file = File("g.foo=file");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(bar.Get(), "file");
}

TEST(Oc, Oc075ReferencesInDefaultsAndOverridesSetByCode) {
  Registry registry;
  Add(registry, kDefault,
      Option<std::string>{.name = "foo", .default_value = "a"});
  const Handle<std::string> bar =
      Add(registry, kDefault, Option<std::string>{.name = "bar"});
  ASSERT_THAT(registry.SetDefault(kDefault, "bar", "<$foo>"), IsOk());
  EXPECT_EQ(bar.Get(), "<a>");
  ASSERT_THAT(registry.SetOverride(kDefault, "foo", "b"), IsOk());
  EXPECT_EQ(bar.Get(), "<b>");
  ASSERT_THAT(registry.SetOverride(kDefault, "bar", "[$foo]"), IsOk());
  EXPECT_EQ(bar.Get(), "[b]");
}

TEST(Oc, Oc076ReferencesInKeysAndValuesOfADict) {
  Registry registry;
  Add(registry, kDefault,
      Option<std::string>{.name = "foo", .default_value = "k"});
  const Handle<Dict<std::string>> bar =
      Add(registry, kDefault,
          Option<Dict<std::string>>{
              .name = "bar",
              .default_value = Dict<std::string>{{"$foo", "<$foo>"}}});
  EXPECT_THAT(bar.Get(), ElementsAre(std::pair<const std::string, std::string>(
                             "k", "<k>")));
  const FakeText file = File("DEFAULT.bar=x:$foo");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(bar.Get().at("x"), "k");
}

TEST(Oc, Oc081SetDefaultAndClearDefault) {
  Registry registry;
  const Handle<std::string> none =
      Add(registry, kDefault, Option<std::string>{.name = "none"});
  const Handle<std::string> foo = Add(
      registry, "g", Option<std::string>{.name = "foo", .default_value = "d"});
  ASSERT_THAT(registry.SetDefault(kDefault, "none", "x"), IsOk());
  EXPECT_EQ(none.Get(), "x");
  ASSERT_THAT(registry.ClearDefault(kDefault, "none"), IsOk());
  EXPECT_FALSE(none.has_value());
  ASSERT_THAT(registry.SetDefault("g", "foo", std::nullopt), IsOk());
  EXPECT_FALSE(foo.has_value());
  ASSERT_THAT(registry.ClearDefault("g", "foo"), IsOk());
  EXPECT_EQ(foo.Get(), "d");
}

TEST(Oc, Oc082SetOverrideBeforeAndAfterALoad) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "g", Option<std::string>{.name = "foo"});
  const FakeText file = File("g.foo=file");
  ASSERT_THAT(registry.SetOverride("g", "foo", "o"), IsOk());
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(foo.Get(), "o");
  ASSERT_THAT(registry.ClearOverride("g", "foo"), IsOk());
  EXPECT_EQ(foo.Get(), "file");
  ASSERT_THAT(registry.SetOverride("g", "foo", std::nullopt), IsOk());
  EXPECT_FALSE(foo.has_value());
  ASSERT_THAT(registry.ClearOverride("g", "foo"), IsOk());
  EXPECT_EQ(foo.Get(), "file");
}

TEST(Oc, Oc083ABooleanSetByCode) {
  Registry registry;
  const Handle<bool> foo = Add(
      registry, kDefault, Option<bool>{.name = "foo", .default_value = false});
  ASSERT_THAT(registry.SetDefault(kDefault, "foo", true), IsOk());
  EXPECT_TRUE(foo.Get());
  ASSERT_THAT(registry.Load({}), IsOk());
  EXPECT_TRUE(foo.Get());
  ASSERT_THAT(registry.SetOverride(kDefault, "foo", false), IsOk());
  EXPECT_FALSE(foo.Get());
}

// C++ types do not convert by themselves; text does where it is asked for.
TEST(Oc, Oc084AValueOfTheWrongTypeIsRefusedAtOnce) {
  Registry registry;
  const Handle<bool> foo = Add(registry, kDefault, Option<bool>{.name = "foo"});
  EXPECT_THAT(registry.SetOverride(kDefault, "foo", "True"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(registry.SetOverrideFromText(kDefault, "foo", "True"), IsOk());
  EXPECT_TRUE(foo.Get());
  Add(registry, kDefault,
      Option<std::string>{.name = "bar", .choices = {{"a", ""}}});
  EXPECT_THAT(registry.SetDefault(kDefault, "bar", "b"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Oc, Oc085EveryTypeMayBeOverriddenWithNothing) {
  Registry registry;
  const auto check = [&](auto option) {
    const auto handle = Add(registry, "g", option);
    ASSERT_THAT(registry.SetOverride("g", option.name, std::nullopt), IsOk());
    EXPECT_FALSE(handle.has_value());
  };
  check(Option<std::string>{.name = "s", .default_value = "x"});
  check(Option<int64_t>{.name = "i", .default_value = 1});
  check(Option<double>{.name = "d", .default_value = 1});
  check(Option<bool>{.name = "b", .default_value = true});
  check(Option<Port>{.name = "p", .default_value = Port{1}});
  check(Option<std::vector<std::string>>{.name = "l",
                                         .default_value = Texts{"x"}});
  check(Option<Multi<std::string>>{.name = "m",
                                   .default_value = Multi<std::string>{"x"}});
  ASSERT_THAT(registry.SetOverride("g", "l", Texts{"a", "b"}), IsOk());
  EXPECT_THAT(registry.Find<Texts>("g", "l")->Get(), ElementsAre("a", "b"));
}

TEST(Oc, Oc087ClearKeepsAndResetDropsWhatCodeHasSet) {
  Registry registry;
  const Handle<std::string> a =
      Add(registry, kDefault, Option<std::string>{.name = "a"});
  const Handle<std::string> b =
      Add(registry, kDefault, Option<std::string>{.name = "b"});
  const Handle<std::string> c =
      Add(registry, kDefault, Option<std::string>{.name = "c"});
  const FakeText file = File("DEFAULT.c=file");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  ASSERT_THAT(registry.SetDefault(kDefault, "a", "d"), IsOk());
  ASSERT_THAT(registry.SetOverride(kDefault, "b", "o"), IsOk());
  ASSERT_THAT(registry.Clear(), IsOk());
  EXPECT_EQ(absl::StrCat(a.Get(), b.Get(), c.Get()), "do");
  ASSERT_THAT(registry.Reset(), IsOk());
  EXPECT_EQ(absl::StrCat(a.Get(), b.Get(), c.Get()), "");
}

// Works after a load too: nothing here is built from the set of options.
TEST(Oc, Oc088UnregisterTakesAnOptionAway) {
  Registry registry;
  const Option<std::string> foo = {.name = "foo", .default_value = "x"};
  Add(registry, "g", foo);
  EXPECT_THAT(registry.Unregister("g", "foo"), IsOk());
  EXPECT_THAT(registry.Find<std::string>("g", "foo"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(registry.Unregister("g", "foo"),
              StatusIs(absl::StatusCode::kNotFound));
  const FakeText file = File("g.foo=7");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  const Handle<int64_t> other =
      Add(registry, "g", Option<int64_t>{.name = "foo"});
  EXPECT_EQ(other.Get(), 7);
  EXPECT_THAT(registry.Unregister("g", "foo"), IsOk());
  EXPECT_EQ(Add(registry, "g", foo).Get(), "7");
}

TEST(Oc, Oc090ARequiredOptionIsSatisfiedByAnyLayer) {
  const FakeText file = File("g.foo=1");
  const FakeText arguments = Arguments("g.foo=1");
  const Option<std::string> foo = {.name = "foo", .required = true};
  for (const FakeText* text : {&file, &arguments}) {
    Registry registry;
    Add(registry, "g", foo);
    EXPECT_THAT(Load(registry, {text}), IsOk());
  }
  for (const bool is_override : {false, true}) {
    Registry registry;
    Add(registry, "g", foo);
    ASSERT_THAT(is_override ? registry.SetOverride("g", "foo", "x")
                            : registry.SetDefault("g", "foo", "x"),
                IsOk());
    EXPECT_THAT(registry.Load({}), IsOk());
  }
}

TEST(Oc, Oc091ARequiredOptionWithoutAValueFailsTheLoad) {
  Registry registry;
  Add(registry, "g", Option<std::string>{.name = "a", .required = false});
  EXPECT_THAT(registry.Load({}), IsOk());
  Registry other;
  Add(other, "g", Option<std::string>{.name = "a", .required = true});
  EXPECT_THAT(other.Load({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("g.a: required")));
}

TEST(Oc, Oc092AnUnknownOptionIsNotFound) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "a"});
  for (const char* group : {"DEFAULT", "g", "h"}) {
    EXPECT_THAT(registry.Find<int64_t>(group, "x"),
                StatusIs(absl::StatusCode::kNotFound));
  }
}

TEST(Oc, Oc093AnEqualDuplicateIsFineAndAnotherIsNot) {
  Registry registry;
  const Option<int64_t> foo = {.name = "foo", .help = "a"};
  Add(registry, "g", foo);
  EXPECT_THAT(registry.Register("g", foo), IsOk());
  Option<int64_t> other = foo;
  other.help = "b";
  EXPECT_THAT(registry.Register("g", other, {"b.cc", 2}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("code.cc:7"), HasSubstr("b.cc:2"))));
}

TEST(Oc, Oc096FilesThatCannotBeReadHaveTheirErrors) {
  const std::string folder = ::testing::TempDir();
  const std::string broken = absl::StrCat(folder, "/oc096_broken.conf");
  const std::string secret = absl::StrCat(folder, "/oc096_secret.conf");
  std::ofstream(broken) << "nonsense\n";
  std::ofstream(secret) << "[g]\n";
  std::filesystem::permissions(secret, std::filesystem::perms::none);
  const auto load = [](const std::string& path) {
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<FileSource>(path));
    return Registry().Load(std::move(sources)).status().code();
  };
  EXPECT_EQ(load(absl::StrCat(folder, "/oc096_none.conf")),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(load(broken), absl::StatusCode::kInvalidArgument);
  if (::getuid() != 0) {
    EXPECT_EQ(load(secret), absl::StatusCode::kPermissionDenied);
  }
}

// Found by the load rather than by the first read.
TEST(Oc, Oc097BadValuesInAFileFailTheLoad) {
  Registry registry;
  Add(registry, kDefault, Option<bool>{.name = "b"});
  Add(registry, kDefault, Option<int64_t>{.name = "i"});
  Add(registry, kDefault, Option<double>{.name = "f"});
  const FakeText file = File("DEFAULT.b=x\nDEFAULT.i=y\nDEFAULT.f=z");
  EXPECT_THAT(Load(registry, {&file}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("a.conf:1: DEFAULT.b: "),
                             HasSubstr("a.conf:2: DEFAULT.i: "),
                             HasSubstr("a.conf:3: DEFAULT.f: "))));
}

TEST(Oc, Oc098AReferenceToAnUnsetOptionIsEmpty) {
  Registry registry;
  Add(registry, kDefault, Option<std::string>{.name = "foo"});
  const Handle<std::string> bar =
      Add(registry, kDefault, Option<std::string>{.name = "bar"});
  FakeText file = File("DEFAULT.bar=$foo");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(bar.Get(), "");
  file.ini = "DEFAULT.bar=a${foo}b";
  ASSERT_THAT(registry.Reload().status, IsOk());
  EXPECT_EQ(bar.Get(), "ab");
}

// A dot belongs to a name only inside braces.
TEST(Oc, Oc099AReferenceToAnotherGroup) {
  Registry registry;
  Add(registry, "g", Option<std::string>{.name = "o", .default_value = "x"});
  Add(registry, kDefault,
      Option<std::string>{.name = "g", .default_value = "y"});
  const Handle<std::string> bar =
      Add(registry, kDefault, Option<std::string>{.name = "bar"});
  const FakeText file = File("DEFAULT.bar=${g.o} $g.o ${DEFAULT.g}");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(bar.Get(), "x y.o y");
}

TEST(Oc, Oc100SettingAnUnknownOptionIsNotFound) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "a"});
  for (const char* group : {"DEFAULT", "g", "h"}) {
    EXPECT_THAT(registry.SetDefault(group, "x", 1),
                StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(registry.SetOverride(group, "x", 1),
                StatusIs(absl::StatusCode::kNotFound));
  }
}

TEST(Oc, Oc103TheLinesOfADump) {
  Registry registry;
  Add(registry, kDefault, Option<std::string>{.name = "foo"});
  Add(registry, kDefault,
      Option<std::string>{.name = "passwd", .secret = true});
  Add(registry, "blaa", Option<std::string>{.name = "bar"});
  Add(registry, "blaa",
      Option<std::string>{.name = "key", .default_value = "*", .secret = true});
  const FakeText file = File("DEFAULT.foo=this\nblaa.bar=that");
  const FakeText arguments = Arguments("DEFAULT.passwd=hush");
  ASSERT_THAT(Load(registry, {&file, &arguments}), IsOk());
  EXPECT_THAT(
      registry.DumpLines(),
      ElementsAre(
          std::string(80, '*'), "Configuration options gathered from:",
          "command line args: --set DEFAULT.passwd", "config files: a.conf",
          std::string(80, '='), "foo                            = this",
          "passwd                         = ****",
          "blaa.bar                       = that",
          "blaa.key                       = ****", std::string(80, '*')));
}

TEST(Oc, Oc104TheDumpOfARegistryThatHasLoadedNothing) {
  EXPECT_THAT(
      Registry().DumpLines(),
      ElementsAre(std::string(80, '*'), "Configuration options gathered from:",
                  "command line args: ", "config files: ", std::string(80, '='),
                  std::string(80, '*')));
}

TEST(Oc, Oc107SpellingsOfASectionAreOne) {
  Registry registry;
  const Handle<Multi<std::string>> foo =
      Add(registry, "blaa", Option<Multi<std::string>>{.name = "foo"});
  const FakeText one = File("blaa.foo=a\nBLAA.foo=b");
  const FakeText two = File("Blaa.foo=c", "b.conf");
  ASSERT_THAT(Load(registry, {&one, &two}), IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(registry.Sections(), ElementsAre("BLAA", "Blaa", "blaa"));
}

TEST(Oc, Oc115SeveralAliasesOfWhichTheSecondIsUsed) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "new",
          Option<std::string>{
              .name = "foo",
              .deprecated_names = {{.name = "one", .group = "old"},
                                   {.name = "two", .group = "older"}}});
  const FakeText file = File("older.two=x");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(foo.Get(), "x");
}

TEST(Oc, Oc116TwoOptionsMayShareAnAlias) {
  Registry registry;
  const Option<std::string> foo = {.name = "foo",
                                   .deprecated_names = {{.group = "DEFAULT"}}};
  const Handle<std::string> a = Add(registry, "a", foo);
  const Handle<std::string> b = Add(registry, "b", foo);
  FakeText file = File("DEFAULT.foo=x");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(absl::StrCat(a.Get(), b.Get()), "xx");
  file.ini = "DEFAULT.foo=x\na.foo=y";
  ASSERT_THAT(registry.Reload().status, IsOk());
  EXPECT_EQ(absl::StrCat(a.Get(), b.Get()), "yx");
}

TEST(Oc, Oc130SectionsAreThoseOfTheLoadAndOfTheMutation) {
  Registry registry;
  FakeText file = File("b.x=1\na.x=1\nb.y=1");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_THAT(registry.Sections(), ElementsAre("a", "b"));
  file.ini = "c.x=1";
  ASSERT_THAT(registry.Mutate().status, IsOk());
  EXPECT_THAT(registry.Sections(), ElementsAre("a", "b", "c"));
}

TEST(Oc, Oc131AnAliasInUseIsToldOnceHoweverOftenItIsRead) {
  for (const char* group : {"DEFAULT", "g"}) {
    Registry registry;
    const Handle<std::string> foo =
        Add(registry, group,
            Option<std::string>{.name = "foo",
                                .deprecated_names = {{.name = "old"}}});
    FakeText file = File(absl::StrCat(group, ".old=x"));
    EXPECT_THAT(Load(registry, {&file})->warnings, SizeIs(1));
    EXPECT_EQ(foo.Get(), foo.Get());
    file.ini = absl::StrCat(group, ".foo=x");
    EXPECT_THAT(registry.Reload().warnings, IsEmpty());
  }
}

TEST(Oc, Oc132AliasesOfDifferentGroupsAreBothTold) {
  Registry registry;
  for (const char* group : {"a", "b"}) {
    Add(registry, group,
        Option<std::string>{.name = "foo",
                            .deprecated_names = {{.name = "old"}}});
  }
  const FakeText file = File("a.old=x\nb.old=x");
  EXPECT_THAT(Load(registry, {&file})->warnings,
              ElementsAre("a.conf:1: a.old: deprecated name of a.foo",
                          "a.conf:2: b.old: deprecated name of b.foo"));
}

TEST(Oc, Oc133AnUnsetOptionToBeRemovedIsNotTold) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "foo", .removal = Removal{}});
  FakeText file = File("");
  EXPECT_THAT(Load(registry, {&file})->warnings, IsEmpty());
  file.ini = "g.foo=1";
  EXPECT_THAT(registry.Reload().warnings,
              ElementsAre(HasSubstr("g.foo: deprecated for removal")));
}

TEST(Oc, Oc136OnlyWhatUsersSayHasAUsersOrigin) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "foo", .default_value = 1});
  const auto kind = [&] { return registry.Where("g", "foo")->kind; };
  EXPECT_EQ(kind(), Origin::Kind::kDefault);
  ASSERT_THAT(registry.SetDefault("g", "foo", 2), IsOk());
  EXPECT_EQ(kind(), Origin::Kind::kSetDefault);
  FakeText file = File("g.foo=3");
  FakeText environment = {
      .place = "OS_G__FOO", .ini = "G.FOO=4", .kind = SourceKind::kEnvironment};
  FakeText arguments = Arguments("g.foo=5");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  EXPECT_EQ(kind(), Origin::Kind::kFile);
  ASSERT_THAT(Load(registry, {&file, &environment}), IsOk());
  EXPECT_EQ(kind(), Origin::Kind::kEnvironment);
  ASSERT_THAT(Load(registry, {&file, &environment, &arguments}), IsOk());
  EXPECT_EQ(kind(), Origin::Kind::kCommandLine);
  ASSERT_THAT(registry.SetOverride("g", "foo", 6), IsOk());
  EXPECT_EQ(kind(), Origin::Kind::kOverride);
}

TEST(Oc, Oc137ValuesOfCodeKnowTheLineOfCode) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "foo", .default_value = 1});
  EXPECT_EQ(registry.Where("g", "foo")->place, "code.cc:7");
  ASSERT_THAT(registry.SetDefault("g", "foo", 2, {"d.cc", 1}), IsOk());
  EXPECT_EQ(registry.Where("g", "foo")->place, "d.cc:1");
  ASSERT_THAT(registry.SetOverride("g", "foo", 2, {"o.cc", 1}), IsOk());
  EXPECT_EQ(registry.Where("g", "foo")->place, "o.cc:1");
  ASSERT_THAT(registry.ClearOverride("g", "foo"), IsOk());
  EXPECT_EQ(registry.Where("g", "foo")->place, "d.cc:1");
}

TEST(Oc, Oc138ValuesOfUsersKnowTheirPlace) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "foo"});
  Add(registry, "g", Option<int64_t>{.name = "bar"});
  const FakeText file = File("g.bar=1");
  const FakeText arguments = Arguments("g.foo=1");
  ASSERT_THAT(Load(registry, {&file, &arguments}), IsOk());
  EXPECT_EQ(registry.Where("g", "foo")->ToString(), "--set g.foo=1");
  EXPECT_EQ(registry.Where("g", "bar")->ToString(), "a.conf:1");
}

TEST(Oc, Oc139TheSameOptionOfTwoPlacesIsNoConflict) {
  Registry registry;
  const Option<int64_t> foo = {.name = "foo"};
  EXPECT_THAT(registry.Register("g", foo, {"a.cc", 1}), IsOk());
  EXPECT_THAT(registry.Register("g", foo, {"b.cc", 2}), IsOk());
}

TEST(Oc, Oc162AScopeUndoesItsOverrides) {
  Registry registry;
  const Handle<int64_t> foo =
      Add(registry, "g", Option<int64_t>{.name = "foo", .default_value = 1});
  {
    TestScope scope(registry);
    EXPECT_THAT(scope.SetOverride("g", "foo", "text"),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(scope.SetOverride("g", "foo", 2), IsOk());
    EXPECT_EQ(foo.Get(), 2);
  }
  EXPECT_EQ(foo.Get(), 1);
}

TEST(Oc, Oc163AScopeUnregistersItsOptions) {
  Registry registry;
  {
    TestScope scope(registry);
    EXPECT_THAT(scope.Register("g", Option<int64_t>{.name = "foo"}), IsOk());
    EXPECT_THAT(registry.Find<int64_t>("g", "foo"), IsOk());
  }
  EXPECT_THAT(registry.Find<int64_t>("g", "foo"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(Oc, Oc164RawTextsOfAScopeWaitForTheirOption) {
  Registry registry;
  const Option<std::string> foo = {.name = "foo"};
  {
    TestScope scope(registry);
    ASSERT_THAT(scope.SetRaw("g", "foo", "raw"), IsOk());
    EXPECT_THAT(registry.Find<std::string>("g", "foo"), Not(IsOk()));
    EXPECT_EQ(Add(registry, "g", foo).Get(), "raw");
  }
  EXPECT_FALSE(Add(registry, "g", foo).has_value());
}

TEST(Oc, Oc166AScopeUndoesItsDefaults) {
  Registry registry;
  for (const char* group : {"DEFAULT", "g"}) {
    const Handle<int64_t> foo = Add(
        registry, group, Option<int64_t>{.name = "foo", .default_value = 1});
    {
      TestScope scope(registry);
      EXPECT_THAT(scope.SetDefault(group, "foo", 2), IsOk());
      EXPECT_EQ(foo.Get(), 2);
    }
    EXPECT_EQ(foo.Get(), 1);
  }
}

TEST_F(Mutated, Oc196AFailedMutationChangesNothing) {
  Add(registry, kDefault,
      Option<std::string>{
          .name = "must", .default_value = "old", .required = true});
  file.ini = "DEFAULT.foo=new\nDEFAULT.must=new\ng.number=10";
  const Report report = registry.Mutate();
  EXPECT_THAT(report.status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a.conf:3: g.number: must be at most 9")));
  EXPECT_THAT(Changes(report),
              ElementsAre("DEFAULT.foo old -> new 3",
                          "DEFAULT.must old -> new 1", "g.number 1 ->  2"));
  EXPECT_THAT(report.changes[2].reason, HasSubstr("a.conf:3: g.number: "));
  EXPECT_EQ(foo.Get(), "old");
  file.ini = "DEFAULT.must=new";
  EXPECT_THAT(registry.Mutate().status, IsOk());
  EXPECT_EQ(registry.Find<std::string>(kDefault, "must")->Get(), "old");
}

TEST_F(Mutated, Oc197AReloadAfterAMutationIsNotStale) {
  file.ini = "DEFAULT.foo=a\nDEFAULT.fixed=a";
  ASSERT_THAT(registry.Mutate().status, IsOk());
  file.ini = "DEFAULT.foo=b\nDEFAULT.fixed=b";
  ASSERT_THAT(registry.Reload().status, IsOk());
  EXPECT_EQ(foo.Get(), "b");
  EXPECT_EQ(fixed.Get(), "b");
}

TEST_F(Mutated, Oc197ADryRunGivesVerdictsAndPublishesNothing) {
  int calls = 0;
  const Subscription hook = registry.OnReport([&](const Report&) { ++calls; });
  file.ini = "DEFAULT.foo=a\nDEFAULT.fixed=a";
  EXPECT_THAT(
      Changes(registry.Mutate({.dry_run = true})),
      ElementsAre("DEFAULT.fixed old -> a 1", "DEFAULT.foo old -> a 0"));
  EXPECT_THAT(
      Changes(registry.Reload({.dry_run = true})),
      ElementsAre("DEFAULT.fixed old -> a 0", "DEFAULT.foo old -> a 0"));
  EXPECT_EQ(absl::StrCat(foo.Get(), fixed.Get(), calls), "oldold0");
}

TEST_F(Mutated, Oc198HooksMayUseTheRegistryAndOneThatFailsStopsNoOther) {
  Texts said;
  std::optional<Subscription> self;
  const Subscription first =
      registry.OnChange(foo, [&](const std::string&, const std::string&) {
        said.push_back("first");
        return absl::InternalError("no");
      });
  self = registry.OnReport([&](const Report&) {
    said.push_back("second");
    EXPECT_EQ(registry.Reload().status.code(),
              absl::StatusCode::kFailedPrecondition);
    Add(registry, "late", Option<int64_t>{.name = "x"});
    self.reset();
  });
  const Subscription third =
      registry.OnChange(number, [&](int64_t from, int64_t to) {
        said.push_back(absl::StrCat("third ", from, " ", to));
      });
  file.ini = "DEFAULT.foo=new\ng.number=2";
  const Report report = registry.Mutate();
  EXPECT_THAT(said, ElementsAre("first", "second", "third 1 2"));
  EXPECT_THAT(report.status, IsOk());
  EXPECT_THAT(report.hook_failures,
              ElementsAre(StatusIs(absl::StatusCode::kInternal)));
  said.clear();
  file.ini = "";
  EXPECT_THAT(registry.Mutate().status, IsOk());
  EXPECT_THAT(said, ElementsAre("first", "third 2 1"));
}

TEST_F(Mutated, Oc198ReadersSeeNoHalfOfAMutation) {
  constexpr int kMutations = 10000;
  std::atomic<bool> done = false;
  std::atomic<int> running = 0;
  std::vector<std::thread> readers(2);
  for (std::thread& reader : readers) {
    reader = std::thread([&] {
      ++running;
      while (!done) {
        const int64_t before = number.Get();
        const Snapshot snapshot = registry.TakeSnapshot();
        // The two are set together.
        const std::string& text = snapshot.Get(foo);
        EXPECT_EQ(snapshot.Get(number), text == "old" ? 1 : text[0] - '0');
        const absl::StatusOr<Handle<int64_t>> by_name =
            registry.Find<int64_t>("g", "number");
        ASSERT_THAT(by_name, IsOk());
        EXPECT_TRUE(by_name->Get() <= 9 && before <= 9);
        const std::string& by_handle = foo.Get();
        EXPECT_EQ(by_handle,
                  by_handle == "old" ? "old" : std::string(100, by_handle[0]));
      }
    });
  }
  while (running < 2) std::this_thread::yield();
  for (int i = 0; i < kMutations; ++i) {
    const int digit = i % 8 + 2;
    file.ini = absl::StrCat("g.number=", digit, "\nDEFAULT.foo=",
                            std::string(100, static_cast<char>('0' + digit)));
    ASSERT_THAT(registry.Mutate().status, IsOk());
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

// Every output of every path, failing or not, of a registry full of secrets.
TEST(Oc, Oc199SecretsAppearNowhere) {
  const std::string kSecret = "hunter";
  Registry registry;
  std::string said;
  const auto say = [&](const absl::Status& status) {
    absl::StrAppend(&said, status.message(), "\n");
  };
  const auto say_report = [&](const Report& report) {
    say(report.status);
    absl::StrAppend(&said, absl::StrJoin(report.warnings, "\n"), "\n");
    for (const Change& change : report.changes) {
      absl::StrAppend(&said, change.old_text, change.new_text, change.reason,
                      change.origin.ToString(), "\n");
    }
    for (const absl::Status& failure : report.hook_failures) say(failure);
    for (const DumpEntry& entry : registry.Dump()) {
      absl::StrAppend(&said, entry.value, entry.origin.ToString(), "\n");
    }
    absl::StrAppend(&said, absl::StrJoin(registry.DumpLines(), "\n"), "\n");
  };
  const auto add = [&](auto option) {
    option.secret = true;
    option.is_mutable = option.name.size() % 2 == 0;
    option.deprecated_names = {{.name = option.name + "_old"}};
    option.removal = Removal{};
    Add(registry, "s", option);
  };
  add(Option<std::string>{.name = "text", .default_value = "hunter-d"});
  add(Option<std::string>{.name = "choice", .choices = {{"allowed", ""}}});
  add(Option<std::string>{.name = "literal", .literal = true});
  add(Option<int64_t>{.name = "number", .max = 5});
  add(Option<bool>{.name = "flag"});
  add(Option<double>{.name = "ratio", .max = 0.5});
  add(Option<Port>{.name = "port"});
  add(Option<std::vector<int64_t>>{.name = "list", .max = 5});
  add(Option<Dict<int64_t>>{.name = "dict"});
  add(Option<Multi<int64_t>>{.name = "multi", .max = 5});
  Add(registry, "s", Option<std::string>{.name = "url", .is_mutable = true});
  Add(registry, "s", Option<int64_t>{.name = "count", .is_mutable = true});
  const Subscription hook =
      registry.OnReport([&](const Report& report) { say_report(report); });

  FakeText file = File(
      "s.text=hunter1\ns.literal=pa$hunter2\n"
      "s.choice_old=allowed\ns.url=db://${text}@h");
  FakeText arguments = Arguments("s.text=hunter3\ns.txt=hunter4\nq.x=hunter");
  const absl::StatusOr<Report> loaded = Load(registry, {&file, &arguments});
  ASSERT_THAT(loaded, IsOk());
  say_report(*loaded);
  EXPECT_EQ(registry.Find<std::string>("s", "url")->Get(), "db://hunter3@h");
  for (const char* bad :
       {"s.choice=hunter5", "s.number=hunter6", "s.number=77700",
        "s.flag=hunter7", "s.ratio=hunter8", "s.ratio=77701", "s.port=hunter9",
        "s.port=77702", "s.list=1,hunter", "s.list=77703", "s.dict=hunter",
        "s.dict=hunter:hunter", "s.multi=1\ns.multi=hunter", "s.multi=77704",
        "s.count=$text", "s.count=${text}x", "s.text=$hunter",
        "s.text=${text}hunter", "s.url=$literal-hunterx"}) {
    file.ini = bad;
    arguments.ini = "";
    say_report(registry.Reload());
    say_report(registry.Mutate());
    say_report(registry.Reload({.dry_run = true}));
    arguments.ini = bad;
    file.ini = "";
    say_report(registry.Mutate());
    say_report(registry.Mutate({.dry_run = true}));
  }
  for (const char* name : {"choice", "number", "flag", "port", "dict"}) {
    say(registry.SetOverrideFromText("s", name, "hunter10"));
    say(registry.SetDefaultFromText("s", name, "77705"));
  }
  say(registry.SetOverride("s", "choice", "hunter11"));
  say(registry.SetOverride("s", "number", 77706));
  say(registry.SetOverride("s", "text", "hunter12"));
  say_report(Report());
  say(registry
          .Register("s", Option<std::string>{.name = "text",
                                             .default_value = "hunter13",
                                             .secret = true})
          .status());
  say(registry
          .Register("s", Option<int64_t>{.name = "bad",
                                         .default_value = 77707,
                                         .max = 1,
                                         .secret = true})
          .status());
  // A text in an option that is no secret may be told.
  const size_t told = said.find("$literal-hunterx");
  for (size_t at = said.find(kSecret); at != said.npos;
       at = said.find(kSecret, at + 1)) {
    if (told != said.npos && said.substr(at - 9, 16) == "$literal-hunterx") {
      continue;
    }
    ADD_FAILURE() << "a secret in: " << said.substr(said.rfind('\n', at), 200);
  }
  EXPECT_THAT(said, Not(HasSubstr("777")));
}

TEST(Oc, Oc202BadReferencesNameEverything) {
  Registry registry;
  for (const char* name : {"a", "b", "c"}) {
    Add(registry, "g", Option<std::string>{.name = name});
  }
  FakeText file = File("g.a=$b\ng.b=${g.c}\ng.c=$a");
  EXPECT_THAT(
      Load(registry, {&file}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("refers to itself: g.a -> g.b -> g.c -> g.a")));
  file.ini = "g.a=1\ng.b=${h.x}";
  EXPECT_THAT(Load(registry, {&file}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a.conf:2: g.b: refers to ${h.x}, which is "
                                 "no option")));
}

TEST(Oc, Oc203TheLocationIsTheLineThatReallySetTheValue) {
  Registry registry;
  Add(registry, "g", Option<int64_t>{.name = "foo", .is_mutable = true});
  Add(registry, "g", Option<int64_t>{.name = "bar"});
  FakeText one = File("g.x=1\nG.foo=1");
  FakeText two = File("g.y=1", "b.conf");
  ASSERT_THAT(Load(registry, {&one, &two}), IsOk());
  EXPECT_EQ(registry.Where("g", "foo")->ToString(), "a.conf:2");
  two.ini = "g.y=1\ng.bar=2\ng.foo=2";
  ASSERT_THAT(registry.Mutate().status, IsOk());
  EXPECT_EQ(registry.Where("g", "foo")->ToString(), "b.conf:3");
  EXPECT_EQ(registry.Where("g", "bar")->ToString(), "default");
}

TEST(Oc, Oc204ALateRequiredOptionWithoutAValueIsRefused) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "g", Option<std::string>{.name = "foo"});
  const FakeText file = File("g.foo=x\ng.late=y");
  ASSERT_THAT(Load(registry, {&file}), IsOk());
  const std::string& before = foo.Get();
  EXPECT_THAT(registry.Register(
                  "g", Option<std::string>{.name = "no", .required = true}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("g.no: required")));
  EXPECT_EQ(
      Add(registry, "g", Option<std::string>{.name = "late", .required = true})
          .Get(),
      "y");
  EXPECT_EQ(&foo.Get(), &before);
}

}  // namespace
}  // namespace bergen::config
