// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/listing.h"
#include "config/machine_readable.h"
#include "config/name_index.h"
#include "config/option.h"
#include "config/program.h"
#include "config/regex.h"
#include "config/registry.h"
#include "config/source.h"
#include "config/sources.h"
#include "config/tool.h"
#include "config/value.h"
#include "config/version.h"

namespace bergen::config {
namespace {

// Documentation of this group was never complete, so what is not known in it is
// no mistake.
constexpr absl::string_view kIncompleteGroup = "keystone_authtoken";

std::vector<AnyOption> ValidatorOptions() {
  std::vector<AnyOption> options = {
      Option<Multi<std::string>>{
          .name = "input-file",
          .help = "The file to check. Several are read in their order, as one "
                  "configuration.",
          .metavar = "FILE",
          .cli = true},
      Option<bool>{.name = "check-defaults",
                   .default_value = false,
                   .help = "Warn of values that differ from the defaults.",
                   .cli = true},
      Option<std::vector<std::string>>{
          .name = "exclude-options",
          .default_value =
              std::vector<std::string>{
                  ".*_ur(i|l)", ".*connection", "password", "username", "my_ip",
                  "host(name)?", "glance_api_servers", "osapi_volume_listen",
                  "osapi_compute_listen"},
          .help = "With --check-defaults: regular expressions that match the "
                  "whole names of options that may differ.",
          .cli = true},
      Option<bool>{.name = "fatal-warnings",
                   .default_value = false,
                   .help = "The exit status is 1 for warnings too.",
                   .cli = true},
      Option<Multi<std::string>>{.name = "exclude-group",
                                 .help = "A group that is not looked at.",
                                 .metavar = "GROUP",
                                 .cli = true},
  };
  std::vector<AnyOption> modules = ModuleFlags();
  std::move(modules.begin(), modules.end(), std::back_inserter(options));
  return options;
}

// The assignments of a file, without those that shall not be looked at.
class PartialFile : public Source {
 public:
  PartialFile(const std::string& path, const std::set<std::string>& excluded,
              const std::set<std::string>& incomplete_names)
      : file_(path), excluded_(excluded), incomplete_names_(incomplete_names) {}

  SourceKind kind() const override { return SourceKind::kFile; }

  absl::StatusOr<std::vector<Document>> ReadAll() override {
    absl::StatusOr<std::vector<Document>> documents = file_.ReadAll();
    if (!documents.ok()) return documents;
    std::vector<Document> kept;
    for (const Document& document : *documents) {
      Document& copy = kept.emplace_back(document.where());
      for (const RawValue& value : document.values()) {
        if (IsWanted(document, value)) {
          copy.AddCopy(value.group, value.name, value.text, value.line);
        }
      }
    }
    return kept;
  }

 private:
  bool IsWanted(const Document& document, const RawValue& value) const {
    const std::string group = GroupKey(value.group);
    if (excluded_.contains(group)) return false;
    if (group != kIncompleteGroup ||
        incomplete_names_.contains(std::string(value.name))) {
      return true;
    }
    std::cerr << "info: " << document.PlaceOf(value) << ": " << value.group
              << "." << value.name
              << ": not known, but nor are all options of this group\n";
    return false;
  }

  FileSource file_;
  const std::set<std::string>& excluded_;
  const std::set<std::string>& incomplete_names_;
};

class Validator {
 public:
  explicit Validator(const Tool& tool) : tool_(tool) {
    for (const std::string& group :
         tool.Get<Multi<std::string>>("exclude_group")) {
      excluded_.insert(GroupKey(group));
    }
  }

  absl::Status Run(const std::vector<ModuleOptions>& modules) {
    absl::Status status = Register(modules);
    if (status.ok()) status = ReadPatterns();
    if (!status.ok()) return status;
    const std::vector<DumpEntry> defaults = registry_.Dump();

    std::vector<std::unique_ptr<Source>> sources;
    for (const std::string& path :
         tool_.Get<Multi<std::string>>("input_file")) {
      sources.push_back(
          std::make_unique<PartialFile>(path, excluded_, incomplete_names_));
    }
    const absl::StatusOr<Report> report =
        registry_.Load(std::move(sources), {.strict = true});
    if (!report.ok()) return report.status();
    for (const std::string& warning : report->warnings) Warn(warning);
    if (tool_.Get<bool>("check_defaults")) CompareWith(defaults);
    if (warnings_ > 0 && tool_.Get<bool>("fatal_warnings")) {
      return absl::FailedPreconditionError(absl::StrCat(
          warnings_, warnings_ == 1 ? " warning is" : " warnings are",
          " too many"));
    }
    return absl::OkStatus();
  }

