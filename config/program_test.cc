// SPDX-License-Identifier: Apache-2.0

#include "config/program.h"

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
  EXPECT_THAT(
      errors_,
      HasSubstr(
          "--format: must be one of ini, json, yaml, md, html, rst, got xml"));
  EXPECT_EQ(Run(GeneratorMain, {"--wrap_width=-1"}), 1);
  EXPECT_THAT(errors_, HasSubstr("--wrap_width: must be at least 0, got -1"));
  EXPECT_EQ(Run(GeneratorMain, {"--wrap_width"}), 1);
  EXPECT_THAT(errors_, HasSubstr("--wrap_width: needs a value"));
  EXPECT_EQ(Run(GeneratorMain, {"--minimal=1"}), 1);
  EXPECT_THAT(errors_, HasSubstr("--minimal: takes no value"));
  EXPECT_EQ(Run(GeneratorMain, {"--what"}), 1);
  EXPECT_THAT(errors_, HasSubstr("unknown flag: --what"));
  EXPECT_EQ(Run(GeneratorMain, {"what"}), 1);
  EXPECT_THAT(errors_, HasSubstr("unexpected argument: what"));
  EXPECT_EQ(Run(GeneratorMain,
                {"--allow_missing_help", "--output_file=/no/such/folder/x"}),
            1);
  EXPECT_THAT(errors_, HasSubstr("/no/such/folder/x: cannot be written"));
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
  EXPECT_EQ(Run(ValidatorMain, {}), 1);
  EXPECT_THAT(errors_, HasSubstr("usage: --input_file=FILE"));
}

TEST_F(ProgramTest, TheValidatorsWarningsMayBeFatal) {
  const std::string old = Write("old.conf", "[pool]\nnum_workers = 2\n");
  const std::string flag = absl::StrCat("--input_file=", old);
  EXPECT_EQ(Run(ValidatorMain, {flag}), 0);
  EXPECT_THAT(errors_, HasSubstr("deprecated name of DEFAULT.workers"));
  EXPECT_EQ(Run(ValidatorMain, {flag, "--fatal-warnings"}), 1);
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
