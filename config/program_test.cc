// SPDX-License-Identifier: Apache-2.0

#include "config/program.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "config/option.h"
#include "config/testdata/relay_options.h"
#include "config/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Main = std::function<int(int, char**, const std::vector<ModuleOptions>&)>;

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/programXXXXXX");
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
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // The exit status; `errors_` is what was said.
  int Run(const Main& main, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "program");
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ::testing::internal::CaptureStderr();
    const int status =
        main(static_cast<int>(argv.size()), argv.data(), modules_);
    errors_ = ::testing::internal::GetCapturedStderr();
    return status;
  }

  std::string folder_;
  std::string errors_;
  std::vector<ModuleOptions> modules_ = {{"acme.base", acme::ListBaseOpts()},
                                         {"acme.relay", acme::ListRelayOpts()}};
};

TEST_F(ProgramTest, TheGeneratorWritesEachFormat) {
  EXPECT_EQ(Run(GeneratorMain, {"--allow-missing-help", "--output_file",
                                Path("out"), "--wrap_width=40"}),
            0);
  EXPECT_THAT(Read("out"), StartsWith("[DEFAULT]\n\n#\n# From acme.base\n"));
  EXPECT_EQ(Run(GeneratorMain,
                {"--allow_missing_help", "--format=md", "--title=Relay",
                 absl::StrCat("--output_file=", Path("out"))}),
            0);
  EXPECT_THAT(Read("out"), StartsWith("# Relay\n"));
  EXPECT_EQ(Run(GeneratorMain,
                {"--allow_missing_help", "--format=html", "--title=Relay",
                 absl::StrCat("--output_file=", Path("out"))}),
            0);
  EXPECT_THAT(Read("out"), HasSubstr("<title>Relay</title>"));
  EXPECT_EQ(Run(GeneratorMain,
                {"--allow_missing_help", "--format=rst", "--title=Relay",
                 absl::StrCat("--output_file=", Path("out"))}),
            0);
  EXPECT_THAT(Read("out"), StartsWith("Relay\n=====\n"));
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(Run(GeneratorMain, {"--allow_missing_help", "--minimal"}), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(),
              StartsWith("[DEFAULT]\n"));
}

TEST_F(ProgramTest, TheGeneratorRefusesOptionsWithoutHelpAndBadFlags) {
  EXPECT_EQ(Run(GeneratorMain, {}), 1);
  EXPECT_EQ(errors_, "DEFAULT.nohelp: has no help\n");
  EXPECT_EQ(Run(GeneratorMain, {"--allow_missing_help", "--format=xml"}), 1);
  EXPECT_THAT(errors_, HasSubstr("must be one of ini, json, yaml, md, html, "
                                 "rst, got \"xml\""));
  EXPECT_EQ(Run(GeneratorMain, {"--wrap_width=-1"}), 1);
  EXPECT_THAT(errors_, HasSubstr("wrap_width: must be at least 0, got -1"));
  EXPECT_EQ(Run(GeneratorMain, {"--wrap_width"}), 2);
  EXPECT_THAT(errors_, HasSubstr("--wrap_width: a value must follow"));
  EXPECT_EQ(Run(GeneratorMain, {"--minimal=1"}), 2);
  EXPECT_THAT(errors_, HasSubstr("--minimal: takes no value"));
  EXPECT_EQ(Run(GeneratorMain, {"--what"}), 2);
  EXPECT_THAT(errors_, AllOf(StartsWith("usage: program "),
                             HasSubstr("--what: unknown flag")));
  EXPECT_EQ(Run(GeneratorMain, {"what"}), 2);
  EXPECT_THAT(errors_, HasSubstr("what: "));
  EXPECT_EQ(Run(GeneratorMain, {"--namespace=acme.none"}), 1);
  EXPECT_EQ(errors_, "--namespace: there is none called acme.none\n");
  EXPECT_EQ(Run(GeneratorMain,
                {"--allow_missing_help", "--output_file=/no/such/folder/x"}),
            1);
  EXPECT_THAT(errors_, HasSubstr("/no/such/folder/x: cannot be written"));
}

