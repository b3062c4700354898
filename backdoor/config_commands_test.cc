// SPDX-License-Identifier: Apache-2.0

#include "backdoor/config_commands.h"

#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/dispatch.h"
#include "backdoor/log_commands.h"
#include "backdoor/short_temp_dir_for_test.h"
#include "backdoor/string_output_for_test.h"
#include "config/option.h"
#include "config/registry.h"
#include "config/sources.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigCommandsTest : public ::testing::Test {
 protected:
  ConfigCommandsTest() {
    const config::Option<std::string> greeting = {
        .name = "greeting", .default_value = "Hello", .is_mutable = true};
    const config::Option<std::string> password = {.name = "password",
                                                  .default_value = "sesame",
                                                  .secret = true,
                                                  .is_mutable = true};
    const config::Option<int64_t> workers = {.name = "workers",
                                             .default_value = 2};
    const config::Option<int64_t> limit = {
        .name = "limit", .default_value = 5, .max = 9, .is_mutable = true};
    EXPECT_THAT(registry_.Register("demo", greeting), IsOk());
    EXPECT_THAT(registry_.Register("demo", password), IsOk());
    EXPECT_THAT(registry_.Register("demo", workers), IsOk());
    EXPECT_THAT(registry_.Register("DEFAULT", limit), IsOk());
    Write("[demo]\ngreeting = Hi\n");
    EXPECT_THAT(registry_.Load(config::MakeSources(
                    {.config_paths = {config::ConfigFile(path_)},
                     .use_environment = false})),
                IsOk());
    EXPECT_THAT(AddConfigCommands(registry_, table_), IsOk());
    EXPECT_THAT(AddLogCommands({&log_}, table_), IsOk());
  }

  // What the command writes, or its error.
  std::string Run(absl::string_view line, Role role = Role::kAdmin) {
    StringOutput output;
    const absl::Status status =
        Dispatch(table_, line, {.name = "ann", .role = role}, output, log_);
    return output.text() + std::string(status.message());
  }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  const ShortTempDirForTest dir_;
  const std::string path_ = dir_.path() + "/demo.conf";
  config::Registry registry_;
  CommandTable table_;
  std::ostringstream logged_;
  spdlog::logger log_{
      "demo", std::make_shared<spdlog::sinks::ostream_sink_mt>(logged_)};
};

TEST_F(ConfigCommandsTest, ConfigShowsValuesAndOriginsButNoSecrets) {
  const std::string text = Run("config");
  EXPECT_THAT(
      text, ContainsRegex("demo.greeting = Hi  \\(.*demo.conf:2\\) mutable\n"));
  EXPECT_THAT(text, HasSubstr("limit = 5  ("));
  EXPECT_THAT(text, HasSubstr("demo.password = ****"));
  EXPECT_THAT(text, Not(HasSubstr("sesame")));
  EXPECT_THAT(Run("config(greet)"),
              AllOf(HasSubstr("greeting"), Not(HasSubstr("workers"))));
  EXPECT_EQ(Run("config(nothing)"),
            "config: no option's name contains 'nothing'");
}

TEST_F(ConfigCommandsTest, ConfigSetHoldsUntilConfigClear) {
  EXPECT_EQ(Run("config_set(demo.greeting, 'Good day')"),
            "demo.greeting: Hi -> Good day\n");
  Write("[demo]\ngreeting = Hey\n");
  Run("mutate");
  EXPECT_THAT(Run("config(demo.greeting)"), HasSubstr("= Good day"));
  EXPECT_THAT(Run("config_clear(demo.greeting)"),
              ContainsRegex("demo.greeting = Hey  \\(.*demo.conf:2\\)"));
  EXPECT_THAT(logged_.str(),
              HasSubstr("ann ran config_set(demo.greeting, Good day): OK"));
}

TEST_F(ConfigCommandsTest, ConfigSetRefusesWhatTheOptionDoes) {
  EXPECT_THAT(Run("config_set(limit, 10)"), HasSubstr("9"));
  EXPECT_THAT(Run("config_set(demo.workers, 3)"), HasSubstr("is not mutable"));
  EXPECT_THAT(Run("config_set(demo.nothing, 3)"),
              HasSubstr("no option is called 'demo.nothing'"));
  EXPECT_THAT(Run("config_clear(demo.nothing)"), HasSubstr("nothing"));
  EXPECT_THAT(Run("config(limit)"), HasSubstr("limit = 5"));
}

TEST_F(ConfigCommandsTest, SecretsStayOutOfAnswersAndLog) {
  EXPECT_EQ(Run("config_set(demo.password, swordfish)"),
            "demo.password: **** -> ****\n");
  Run("config_set(demo.passwort, swordfish)");
  EXPECT_THAT(Run("config_set(demo.password, swordfish)", Role::kView),
              Not(HasSubstr("swordfish")));
  EXPECT_THAT(logged_.str(), AllOf(HasSubstr("config_set(demo.password, ****)"),
                                   HasSubstr("may not run config_set:"),
                                   Not(HasSubstr("swordfish"))));
}

TEST_F(ConfigCommandsTest, MutateTellsAVerdictForEachOption) {
  Write("[DEFAULT]\nlimit = 6\n[demo]\ngreeting = Hey\nworkers = 4\n");
  EXPECT_THAT(
      Run("mutate(dry_run=true)"),
      AllOf(
          ContainsRegex("limit: 5 -> 6 \\(.*demo.conf:2\\): would be applied"),
          ContainsRegex("demo.workers: 2 -> 4 \\(.*demo.conf:5\\): needs a "
                        "restart or reload")));
  EXPECT_THAT(Run("config(limit)"), HasSubstr("limit = 5"));
  EXPECT_THAT(Run("mutate"),
              ContainsRegex("limit: 5 -> 6 \\(.*demo.conf:2\\): applied"));
  EXPECT_THAT(Run("config(limit)"), HasSubstr("limit = 6"));
}

TEST_F(ConfigCommandsTest, AMistakeInAFileKeepsTheOldValues) {
  Write("[DEFAULT]\nlimit = 10\n[demo]\ngreeting = Hey\n");
  EXPECT_THAT(
      Run("mutate"),
      AllOf(ContainsRegex("limit: rejected: .*demo.conf:2: .*9"),
            ContainsRegex("demo.greeting: Hi -> Hey \\(.*demo.conf:4\\): held "
                          "back")));
  EXPECT_THAT(Run("config"),
              AllOf(HasSubstr("limit = 5"), HasSubstr("demo.greeting = Hi ")));
}

TEST_F(ConfigCommandsTest, LogLevelShowsAndSets) {
  EXPECT_EQ(Run("log_level"), "demo: info\n");
  EXPECT_EQ(Run("log_level(debug)"), "demo: debug\n");
  EXPECT_EQ(log_.level(), spdlog::level::debug);
  EXPECT_EQ(Run("log_level(error, logger=other)"),
            "log_level: no logger is called 'other'");
  EXPECT_THAT(Run("log_level(loud)"), HasSubstr("one of trace, debug, info"));
  EXPECT_EQ(log_.level(), spdlog::level::debug);
}

}  // namespace
}  // namespace bergen::backdoor
