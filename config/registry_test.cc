// SPDX-License-Identifier: Apache-2.0

#include "config/registry.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/option.h"
#include "config/snapshot.h"
#include "config/source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// What a fake file says; the test keeps it and may change it between loads.
struct FakeFile {
  std::string path = "demo.conf";
  SourceKind kind = SourceKind::kFile;
  // Each on the line of its index, from 1.
  struct Assignment {
    std::string group;
    std::string name;
    std::string text;
  };
  std::vector<Assignment> assignments;
  absl::Status status;
};

class FakeSource : public Source {
 public:
  explicit FakeSource(const FakeFile& file) : file_(file) {}

  SourceKind kind() const override { return file_.kind; }

  absl::StatusOr<std::vector<Document>> ReadAll() override {
    if (!file_.status.ok()) return file_.status;
    std::vector<Document> documents;
    int line = 0;
    for (const FakeFile::Assignment& a : file_.assignments) {
      if (file_.kind == SourceKind::kCommandLine) {
        documents
            .emplace_back(absl::StrCat("--set ", a.group, ".", a.name),
                          /*holds_value=*/true)
            .AddCopy(a.group, a.name, a.text);
        continue;
      }
      if (documents.empty()) documents.emplace_back(file_.path);
      documents.back().AddCopy(a.group, a.name, a.text, ++line);
    }
    return documents;
  }

 private:
  const FakeFile& file_;
};

std::vector<std::unique_ptr<Source>> Sources(
    const std::vector<const FakeFile*>& files) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.reserve(files.size());
  for (const FakeFile* file : files) {
    sources.push_back(std::make_unique<FakeSource>(*file));
  }
  return sources;
}

Option<int64_t> Workers() {
  return {.name = "workers",
          .default_value = 2,
          .help = "Worker processes.",
          .min = 1};
}

Option<std::string> Greeting() {
  return {
      .name = "greeting", .default_value = "Hello, world!", .is_mutable = true};
}

// The value, or a failed test.
template <typename T>
Handle<T> Must(const absl::StatusOr<Handle<T>>& handle) {
  EXPECT_THAT(handle, IsOk());
  if (!handle.ok()) std::abort();
  return *handle;
}

TEST(RegistryTest, HandlesReadDefaultsBeforeAnyLoad) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  const Handle<std::string> greeting =
      Must(registry.Register("demo", Greeting()));
  const Handle<Port> port = Must(registry.Register(
      "demo", Option<Port>{.name = "bind-port", .default_value = Port{8080}}));
  const Handle<std::string> unset = Must(
      registry.Register("demo", Option<std::string>{.name = "grpc_listen"}));
  const Handle<double> unset_number =
      Must(registry.Register("demo", Option<double>{.name = "ratio"}));

  EXPECT_EQ(workers.Get(), 2);
  EXPECT_TRUE(workers.has_value());
  EXPECT_EQ(greeting.Get(), "Hello, world!");
  EXPECT_EQ(port.Get(), 8080);
  EXPECT_EQ(unset.Get(), "");
  EXPECT_FALSE(unset.has_value());
  EXPECT_EQ(unset_number.Get(), 0);
  EXPECT_FALSE(unset_number.has_value());
}

TEST(RegistryTest, RegisteringTheSameTwiceGivesTheSameHandle) {
  Registry registry;
  const Handle<std::string> first = Must(registry.Register("demo", Greeting()));
  const Handle<std::string> second =
      Must(registry.Register("Demo", Greeting()));
  EXPECT_EQ(&first.Get(), &second.Get());
}

TEST(RegistryTest, ADifferentOptionOfTheSameNameIsRefusedNamingBothPlaces) {
  Registry registry;
  Must(registry.Register("demo", Workers(), {"a.cc", 1}));
  Option<int64_t> other = Workers();
  other.help = "Something else.";
  EXPECT_THAT(registry.Register("demo", other, {"b.cc", 2}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("a.cc:1"), HasSubstr("b.cc:2"),
                             HasSubstr("demo.workers"))));
  EXPECT_THAT(
      registry.Register("demo", Option<double>{.name = "workers"}),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("demo.workers")));
}

