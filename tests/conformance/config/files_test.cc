// SPDX-License-Identifier: Apache-2.0
//
// The checks of oslo.config's files (checks.txt) against ours, with files on
// disk. A comment says where we differ on purpose.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/command_line.h"
#include "config/default_config_files.h"
#include "config/handle.h"
#include "config/host.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/source.h"
#include "config/sources.h"
#include "config/units.h"
#include "config/uri.h"
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
using ::testing::Pair;

using Arguments = std::vector<std::string>;

constexpr absl::string_view kDefault = kDefaultGroup;

template <typename T>
Handle<T> Add(Registry& registry, absl::string_view group, Option<T> option) {
  absl::StatusOr<Handle<T>> handle = registry.Register(group, option);
  EXPECT_THAT(handle, IsOk());
  return handle.ok() ? *handle : Handle<T>();
}

// Loads what a command line says into the options that are there.
absl::StatusOr<Report> LoadFor(Registry& registry, const Arguments& arguments,
                               const ProgramInfo& program = {}) {
  const absl::StatusOr<CommandLineParser> parser =
      CommandLineParser::Create(registry.Options(), program);
  if (!parser.ok()) return parser.status();
  absl::StatusOr<ParsedArguments> parsed = parser->Parse(arguments);
  if (!parsed.ok()) return parsed.status();
  parsed->command_line.use_environment = false;
  return registry.Load(MakeSources(parsed->command_line));
}

// An option of one type, and two of its values as files write them.
template <typename T>
struct TypeCase {
  using Type = T;
  Option<T> option;  // Without a name.
  const char* text = "";
  T value;
  const char* other_text = "";
  T other_value;
};

// Calls `check` with a case of each type.
template <typename F>
void ForEachType(F check) {
  check(TypeCase<std::string>{{}, "bar", "bar", "blaa", "blaa"});
  check(TypeCase<std::string>{{.default_value = "d"}, "bar", "bar", "", ""});
  check(TypeCase<bool>{{}, "yes", true, "OFF", false});
  check(TypeCase<int64_t>{{.default_value = 5}, "010", 10, "-20", -20});
  check(TypeCase<double>{{.default_value = 5}, "6.66", 6.66, "1e3", 1000});
  check(TypeCase<Port>{{}, "10", Port(10), "20", Port(20)});
  check(TypeCase<std::vector<std::string>>{
      {.default_value = {{"d"}}}, "a, b", {"a", "b"}, "", {}});
  check(TypeCase<std::vector<int64_t>>{{}, "1,2", {1, 2}, "3", {3}});
  check(TypeCase<Dict<std::string>>{
      {}, "a:b", {{"a", "b"}}, "c:d,e:f", {{"c", "d"}, {"e", "f"}}});
  check(TypeCase<IpAddress>{{}, "::1", {"::1"}, "10.0.0.1", {"10.0.0.1"}});
  check(TypeCase<Hostname>{
      {.default_value = Hostname{"h"}}, "a.b.", {"a.b"}, "c", {"c"}});
  check(TypeCase<HostAddress>{{}, "a.b", {"a.b"}, "::1", {"::1"}});
  check(TypeCase<HostDomain>{{}, "_a.b", {"_a.b"}, "::1", {"::1"}});
  check(TypeCase<Uri>{{}, "http://h/", {"http://h/"}, "a://b", {"a://b"}});
  check(TypeCase<absl::Duration>{{.default_value = absl::Seconds(1)},
                                 "90 s",
                                 absl::Seconds(90),
                                 "2h",
                                 absl::Hours(2)});
}

