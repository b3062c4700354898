// SPDX-License-Identifier: Apache-2.0

#include "backdoor/control_request.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::HasSubstr;

ControlRequest Parsed(const std::vector<std::string>& words) {
  const absl::StatusOr<ControlRequest> request = ParseControlRequest(words);
  EXPECT_THAT(request, IsOk());
  return request.ok() ? *request : ControlRequest();
}

TEST(ControlRequestTest, WordsBecomeTheCommandsArguments) {
  EXPECT_EQ(Parsed({"help"}).line, "help");
  EXPECT_EQ(
      Parsed({"prof", "neutron", "seconds=10", "formats=svg,folded"}).line,
      "prof(neutron, seconds=10, formats='svg,folded')");
  EXPECT_EQ(Parsed({"prof('x', hz=99)"}).line, "prof('x', hz=99)");
  EXPECT_EQ(Parsed({"config_set", "demo.greeting", "it's \\ a=b"}).line,
            "config_set(demo.greeting, 'it\\'s \\\\ a=b')");
}

TEST(ControlRequestTest, ATargetMayStandAnywhere) {
  EXPECT_EQ(Parsed({"pnt", "@2"}).worker, 2);
  EXPECT_EQ(Parsed({"@2", "pnt"}).line, "pnt");
  EXPECT_EQ(Parsed({"pnt", "@all"}).worker, std::nullopt);
  EXPECT_EQ(Parsed({"pnt"}).worker, std::nullopt);
}

TEST(ControlRequestTest, TheSupervisorKnowsSomeCommandsOnly) {
  EXPECT_TRUE(Parsed({"workers", "@supervisor"}).supervisor);
  EXPECT_EQ(Parsed({"set_workers", "3", "@supervisor"}).line, "set_workers(3)");
  EXPECT_EQ(Parsed({"@supervisor", "status"}).line, "supervisor");
  EXPECT_FALSE(Parsed({"status"}).supervisor);
  EXPECT_THAT(ParseControlRequest({"pnt()", "@supervisor"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("@supervisor knows status, workers, ")));
}

TEST(ControlRequestTest, KnowsHowLongTheCommandTakes) {
  EXPECT_EQ(Parsed({"prof", "n", "seconds=2.5"}).duration, absl::Seconds(2.5));
  EXPECT_EQ(Parsed({"prof", "n", "seconds=x"}).duration, absl::ZeroDuration());
}

TEST(ControlRequestTest, SeveralWorkersSaveProfilesToAFileEach) {
  const auto line = [](const std::vector<std::string>& words) {
    const absl::StatusOr<std::string> line = LineForWorker(Parsed(words), 2);
    return line.ok() ? *line : std::string(line.status().message());
  };
  EXPECT_EQ(line({"prof", "neutron", "seconds=1"}),
            "prof(neutron-2, seconds=1, formats=mergeable)");
  EXPECT_EQ(line({"prof", "formats=svg,pprof", "name=it's"}),
            "prof(formats=mergeable, name='it\\'s-2')");
  EXPECT_EQ(line({"prof", "n", "99", "cpu", "1", "svg"}),
            "prof(n-2, 99, cpu, 1, mergeable)");
  EXPECT_EQ(line({"prof", "a=b c"}), "prof(a='b c')");
  EXPECT_EQ(line({"prof"}), "prof");
  EXPECT_EQ(line({"prof()"}), "prof()");
  EXPECT_EQ(line({"config", "demo."}), "config(demo.)");
  EXPECT_THAT(line({"prof('x')"}), HasSubstr("write prof NAME, or @N"));
}

TEST(ControlRequestTest, KnowsWhatProfileIsToBeSaved) {
  const auto saved = [](const std::vector<std::string>& words) {
    const std::optional<SavedProfile> profile = ProfileToSave(Parsed(words));
    return profile.has_value()
               ? absl::StrCat(profile->name, " as ", profile->formats)
               : "none";
  };
  EXPECT_EQ(saved({"prof", "n"}), "n as pstats");
  EXPECT_EQ(saved({"prof", "formats=svg", "name=n"}), "n as svg");
  EXPECT_EQ(saved({"prof", "n", "99", "cpu", "1", "svg"}), "n as svg");
  EXPECT_EQ(saved({"prof"}), "none");
  EXPECT_EQ(saved({"prof", "mode=trace"}), "none");
  EXPECT_EQ(saved({"pnt", "n"}), "none");
}

TEST(ControlRequestTest, SaysWhatIsWrong) {
  for (const auto& [words, text] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "there is no command"},
           {{"@1"}, "there is no command"},
           {{"pnt", "@x"}, "@x: a target is @all"},
           {{"pnt", "@-1"}, "@-1: a target is @all"},
           {{"pnt", "@1", "@2"}, "@2: only one target"},
           {{"pnt", "a\nb"}, "control characters"},
           {{"prof()", "x"}, "prof() has its arguments already"}}) {
    EXPECT_THAT(ParseControlRequest(words),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text)));
  }
}

}  // namespace
}  // namespace bergen::backdoor
