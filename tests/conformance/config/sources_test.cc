// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.config's environment and other sources (checks.txt)
// against ours. A comment says where we differ on purpose.

#include "config/sources.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/ini.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/source.h"
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
using ::testing::Pair;

using Sources = std::vector<std::unique_ptr<Source>>;

constexpr absl::string_view kDefault = kDefaultGroup;

template <typename T>
Handle<T> Add(Registry& registry, absl::string_view group, Option<T> option) {
  absl::StatusOr<Handle<T>> handle = registry.Register(group, option);
  EXPECT_THAT(handle, IsOk());
  return handle.ok() ? *handle : Handle<T>();
}

// What another machine keeps, or why it cannot be reached.
class Remote : public Source {
 public:
  explicit Remote(std::string name, absl::StatusOr<std::string> ini)
      : name_(std::move(name)), ini_(std::move(ini)) {}

  SourceKind kind() const override { return SourceKind::kOther; }
  absl::StatusOr<std::vector<Document>> ReadAll() override {
    if (!ini_.ok()) return ini_.status();
    absl::StatusOr<Document> document = ParseIni(*ini_, name_);
    if (!document.ok()) return document.status();
    std::vector<Document> documents;
    documents.push_back(*std::move(document));
    return documents;
  }

 private:
  const std::string name_;
  const absl::StatusOr<std::string> ini_;
};

class Text : public Remote {
 public:
  using Remote::Remote;
  SourceKind kind() const override { return SourceKind::kFile; }
};

std::unique_ptr<Source> File(std::string ini) {
  return std::make_unique<Text>("a.conf", std::move(ini));
}

std::unique_ptr<Source> Environment(std::vector<std::string> variables) {
  return std::make_unique<EnvironmentSource>(std::move(variables));
}

std::unique_ptr<Source> Flags(const std::vector<std::string>& assignments) {
  std::vector<FlagValue> values;
  for (const std::string& assignment : assignments) {
    absl::StatusOr<FlagValue> value = ParseAssignment(assignment);
    EXPECT_THAT(value, IsOk());
    if (value.ok()) values.push_back(*std::move(value));
  }
  return std::make_unique<CommandLineSource>(std::move(values));
}

template <typename... S>
absl::StatusOr<Report> Load(Registry& registry, std::unique_ptr<S>... source) {
  Sources sources;
  (sources.push_back(std::move(source)), ...);
  return registry.Load(std::move(sources));
}

TEST(Oc, Oc187TheEnvironmentIsReadAndBeatsFilesButNotFlags) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo"});
  const Handle<std::string> bar =
      Add(registry, "group", Option<std::string>{.name = "foo-bar"});
  const auto environment = [] {
    return Environment({"OS_DEFAULT__FOO=env", "OS_GROUP__FOO_BAR=env bar"});
  };
  ASSERT_THAT(Load(registry, environment()), IsOk());
  EXPECT_EQ(foo.Get(), "env");
  EXPECT_EQ(bar.Get(), "env bar");
  EXPECT_EQ(registry.Where("group", "foo_bar")->ToString(),
            "OS_GROUP__FOO_BAR");
  ASSERT_THAT(Load(registry, File("[DEFAULT]\nfoo = file\n"), environment()),
              IsOk());
  EXPECT_EQ(foo.Get(), "env");
  ASSERT_THAT(Load(registry, environment(), Flags({"foo=flag"})), IsOk());
  EXPECT_EQ(foo.Get(), "flag");
  // Set, but to nothing, is set.
  ASSERT_THAT(Load(registry, File("[DEFAULT]\nfoo = file\n"),
                   Environment({"OS_DEFAULT__FOO="})),
              IsOk());
  EXPECT_EQ(foo.Get(), "");
}

TEST(Oc, Oc187TheEnvironmentIsIgnoredWhenSwitchedOff) {
  for (const bool use_environment : {false, true}) {
    const CommandLine line = {.use_environment = use_environment};
    bool has_environment = false;
    for (const std::unique_ptr<Source>& source : MakeSources(line)) {
      has_environment |= source->kind() == SourceKind::kEnvironment;
    }
    EXPECT_EQ(has_environment, use_environment);
  }
}

