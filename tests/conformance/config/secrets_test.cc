// SPDX-License-Identifier: Apache-2.0
//
// OC-199 for everything that is written for people or other programs: what a
// registry says about files, flags and the environment, the help, pages and
// samples, schemas, and the programs that the rules of Bazel build.
// registry_test.cc has the same for what code does to a registry.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "config/command_line.h"
#include "config/docs.h"
#include "config/host.h"
#include "config/listing.h"
#include "config/option.h"
#include "config/page.h"
#include "config/program.h"
#include "config/range.h"
#include "config/registry.h"
#include "config/schema.h"
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

using ::testing::HasSubstr;

// Every secret of this test has one of these in it; nothing else has.
constexpr absl::string_view kWord = "hunter";
constexpr absl::string_view kNumber = "7531";

// What was said, and what it was about.
class Said {
 public:
  void Add(absl::string_view about, absl::string_view text) {
    ++count_;
    size_ += text.size();
    const std::string lower = absl::AsciiStrToLower(text);
    for (const absl::string_view secret : {kWord, kNumber}) {
      const size_t at = lower.find(std::string(secret));
      if (at == lower.npos) continue;
      ADD_FAILURE() << about << " has a secret: ..."
                    << text.substr(at < 100 ? 0 : at - 100, 200);
    }
  }
  void Add(absl::string_view about, const absl::Status& status) {
    Add(about, status.ToString());
  }
  void Add(absl::string_view about, const Report& report) {
    Add(about, report.status);
    for (const std::string& warning : report.warnings) Add(about, warning);
    for (const Change& change : report.changes) {
      Add(about, absl::StrCat(change.old_text, " ", change.new_text, " ",
                              change.origin.ToString(), " ", change.reason));
    }
    for (const absl::Status& failure : report.hook_failures) {
      Add(about, failure);
    }
  }
  void Add(absl::string_view about, const Registry& registry) {
    for (const DumpEntry& entry : registry.Dump()) {
      Add(about, absl::StrCat(entry.group, ".", entry.name, " ", entry.value,
                              " ", entry.origin.ToString()));
    }
    for (const std::string& line : registry.DumpLines()) Add(about, line);
    for (const std::string& section : registry.Sections()) Add(about, section);
  }

  size_t count() const { return count_; }
  size_t size() const { return size_; }

 private:
  size_t count_ = 0;
  size_t size_ = 0;
};

// An option of each type, all of them secret, in a group. With `defaults` each
// has a value that must not be seen.
OptionList Secrets(bool defaults, int64_t variant = 0) {
  OptionGroup group = {.name = "s"};
  int count = 0;
  const auto add = [&](auto option, auto value) {
    if (defaults) option.default_value = std::move(value);
    option.name = absl::StrCat("option", ++count);
    option.help = "Not for everybody.";
    option.secret = true;
    option.is_mutable = count % 2 == 0;
    option.cli = true;
    option.advanced = count % 3 == 0;
    option.deprecated_names = {{.name = option.name + "-old"}};
    option.removal = Removal{.reason = "It is old."};
    group.options.push_back(option);
  };
  const std::string word = absl::StrCat(kWord, variant);
  const int64_t number = 75310 + variant;
  add(Option<std::string>{}, word);
  add(Option<std::string>{.type = {.max_length = 8}}, word);
  add(Option<std::string>{.type = {.regex = Regex("^hunt|^$")}}, word);
  add(Option<std::string>{.literal = true}, word);
  add(Option<bool>{}, true);
  add(Option<int64_t>{.max = 80000}, number);
  add(Option<double>{.max = 80000}, static_cast<double>(number) + 0.5);
  add(Option<Port>{}, Port(7531));
  add(Option<std::vector<std::string>>{}, std::vector<std::string>{word, "b"});
  add(Option<std::vector<int64_t>>{.max = 80000},
      std::vector<int64_t>{1, number});
  add(Option<Dict<std::string>>{}, Dict<std::string>{{word, word}});
  add(Option<Dict<int64_t>>{}, Dict<int64_t>{{"a", number}});
  add(Option<Multi<std::string>>{}, Multi<std::string>{word, "b"});
  add(Option<Multi<int64_t>>{.max = 80000}, Multi<int64_t>{number});
  add(Option<IpAddress>{}, IpAddress{"7531::1"});
  add(Option<Hostname>{}, Hostname{word});
  add(Option<HostAddress>{}, HostAddress{word});
  add(Option<HostDomain>{}, HostDomain{word});
  add(Option<Uri>{}, Uri{absl::StrCat("http://u:", word, "@h/")});
  add(Option<Range>{}, Range(7531, 7539));
  add(Option<absl::Duration>{}, absl::Seconds(7531));
  add(Option<ByteSize>{}, ByteSize{7531});
  // Not secrets, but made of them.
  group.options.push_back(Option<std::string>{
      .name = "url", .default_text = "db://${option1}@h", .help = "A URL."});
  group.options.push_back(Option<std::vector<std::string>>{
      .name = "urls", .help = "URLs.", .is_mutable = true});
  group.options.push_back(
      Option<int64_t>{.name = "count", .help = "A count.", .cli = true});
  return {std::move(group)};
}

