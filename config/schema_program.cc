// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/listing.h"
#include "config/option.h"
#include "config/program.h"
#include "config/schema.h"
#include "config/tool.h"

namespace bergen::config {
namespace {

std::vector<AnyOption> SchemaOptions() {
  return {Option<std::string>{.name = "golden",
                              .help = "The file to compare with.",
                              .metavar = "FILE",
                              .cli = true},
          Option<std::string>{.name = "update",
                              .help = "The file to write; a relative path is "
                                      "in the workspace that `bazel run` was "
                                      "called in.",
                              .metavar = "FILE",
                              .cli = true}};
}

absl::Status UpdateSchema(std::string path, const Schema& schema) {
  const char* const workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace && path[0] != '/') path = absl::StrCat(workspace, "/", path);
  return WriteTextFile(path, schema.ToJson());
}

absl::Status CompareSchema(const std::string& path, const Schema& schema) {
  const absl::StatusOr<std::string> text = ReadTextFile(path);
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

absl::Status RunSchema(const Tool& tool,
                       const std::vector<ModuleOptions>& modules) {
  const absl::StatusOr<Listing> listing = Listing::Create(modules);
  if (!listing.ok()) return listing.status();
  const Schema schema = Schema::Of(*listing);
  const auto update = tool.Get<std::string>("update");
  if (!update.empty()) return UpdateSchema(update, schema);
  const auto golden = tool.Get<std::string>("golden");
  if (!golden.empty()) return CompareSchema(golden, schema);
  return absl::InvalidArgumentError("usage: --golden=FILE or --update=FILE");
}

}  // namespace

int SchemaMain(int argc, char** argv,
               const std::vector<ModuleOptions>& modules) {
  Tool tool({.description = "Compares the options of a program with a file."},
            SchemaOptions());
  if (const auto status = tool.Start(argc, argv)) return *status;
  return ExitStatus(RunSchema(tool, modules));
}

}  // namespace bergen::config
