// SPDX-License-Identifier: Apache-2.0

#include "config/flags.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gflags/gflags.h"

// Read by command_line.h; gflags finds them only in flag files.
DEFINE_string(config_file, "", "Configuration file");
DEFINE_string(config_dir, "", "Directory whose *.conf files are read");
DEFINE_string(set, "", "GROUP.NAME=VALUE sets one option");

namespace bergen::config {
namespace {

// Whether gflags itself defined the flag.
bool IsOfGflags(absl::string_view file) {
  return absl::EndsWith(file, "gflags.cc") ||
         absl::EndsWith(file, "gflags_completions.cc") ||
         absl::EndsWith(file, "gflags_reporting.cc");
}

std::vector<ForeignFlag> FlagsOfGflags() {
  std::vector<gflags::CommandLineFlagInfo> infos;
  gflags::GetAllFlags(&infos);
  std::vector<ForeignFlag> flags;
  flags.reserve(infos.size());
  for (gflags::CommandLineFlagInfo& info : infos) {
    flags.push_back({.name = std::move(info.name),
                     .help = std::move(info.description),
                     .is_boolean = info.type == "bool",
                     .hidden = IsOfGflags(info.filename)});
  }
  return flags;
}

// Lets gflags read what is its own.
void RunGflags(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  int argc = static_cast<int>(arguments.size());
  char** argv = pointers.data();
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
}

// The flags of this file that gflags read from elsewhere.
std::vector<std::string> FromElsewhere() {
  std::vector<std::string> arguments;
  const auto add = [&](absl::string_view flag, const std::string& value) {
    if (!value.empty()) arguments.push_back(absl::StrCat(flag, "=", value));
  };
  add("--config_file", FLAGS_config_file);
  add("--config_dir", FLAGS_config_dir);
  add("--set", FLAGS_set);
  return arguments;
}

[[noreturn]] void EndWith(int status, std::FILE* stream,
                          const std::string& text) {
  std::fputs(text.c_str(), stream);
  std::fflush(stream);
  std::exit(status);
}

// Ends the program if it is told to by the user, or does not understand.
ParsedArguments ParseOrExit(const CommandLineParser& parser,
                            const std::vector<std::string>& arguments) {
  absl::StatusOr<ParsedArguments> parsed = parser.Parse(arguments);
  if (!parsed.ok()) {
    EndWith(kExitUsage, stderr,
            absl::StrCat(parser.Usage(), parser.program().name, ": ",
                         parsed.status().message(), "\n"));
  }
  if (parsed->print) EndWith(EXIT_SUCCESS, stdout, *parsed->print);
  return *std::move(parsed);
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int* argc, char*** argv,
                                             const OptionList& options,
                                             ProgramInfo program) {
  gflags::SetArgv(*argc, const_cast<const char**>(*argv));
  if (program.name.empty()) {
    program.name = gflags::ProgramInvocationShortName();
  }
  const absl::StatusOr<CommandLineParser> parser =
      CommandLineParser::Create(options, std::move(program), FlagsOfGflags());
  if (!parser.ok()) return parser.status();

  std::vector<std::string> arguments(*argv + 1, *argv + *argc);
  ParsedArguments parsed = ParseOrExit(*parser, arguments);
  RunGflags(**argv, parsed.foreign);
  const std::vector<std::string> elsewhere = FromElsewhere();
  if (!elsewhere.empty()) {
    arguments.insert(arguments.begin(), elsewhere.begin(), elsewhere.end());
    parsed = ParseOrExit(*parser, arguments);
  }

  *argc = 1;
  for (const size_t word : parsed.words) {
    (*argv)[*argc] = (*argv)[1 + word - elsewhere.size()];
    ++*argc;
  }
  (*argv)[*argc] = nullptr;
  return std::move(parsed.command_line);
}

absl::StatusOr<CommandLine> ParseCommandLine(int* argc, char*** argv) {
  ProgramInfo program = {.version = gflags::VersionString(),
                         .extra_words = true};
  const absl::string_view usage = gflags::ProgramUsage();
  if (!absl::StartsWith(usage, "Warning: SetUsageMessage()")) {
    program.usage = absl::StrCat("%(prog)s ", usage);
  }
  return ParseCommandLine(argc, argv, {}, std::move(program));
}

}  // namespace bergen::config