TEST(RegistryTest, DefinitionsThatMakeNoSenseAreRefused) {
  Registry registry;
  const auto refused = [&](absl::string_view group, const auto& option,
                           const std::string& text) {
    EXPECT_THAT(registry.Register(group, option, {"a.cc", 1}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(StartsWith("a.cc:1: "), HasSubstr(text))));
  };
  refused("demo", Option<bool>{.name = ""}, "the name of an option");
  refused("demo", Option<bool>{.name = "_x"}, "the name of an option");
  refused("demo", Option<bool>{.name = "a b"}, "the name of an option");
  refused("", Option<bool>{.name = "x"}, "the name of a group");
  refused("a]", Option<bool>{.name = "x"}, "the name of a group");
  refused("default", Option<bool>{.name = "x"}, "is written DEFAULT");
  refused("demo", Option<std::string>{.name = "x", .min = "a"},
          "its type has no bounds");
  refused("demo", Option<int64_t>{.name = "x", .min = 2, .max = 1},
          "its maximum is below its minimum");
  refused("demo", Option<int64_t>{.name = "x", .default_value = 0, .min = 1},
          "its default must be at least 1, got 0");
  refused("demo", Option<int64_t>{.name = "x", .min = 1, .choices = {{0, ""}}},
          "a choice must be at least 1, got 0");
}

TEST(RegistryTest, RegisterAllRegistersEverythingOrNothing) {
  Registry registry;
  Must(registry.Register("demo", Workers()));
  Option<int64_t> other = Workers();
  other.min = 0;
  EXPECT_THAT(registry.RegisterAll({{.name = "demo",
                                     .options = {Greeting(), other,
                                                 Option<bool>{.name = "_"}}}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("demo.workers: another option"),
                             HasSubstr("\n"), HasSubstr("demo._: "))));
  EXPECT_THAT(
      registry.Find<std::string>("demo", "greeting"),
      StatusIs(absl::StatusCode::kNotFound, "demo.greeting: no such option"));

  EXPECT_THAT(registry.RegisterAll(
                  {{.name = "demo", .options = {Greeting(), Workers()}}}),
              IsOk());
  EXPECT_EQ(Must(registry.Find<int64_t>("demo", "workers")).Get(), 2);
  EXPECT_THAT(
      registry.Find<std::string>("demo", "workers"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "demo.workers: is of type integer value, not string value"));
}

TEST(RegistryTest, LaterSourcesBeatEarlierOnesAndEveryValueKnowsItsPlace) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  FakeFile first = {.path = "a.conf",
                    .assignments = {{"demo", "workers", "3"}}};
  FakeFile second = {.path = "b.conf",
                     .assignments = {{"DEMO", "workers", "4"}}};
  FakeFile set = {.kind = SourceKind::kCommandLine,
                  .assignments = {{"demo", "workers", "5"}}};
  const auto place = [&] {
    return registry.Where("demo", "workers").value().ToString();
  };

  EXPECT_EQ(place(), "default");
  ASSERT_THAT(registry.SetDefault("demo", "workers", 7, {"m.cc", 9}), IsOk());
  EXPECT_EQ(workers.Get(), 7);
  EXPECT_EQ(place(), "default set at m.cc:9");

  ASSERT_THAT(registry.Load(Sources({&first})), IsOk());
  EXPECT_EQ(workers.Get(), 3);
  EXPECT_EQ(place(), "a.conf:1");

  ASSERT_THAT(registry.Load(Sources({&first, &second})), IsOk());
  EXPECT_EQ(workers.Get(), 4);
  EXPECT_EQ(place(), "b.conf:1");

  ASSERT_THAT(registry.Load(Sources({&first, &second, &set})), IsOk());
  EXPECT_EQ(workers.Get(), 5);
  EXPECT_EQ(place(), "--set demo.workers=5");

  ASSERT_THAT(registry.SetOverrideFromText("demo", "workers", "6", {"t.cc", 1}),
              IsOk());
  EXPECT_EQ(workers.Get(), 6);
  EXPECT_EQ(place(), "override at t.cc:1");

  ASSERT_THAT(registry.ClearOverride("demo", "workers"), IsOk());
  EXPECT_EQ(workers.Get(), 5);
  ASSERT_THAT(registry.Load({}), IsOk());
  EXPECT_EQ(workers.Get(), 7);
  ASSERT_THAT(registry.ClearDefault("demo", "workers"), IsOk());
  EXPECT_EQ(workers.Get(), 2);
}