// A directory that lives as long as the test.
class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/filesXXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }
  // Folders are made where they are missing.
  std::string Write(absl::string_view name, absl::string_view text) const {
    const std::string path = Path(name);
    std::filesystem::create_directories(
        std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  // `--config-file` of a file with this text.
  std::string FileFlag(absl::string_view name, absl::string_view text) const {
    return absl::StrCat("--config-file=", Write(name, text));
  }

  // The places of a machine, below the directory.
  ConfigSearch Search() const {
    return {.home = Path("home"),
            .etc = Path("etc"),
            .snap_common = Path("snap_common"),
            .snap = Path("snap")};
  }

  std::string folder_;
};

TEST_F(Files, Oc011TheProjectsFileComesBeforeThePrograms) {
  const std::string project = Write("home/.blaa/blaa.conf", "");
  const std::string program = Write("etc/foo.conf", "");
  EXPECT_THAT(DefaultConfigFiles("blaa", "foo", Search()),
              ElementsAre(project, program));
}

TEST_F(Files, Oc012TheFirstDirectoryOfEachNameCounts) {
  Write("home/blaa.conf", "");
  Write("etc/blaa/blaa.conf", "");
  const std::string project = Write("home/.blaa/blaa.conf", "");
  Write("etc/foo.conf", "");
  const std::string program = Write("etc/blaa/foo.conf", "");
  EXPECT_THAT(DefaultConfigFiles("blaa", "foo", Search()),
              ElementsAre(project, program));
  Write("etc/blaa.conf.d/a.conf", "");
  const std::string directory = Path("home/blaa.conf.d");
  Write("home/blaa.conf.d/a.conf", "");
  EXPECT_THAT(DefaultConfigDirs("blaa", "foo", Search()),
              ElementsAre(directory));
}

TEST_F(Files, Oc013SnapsAreSearchedLast) {
  const std::string snap = Write("snap/etc/blaa/blaa.conf", "");
  EXPECT_THAT(DefaultConfigFiles("blaa", "", Search()), ElementsAre(snap));
  const std::string common = Write("snap_common/etc/blaa/blaa.conf", "");
  EXPECT_THAT(DefaultConfigFiles("blaa", "", Search()), ElementsAre(common));
  const std::string etc = Write("etc/blaa.conf", "");
  EXPECT_THAT(DefaultConfigFiles("blaa", "", Search()), ElementsAre(etc));
  Write("snap/etc/blaa/blaa.conf.d/a.conf", "");
  EXPECT_THAT(DefaultConfigDirs("blaa", "", Search()),
              ElementsAre(Path("snap/etc/blaa/blaa.conf.d")));
}

TEST_F(Files, Oc014AnotherExtensionAlone) {
  Write("etc/blaa.conf", "");
  EXPECT_THAT(DefaultConfigFiles("blaa", "foo", Search(), ".json"), IsEmpty());
  const std::string json = Write("etc/foo.json", "");
  EXPECT_THAT(DefaultConfigFiles("blaa", "foo", Search(), ".json"),
              ElementsAre(json));
}

TEST_F(Files, Oc018AFlagBeatsADefaultFile) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo", .cli = true});
  const ProgramInfo program = {
      .default_config_files = {Write("a.conf", "[DEFAULT]\nfoo = file\n")}};
  ASSERT_THAT(LoadFor(registry, {}, program), IsOk());
  EXPECT_EQ(foo.Get(), "file");
  ASSERT_THAT(LoadFor(registry, {"--foo", "flag"}, program), IsOk());
  EXPECT_EQ(foo.Get(), "flag");

  Write("conf.d/a.conf", "[DEFAULT]\nfoo = directory\n");
  const ProgramInfo with_dir = {.default_config_dirs = {Path("conf.d")}};
  ASSERT_THAT(LoadFor(registry, {}, with_dir), IsOk());
  EXPECT_EQ(foo.Get(), "directory");
  ASSERT_THAT(LoadFor(registry, {"--foo", "flag"}, with_dir), IsOk());
  EXPECT_EQ(foo.Get(), "flag");
}

TEST_F(Files, Oc034EachTypeInAFile) {
  ForEachType([&](auto one) {
    SCOPED_TRACE(one.text);
    Registry registry;
    one.option.name = "foo";
    const auto foo = Add(registry, "g", one.option);
    ASSERT_THAT(LoadFor(registry, {FileFlag("a.conf", "[g]\nbar = x\n")}),
                IsOk());
    EXPECT_EQ(foo.has_value(), one.option.default_value.has_value());
    EXPECT_EQ(foo.Get(), one.option.default_value.value_or(
                             typename decltype(one)::Type{}));
    ASSERT_THAT(
        LoadFor(
            registry,
            {FileFlag("a.conf", absl::StrCat("[g]\nfoo = ", one.text, "\n"))}),
        IsOk());
    EXPECT_EQ(foo.Get(), one.value);
  });
  Registry registry;
  const Handle<int64_t> number = Add(
      registry, kDefault, Option<int64_t>{.name = "n", .default_text = "666"});
  EXPECT_EQ(number.Get(), 666);
}