TEST_F(ProgramTest, FlagsMayStandInAFileAndTheLastCounts) {
  const std::string file =
      Write("generator.conf",
            absl::StrCat("[DEFAULT]\nnamespace = acme.base\noutput_file = ",
                         Path("out"), "\nformat_ = json\nminimal = true\n"));
  EXPECT_EQ(Run(GeneratorMain, {"--config-file", file}), 0);
  EXPECT_THAT(errors_, HasSubstr("format_: deprecated name of DEFAULT.format"));
  EXPECT_THAT(
      Read("out"),
      AllOf(HasSubstr(absl::StrCat("\"config_file\": [\"", file, "\"]")),
            HasSubstr("\"minimal\": true"),
            HasSubstr("\"namespace\": [\"acme.base\"]")));
  EXPECT_EQ(Run(GeneratorMain, {"--config-file", file, "--nominimal",
                                "--minimal", "--no-minimal", "--format=yaml"}),
            2);
  EXPECT_EQ(Run(GeneratorMain, {"--config-file", file, "--minimal",
                                "--nominimal", "--format=yaml"}),
            0);
  EXPECT_THAT(Read("out"), HasSubstr("\n  minimal: false\n"));
}

TEST_F(ProgramTest, HelpAndVersionEndWellAndNothingToDoDoesNot) {
  for (const Main& main : {Main(GeneratorMain), Main(ValidatorMain)}) {
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(Run(main, {"--help"}), 0);
    EXPECT_THAT(::testing::internal::GetCapturedStdout(),
                AllOf(StartsWith("usage: program "), HasSubstr("--opt-data")));
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(Run(main, {"--version"}), 0);
    EXPECT_EQ(
        ::testing::internal::GetCapturedStdout(),
        absl::StrCat("bergen ", kVersion, ", layout of JSON and YAML: 1\n"));
  }
  modules_.clear();
  for (const Main& main : {Main(GeneratorMain), Main(ValidatorMain)}) {
    EXPECT_EQ(Run(main, {}), 1);
    EXPECT_THAT(errors_, StartsWith("usage: program "));
  }
  EXPECT_EQ(Run(GeneratorMain, {"--minimal"}), 1);
  EXPECT_THAT(errors_, HasSubstr("there are no options to write about"));
  EXPECT_EQ(Run(ValidatorMain, {"--input-file=x"}), 1);
  EXPECT_THAT(errors_, HasSubstr("there are no options to compare with"));
  EXPECT_EQ(Run(ValidatorMain, {"--fatal-warnings"}), 1);
  EXPECT_THAT(errors_, HasSubstr("--input-file: needs a file to check"));
}

TEST_F(ProgramTest, WhatAGeneratorWroteStandsForTheModules) {
  EXPECT_EQ(Run(GeneratorMain, {"--allow_missing_help", "--format=yaml",
                                "--output_file", Path("data")}),
            0);
  EXPECT_EQ(Run(GeneratorMain,
                {"--allow_missing_help", "--output_file", Path("linked")}),
            0);
  const std::string bad = Write("bad.conf", "[DEFAULT]\nworkers = 0\n");
  modules_.clear();
  EXPECT_EQ(Run(GeneratorMain, {"--allow_missing_help", "--opt-data",
                                Path("data"), "--output_file", Path("read")}),
            0);
  EXPECT_EQ(Read("read"), Read("linked"));
  EXPECT_EQ(
      Run(ValidatorMain, {"--opt_data", Path("data"), "--input_file", bad}), 1);
  EXPECT_EQ(errors_, absl::StrCat(bad,
                                  ":2: DEFAULT.workers: must be at least "
                                  "1, got 0\n"));
  EXPECT_EQ(Run(ValidatorMain, {"--opt_data", Path("data"), "--input_file", bad,
                                "--namespace", "acme.base"}),
            1);
  EXPECT_THAT(errors_, HasSubstr("DEFAULT.workers: unknown option"));
  EXPECT_EQ(Run(ValidatorMain, {"--opt_data", bad, "--input_file", bad}), 1);
  EXPECT_THAT(errors_, HasSubstr(absl::StrCat(bad, ": ")));
  EXPECT_EQ(Run(ValidatorMain, {"--opt_data=/no/such", "--input_file", bad}),
            1);
  EXPECT_EQ(errors_, "/no/such: cannot be read\n");
}

