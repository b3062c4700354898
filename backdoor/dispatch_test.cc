// SPDX-License-Identifier: Apache-2.0

#include "backdoor/dispatch.h"

#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "backdoor/command.h"
#include "backdoor/command_table.h"
#include "backdoor/string_output_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::backdoor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class DispatchTest : public ::testing::Test {
 protected:
  DispatchTest() {
    Add({.name = "look",
         .handler = [](const Arguments&, const Caller& caller, Output& output) {
           output.Write(caller.name);
           return absl::OkStatus();
         }});
    Add({.name = "set",
         .parameters = {{.name = "ok",
                         .type = ParameterType::kBool,
                         .required = true}},
         .changes_state = true,
         .role = Role::kOperate,
         .handler = [](const Arguments& arguments, const Caller&, Output&) {
           return arguments.Bool("ok") ? absl::OkStatus()
                                       : absl::DataLossError("bad luck");
         }});
    Add({.name = "tell",
         .parameters = {{.name = "secret", .required = true}},
         .changes_state = true,
         .describe = [](const Arguments&) { return "tell(****)"; },
         .role = Role::kAdmin,
         .handler = [](const Arguments&, const Caller&,
                       Output&) { return absl::OkStatus(); }});
    Add({.name = "fall",
         .handler = [](const Arguments&, const Caller&, Output&)
             -> absl::Status { throw std::runtime_error("over the edge"); }});
  }

  void Add(Command command) {
    ASSERT_THAT(table_.Add(std::move(command)), IsOk());
  }

  absl::Status Run(absl::string_view line, Role role = Role::kAdmin) {
    return Dispatch(table_, line, {.name = "ann", .role = role}, output_, log_);
  }

  CommandTable table_;
  StringOutput output_;
  std::ostringstream log_text_;
  spdlog::logger log_{
      "test", std::make_shared<spdlog::sinks::ostream_sink_st>(log_text_)};
};

TEST_F(DispatchTest, RunsACommandForItsCallerAndLogsNothing) {
  EXPECT_THAT(Run("look"), IsOk());
  EXPECT_EQ(output_.text(), "ann");
  EXPECT_THAT(Run("  "), IsOk());
  EXPECT_THAT(log_text_.str(), IsEmpty());
}

TEST_F(DispatchTest, LogsWhoChangedWhatAndTheResult) {
  EXPECT_THAT(Run(" set(true) "), IsOk());
  EXPECT_THAT(log_text_.str(), HasSubstr("backdoor: ann ran set(true): OK\n"));
  EXPECT_THAT(Run("set(false)"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(log_text_.str(),
              HasSubstr("ann ran set(false): DATA_LOSS: bad luck\n"));
}

TEST_F(DispatchTest, LogsWhoWasRefused) {
  EXPECT_THAT(Run("set(true)", Role::kView),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(log_text_.str(), HasSubstr("ann may not run set(true)"));
}

TEST_F(DispatchTest, LogsNoLineThatMayHoldASecret) {
  EXPECT_THAT(Run("tell(sesame)"), IsOk());
  EXPECT_THAT(Run("tell(sesame)", Role::kView),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(log_text_.str(), AllOf(HasSubstr("ann ran tell(****): OK\n"),
                                     HasSubstr("ann may not run tell: "),
                                     Not(HasSubstr("sesame"))));
}

TEST_F(DispatchTest, AnExceptionOfAHandlerIsAnError) {
  EXPECT_THAT(Run("fall"),
              StatusIs(absl::StatusCode::kInternal, "fall: over the edge"));
}

}  // namespace
}  // namespace bergen::backdoor