// A flag beats all files, wherever it stands; of the files the last counts.
TEST_F(Files, Oc035AFlagAndTwoFilesForEachType) {
  ForEachType([&](auto one) {
    SCOPED_TRACE(one.text);
    Registry registry;
    one.option.name = "foo";
    one.option.cli = true;
    const auto foo = Add(registry, kDefault, one.option);
    const auto file = [&](const char* name, const char* text) {
      return FileFlag(name, absl::StrCat("[DEFAULT]\nfoo = ", text, "\n"));
    };
    const std::string first = file("1.conf", one.text);
    const std::string second = file("2.conf", one.other_text);
    ASSERT_THAT(LoadFor(registry, {first, second}), IsOk());
    EXPECT_EQ(foo.Get(), one.other_value);
    ASSERT_THAT(LoadFor(registry, {second, first}), IsOk());
    EXPECT_EQ(foo.Get(), one.value);
    if constexpr (std::is_same_v<typename decltype(one)::Type, bool>) return;
    const std::string flag = absl::StrCat("--foo=", one.text);
    ASSERT_THAT(LoadFor(registry, {flag, second}), IsOk());
    EXPECT_EQ(foo.Get(), one.value);
    ASSERT_THAT(LoadFor(registry, {second, flag}), IsOk());
    EXPECT_EQ(foo.Get(), one.value);
  });
}

// As above, wherever the flag stands.
TEST_F(Files, Oc036ABooleanInAFileAndAsAFlag) {
  Registry registry;
  const Handle<bool> foo =
      Add(registry, kDefault, Option<bool>{.name = "foo", .cli = true});
  const std::string on = FileFlag("on.conf", "[DEFAULT]\nfoo = true\n");
  const std::string off = FileFlag("off.conf", "[DEFAULT]\nfoo = false\n");
  const struct {
    Arguments arguments;
    bool wanted;
  } kCases[] = {{{on}, true},
                {{off}, false},
                {{"--foo", off}, true},
                {{off, "--foo"}, true},
                {{"--nofoo", on}, false},
                {{on, "--nofoo"}, false}};
  for (const auto& [arguments, wanted] : kCases) {
    ASSERT_THAT(LoadFor(registry, arguments), IsOk());
    EXPECT_EQ(foo.Get(), wanted) << testing::PrintToString(arguments);
  }
}

const std::vector<DeprecatedName> kOldNames[] = {
    {{.name = "oldfoo"}},
    {{.group = "old"}},
    {{.group = "DEFAULT"}},
    {{.name = "oof", .group = "old"}},
};

TEST_F(Files, Oc037OldSpellingsForEachType) {
  ForEachType([&](auto one) {
    for (const std::vector<DeprecatedName>& names : kOldNames) {
      const auto [group, name] = names[0].InFull("g", "foo");
      SCOPED_TRACE(absl::StrCat(group, ".", name, " = ", one.text));
      Registry registry;
      one.option.name = "foo";
      one.option.deprecated_names = names;
      const auto foo = Add(registry, "g", one.option);
      const absl::StatusOr<Report> report = LoadFor(
          registry, {FileFlag("a.conf", absl::StrCat("[", group, "]\n", name,
                                                     " = ", one.text, "\n"))});
      ASSERT_THAT(report, IsOk());
      EXPECT_EQ(foo.Get(), one.value);
      EXPECT_THAT(report->warnings,
                  ElementsAre(HasSubstr("deprecated name of g.foo")));
    }
  });
}

TEST_F(Files, Oc038TheNewSpellingBesideOldNames) {
  ForEachType([&](auto one) {
    for (const std::vector<DeprecatedName>& names : kOldNames) {
      Registry registry;
      one.option.name = "foo";
      one.option.deprecated_names = names;
      const auto foo = Add(registry, "g", one.option);
      const absl::StatusOr<Report> report = LoadFor(
          registry,
          {FileFlag("a.conf", absl::StrCat("[g]\nfoo = ", one.text, "\n"))});
      ASSERT_THAT(report, IsOk());
      EXPECT_EQ(foo.Get(), one.value);
      EXPECT_THAT(report->warnings, IsEmpty());
    }
  });
}

// Whether a file may give `option` this value.
template <typename T>
absl::Status Try(const Option<T>& option, const std::string& file) {
  Registry registry;
  const absl::Status registered = registry.Register(kDefault, option).status();
  return registered.ok() ? LoadFor(registry, {file}).status() : registered;
}