TEST_F(ProgramTest, TheValidatorChecksNamesAndValues) {
  const std::string good = Write("good.conf", "[DEFAULT]\nworkers = 2\n");
  EXPECT_EQ(Run(ValidatorMain, {"--input-file", good}), 0);
  EXPECT_EQ(errors_, "");
  const std::string bad =
      Write("bad.conf", "[DEFAULT]\nworkers = 0\nworkres = 1\n[stroe]\na=b\n");
  EXPECT_EQ(Run(ValidatorMain, {absl::StrCat("--input_file=", bad)}), 1);
  EXPECT_THAT(
      errors_,
      AllOf(HasSubstr("bad.conf:2: DEFAULT.workers: must be at least 1"),
            HasSubstr("bad.conf:3: DEFAULT.workres: unknown option; "
                      "did you mean workers?"),
            HasSubstr("bad.conf:5: [stroe]: unknown section")));
  EXPECT_EQ(Run(ValidatorMain, {"--input_file=/no/such.conf"}), 1);
  EXPECT_THAT(errors_, HasSubstr("/no/such.conf: No such file"));
}

TEST_F(ProgramTest, TheValidatorsWarningsMayBeFatal) {
  const std::string old = Write("old.conf", "[pool]\nnum_workers = 2\n");
  const std::string flag = absl::StrCat("--input_file=", old);
  EXPECT_EQ(Run(ValidatorMain, {flag}), 0);
  EXPECT_THAT(errors_, AllOf(StartsWith("warning: "),
                             HasSubstr("deprecated name of DEFAULT.workers")));
  EXPECT_EQ(Run(ValidatorMain, {flag, "--fatal-warnings"}), 1);
  EXPECT_THAT(errors_, HasSubstr("1 warning is too many"));
}

TEST_F(ProgramTest, TheValidatorDoesNotLookAtExcludedGroups) {
  modules_.push_back(
      {"m",
       {{.name = "needy",
         .options = {
             Option<int64_t>{.name = "x", .required = true},
             Option<std::string>{.name = "y", .default_value = "a"}}}}});
  const std::string file = absl::StrCat(
      "--input_file=", Write("x.conf",
                             "[DEFAULT]\nsep = ${needy.y}\n[Needy]\nx = text\n"
                             "[unknown]\na = b\n"));
  EXPECT_EQ(Run(ValidatorMain, {file}), 1);
  EXPECT_EQ(Run(ValidatorMain, {file, "--exclude-group=unknown"}), 1);
  EXPECT_THAT(errors_, HasSubstr("x.conf:4: needy.x: not an integer"));
  EXPECT_EQ(Run(ValidatorMain,
                {file, "--exclude-group=unknown", "--exclude_group", "needy"}),
            0);
  EXPECT_EQ(errors_, "");
}

TEST_F(ProgramTest, AGroupThatWasNeverCompleteMayHaveMore) {
  modules_.push_back(
      {"m",
       {{.name = "keystone_authtoken",
         .options = {Option<int64_t>{
             .name = "x", .deprecated_names = {{.name = "old"}}}}}}});
  const std::string file = absl::StrCat(
      "--input_file=",
      Write("x.conf", "[keystone_authtoken]\nold = 1\nmore = 2\n"));
  EXPECT_EQ(Run(ValidatorMain, {file}), 0);
  EXPECT_THAT(errors_,
              AllOf(HasSubstr("x.conf:3: keystone_authtoken.more: not known"),
                    HasSubstr("warning: "), HasSubstr("keystone_authtoken.x")));
  const std::string bad = absl::StrCat(
      "--input_file=", Write("y.conf", "[keystone_authtoken]\nx = text\n"));
  EXPECT_EQ(Run(ValidatorMain, {bad}), 1);
}