TEST(RegistryTest, ALoadReportsEveryMistakeInOrderAndChangesNothing) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  const Handle<std::string> greeting =
      Must(registry.Register("demo", Greeting()));
  Must(registry.Register("demo", Option<bool>{.name = "use_ssl"}));
  FakeFile file = {.assignments = {{"demo", "greeting", "hi"},
                                   {"demo", "workers", "0"},
                                   {"demo", "use_ssl", "maybe"}}};
  FakeFile set = {.kind = SourceKind::kCommandLine,
                  .assignments = {{"demo", "workers", "abc"}}};

  EXPECT_THAT(
      registry.Load(Sources({&file})),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "demo.conf:2: demo.workers: must be at least 1, got 0\n"
               "demo.conf:3: demo.use_ssl: not a boolean (true or false): "
               "\"maybe\""));
  EXPECT_THAT(registry.Load(Sources({&file, &set})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--set demo.workers=abc: demo.workers: not an "
                                 "integer: \"abc\"")));
  EXPECT_EQ(workers.Get(), 2);
  EXPECT_EQ(greeting.Get(), "Hello, world!");
  EXPECT_THAT(registry.Reload().status,
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(RegistryTest, AnOverrideDoesNotExcuseAMistakeInAFile) {
  Registry registry;
  Must(registry.Register("demo", Workers()));
  ASSERT_THAT(registry.SetOverride("demo", "workers", 3), IsOk());
  FakeFile file = {.assignments = {{"demo", "workers", "0"}}};
  EXPECT_THAT(registry.Load(Sources({&file})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("must be at least 1")));
}

TEST(RegistryTest, AllSourcesThatCannotBeReadAreNamed) {
  Registry registry;
  FakeFile a = {.status = absl::NotFoundError("a.conf: no such file")};
  FakeFile b = {.status = absl::NotFoundError("b.conf: no such file")};
  EXPECT_THAT(registry.Load(Sources({&a, &b})),
              StatusIs(absl::StatusCode::kNotFound,
                       "a.conf: no such file\nb.conf: no such file"));
}

TEST(RegistryTest, RequiredOptionsNeedAValue) {
  Registry registry;
  Must(registry.Register("demo",
                         Option<std::string>{.name = "token", .required = true},
                         {"a.cc", 1}));
  EXPECT_THAT(registry.Load({}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "a.cc:1: demo.token: required, but nothing gives it a "
                       "value"));
  FakeFile file = {.assignments = {{"demo", "token", ""}}};
  EXPECT_THAT(registry.Load(Sources({&file})), IsOk());

  EXPECT_THAT(registry.Register(
                  "demo", Option<int64_t>{.name = "late", .required = true}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("demo.late: required")));
  EXPECT_THAT(registry.Find<int64_t>("demo", "late"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(RegistryTest, AnEmptyNumberIsUnset) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  FakeFile file = {.assignments = {{"demo", "workers", ""}}};
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  EXPECT_FALSE(workers.has_value());
  EXPECT_EQ(registry.Dump()[0].value, "<None>");
}

TEST(RegistryTest, AnOptionRegisteredAfterALoadTakesTheValueReadThen) {
  Registry registry;
  FakeFile file = {
      .assignments = {{"demo", "greeting", "hi"}, {"demo", "workers", "0"}}};
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  EXPECT_EQ(Must(registry.Register("demo", Greeting())).Get(), "hi");
  EXPECT_EQ(registry.Where("demo", "greeting").value().ToString(),
            "demo.conf:1");
  EXPECT_THAT(registry.Register("demo", Workers()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "demo.conf:2: demo.workers: must be at least 1, got 0"));
}

TEST(RegistryTest, WarnsOfUnknownSectionsAndKeysWithTheNearestName) {
  Registry registry;
  Must(registry.Register("demo", Workers()));
  Must(registry.Register("DEFAULT", Option<bool>{.name = "debug"}));
  FakeFile file = {.assignments = {{"demo", "workres", "1"},
                                   {"dmeo", "workers", "1"},
                                   {"dmeo", "other", "1"},
                                   {"default", "debug", "1"},
                                   {"elsewhere", "x", "1"}}};
  EXPECT_THAT(
      registry.Load(Sources({&file})).value().warnings,
      ElementsAre(
          "demo.conf:1: demo.workres: unknown option; did you mean workers?",
          "demo.conf:2: [dmeo]: unknown section; did you mean [demo]?",
          "demo.conf:4: [default]: unknown section; did you mean [DEFAULT]?",
          "demo.conf:5: [elsewhere]: unknown section"));
  EXPECT_THAT(registry.Load(Sources({&file}), {.strict = true}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("workres"), HasSubstr("elsewhere"))));
}

TEST(RegistryTest, OldNamesWorkAndAreReported) {
  Registry registry;
  Option<int64_t> option = Workers();
  option.deprecated_names = {{.name = "num_workers", .group = "pool"},
                             {.name = "processes"}};
  const Handle<int64_t> workers = Must(registry.Register("demo", option));
  FakeFile file = {.assignments = {{"pool", "num_workers", "3"}}};
  EXPECT_THAT(registry.Load(Sources({&file})).value().warnings,
              ElementsAre("demo.conf:1: pool.num_workers: deprecated name of "
                          "demo.workers"));
  EXPECT_EQ(workers.Get(), 3);

  // In one file the new name wins, wherever it stands.
  file.assignments = {{"demo", "workers", "4"}, {"demo", "processes", "5"}};
  EXPECT_THAT(registry.Reload().warnings, IsEmpty());
  EXPECT_EQ(workers.Get(), 4);

  // A newer file wins, whichever name it uses.
  FakeFile newer = {.path = "new.conf",
                    .assignments = {{"demo", "processes", "6"}}};
  ASSERT_THAT(registry.Load(Sources({&file, &newer})), IsOk());
  EXPECT_EQ(workers.Get(), 6);
}

TEST(RegistryTest, OptionsToBeRemovedAndRepeatedAssignmentsAreReported) {
  Registry registry;
  Must(registry.Register(
      "demo", Option<int64_t>{.name = "legacy",
                              .removal = Removal{.reason = "Nobody uses it",
                                                 .since = "2.1"}}));
  FakeFile file = {
      .assignments = {{"demo", "legacy", "1"}, {"demo", "legacy", "2"}}};
  EXPECT_THAT(
      registry.Load(Sources({&file})).value().warnings,
      ElementsAre("demo.conf:2: demo.legacy: set again; demo.conf:1 does not "
                  "count",
                  "demo.conf:2: demo.legacy: deprecated for removal since 2.1 "
                  "(Nobody uses it); its value may be silently ignored in the "
                  "future"));
}

TEST(RegistryTest, ReloadTakesEverythingAndReportsWhatChanged) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  Must(registry.Register("demo", Greeting()));
  FakeFile file;
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  file.assignments = {{"demo", "workers", "3"},
                      {"demo", "greeting", "Hello, world!"}};
  const Report report = registry.Reload();
  ASSERT_THAT(report.status, IsOk());
  ASSERT_THAT(report.changes, SizeIs(1));
  EXPECT_EQ(report.changes[0].name, "workers");
  EXPECT_EQ(report.changes[0].old_text, "2");
  EXPECT_EQ(report.changes[0].new_text, "3");
  EXPECT_EQ(report.changes[0].origin.place, "demo.conf:1");
  EXPECT_EQ(workers.Get(), 3);
}

TEST(RegistryTest, MutateChangesOnlyMutableOptionsAndNamesTheOthers) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  const Handle<std::string> greeting =
      Must(registry.Register("demo", Greeting()));
  FakeFile file;
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  file.assignments = {{"demo", "workers", "3"}, {"demo", "greeting", "hi"}};

  const Report report = registry.Mutate();
  ASSERT_THAT(report.status, IsOk());
  EXPECT_THAT(
      report.changes,
      ElementsAre(AllOf(Field(&Change::name, "greeting"),
                        Field(&Change::verdict, Verdict::kApplied)),
                  AllOf(Field(&Change::name, "workers"),
                        Field(&Change::verdict, Verdict::kNeedsRestart))));
  EXPECT_EQ(greeting.Get(), "hi");
  EXPECT_EQ(workers.Get(), 2);

  // Nothing else makes the immutable one change by the way.
  ASSERT_THAT(registry.SetOverride("demo", "workers", 9), IsOk());
  ASSERT_THAT(registry.ClearOverride("demo", "workers"), IsOk());
  EXPECT_EQ(workers.Get(), 2);

  // Reload and mutate share one state.
  ASSERT_THAT(registry.Reload().status, IsOk());
  EXPECT_EQ(workers.Get(), 3);
}

