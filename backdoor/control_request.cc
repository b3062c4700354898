// SPDX-License-Identifier: Apache-2.0

#include "backdoor/control_request.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "backdoor/command_table.h"
#include "backdoor/profile_formats.h"

namespace bergen::backdoor {
namespace {

// Beside `status`.
constexpr absl::string_view kOfTheSupervisor[] = {"workers", "set_workers",
                                                  "crashes", "reload"};

bool IsIdentifier(absl::string_view text) {
  return !text.empty() &&
         absl::ascii_isalpha(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_';
         });
}

std::string Argument(absl::string_view word) {
  const size_t equals = word.find('=');
  if (equals == word.npos || !IsIdentifier(word.substr(0, equals))) {
    return QuoteArgument(word);
  }
  return absl::StrCat(word.substr(0, equals), "=",
                      QuoteArgument(word.substr(equals + 1)));
}

std::string Line(const std::string& command,
                 const std::vector<std::string>& arguments) {
  if (arguments.empty()) return command;
  const auto append = [](std::string* out, absl::string_view word) {
    out->append(Argument(word));
  };
  return absl::StrCat(command, "(", absl::StrJoin(arguments, ", ", append),
                      ")");
}

absl::Status ParseTarget(absl::string_view target, bool& given,
                         ControlRequest& request) {
  if (given) {
    return absl::InvalidArgumentError(
        absl::StrCat(target, ": only one target can be given"));
  }
  given = true;
  if (target == "@all") return absl::OkStatus();
  if (target == "@supervisor") {
    request.supervisor = true;
    return absl::OkStatus();
  }
  int worker = 0;
  if (!absl::SimpleAtoi(target.substr(1), &worker) || worker < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(target,
                     ": a target is @all, @supervisor, or @ and the number "
                     "of a worker"));
  }
  request.worker = worker;
  return absl::OkStatus();
}

// Of `prof`: how the arguments begin if they are named, and their places if
// not.
constexpr absl::string_view kProfName = "name=";
constexpr size_t kProfNamePlace = 0;
constexpr absl::string_view kProfFormats = "formats=";
constexpr size_t kProfFormatsPlace = 4;
constexpr char kProfDefaultFormats[] = "pstats";

// Null if it is not there.
std::string* FindArgument(std::vector<std::string>& arguments,
                          absl::string_view named, size_t place) {
  size_t unnamed = 0;
  for (std::string& argument : arguments) {
    if (absl::StartsWith(argument, named)) return &argument;
    if (Argument(argument) == QuoteArgument(argument) && unnamed++ == place) {
      return &argument;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<SavedProfile> ProfileToSave(const ControlRequest& request) {
  if (request.command != "prof") return std::nullopt;
  std::vector<std::string> arguments = request.arguments;
  const auto value = [&arguments](absl::string_view named, size_t place) {
    const std::string* const found = FindArgument(arguments, named, place);
    return found == nullptr ? std::string()
                            : std::string(absl::StripPrefix(*found, named));
  };
  SavedProfile profile = {.name = value(kProfName, kProfNamePlace),
                          .formats = value(kProfFormats, kProfFormatsPlace)};
  if (profile.name.empty()) return std::nullopt;
  if (profile.formats.empty()) profile.formats = kProfDefaultFormats;
  return profile;
}

absl::StatusOr<ControlRequest> ParseControlRequest(
    const std::vector<std::string>& words) {
  ControlRequest request;
  bool has_target = false;
  std::string& command = request.command;
  for (const std::string& word : words) {
    if (std::any_of(word.begin(), word.end(),
                    [](unsigned char c) { return absl::ascii_iscntrl(c); })) {
      return absl::InvalidArgumentError(
          "control characters cannot be part of a command");
    }
    if (!word.empty() && word[0] == '@') {
      const absl::Status status = ParseTarget(word, has_target, request);
      if (!status.ok()) return status;
    } else if (command.empty()) {
      command = word;
    } else {
      request.arguments.push_back(word);
      double seconds = 0;
      absl::string_view value = word;
      if (absl::ConsumePrefix(&value, "seconds=") &&
          absl::SimpleAtod(value, &seconds) && seconds > 0) {
        request.duration = absl::Seconds(seconds);
      }
    }
  }
  if (command.empty()) {
    return absl::InvalidArgumentError("there is no command; try help");
  }
  if (!request.arguments.empty() && command.find('(') != command.npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(command, " has its arguments already"));
  }
  if (request.supervisor) {
    const absl::string_view name =
        absl::string_view(command).substr(0, command.find('('));
    if (name == "status") {
      command = "supervisor";
    } else if (!absl::c_linear_search(kOfTheSupervisor, name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "@supervisor knows status, ", absl::StrJoin(kOfTheSupervisor, ", "),
          ", but not ", name));
    }
  }
  request.line = Line(command, request.arguments);
  return request;
}

absl::StatusOr<std::string> LineForWorker(const ControlRequest& request,
                                          int number) {
  if (absl::StartsWith(request.command, "prof(") &&
      request.command != "prof()") {
    return absl::InvalidArgumentError(
        "several workers would save to one file; write prof NAME, or @N");
  }
  std::vector<std::string> arguments = request.arguments;
  if (ProfileToSave(request).has_value()) {
    absl::StrAppend(FindArgument(arguments, kProfName, kProfNamePlace), "-",
                    number);
    std::string* const formats =
        FindArgument(arguments, kProfFormats, kProfFormatsPlace);
    const std::string mergeable = absl::StrCat(kProfFormats, kMergeableFormat);
    if (formats == nullptr) {
      arguments.push_back(mergeable);
    } else {
      *formats = absl::StartsWith(*formats, kProfFormats) ? mergeable
                                                          : kMergeableFormat;
    }
  }
  return Line(request.command, arguments);
}

}  // namespace bergen::backdoor