// How many of them are secret.
constexpr int kSecrets = 22;

// Texts that most types refuse.
constexpr const char* kBadTexts[] = {
    "hunter2",        "hunter2 7531",
    "$hunter2",       "${hunter2.x}",
    "75319999999999", "hunter2:",
    "75310,hunter",   "[hunter2",
    "{hunter2}",      "http:hunter2",
    "hunter2,:",      "75310 seconds hunter",
    "${option2}x",    "$count hunter2 ${count}x",
    "-75310",         "'hunter2",
};

class Secret : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/secretsXXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_, "/", name);
  }
  std::string Write(absl::string_view name, absl::string_view text) const {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }

  std::string folder_;
  Said said_;
};

TEST_F(Secret, Oc199InNoSampleAndOnNoPage) {
  const absl::StatusOr<Listing> listing =
      Listing::Create({{"acme", Secrets(true)}});
  ASSERT_THAT(listing, IsOk());
  for (const IniStyle& style :
       {IniStyle{}, IniStyle{.minimal = true}, IniStyle{.summarize = true},
        IniStyle{.wrap_width = 20}}) {
    said_.Add("sample", WriteIni(*listing, style));
  }
  said_.Add("md", WriteMarkdown(*listing, "Options"));
  said_.Add("html", WriteHtml(*listing, "Options"));
  said_.Add("rst", WriteRst(*listing, "Options"));

  const Schema schema = Schema::Of(*listing);
  said_.Add("schema", schema.ToJson());
  for (const OptionList& others : {Secrets(true, 1), Secrets(false)}) {
    const absl::StatusOr<Listing> other = Listing::Create({{"acme", others}});
    ASSERT_THAT(other, IsOk());
    for (const std::string& line : schema.BrokenBy(Schema::Of(*other))) {
      said_.Add("schema", line);
    }
    for (const std::string& line : Schema::Of(*other).BrokenBy(schema)) {
      said_.Add("schema", line);
    }
  }
  // Two of one name.
  said_.Add("listing",
            Listing::Create({{"a", Secrets(true)}, {"b", Secrets(true, 1)}})
                .status());
  EXPECT_GT(said_.size(), 10000);
}

TEST_F(Secret, Oc199InNoDefinitionThatIsRefused) {
  Registry registry;
  ASSERT_THAT(registry.RegisterAll(Secrets(true)), IsOk());
  said_.Add("another", registry.RegisterAll(Secrets(true, 1)));
  const auto refused = [&](auto option) {
    option.name = "bad";
    option.secret = true;
    const absl::Status status = registry.Register("s", option).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    said_.Add("definition", status);
  };
  refused(Option<int64_t>{.default_value = 75310, .max = 1});
  refused(Option<int64_t>{.default_text = "hunter2"});
  refused(Option<double>{.default_value = 75310, .max = 1});
  refused(Option<std::string>{.default_value = "hunter2",
                              .type = {.max_length = 1}});
  refused(
      Option<std::string>{.default_value = "hunter2", .choices = {{"a", ""}}});
  refused(
      Option<std::vector<int64_t>>{.default_value = {{1, 75310}}, .max = 10});
  refused(
      Option<Dict<int64_t>>{.default_value = {{{"hunter", 75310}}}, .max = 10});
  refused(Option<Hostname>{.default_value = Hostname{"hunter 2"}});
  refused(Option<Uri>{.default_value = Uri{"hunter2"}});
  refused(Option<IpAddress>{.default_value = IpAddress{"hunter2"}});
  said_.Add("dump", registry);
}