TEST_F(Files, Oc041NumbersOutsideTheirBounds) {
  const auto file = [&](const char* text) {
    return FileFlag("a.conf", absl::StrCat("[DEFAULT]\nfoo = ", text, "\n"));
  };
  const auto refused = [&](const auto& option, const char* text) {
    EXPECT_THAT(
        Try(option, file(text)),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 AllOf(HasSubstr("a.conf:2: DEFAULT.foo: "), HasSubstr(text))));
  };
  const auto taken = [&](const auto& option, const char* text) {
    EXPECT_THAT(Try(option, file(text)), IsOk()) << text;
  };
  const Option<int64_t> both = {.name = "foo", .min = 1, .max = 10};
  refused(both, "0");
  taken(both, "1");
  taken(both, "10");
  refused(both, "11");
  const Option<int64_t> low = {.name = "foo", .min = 0};
  refused(low, "-1");
  taken(low, "9223372036854775807");
  refused(low, "9223372036854775808");
  const Option<int64_t> high = {.name = "foo", .max = 0};
  refused(high, "1");
  taken(high, "-5");
  const Option<double> ratio = {.name = "foo", .min = 1.1, .max = 10};
  refused(ratio, "1.09");
  taken(ratio, "1.1");
  taken(ratio, "10.0");
  refused(ratio, "10.1");
  refused(ratio, "nan");
  const Option<Port> port = {.name = "foo", .min = Port(80), .max = Port(90)};
  refused(port, "79");
  taken(port, "90");
  refused(port, "91");
  refused(Option<Port>{.name = "foo"}, "65536");
}

TEST_F(Files, Oc042ALowerBoundAboveTheUpper) {
  Registry registry;
  const auto refused = [&](const auto& option) {
    EXPECT_THAT(
        registry.Register(kDefault, option),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("DEFAULT.foo")));
  };
  refused(Option<int64_t>{.name = "foo", .min = 2, .max = 1});
  refused(Option<double>{.name = "foo", .min = 1.1, .max = 1});
  refused(Option<Port>{.name = "foo", .min = Port(2), .max = Port(1)});
}

// A default that is no text is typed by the compiler.
TEST_F(Files, Oc043ADefaultThatIsNotAllowed) {
  Registry registry;
  const auto refused = [&](const auto& option) {
    EXPECT_THAT(
        registry.Register(kDefault, option),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("DEFAULT.foo")));
  };
  refused(Option<int64_t>{.name = "foo", .default_text = "1.5"});
  refused(Option<double>{.name = "foo", .default_text = "x"});
  refused(Option<bool>{.name = "foo", .default_text = "maybe"});
  refused(Option<std::vector<int64_t>>{.name = "foo", .default_text = "1,x"});
  refused(Option<int64_t>{.name = "foo", .default_value = 3, .max = 2});
}

TEST_F(Files, Oc044ListsOfNumbers) {
  const auto read = [&](auto option, const char* text) {
    Registry registry;
    option.name = "foo";
    const auto foo = Add(registry, kDefault, option);
    EXPECT_THAT(
        LoadFor(registry, {FileFlag("a.conf", absl::StrCat("[DEFAULT]\nfoo = ",
                                                           text, "\n"))}),
        IsOk());
    return foo.Get();
  };
  EXPECT_THAT(read(Option<std::vector<int64_t>>{}, "1,2 , 3"),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(read(Option<std::vector<int64_t>>{.default_text = "[0]",
                                                .type = {.bounds = true}},
                   "[ 1,2 ]"),
              ElementsAre(1, 2));
  EXPECT_THAT(
      read(Option<std::vector<Port>>{.default_value = {{Port(1)}}}, "80,443"),
      ElementsAre(Port(80), Port(443)));
  EXPECT_THAT(Try(Option<std::vector<Port>>{.name = "foo"},
                  FileFlag("a.conf", "[DEFAULT]\nfoo = 80,65536\n")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("DEFAULT.foo"), HasSubstr("65536"))));
}