TEST(Oc, Oc187ABadValueInTheEnvironmentNamesTheVariable) {
  Registry registry;
  const Handle<int64_t> number =
      Add(registry, kDefault, Option<int64_t>{.name = "number"});
  EXPECT_THAT(Load(registry, Environment({"OS_DEFAULT__NUMBER=abc"})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("OS_DEFAULT__NUMBER"),
                             HasSubstr("DEFAULT.number"), HasSubstr("abc"))));
  ASSERT_THAT(Load(registry, Environment({"OS_DEFAULT__NUMBER=7"})), IsOk());
  EXPECT_EQ(number.Get(), 7);
}

// The original does not know old names here.
TEST(Oc, Oc187OldNamesInTheEnvironmentAreKnownAndReported) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, "new",
          Option<std::string>{
              .name = "foo",
              .deprecated_names = {{.name = "oldfoo", .group = "old"}}});
  const absl::StatusOr<Report> report =
      Load(registry, Environment({"OS_OLD__OLDFOO=x"}));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(foo.Get(), "x");
  EXPECT_THAT(report->warnings,
              ElementsAre(AllOf(HasSubstr("OS_OLD__OLDFOO"),
                                HasSubstr("deprecated name of new.foo"))));
}

TEST(Oc, Oc188ARemoteSourceThatFailsStopsTheStart) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo"});
  EXPECT_THAT(Load(registry, File("[DEFAULT]\nfoo = file\n"),
                   std::make_unique<Remote>(
                       "http://c/demo.conf",
                       absl::UnavailableError("http://c/demo.conf: 503"))),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("http://c/demo.conf: 503")));
  EXPECT_FALSE(foo.has_value());
}

TEST(Oc, Oc188ARemoteSourceHasOptionsOfAllTypes) {
  Registry registry;
  const auto text = Add(registry, "g", Option<std::string>{.name = "text"});
  const auto flag = Add(registry, "g", Option<bool>{.name = "flag"});
  const auto number = Add(registry, "g", Option<int64_t>{.name = "number"});
  const auto ratio = Add(registry, "g", Option<double>{.name = "ratio"});
  const auto port = Add(registry, "g", Option<Port>{.name = "port"});
  const auto list =
      Add(registry, "g", Option<std::vector<int64_t>>{.name = "list"});
  const auto dict = Add(registry, "g", Option<Dict<int64_t>>{.name = "dict"});
  const auto multi =
      Add(registry, "g", Option<Multi<std::string>>{.name = "multi"});
  const absl::StatusOr<Report> report = Load(
      registry,
      std::make_unique<Remote>("remote",
                               "[g]\ntext = a\nflag = yes\nnumber = -5\n"
                               "ratio = .5\nport = 80\nlist = 1,2\ndict = a:1\n"
                               "multi = x\nmulti = y\nnone = 1\n"));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(text.Get(), "a");
  EXPECT_TRUE(flag.Get());
  EXPECT_EQ(number.Get(), -5);
  EXPECT_EQ(ratio.Get(), 0.5);
  EXPECT_EQ(port.Get(), 80);
  EXPECT_THAT(list.Get(), ElementsAre(1, 2));
  EXPECT_THAT(dict.Get(), ElementsAre(Pair("a", 1)));
  EXPECT_THAT(multi.Get(), ElementsAre("x", "y"));
  EXPECT_THAT(report->warnings,
              ElementsAre("remote:11: g.none: unknown option"));
}

