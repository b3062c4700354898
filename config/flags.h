// SPDX-License-Identifier: Apache-2.0
//
// The command line as a source of values, read by gflags.
//
//   int main(int argc, char** argv) {
//     absl::StatusOr<CommandLine> line = ParseCommandLine(&argc, &argv);
//     if (!line.ok()) ...
//     absl::StatusOr<Report> report = registry.Load(MakeSources(*line));
//
// A gflags flag is global by nature, so this is the only file of the libraries
// that defines any, and only programs include it:
//
//   --config_file=FILE      a configuration file; may be repeated, later ones
//   win
//   --config_dir=DIR        its *.conf files, which beat all files; may be
//   repeated
//   --set GROUP.NAME=VALUE  one option, which beats both; may be repeated
//
// Source: --config-file and --config-dir of oslo.config, which also works with
// `-`. Options have no flags of their own.

#ifndef CONFIG_FLAGS_H_
#define CONFIG_FLAGS_H_

#include "absl/status/statusor.h"
#include "config/sources.h"

namespace bergen::config {

// Has gflags parse the arguments: flags that `main` defined take their values,
// `--help` and `--version` print and end the program, an unknown flag or a bad
// value prints an error and ends it with status 1. Then only the program's name
// and what is not a flag is left in `argv`.
//
// InvalidArgument if one of the flags above is empty. For `main`, once, before
// there are threads.
absl::StatusOr<CommandLine> ParseCommandLine(int* argc, char*** argv);

}  // namespace bergen::config

#endif  // CONFIG_FLAGS_H_
