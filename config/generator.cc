// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/docs.h"
#include "config/listing.h"
#include "config/machine_readable.h"
#include "config/native_text.h"
#include "config/option.h"
#include "config/page.h"
#include "config/program.h"
#include "config/sources.h"
#include "config/tool.h"
#include "config/value.h"
#include "config/version.h"

namespace bergen::config {
namespace {

std::vector<AnyOption> GeneratorOptions() {
  std::vector<AnyOption> options = {
      Option<std::string>{.name = "output-file",
                          .help = "The file to write, instead of the standard "
                                  "output.",
                          .metavar = "FILE",
                          .cli = true},
      Option<int64_t>{.name = "wrap-width",
                      .default_value = 70,
                      .help = "Longest line of help in a sample, `# ` "
                              "included; 0 does not wrap.",
                      .min = 0,
                      .cli = true},
      Option<std::string>{
          .name = "format",
          .default_value = "ini",
          .help = "What to write.",
          .choices = {{"ini", "a sample of a configuration file"},
                      {"json", "for programs"},
                      {"yaml", "for programs"},
                      {"md", "a page in Markdown"},
                      {"html", "a page in HTML"},
                      {"rst", "a page in reStructuredText"}},
          .cli = true,
          // In files, for oslo-config-generator.
          .deprecated_names = {{.name = "format_"}}},
      Option<bool>{.name = "minimal",
                   .default_value = false,
                   .help = "Only required options, and these not commented "
                           "out.",
                   .cli = true},
      Option<bool>{.name = "summarize",
                   .default_value = false,
                   .help = "Only the first paragraph of each help in a sample.",
                   .cli = true},
      Option<std::string>{.name = "title",
                          .default_value = "Options",
                          .help = "Of a page.",
                          .cli = true},
      Option<bool>{.name = "schema",
                   .default_value = false,
                   .help = "JSON and YAML say which number their layout has.",
                   .cli = true},
      Option<std::string>{.name = "recorded-output-file",
                          .help = "What JSON and YAML say the file is called, "
                                  "instead of its path.",
                          .metavar = "FILE",
                          .cli = true},
      Option<bool>{.name = "allow-missing-help",
                   .default_value = false,
                   .help = "An option without help is no error.",
                   .cli = true},
  };
  std::vector<AnyOption> modules = ModuleFlags();
  std::move(modules.begin(), modules.end(), std::back_inserter(options));
  return options;
}

absl::Status CheckHelp(const Listing& listing) {
  std::vector<std::string> lines;
  for (const Listing::Group& group : listing.groups()) {
    for (const Listing::Block& block : group.blocks) {
      for (const AnyOption& option : block.options) {
        if (option.description().help.empty()) {
          lines.push_back(absl::StrCat(
              group.name, ".", option.description().name, ": has no help"));
        }
      }
    }
  }
  if (lines.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

GeneratorRun RunOf(const Tool& tool,
                   const std::vector<ModuleOptions>& modules) {
  GeneratorRun run = {
      .format = tool.Get<std::string>("format"),
      .wrap_width = static_cast<int>(tool.Get<int64_t>("wrap_width")),
      .minimal = tool.Get<bool>("minimal"),
      .summarize = tool.Get<bool>("summarize"),
      .with_schema = tool.Get<bool>("schema")};
  run.name_spaces = tool.Get<Multi<std::string>>("namespace");
  if (run.name_spaces.empty()) {
    for (const ModuleOptions& module : modules) {
      run.name_spaces.push_back(module.name_space);
    }
  }
  for (const ConfigPath& path : tool.config_paths()) {
    (path.kind == ConfigPath::Kind::kFile ? run.config_files : run.config_dirs)
        .push_back(path.path);
  }
  std::string output = tool.Get<std::string>("recorded_output_file");
  if (output.empty()) output = tool.Get<std::string>("output_file");
  if (!output.empty()) run.output_file = std::move(output);
  return run;
}

std::string Write(const Tool& tool, const Listing& listing,
                  const GeneratorRun& run) {
  const auto title = tool.Get<std::string>("title");
  if (run.format == "md") return WriteMarkdown(listing, title);
  if (run.format == "html") return WriteHtml(listing, title);
  if (run.format == "rst") return WriteRst(listing, title);
  if (run.format == "json") {
    return absl::StrCat(WriteJson(MachineReadable(listing, run)), "\n");
  }
  if (run.format == "yaml") {
    return absl::StrCat(WriteYaml(MachineReadable(listing, run)), "\n");
  }
  return WriteIni(listing, {.wrap_width = run.wrap_width,
                            .minimal = run.minimal,
                            .summarize = run.summarize});
}

absl::Status Generate(const Tool& tool,
                      const std::vector<ModuleOptions>& linked) {
  const absl::StatusOr<std::vector<ModuleOptions>> modules =
      FindModules(tool, linked);
  if (!modules.ok()) return modules.status();
  if (modules->empty()) {
    return absl::InvalidArgumentError(
        "there are no options to write about; --opt-data names a file of them");
  }
  const absl::StatusOr<Listing> listing = Listing::Create(*modules);
  if (!listing.ok()) return listing.status();
  if (!tool.Get<bool>("allow_missing_help")) {
    absl::Status status = CheckHelp(*listing);
    if (!status.ok()) return status;
  }
  const std::string text = Write(tool, *listing, RunOf(tool, *modules));
  const auto path = tool.Get<std::string>("output_file");
  if (!path.empty()) return WriteTextFile(path, text);
  std::cout << text << std::flush;
  if (std::cout.good()) return absl::OkStatus();
  return absl::UnavailableError("the standard output cannot be written");
}

}  // namespace

int GeneratorMain(int argc, char** argv,
                  const std::vector<ModuleOptions>& modules) {
  Tool tool({.version = absl::StrCat(
                 "bergen ", kVersion,
                 ", layout of JSON and YAML: ", kMachineReadableSchema),
             .description = "Writes about the options of a program."},
            GeneratorOptions());
  if (const auto status = tool.Start(argc, argv)) return *status;
  if (modules.empty() && !tool.has_arguments()) {
    std::cerr << tool.Help();
    return EXIT_FAILURE;
  }
  return ExitStatus(Generate(tool, modules));
}

}  // namespace bergen::config