// Here main says which source counts most: the last.
TEST(Oc, Oc189OfThreeSourcesTheLastThatHasTheOptionCounts) {
  Registry registry;
  std::map<std::string, Handle<std::string>> handles;
  for (const char* name : {"one", "two", "three"}) {
    handles[name] = Add(registry, kDefault, Option<std::string>{.name = name});
  }
  ASSERT_THAT(
      Load(registry,
           std::make_unique<Remote>("a", "[DEFAULT]\none=a\ntwo=a\nthree=a\n"),
           std::make_unique<Remote>("b", "[DEFAULT]\none=b\ntwo=b\n"),
           std::make_unique<Remote>("c", "[DEFAULT]\none=c\n")),
      IsOk());
  EXPECT_EQ(handles["one"].Get(), "c");
  EXPECT_EQ(handles["two"].Get(), "b");
  EXPECT_EQ(handles["three"].Get(), "a");
  EXPECT_EQ(registry.Where(kDefault, "two")->ToString(), "b:3");
}

TEST(Oc, Oc195AFlagBeatsTheEnvironmentAlsoIfAFileSetsTheOption) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo"});
  ASSERT_THAT(Load(registry, File("[DEFAULT]\nfoo = file\n"),
                   Environment({"OS_DEFAULT__FOO=env"}), Flags({"foo=flag"})),
              IsOk());
  EXPECT_EQ(foo.Get(), "flag");
  EXPECT_EQ(registry.Where(kDefault, "foo")->kind, Origin::Kind::kCommandLine);
}

TEST(Oc, Oc200AMultiOptionFromTheEnvironmentIsAList) {
  Registry registry;
  const Handle<Multi<std::string>> foo =
      Add(registry, kDefault, Option<Multi<std::string>>{.name = "foo"});
  const Handle<Multi<int64_t>> numbers =
      Add(registry, kDefault, Option<Multi<int64_t>>{.name = "numbers"});
  ASSERT_THAT(Load(registry, File("[DEFAULT]\nfoo = file\n"),
                   Environment({"OS_DEFAULT__FOO=gzip, audit",
                                "OS_DEFAULT__NUMBERS=1,2"})),
              IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("gzip", "audit"));
  EXPECT_THAT(numbers.Get(), ElementsAre(1, 2));
  ASSERT_THAT(Load(registry, Environment({"OS_DEFAULT__FOO=a,b\nc"})), IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("a,b", "c"));
  ASSERT_THAT(Load(registry, Environment({"OS_DEFAULT__FOO=one"})), IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("one"));
  ASSERT_THAT(Load(registry, Environment({"OS_DEFAULT__FOO="})), IsOk());
  EXPECT_THAT(foo.Get(), IsEmpty());
}

TEST(Oc, Oc201WhatNobodyKnowsIsReportedWithItsLine) {
  const std::string ini =
      "[DEFAULT]\n"
      "foo_bar = 1\n"
      "[default]\n"
      "foo_bar = 2\n"
      "[demo]\n"
      "wrokers = 3\n"
      "max-size = 4\n"
      "[dmeo]\n"
      "workers = 5\n";
  Registry registry;
  const Handle<int64_t> foo =
      Add(registry, kDefault, Option<int64_t>{.name = "foo-bar"});
  Add(registry, "demo", Option<int64_t>{.name = "workers"});
  Add(registry, "demo", Option<int64_t>{.name = "max_size"});
  const absl::StatusOr<Report> report = Load(registry, File(ini));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(foo.Get(), 1);
  const std::vector<std::string> kUnknown = {
      "a.conf:4: [default]: unknown section; did you mean [DEFAULT]?",
      "a.conf:6: demo.wrokers: unknown option; did you mean workers?",
      "a.conf:7: demo.max-size: unknown option; did you mean max_size?",
      "a.conf:9: [dmeo]: unknown section; did you mean [demo]?"};
  EXPECT_EQ(report->warnings, kUnknown);

  Sources sources;
  sources.push_back(File(ini));
  const absl::StatusOr<Report> strict =
      registry.Load(std::move(sources), {.strict = true});
  EXPECT_THAT(strict, StatusIs(absl::StatusCode::kInvalidArgument));
  for (const std::string& line : kUnknown) {
    EXPECT_THAT(std::string(strict.status().message()), HasSubstr(line));
  }
  EXPECT_THAT(std::string(strict.status().message()),
              Not(HasSubstr("a.conf:2")));
}

}  // namespace
}  // namespace bergen::config
