// SPDX-License-Identifier: Apache-2.0

#include "config/program.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "config/docs.h"
#include "config/machine_readable.h"
#include "config/native_text.h"
#include "config/option.h"
#include "config/page.h"
#include "config/registry.h"
#include "config/schema.h"
#include "config/source.h"
#include "config/sources.h"
#include "config/value.h"

namespace bergen::config {
namespace {

// The values of each flag in their order; of a switch, empty texts.
using Flags = std::map<std::string, std::vector<std::string>>;

// `known` flags and whether each takes a value, after `=` or as the next
// argument.
absl::StatusOr<Flags> ParseFlags(int argc, char** argv,
                                 const std::map<std::string, bool>& known) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (!absl::ConsumePrefix(&argument, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument: ", argument));
    }
    const size_t equals = argument.find('=');
    std::string name(argument.substr(0, equals));
    std::replace(name.begin(), name.end(), '-', '_');
    const auto flag = known.find(name);
    if (flag == known.end()) {
      return absl::InvalidArgumentError(absl::StrCat("unknown flag: --", name));
    }
    const bool has_value = equals != argument.npos;
    if (has_value != flag->second && (has_value || i + 1 == argc)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--", name, flag->second ? ": needs a value" : ": takes no value"));
    }
    std::string value;
    if (has_value) {
      value = std::string(argument.substr(equals + 1));
    } else if (flag->second) {
      value = argv[++i];
    }
    flags[name].push_back(std::move(value));
  }
  return flags;
}

// The last value, or `otherwise`.
std::string Last(const Flags& flags, const std::string& name,
                 const std::string& otherwise) {
  const auto it = flags.find(name);
  return it == flags.end() ? otherwise : it->second.back();
}

int Finish(const absl::Status& status) {
  if (status.ok()) return EXIT_SUCCESS;
  std::cerr << status.message() << "\n";
  return EXIT_FAILURE;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (file.good()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.good() || file.eof()) return text;
  return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
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

// The modules that `--namespace` names; all of them without it.
absl::StatusOr<std::vector<ModuleOptions>> Select(
    const Flags& flags, const std::vector<ModuleOptions>& modules) {
  const auto names = flags.find("namespace");
  if (names == flags.end()) return modules;
  std::vector<ModuleOptions> selected;
  for (const std::string& name : names->second) {
    const auto module = std::find_if(
        modules.begin(), modules.end(),
        [&](const ModuleOptions& other) { return other.name_space == name; });
    if (module == modules.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--namespace: there is none called ", name));
    }
    selected.push_back(*module);
  }
  return selected;
}

absl::Status Generate(int argc, char** argv,
                      const std::vector<ModuleOptions>& modules) {
  const absl::StatusOr<Flags> flags =
      ParseFlags(argc, argv,
                 {{"format", true},
                  {"output_file", true},
                  {"wrap_width", true},
                  {"minimal", false},
                  {"summarize", false},
                  {"title", true},
                  {"schema", false},
                  {"recorded_output_file", true},
                  {"namespace", true},
                  {"allow_missing_help", false}});
  if (!flags.ok()) return flags.status();
  IniStyle style = {.minimal = flags->contains("minimal"),
                    .summarize = flags->contains("summarize")};
  const std::string width = Last(*flags, "wrap_width", "70");
  if (!absl::SimpleAtoi(width, &style.wrap_width) || style.wrap_width < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--wrap_width: must be at least 0, got ", width));
  }
  const absl::StatusOr<std::vector<ModuleOptions>> selected =
      Select(*flags, modules);
  if (!selected.ok()) return selected.status();
  const absl::StatusOr<Listing> listing = Listing::Create(*selected);
  if (!listing.ok()) return listing.status();
  if (!flags->contains("allow_missing_help")) {
    absl::Status status = CheckHelp(*listing);
    if (!status.ok()) return status;
  }

  const std::string format = Last(*flags, "format", "ini");
  const std::string title = Last(*flags, "title", "Options");
  std::string text;
  if (format == "ini") {
    text = WriteIni(*listing, style);
  } else if (format == "json" || format == "yaml") {
    GeneratorRun run = {.format = format,
                        .wrap_width = style.wrap_width,
                        .minimal = style.minimal,
                        .summarize = style.summarize,
                        .with_schema = flags->contains("schema")};
    for (const ModuleOptions& module : *selected) {
      run.name_spaces.push_back(module.name_space);
    }
    const std::string recorded =
        Last(*flags, "recorded_output_file", Last(*flags, "output_file", ""));
    if (!recorded.empty()) run.output_file = recorded;
    const NativeValue data = MachineReadable(*listing, run);
    text = absl::StrCat(format == "json" ? WriteJson(data) : WriteYaml(data),
                        "\n");
  } else if (format == "md") {
    text = WriteMarkdown(*listing, title);
  } else if (format == "html") {
    text = WriteHtml(*listing, title);
  } else if (format == "rst") {
    text = WriteRst(*listing, title);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "--format: must be one of ini, json, yaml, md, html, rst, got ",
        format));
  }
  const std::string path = Last(*flags, "output_file", "");
  if (!path.empty()) return WriteFile(path, text);
  std::cout << text << std::flush;
  if (std::cout.good()) return absl::OkStatus();
  return absl::UnavailableError("the standard output cannot be written");
}