TEST_F(Files, Oc045DictsInAFile) {
  Registry registry;
  const Handle<Dict<std::string>> foo =
      Add(registry, kDefault, Option<Dict<std::string>>{.name = "foo"});
  ASSERT_THAT(LoadFor(registry,
                      {FileFlag("a.conf", "[DEFAULT]\nfoo = u:http://h:80\n")}),
              IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre(Pair("u", "http://h:80")));
  for (const char* bad : {"foo = bar", "foo = a:1,a:2", "foo = :1"}) {
    EXPECT_THAT(LoadFor(registry,
                        {FileFlag("a.conf", absl::StrCat("[DEFAULT]\n", bad))}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("a.conf:2: DEFAULT.foo: ")))
        << bad;
  }
}

TEST_F(Files, Oc046TheLastDictCounts) {
  Registry registry;
  const Handle<Dict<std::string>> foo =
      Add(registry, kDefault,
          Option<Dict<std::string>>{.name = "foo",
                                    .deprecated_names = {{.name = "oldfoo"}}});
  const std::string twice =
      FileFlag("a.conf", "[DEFAULT]\nfoo = a:1\nfoo = b:2\n");
  const absl::StatusOr<Report> report = LoadFor(registry, {twice});
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre(Pair("b", "2")));
  EXPECT_THAT(report->warnings, ElementsAre(HasSubstr("set again")));
  ASSERT_THAT(LoadFor(registry,
                      {twice, FileFlag("b.conf", "[DEFAULT]\noldfoo = c:3\n")}),
              IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre(Pair("c", "3")));
}

TEST_F(Files, Oc049APercentSignMeansNothing) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo"});
  ASSERT_THAT(
      LoadFor(registry,
              {FileFlag("a.conf", "[DEFAULT]\nfoo = volume-%08x %(x)s")}),
      IsOk());
  EXPECT_EQ(foo.Get(), "volume-%08x %(x)s");
}

TEST_F(Files, Oc067AKeyIsSpelledWithUnderscores) {
  for (const char* name : {"foo-bar", "foo_bar"}) {
    Registry registry;
    const Handle<std::string> foo =
        Add(registry, kDefault, Option<std::string>{.name = name});
    ASSERT_THAT(
        LoadFor(registry, {FileFlag("a.conf", "[DEFAULT]\nfoo_bar = x\n")}),
        IsOk());
    EXPECT_EQ(foo.Get(), "x");
    const absl::StatusOr<Report> report =
        LoadFor(registry, {FileFlag("a.conf", "[DEFAULT]\nfoo-bar = y\n")});
    ASSERT_THAT(report, IsOk());
    EXPECT_FALSE(foo.has_value());
    EXPECT_THAT(report->warnings,
                ElementsAre(AllOf(HasSubstr("a.conf:2: "),
                                  HasSubstr("did you mean foo_bar?"))));
  }
}

// A flag's values come after those of all files.
TEST_F(Files, Oc077FilesOfADirectoryCountByName) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo", .cli = true});
  const Handle<Multi<std::string>> bar =
      Add(registry, kDefault,
          Option<Multi<std::string>>{.name = "bar", .cli = true});
  Write("d/02-foo.conf", "[DEFAULT]\nfoo = 2\nbar = 2\n");
  Write("d/00-foo.conf", "[DEFAULT]\nfoo = 0\nbar = 0a\nbar = 0b\n");
  Write("d/01-foo.conf", "[DEFAULT]\nfoo = 1\nbar = 1\n");
  Write("d/sub/03.conf", "[DEFAULT]\nfoo = 3\n");
  Write("d/.04.conf", "[DEFAULT]\nfoo = 4\n");
  const std::string directory = absl::StrCat("--config-dir=", Path("d"));
  ASSERT_THAT(LoadFor(registry, {"--bar=flag", directory}), IsOk());
  EXPECT_EQ(foo.Get(), "2");
  EXPECT_THAT(bar.Get(), ElementsAre("0a", "0b", "1", "2", "flag"));
  ASSERT_THAT(LoadFor(registry, {"--foo=flag", directory}), IsOk());
  EXPECT_EQ(foo.Get(), "flag");
}

