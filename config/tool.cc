// SPDX-License-Identifier: Apache-2.0

#include "config/tool.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "config/opt_data.h"
#include "config/value.h"

namespace bergen::config {
namespace {

// For arguments that nobody understands, as argparse has it.
constexpr int kUsageStatus = 2;

}  // namespace

Tool::Tool(ProgramInfo program, std::vector<AnyOption> options)
    : program_(std::move(program)) {
  program_.use_environment = false;
  options_ = {
      {.name = std::string(kDefaultGroup), .options = std::move(options)}};
}

std::optional<int> Tool::Start(int argc, char** argv) {
  absl::Status status = registry_.RegisterAll(options_, {"options", 0});
  if (!status.ok()) return ExitStatus(status);
  if (program_.name.empty() && argc > 0) {
    const absl::string_view path = argv[0];
    program_.name = std::string(path.substr(path.rfind('/') + 1));
  }
  const absl::StatusOr<CommandLineParser> parser =
      CommandLineParser::Create(options_, program_);
  if (!parser.ok()) return ExitStatus(parser.status());
  help_ = parser->Help();
  const std::vector<std::string> arguments(argv + std::min(argc, 1),
                                           argv + argc);
  has_arguments_ = !arguments.empty();
  const absl::StatusOr<ParsedArguments> parsed = parser->Parse(arguments);
  if (!parsed.ok()) {
    std::cerr << parser->Usage() << program_.name << ": "
              << parsed.status().message() << "\n";
    return kUsageStatus;
  }
  if (parsed->print) {
    std::cout << *parsed->print << std::flush;
    return EXIT_SUCCESS;
  }
  paths_ = parsed->command_line.config_paths;
  const absl::StatusOr<Report> report =
      registry_.Load(MakeSources(parsed->command_line));
  if (!report.ok()) return ExitStatus(report.status());
  for (const std::string& warning : report->warnings) {
    std::cerr << "warning: " << warning << "\n";
  }
  return std::nullopt;
}

std::vector<AnyOption> ModuleFlags() {
  return {
      Option<Multi<std::string>>{
          .name = "namespace",
          .help = "A module whose options count. Without any, all of them do.",
          .metavar = "NAME",
          .cli = true},
      Option<Multi<std::string>>{
          .name = "opt-data",
          .help = "A YAML or JSON file that a generator wrote, this one or "
                  "oslo-config-generator: its options count too.",
          .metavar = "FILE",
          .cli = true},
  };
}

absl::StatusOr<std::vector<ModuleOptions>> FindModules(
    const Tool& tool, const std::vector<ModuleOptions>& linked) {
  std::vector<ModuleOptions> modules = linked;
  for (const std::string& path : tool.Get<Multi<std::string>>("opt_data")) {
    const absl::StatusOr<std::string> text = ReadTextFile(path);
    if (!text.ok()) return text.status();
    absl::StatusOr<std::vector<ModuleOptions>> read = ParseOptData(*text);
    if (!read.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": ", read.status().message()));
    }
    std::move(read->begin(), read->end(), std::back_inserter(modules));
  }
  const auto names = tool.Get<Multi<std::string>>("namespace");
  if (names.empty()) return modules;
  std::vector<ModuleOptions> selected;
  for (const std::string& name : names) {
    const size_t before = selected.size();
    std::copy_if(
        modules.begin(), modules.end(), std::back_inserter(selected),
        [&](const ModuleOptions& module) { return module.name_space == name; });
    if (selected.size() == before) {
      return absl::InvalidArgumentError(
          absl::StrCat("--namespace: there is none called ", name));
    }
  }
  return selected;
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.good() || file.eof()) return text;
  return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
}

absl::Status WriteTextFile(const std::string& path, absl::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (file.good()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
}

int ExitStatus(const absl::Status& status) {
  if (status.ok()) return EXIT_SUCCESS;
  std::cerr << status.message() << "\n";
  return EXIT_FAILURE;
}

}  // namespace bergen::config