 private:
  // Of an excluded group, whose values are not read, only what other options
  // may refer to: an option that needs a value has none.
  absl::Status Register(const std::vector<ModuleOptions>& modules) {
    OptionList all;
    for (const ModuleOptions& module : modules) {
      for (const OptionGroup& group : module.groups) {
        const std::string key = GroupKey(group.name);
        OptionGroup& wanted = all.emplace_back();
        wanted.name = group.name;
        for (const AnyOption& option : group.options) {
          if (excluded_.contains(key) && option.erased().required()) continue;
          wanted.options.push_back(option);
          if (key == kIncompleteGroup) NoteNames(option);
        }
      }
    }
    return registry_.RegisterAll(all, {"options", 0});
  }

  // Old names in this group, and those of options elsewhere, are warned of.
  void NoteNames(const AnyOption& option) {
    incomplete_names_.insert(option.name());
    for (const DeprecatedName& old : option.erased().deprecated_names()) {
      const auto [group, name] = old.InFull(kIncompleteGroup, option.name());
      if (group == kIncompleteGroup) incomplete_names_.emplace(name);
    }
  }

  absl::Status ReadPatterns() {
    for (const std::string& pattern :
         tool_.Get<std::vector<std::string>>("exclude_options")) {
      const Regex& regex =
          patterns_.emplace_back(absl::StrCat("^(?:", pattern, ")$"));
      if (absl::Status status = regex.Check(); !status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "--exclude-options: ", pattern, ": ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  void Warn(absl::string_view warning) {
    ++warnings_;
    std::cerr << "warning: " << warning << "\n";
  }

  // `defaults` are what the options were before anything was read.
  void CompareWith(const std::vector<DumpEntry>& defaults) {
    const std::vector<DumpEntry> values = registry_.Dump();
    std::set<std::string> present;
    for (const std::string& section : registry_.Sections()) {
      present.insert(GroupKey(section));
    }
    std::set<std::string> missing;
    for (size_t i = 0; i < values.size(); ++i) {
      const DumpEntry& value = values[i];
      const std::string key = GroupKey(value.group);
      if (!excluded_.contains(key) && !present.contains(key)) {
        missing.insert(value.group);
      }
      if (value.origin.kind == Origin::Kind::kFile) {
        CompareOne(defaults[i], value);
      }
    }
    for (const std::string& group : missing) {
      std::cerr << "info: [" << group << "]: is not in the file\n";
    }
  }

  void CompareOne(const DumpEntry& normal, const DumpEntry& value) {
    const std::string subject = absl::StrCat(
        value.origin.place, ": ", value.group, ".", value.name, ": ");
    const bool is_free =
        value.secret || std::any_of(patterns_.begin(), patterns_.end(),
                                    [&](const Regex& pattern) {
                                      return pattern.Search(value.name, false);
                                    });
    if (is_free) {
      std::cerr << "info: " << subject << "not compared with its default\n";
    } else if (!normal.is_set && value.is_set) {
      Warn(absl::StrCat(subject, "is ", value.value,
                        ", while it has no default"));
    } else if (normal.value != value.value || normal.is_set != value.is_set) {
      Warn(absl::StrCat(subject, "is ", value.value, ", its default ",
                        normal.value));
    }
  }

  const Tool& tool_;
  Registry registry_;
  std::set<std::string> excluded_;          // `GroupKey`s.
  std::set<std::string> incomplete_names_;  // Known in `kIncompleteGroup`.
  std::vector<Regex> patterns_;
  int warnings_ = 0;
};

absl::Status Validate(const Tool& tool,
                      const std::vector<ModuleOptions>& linked) {
  if (tool.Get<Multi<std::string>>("input_file").empty()) {
    return absl::InvalidArgumentError("--input-file: needs a file to check");
  }
  const absl::StatusOr<std::vector<ModuleOptions>> modules =
      FindModules(tool, linked);
  if (!modules.ok()) return modules.status();
  if (modules->empty()) {
    return absl::InvalidArgumentError(
        "there are no options to compare with; --opt-data names a file of "
        "them");
  }
  return Validator(tool).Run(*modules);
}

}  // namespace

int ValidatorMain(int argc, char** argv,
                  const std::vector<ModuleOptions>& modules) {
  Tool tool({.version = absl::StrCat(
                 "bergen ", kVersion,
                 ", layout of JSON and YAML: ", kMachineReadableSchema),
             .description = "Checks configuration files of a program."},
            ValidatorOptions());
  if (const auto status = tool.Start(argc, argv)) return *status;
  if (!tool.has_arguments()) {
    std::cerr << tool.Help();
    return EXIT_FAILURE;
  }
  return ExitStatus(Validate(tool, modules));
}

}  // namespace bergen::config