// All ways in which a text can reach an option.
TEST_F(Secret, Oc199InNothingThatIsSaidOfFilesFlagsAndTheEnvironment) {
  for (int option = 1; option <= kSecrets; ++option) {
    const std::string name = absl::StrCat("option", option);
    Registry registry;
    ASSERT_THAT(registry.RegisterAll(Secrets(option % 2 == 0)), IsOk());
    const Subscription hook = registry.OnReport(
        [&](const Report& report) { said_.Add("hook", report); });
    const absl::StatusOr<CommandLineParser> parser =
        CommandLineParser::Create(registry.Options(), {.name = "demo"});
    ASSERT_THAT(parser, IsOk());
    said_.Add("help", parser->Help());
    Write("a.conf", "");
    CommandLine line = {.config_paths = {ConfigFile(Path("a.conf"))},
                        .use_environment = false};
    ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
    for (const char* text : kBadTexts) {
      const std::string about = absl::StrCat(name, " = ", text);
      const auto say = [&](const absl::StatusOr<Report>& report) {
        if (!report.ok()) return said_.Add(about, report.status());
        said_.Add(about, *report);
        if (report->status.ok()) said_.Add(about, registry);
      };
      for (const char* key : {"", "_old"}) {
        Write("a.conf", absl::StrCat("[s]\n", name, key, " = ", text, "\n",
                                     name, key, " = ", text, "\n"));
        say(registry.Mutate({.dry_run = true}));
        say(registry.Mutate());
        say(registry.Reload());
        say(registry.Load(MakeSources(line)));
        say(registry.Load(MakeSources(line), {.strict = true}));
      }
      Write("a.conf", "");
      // A flag, an assignment, a variable.
      for (const std::vector<std::string>& arguments :
           {std::vector<std::string>{absl::StrCat("--s-", name, "=", text)},
            std::vector<std::string>{absl::StrCat("--s-", name, "_old"), text},
            std::vector<std::string>{"--set",
                                     absl::StrCat("s.", name, "=", text)}}) {
        const absl::StatusOr<ParsedArguments> parsed = parser->Parse(arguments);
        if (!parsed.ok()) {
          said_.Add(about, parsed.status());
          continue;
        }
        CommandLine with_flags = parsed->command_line;
        with_flags.use_environment = false;
        say(registry.Load(MakeSources(with_flags)));
      }
      std::vector<std::unique_ptr<Source>> sources;
      sources.push_back(
          std::make_unique<EnvironmentSource>(std::vector<std::string>{
              absl::StrCat("OS_S__", absl::AsciiStrToUpper(name), "=", text)}));
      say(registry.Load(std::move(sources)));
      say(registry.Load(MakeSources(line)));
      // From code.
      said_.Add(about, registry.SetDefaultFromText("s", name, text));
      said_.Add(about, registry.SetOverrideFromText("s", name, text));
      said_.Add(about, registry.SetOverride("s", name, text));
      said_.Add(about, registry);
      ASSERT_THAT(registry.ClearOverride("s", name), IsOk());
      ASSERT_THAT(registry.ClearDefault("s", name), IsOk());
    }
  }
  EXPECT_GT(said_.count(), 10000);
}

// Options that are no secrets, but refer to them.
TEST_F(Secret, Oc199InNoValueThatRefersToASecret) {
  Registry registry;
  ASSERT_THAT(registry.RegisterAll(Secrets(true)), IsOk());
  CommandLine line = {
      .config_paths = {ConfigFile(Write("a.conf",
                                        "[s]\noption1 = hunter2\n"
                                        "urls = a,http://$option1/\n"))},
      .use_environment = false};
  ASSERT_THAT(registry.Load(MakeSources(line)), IsOk());
  EXPECT_EQ(registry.Find<std::string>("s", "url")->Get(), "db://hunter2@h");
  said_.Add("dump", registry);
  for (const char* text :
       {"count = $option1", "count = ${option6}x", "count = $option6",
        "urls = $option2,$option6", "url = $option6 $option13 $option11"}) {
    Write("a.conf", absl::StrCat("[s]\noption1 = hunter3\n", text, "\n"));
    said_.Add(text, registry.Mutate());
    said_.Add(text, registry.Reload());
    said_.Add(text, registry);
  }
}