TEST(RegistryTest, AMutationWithAMistakeAnywhereChangesNothing) {
  Registry registry;
  Must(registry.Register("demo", Workers()));
  const Handle<std::string> greeting =
      Must(registry.Register("demo", Greeting()));
  FakeFile file;
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  file.assignments = {{"demo", "workers", "0"}, {"demo", "greeting", "hi"}};
  EXPECT_THAT(registry.Mutate().status, Not(IsOk()));
  EXPECT_EQ(greeting.Get(), "Hello, world!");
}

TEST(RegistryTest, SecretsAppearNowhere) {
  Registry registry;
  Must(registry.Register("db", Option<std::string>{.name = "password",
                                                   .secret = true,
                                                   .is_mutable = true,
                                                   .literal = true}));
  Must(registry.Register(
      "db", Option<int64_t>{.name = "pin", .max = 10, .secret = true}));
  Must(registry.Register("db", Option<std::string>{.name = "url"}));
  Must(registry.Register("db", Option<int64_t>{.name = "number"}));
  FakeFile file = {.assignments = {{"db", "password", "pa$hunter2"},
                                   {"db", "url", "db://u:${password}@h"}}};
  FakeFile set = {.kind = SourceKind::kCommandLine,
                  .assignments = {{"db", "password", "hunter2"},
                                  {"db", "pasword", "hunter2"}}};
  std::string said;
  const absl::StatusOr<Report> report = registry.Load(Sources({&file, &set}));
  ASSERT_THAT(report, IsOk());
  for (const std::string& warning : report->warnings) said += warning + "\n";
  for (const Change& change : report->changes) {
    said += change.old_text + change.new_text + change.origin.ToString();
  }
  for (const DumpEntry& entry : registry.Dump()) {
    said += entry.value + entry.origin.ToString();
  }
  for (const std::string& line : registry.DumpLines()) said += line + "\n";
  file.assignments = {{"db", "pin", "hunter2"},
                      {"db", "url", "${hunter2}"},
                      {"db", "number", "$password"}};
  set.assignments = {{"db", "pin", "77"}, {"db", "password", "hunter2"}};
  said += std::string(registry.Load(Sources({&file})).status().message());
  said += std::string(registry.Load(Sources({&set})).status().message());
  said +=
      std::string(registry.SetOverrideFromText("db", "pin", "77").message());
  EXPECT_THAT(said, AllOf(HasSubstr("--set db.password=****"),
                          HasSubstr("--set db.pin=****: db.pin: must be at "
                                    "most 10"),
                          Not(HasSubstr("77")), Not(HasSubstr("pa$"))));
  // The name of an unknown reference is not a secret of the option it stands
  // in.
  const size_t last = said.rfind("hunter2");
  EXPECT_EQ(said.substr(last - 2, 10), "${hunter2}");
  EXPECT_EQ(said.find("hunter2"), last);
}