absl::Status Validate(int argc, char** argv,
                      const std::vector<ModuleOptions>& modules) {
  const absl::StatusOr<Flags> flags =
      ParseFlags(argc, argv, {{"input_file", true}, {"fatal_warnings", false}});
  if (!flags.ok()) return flags.status();
  const auto files = flags->find("input_file");
  if (files == flags->end()) {
    return absl::InvalidArgumentError(
        "usage: --input_file=FILE [--input_file=FILE]... [--fatal_warnings]");
  }
  Registry registry;
  for (const ModuleOptions& module : modules) {
    absl::Status status = registry.RegisterAll(module.groups, {"options", 0});
    if (!status.ok()) return status;
  }
  std::vector<std::unique_ptr<Source>> sources;
  for (const std::string& file : files->second) {
    sources.push_back(std::make_unique<FileSource>(file));
  }
  const absl::StatusOr<Report> report =
      registry.Load(std::move(sources), {.strict = true});
  if (!report.ok()) return report.status();
  const std::string warnings = absl::StrJoin(report->warnings, "\n");
  if (!warnings.empty() && flags->contains("fatal_warnings")) {
    return absl::InvalidArgumentError(warnings);
  }
  if (!warnings.empty()) std::cerr << warnings << "\n";
  return absl::OkStatus();
}

absl::Status UpdateSchema(std::string path, const Schema& schema) {
  const char* const workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace && path[0] != '/') path = absl::StrCat(workspace, "/", path);
  return WriteFile(path, schema.ToJson());
}

absl::Status CompareSchema(const std::string& path, const Schema& schema) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const absl::StatusOr<Schema> golden = Schema::FromJson(*text);
  if (!golden.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", golden.status().message()));
  }
  const std::vector<std::string> reasons = golden->BrokenBy(schema);
  if (!reasons.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "Configuration files that were good may not be any more:\n  ",
        absl::StrJoin(reasons, "\n  "),
        "\nIf that is what you want, `bazel run` this test's target with "
        ".update at its end."));
  }
  if (golden->ToJson() != schema.ToJson()) {
    std::cerr << path
              << " is older than the options, which is compatible; `bazel run` "
                 "this test's target with .update at its end to record them.\n";
  }
  return absl::OkStatus();
}

absl::Status RunSchema(int argc, char** argv,
                       const std::vector<ModuleOptions>& modules) {
  const absl::StatusOr<Flags> flags =
      ParseFlags(argc, argv, {{"golden", true}, {"update", true}});
  if (!flags.ok()) return flags.status();
  const absl::StatusOr<Listing> listing = Listing::Create(modules);
  if (!listing.ok()) return listing.status();
  const Schema schema = Schema::Of(*listing);
  const std::string update = Last(*flags, "update", "");
  if (!update.empty()) return UpdateSchema(update, schema);
  const std::string golden = Last(*flags, "golden", "");
  if (!golden.empty()) return CompareSchema(golden, schema);
  return absl::InvalidArgumentError("usage: --golden=FILE or --update=FILE");
}

}  // namespace

int GeneratorMain(int argc, char** argv,
                  const std::vector<ModuleOptions>& modules) {
  return Finish(Generate(argc, argv, modules));
}

int ValidatorMain(int argc, char** argv,
                  const std::vector<ModuleOptions>& modules) {
  return Finish(Validate(argc, argv, modules));
}

int SchemaMain(int argc, char** argv,
               const std::vector<ModuleOptions>& modules) {
  return Finish(RunSchema(argc, argv, modules));
}

}  // namespace bergen::config