TEST_F(Files, Oc078FilesAndDirectoriesCountAsTheyCome) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo"});
  const Handle<std::string> bar =
      Add(registry, kDefault, Option<std::string>{.name = "bar"});
  const std::string one = FileFlag("1.conf", "[DEFAULT]\nfoo = 1\nbar = 1\n");
  const std::string two = FileFlag("2.conf", "[DEFAULT]\nfoo = 2\n");
  Write("d/a.conf", "[DEFAULT]\nfoo = d\nbar = d\n");
  const std::string directory = absl::StrCat("--config-dir=", Path("d"));
  ASSERT_THAT(LoadFor(registry, {one, directory, two}), IsOk());
  EXPECT_EQ(foo.Get(), "2");
  EXPECT_EQ(bar.Get(), "d");
  const ProgramInfo program = {.default_config_files = {Path("2.conf")}};
  ASSERT_THAT(LoadFor(registry, {directory}, program), IsOk());
  EXPECT_EQ(foo.Get(), "d");
  EXPECT_THAT(LoadFor(registry, {absl::StrCat("--config-dir=", Path("none"))}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("none"))));
}

TEST_F(Files, Oc079ASecondParseForgetsTheFirst) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo", .cli = true});
  const Handle<std::string> bar =
      Add(registry, kDefault, Option<std::string>{.name = "bar"});
  ASSERT_THAT(
      LoadFor(registry, {"--foo=x", FileFlag("a.conf", "[DEFAULT]\nbar=x")}),
      IsOk());
  EXPECT_EQ(foo.Get(), "x");
  EXPECT_EQ(bar.Get(), "x");
  ASSERT_THAT(LoadFor(registry, {}), IsOk());
  EXPECT_FALSE(foo.has_value());
  EXPECT_FALSE(bar.has_value());
}

TEST_F(Files, Oc080ATildeIsTheHomeDirectory) {
  const char* const home = std::getenv("HOME");
  const std::string before = home ? home : "/";
  ::setenv("HOME", folder_.c_str(), 1);
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo"});
  Write("a.conf", "[DEFAULT]\nfoo = file\n");
  Write("d/a.conf", "[DEFAULT]\nfoo = directory\n");
  EXPECT_THAT(LoadFor(registry, {"--config-file", "~/a.conf"}), IsOk());
  EXPECT_EQ(foo.Get(), "file");
  EXPECT_THAT(LoadFor(registry, {"--config-dir", "~/d"}), IsOk());
  EXPECT_EQ(foo.Get(), "directory");
  EXPECT_EQ(FindFile("a.conf", {},
                     StandardDirectories("", ConfigSearch::FromProcess())),
            Path("a.conf"));
  ::setenv("HOME", before.c_str(), 1);
}

// A search needs no parse before it.
TEST_F(Files, Oc101FilesAreFoundBesideTheConfiguration) {
  const auto find = [&](const std::vector<ConfigPath>& paths) {
    return FindFile("policy.json", paths, {Path("etc")});
  };
  EXPECT_EQ(find({}), "");
  const std::string etc = Write("etc/policy.json", "");
  EXPECT_EQ(find({}), etc);
  const std::string beside = Write("a/policy.json", "");
  EXPECT_EQ(find({ConfigFile(Path("a/demo.conf"))}), beside);
  const std::string second = Write("d2/policy.json", "");
  EXPECT_EQ(find({ConfigDirectory(Path("d1")), ConfigDirectory(Path("d2")),
                  ConfigFile(Path("a/demo.conf"))}),
            second);
  const std::string first = Write("d1/policy.json", "");
  EXPECT_EQ(find({ConfigDirectory(Path("d1")), ConfigDirectory(Path("d2"))}),
            first);
}