TEST(RegistryTest, DumpsDefaultFirstThenGroupsAndNamesSorted) {
  Registry registry;
  ASSERT_THAT(
      registry.RegisterAll(
          {{.name = "b", .options = {Option<bool>{.name = "y"}}},
           {.name = "a",
            .options = {Option<int64_t>{.name = "z", .default_value = 5},
                        Option<int64_t>{.name = "x"}}},
           {.name = "DEFAULT",
            .options = {Option<std::vector<std::string>>{
                .name = "list",
                .default_value = std::vector<std::string>{"p", "q"}}}}}),
      IsOk());
  FakeFile file = {.assignments = {{"b", "y", "on"}}};
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  EXPECT_THAT(
      registry.DumpLines(),
      ElementsAre(std::string(80, '*'), "Configuration options gathered from:",
                  "command line args: ", "config files: demo.conf",
                  std::string(80, '='), "list                           = p,q",
                  "a.x                            = <None>",
                  "a.z                            = 5",
                  "b.y                            = true",
                  std::string(80, '*')));
}

TEST(RegistryTest, ValuesReferToOtherOptions) {
  Registry registry;
  const Handle<std::string> lock = Must(registry.Register(
      "demo", Option<std::string>{.name = "lock",
                                  .default_value = "${DEFAULT.dir}/lock"}));
  EXPECT_FALSE(lock.has_value());  // Until `dir` is there.
  Must(registry.Register(
      "DEFAULT", Option<std::string>{.name = "dir", .default_value = "/var"}));
  EXPECT_EQ(lock.Get(), "/var/lock");

  const Handle<int64_t> threads =
      Must(registry.Register("demo", Option<int64_t>{.name = "threads"}));
  Must(registry.Register("demo", Workers()));
  FakeFile file = {.assignments = {{"DEFAULT", "dir", "/run"},
                                   {"demo", "threads", "${workers}0"}}};
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  EXPECT_EQ(lock.Get(), "/run/lock");
  EXPECT_EQ(threads.Get(), 20);

  ASSERT_THAT(registry.SetOverride("DEFAULT", "dir", "/tmp"), IsOk());
  EXPECT_EQ(lock.Get(), "/tmp/lock");
  ASSERT_THAT(registry.SetOverride("demo", "workers", 3), IsOk());
  EXPECT_EQ(threads.Get(), 30);
}

