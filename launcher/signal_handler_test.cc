// SPDX-License-Identifier: Apache-2.0

#include "launcher/signal_handler.h"

#include <csignal>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/support/status_matchers.h"

namespace bergen::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SignalHandlerTest, ThoseOfTheSignalAreCalledTheLastFirst) {
  std::ostringstream text;
  spdlog::logger log("test",
                     std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
  std::vector<std::string> called;
  const std::vector<SignalHandler> handlers = {
      {.signal = SIGUSR1, .handler = [&] { called.push_back("first"); }},
      {.signal = SIGALRM, .handler = [&] { called.push_back("other"); }},
      {.signal = SIGUSR1, .handler = [] { throw std::runtime_error("oops"); }},
      {.signal = SIGUSR1, .handler = [&] { called.push_back("last"); }}};
  EXPECT_THAT(CheckSignalHandlers(handlers), IsOk());
  EXPECT_THAT(SignalsOf(handlers),
              ElementsAre(SIGUSR1, SIGALRM, SIGUSR1, SIGUSR1));
  CallSignalHandlers(handlers, SIGUSR2, log);
  EXPECT_THAT(called, IsEmpty());
  CallSignalHandlers(handlers, SIGUSR1, log);
  EXPECT_THAT(called, ElementsAre("last", "first"));
  EXPECT_THAT(text.str(), HasSubstr("oops"));
}

TEST(SignalHandlerTest, WhatCannotBeHandledIsRefused) {
  const auto nothing = [] {};
  for (const int signal :
       {0, -1, 4000, SIGKILL, SIGSTOP, SIGSEGV, SIGCHLD, SIGURG}) {
    EXPECT_THAT(CheckSignalHandlers({{.signal = signal, .handler = nothing}}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << signal;
  }
  EXPECT_THAT(CheckSignalHandlers({{.signal = SIGALRM}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty")));
}

}  // namespace
}  // namespace bergen::launcher