TEST_F(ProgramTest, TheValidatorComparesWithDefaults) {
  modules_.push_back(
      {"m",
       {{.name = "g",
         .options = {
             Option<bool>{.name = "flag", .default_value = false},
             Option<std::vector<int64_t>>{
                 .name = "list", .default_value = std::vector<int64_t>{1, 2}},
             Option<std::string>{.name = "password", .secret = true},
             Option<std::string>{.name = "base_url", .default_value = "a"},
             Option<std::string>{.name = "unset"}}}}});
  const std::string same = absl::StrCat(
      "--input_file=", Write("same.conf", "[g]\nflag = no\nlist = 1, 2\n"));
  EXPECT_EQ(Run(ValidatorMain, {same, "--check-defaults", "--fatal-warnings"}),
            0);
  EXPECT_EQ(errors_,
            "info: [DEFAULT]: is not in the file\n"
            "info: [store]: is not in the file\n");
  const std::string other =
      Write("other.conf",
            "[g]\nflag = 1\nlist = 2\npassword = hunter2\nbase_url = b\n"
            "unset = c\n");
  const std::string flag = absl::StrCat("--input_file=", other);
  EXPECT_EQ(Run(ValidatorMain, {flag, "--fatal-warnings"}), 0);
  EXPECT_EQ(Run(ValidatorMain, {flag, "--check-defaults"}), 0);
  EXPECT_EQ(
      errors_,
      absl::StrCat(
          "info: ", other, ":5: g.base_url: not compared with its default\n",
          "warning: ", other, ":2: g.flag: is true, its default false\n",
          "warning: ", other, ":3: g.list: is 2, its default 1,2\n",
          "info: ", other, ":4: g.password: not compared with its default\n",
          "warning: ", other, ":6: g.unset: is c, while it has no default\n",
          "info: [DEFAULT]: is not in the file\n",
          "info: [store]: is not in the file\n"));
  EXPECT_EQ(Run(ValidatorMain, {flag, "--check-defaults", "--fatal-warnings"}),
            1);
  EXPECT_EQ(Run(ValidatorMain, {flag, "--check-defaults", "--fatal-warnings",
                                "--exclude-options=fl.g,list,uns"}),
            1);
  EXPECT_EQ(Run(ValidatorMain, {flag, "--check-defaults", "--fatal-warnings",
                                "--exclude-options=fl.g,list,unset,.*_url"}),
            0);
  EXPECT_EQ(Run(ValidatorMain, {flag, "--exclude-options=("}), 1);
  EXPECT_THAT(errors_, StartsWith("--exclude-options: (: "));
}

TEST_F(ProgramTest, TheSchemaIsWrittenAndCompared) {
  const std::string golden = absl::StrCat("--golden=", Path("golden.json"));
  EXPECT_EQ(Run(SchemaMain, {golden}), 1);
  EXPECT_THAT(errors_, HasSubstr("golden.json: cannot be read"));
  EXPECT_EQ(Run(SchemaMain, {absl::StrCat("--update=", Path("golden.json"))}),
            0);
  EXPECT_EQ(Run(SchemaMain, {golden}), 0);
  EXPECT_EQ(errors_, "");

  modules_.push_back(
      {"new", {{.name = "new", .options = {Option<bool>{.name = "x"}}}}});
  EXPECT_EQ(Run(SchemaMain, {golden}), 0);
  EXPECT_THAT(errors_, HasSubstr("is older than the options"));

  modules_.erase(modules_.begin());
  EXPECT_EQ(Run(SchemaMain, {golden}), 1);
  EXPECT_THAT(errors_, HasSubstr("DEFAULT.dry_run: is gone"));
}

}  // namespace
}  // namespace bergen::config