TEST_F(Files, Oc105SectionsKeepTheirSpellingAndAreMatchedWithoutCase) {
  Registry registry;
  const Handle<Multi<std::string>> foo =
      Add(registry, "blaa", Option<Multi<std::string>>{.name = "foo"});
  ASSERT_THAT(LoadFor(registry, {FileFlag("a.conf",
                                          "[DEFAULT]\nx = 1\n[BLAA]\nfoo = a\n"
                                          "foo = b\n[Blaa]\nfoo = c\n")}),
              IsOk());
  EXPECT_THAT(foo.Get(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(registry.Sections(), ElementsAre("BLAA", "Blaa", "DEFAULT"));
}

TEST_F(Files, Oc106AnAssignmentWithoutASectionAndOtherFailures) {
  Registry registry;
  EXPECT_THAT(
      LoadFor(registry, {FileFlag("a.conf", "foo = bar\n")}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a.conf:1: ")));
  ASSERT_TRUE(std::filesystem::create_directory(Path("b.conf")));
  EXPECT_THAT(
      LoadFor(registry, {absl::StrCat("--config-file=", Path("b.conf"))}),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               HasSubstr("b.conf: Is a directory")));
}

// Of a flag and two files it is the flag.
TEST_F(Files, Oc108AFlagAndTwoFiles) {
  Registry registry;
  const Handle<std::string> foo =
      Add(registry, kDefault, Option<std::string>{.name = "foo", .cli = true});
  const std::string one = FileFlag("1.conf", "[DEFAULT]\nfoo = 1\n");
  const std::string two = FileFlag("2.conf", "[DEFAULT]\nfoo = 2\n");
  ASSERT_THAT(LoadFor(registry, {one, two}), IsOk());
  EXPECT_EQ(foo.Get(), "2");
  ASSERT_THAT(LoadFor(registry, {one, "--foo=flag", two}), IsOk());
  EXPECT_EQ(foo.Get(), "flag");
}

TEST(Oc, Oc114DeprecatedNamesAreEqualByNameAndGroup) {
  const DeprecatedName name = {.name = "a", .group = "g"};
  EXPECT_EQ(name, (DeprecatedName{.name = "a", .group = "g"}));
  EXPECT_NE(name, (DeprecatedName{.name = "b", .group = "g"}));
  EXPECT_NE(name, (DeprecatedName{.name = "a", .group = "h"}));
  EXPECT_NE(name, DeprecatedName{.name = "a"});
}

// `section.key=value` of each assignment of a file, or the error.
std::vector<std::string> Parsed(const std::string& path) {
  const absl::StatusOr<std::vector<Document>> read = FileSource(path).ReadAll();
  if (!read.ok()) return {std::string(read.status().message())};
  std::vector<std::string> texts;
  for (const RawValue& value : read->front().values()) {
    texts.push_back(
        absl::StrCat(value.group, ".", value.name, "=", value.text));
  }
  return texts;
}

TEST_F(Files, Oc140ErrorsOfTheGrammar) {
  const struct {
    const char* text;
    const char* error;
  } kCases[] = {
      {"[s]\nfoo\n", ":2: neither key = value nor [section]"},
      {"[s]\n: bar\n", ":2: there is no key"},
      {"[s]\n= bar\n", ":2: there is no key"},
      {" - continued\n", ":1: a line that begins with a blank"},
      {"[section\n", ":1: a section is written [name]"},
      {"[]\n", ":1: a section is written [name]"},
  };
  for (const auto& [text, error] : kCases) {
    EXPECT_THAT(Parsed(Write("a.conf", text)), ElementsAre(HasSubstr(error)));
  }
}

TEST_F(Files, Oc141LinesOfTheGrammar) {
  EXPECT_THAT(Parsed(Write("a.conf", "[s]\n\nfoo = bar\n\nfoo2: baz\n")),
              ElementsAre("s.foo=bar", "s.foo2=baz"));
  EXPECT_THAT(Parsed(Write("a.conf", "[s]\nfoo = bar\n  baz\n")),
              ElementsAre("s.foo=bar\nbaz"));
  EXPECT_THAT(Parsed(Write("a.conf", "[s]\nfoo = bar\n\n  baz\n")),
              ElementsAre(HasSubstr(":4: ")));
}

TEST_F(Files, Oc142SectionsCommentsEmptyValuesAndQuotes) {
  EXPECT_THAT(Parsed(Write("a.conf", "[s]\n")), IsEmpty());
  EXPECT_THAT(Parsed(Write("a.conf", "[s]\nfoo = bar\n")),
              ElementsAre("s.foo=bar"));
  EXPECT_THAT(Parsed(Write("a.conf", "# foo = bar\n;[x]\n[s]\n# x\n")),
              IsEmpty());
  EXPECT_THAT(Parsed(Write("a.conf", "[s]\nfoo =\nbar:\n")),
              ElementsAre("s.foo=", "s.bar="));
  EXPECT_THAT(Parsed(Write("a.conf", "[s]\na = ' x '\nb = \" y \"\n")),
              ElementsAre("s.a= x ", "s.b= y "));
}

// What may be a value is masked: it may be a secret.
TEST_F(Files, Oc143AnErrorHasTheLineTheReasonAndTheText) {
  const std::string path = Write("a.conf", "[s]\nfoo bar\n");
  EXPECT_THAT(Parsed(path),
              ElementsAre(absl::StrCat(path,
                                       ":2: neither key = value nor [section]: "
                                       "\"foo ****\"")));
}

}  // namespace
}  // namespace bergen::config