TEST_F(Secret, Oc199InNoErrorOfTheCommandLine) {
  Registry registry;
  ASSERT_THAT(registry.RegisterAll(Secrets(true)), IsOk());
  const absl::StatusOr<CommandLineParser> parser =
      CommandLineParser::Create(registry.Options(), {.name = "demo"});
  ASSERT_THAT(parser, IsOk());
  ProgramInfo with_commands = {.name = "demo", .sub_commands = {{"add"}}};
  const absl::StatusOr<CommandLineParser> commands =
      CommandLineParser::Create(registry.Options(), with_commands);
  ASSERT_THAT(commands, IsOk());
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"--s-option5=hunter2"},            // Takes no value.
           {"--s-option5", "hunter2"},         // The same.
           {"--s-option1=", "hunter2"},        // Blank before the value.
           {"--set", "s.option1", "hunter2"},  // No `=`.
           {"--set", "s.option1:hunter2"},     // Another separator.
           {"--set", "s.option1 hunter2"},     // The same.
           {"--set=", "hunter2"},
           {"--s-optoin1=hunter2"},
           {"--s-option1", "a", "hunter2"},
           {"--", "hunter2"},
       }) {
    for (const CommandLineParser* one : {&*parser, &*commands}) {
      const absl::StatusOr<ParsedArguments> parsed = one->Parse(arguments);
      EXPECT_FALSE(parsed.ok()) << testing::PrintToString(arguments);
      said_.Add("command line", parsed.status());
    }
  }
}

TEST_F(Secret, Oc199InNoFileThatIsNotUnderstood) {
  for (const char* text :
       {"option1 = hunter2\n", "[s]\noption1 hunter2\n", "[s]\nhunter2\n",
        "[s]\noption1 = a\n\n  hunter2\n", "[s]\n= hunter2\n",
        "[s]\n  option1 = hunter2\n", "[s]\noption1\t\"hunter2\n",
        "[s]\noption1 = a\n# why\n hunter2:7531\n",
        "[s]\noption1 = a\nhunter2 hunter3\n", "[s]\noption1 =\n[hunter2,\n",
        "[s]\noption1 = hunter2\xff\n", "[s]\nhunter2 hunter3: hunter4\n"}) {
    const absl::Status status =
        FileSource(Write("a.conf", text)).ReadAll().status();
    if (!status.ok()) said_.Add(text, status);
  }
  EXPECT_GE(said_.count(), 11);
}

// The exit status of a program, and what it has printed.
std::pair<int, std::string> RunProgram(
    const std::function<int(int, char**, const std::vector<ModuleOptions>&)>&
        main,
    std::vector<std::string> arguments,
    const std::vector<ModuleOptions>& modules) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int status = main(static_cast<int>(argv.size()), argv.data(), modules);
  std::string printed = ::testing::internal::GetCapturedStdout();
  absl::StrAppend(&printed, ::testing::internal::GetCapturedStderr());
  return {status, printed};
}

TEST_F(Secret, Oc199InNothingThatProgramsPrint) {
  const std::vector<ModuleOptions> modules = {{"acme", Secrets(true)}};
  for (const char* format : {"ini", "json", "yaml", "md", "html", "rst"}) {
    const auto [status, printed] = RunProgram(
        GeneratorMain, {absl::StrCat("--format=", format), "--title=Options"},
        modules);
    EXPECT_EQ(status, 0) << printed;
    EXPECT_THAT(printed, HasSubstr("option22"));
    said_.Add(format, printed);
  }
  for (int option = 1; option <= kSecrets; ++option) {
    for (const char* text : kBadTexts) {
      const std::string file = Write(
          "a.conf", absl::StrCat("[s]\noption", option, " = ", text, "\noption",
                                 option, "_old = ", text, "\n"));
      said_.Add("validator", RunProgram(ValidatorMain,
                                        {absl::StrCat("--input_file=", file),
                                         "--fatal_warnings"},
                                        modules)
                                 .second);
    }
  }
  const std::string golden = Path("golden.json");
  EXPECT_EQ(RunProgram(SchemaMain, {absl::StrCat("--update=", golden)}, modules)
                .first,
            0);
  std::ifstream file(golden);
  const std::string written(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(written, HasSubstr("option22"));
  said_.Add("golden", written);
  said_.Add("schema",
            RunProgram(SchemaMain, {absl::StrCat("--golden=", golden)},
                       {{"acme", Secrets(false)}})
                .second);
}

}  // namespace
}  // namespace bergen::config