TEST(RegistryTest, BadReferencesNameThePlaceTheOptionAndTheReference) {
  Registry registry;
  for (const char* name : {"a", "b", "c"}) {
    Must(registry.Register("demo", Option<std::string>{.name = name}));
  }
  FakeFile file = {.assignments = {{"demo", "a", "$b"},
                                   {"demo", "b", "$demo.a ${demo.a}"},
                                   {"demo", "c", "$wat"}}};
  EXPECT_THAT(
      registry.Load(Sources({&file})),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("demo.conf:2: demo.b: refers to ${demo}, which "
                               "is no option"),
                     HasSubstr("demo.conf:3: demo.c: refers to ${wat}, which "
                               "is no option"))));
  file.assignments = {{"demo", "a", "$b"}, {"demo", "b", "${demo.a}"}};
  EXPECT_THAT(registry.Load(Sources({&file})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("demo.conf:2: demo.b: refers to itself: "
                                 "demo.a -> demo.b -> demo.a")));
}

TEST(RegistryTest, SetDefaultAndSetOverrideCheckTypeAndValue) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  EXPECT_THAT(registry.SetOverride("demo", "nope", 1),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(registry.SetOverride("demo", "workers", "3", {"t.cc", 1}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "t.cc:1: demo.workers: is of type integer value, "
                       "not string value"));
  EXPECT_THAT(registry.SetDefault("demo", "workers", 0, {"t.cc", 1}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "t.cc:1: demo.workers: must be at least 1, got 0"));
  ASSERT_THAT(registry.SetOverride("demo", "workers", 5), IsOk());
  // Also while an override hides it.
  EXPECT_THAT(registry.SetDefaultFromText("demo", "workers", "x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(workers.Get(), 5);
}

TEST(RegistryTest, AReferenceToASupersededStringStaysGood) {
  Registry registry;
  const Handle<std::string> greeting =
      Must(registry.Register("demo", Greeting()));
  const std::string& old = greeting.Get();
  ASSERT_THAT(registry.SetOverride("demo", "greeting", "hi"), IsOk());
  EXPECT_EQ(old, "Hello, world!");
  EXPECT_EQ(greeting.Get(), "hi");
  ASSERT_THAT(registry.ClearOverride("demo", "greeting"), IsOk());
  EXPECT_EQ(&greeting.Get(), &old);
}

TEST(RegistryTest, ASnapshotKeepsTheValuesOfItsMoment) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  const Handle<std::string> greeting =
      Must(registry.Register("demo", Greeting()));
  const Handle<std::string> unset =
      Must(registry.Register("demo", Option<std::string>{.name = "unset"}));
  const Snapshot before = registry.TakeSnapshot();
  ASSERT_THAT(registry.SetOverride("demo", "workers", 5), IsOk());
  ASSERT_THAT(registry.SetOverride("demo", "greeting", "hi"), IsOk());
  EXPECT_EQ(before.Get(workers), 2);
  EXPECT_EQ(before.Get(greeting), "Hello, world!");
  EXPECT_EQ(before.Get(unset), "");
  EXPECT_FALSE(before.has_value(unset));
  EXPECT_EQ(registry.TakeSnapshot().Get(workers), 5);
}

TEST(RegistryDeathTest, ASnapshotRefusesHandlesOfAnotherRegistry) {
  Registry registry;
  Registry other;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  const Snapshot snapshot = other.TakeSnapshot();
  EXPECT_DEATH(snapshot.Get(workers), "belongs to another registry");
}

TEST(RegistryTest, TheEnvironmentIsMatchedIgnoringCase) {
  Registry registry;
  Option<int64_t> option = Workers();
  option.deprecated_names = {{.name = "processes", .group = "pool"}};
  const Handle<int64_t> workers = Must(registry.Register("demo", option));
  FakeFile environment = {
      .path = "OS_DEMO__WORKERS",
      .kind = SourceKind::kEnvironment,
      .assignments = {{"DEMO", "WORKERS", "4"}, {"AUTH", "URL", "x"}}};
  EXPECT_THAT(registry.Load(Sources({&environment})).value().warnings,
              IsEmpty());
  EXPECT_EQ(workers.Get(), 4);
  environment.assignments = {{"POOL", "PROCESSES", "6"}};
  EXPECT_THAT(registry.Reload().warnings, SizeIs(1));
  EXPECT_EQ(workers.Get(), 6);
}

TEST(RegistryTest, AForkedChildReloadsOnItsOwn) {
  Registry registry;
  const Handle<int64_t> workers = Must(registry.Register("demo", Workers()));
  FakeFile file;
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());
  file.assignments = {{"demo", "workers", "3"}};
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::_exit(registry.Reload().status.ok() && workers.Get() == 3 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(workers.Get(), 2);
}

// Readers see whole values, and each pair that belongs together in a snapshot.
TEST(RegistryTest, ReadersNeverWaitAndNeverSeeHalfAValue) {
  Registry registry;
  const Handle<int64_t> number = Must(registry.Register(
      "demo", Option<int64_t>{.name = "number", .default_value = 0}));
  const Handle<std::string> text = Must(registry.Register(
      "demo", Option<std::string>{.name = "text",
                                  .default_value = std::string(100, '0')}));
  FakeFile file;
  ASSERT_THAT(registry.Load(Sources({&file})), IsOk());

  std::atomic<bool> done = false;
  std::atomic<int> running = 0;
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      ++running;
      while (!done) {
        const int64_t n = number.Get();
        EXPECT_TRUE(n == 0 || n == 1111111111111111111) << n;
        const std::string& t = text.Get();
        EXPECT_EQ(t, std::string(100, t[0]));
        const Snapshot snapshot = registry.TakeSnapshot();
        EXPECT_EQ(snapshot.Get(number) == 0, snapshot.Get(text)[0] == '0');
      }
    });
  }
  std::thread registrar([&] {
    ++running;
    for (int i = 0; !done; ++i) {
      Must(registry.Register(
          "demo", Option<int64_t>{.name = absl::StrCat("late", i % 100),
                                  .default_value = i % 100}));
    }
  });
  while (running < 4) std::this_thread::yield();
  for (int i = 0; i < 200; ++i) {
    file.assignments.clear();
    if (i % 2 == 0) {
      file.assignments = {{"demo", "number", "1111111111111111111"},
                          {"demo", "text", std::string(100, '1')}};
    }
    EXPECT_THAT(registry.Reload().status, IsOk());
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  registrar.join();
}

}  // namespace
}  // namespace bergen::config
