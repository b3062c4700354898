// SPDX-License-Identifier: Apache-2.0

#include "backdoor/log_commands.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "spdlog/common.h"
#include "spdlog/logger.h"

namespace bergen::backdoor {
namespace {

// The level's name, as `spdlog::level::to_string_view` has it.
absl::string_view LevelName(const spdlog::logger& logger) {
  const auto name = spdlog::level::to_string_view(logger.level());
  return {name.data(), name.size()};
}

absl::Status ShowOrSet(const std::vector<spdlog::logger*>& loggers,
                       const Arguments& arguments, Output& output) {
  bool found = false;
  for (spdlog::logger* logger : loggers) {
    if (arguments.Has("logger") &&
        logger->name() != arguments.String("logger")) {
      continue;
    }
    found = true;
    if (arguments.Has("level")) {
      logger->set_level(spdlog::level::from_str(arguments.String("level")));
    }
    const std::string level(LevelName(*logger));
    output.Record({{"name", logger->name()}, {"level", level}});
    output.Write(absl::StrCat(logger->name(), ": ", level, "\n"));
  }
  if (found) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("log_level: no logger is called '",
                                          arguments.String("logger"), "'"));
}

}  // namespace

absl::Status AddLogCommands(std::vector<spdlog::logger*> loggers,
                            CommandTable& table) {
  return table.Add(
      {.name = "log_level",
       .parameters = {{.name = "level",
                       .help = "to set; left out, nothing changes",
                       .choices = {"trace", "debug", "info", "warning", "error",
                                   "critical", "off"}},
                      {.name = "logger",
                       .help = "the only one; left out, all of them"}},
       .help = "Shows or sets how much is logged.",
       .changes_state = true,
       .role = Role::kOperate,
       .handler = [loggers = std::move(loggers)](const Arguments& arguments,
                                                 const Caller&,
                                                 Output& output) {
         return ShowOrSet(loggers, arguments, output);
       }});
}

}  // namespace bergen::backdoor
