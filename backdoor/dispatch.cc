// SPDX-License-Identifier: Apache-2.0

#include "backdoor/dispatch.h"

#include <algorithm>
#include <exception>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bergen::backdoor {
namespace {

absl::Status Call(const Invocation& call, const Caller& caller,
                  Output& output) {
  try {
    return call.command->handler(call.arguments, caller, output);
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat(call.command->name, ": ", error.what()));
  } catch (...) {
    return absl::InternalError(
        absl::StrCat(call.command->name, ": an unknown exception"));
  }
}

// What the log has of a line that was refused. Only lines without control
// characters get this far and into the log.
std::string DescribeRefused(const CommandTable& table, absl::string_view line) {
  const absl::string_view name =
      line.substr(0, std::min(line.size(), line.find_first_of(" \t(")));
  const Command* const command = table.Find(name);
  return std::string(command != nullptr && command->describe ? name : line);
}

}  // namespace

absl::Status Dispatch(const CommandTable& table, absl::string_view line,
                      const Caller& caller, Output& output,
                      spdlog::logger& log) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(line);
  const absl::StatusOr<Invocation> call = table.Parse(line, caller.role);
  if (!call.ok()) {
    if (absl::IsPermissionDenied(call.status())) {
      log.warn("backdoor: {} may not run {}: {}", caller.name,
               DescribeRefused(table, stripped),
               std::string(call.status().message()));
    }
    return call.status();
  }
  if (call->command == nullptr) return absl::OkStatus();
  const Command& command = *call->command;

  const absl::Status result = Call(*call, caller, output);
  if (command.changes_state) {
    const std::string what = command.describe
                                 ? command.describe(call->arguments)
                                 : std::string(stripped);
    if (result.ok()) {
      log.info("backdoor: {} ran {}: OK", caller.name, what);
    } else {
      log.warn("backdoor: {} ran {}: {}", caller.name, what, result.ToString());
    }
  }
  return result;
}

}  // namespace bergen::backdoor
