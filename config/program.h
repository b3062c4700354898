// SPDX-License-Identifier: Apache-2.0
//
// What the programs that the rules of defs.bzl build have in common, apart from
// `main`, which is generated and calls one of these with the modules of the
// target.
//
//   int main(int argc, char** argv) {
//     return bergen::config::ValidatorMain(argc, argv, {{"demo",
//     demo::ListOpts()}});
//   }

#ifndef CONFIG_PROGRAM_H_
#define CONFIG_PROGRAM_H_

#include <vector>

#include "config/listing.h"

namespace bergen::config {

// Each returns the program's exit status and prints errors to the standard
// error.

// Writes about the options. 0 if it was written, else 1.
//
//   --format=ini|json|yaml|md|html|rst   (ini)
//   --namespace=NAME       may be repeated; only these of the linked modules
//   --recorded_output_file=NAME   what json and yaml say the file was called
//   --schema               json and yaml get a number of their layout
//   --output_file=FILE     (standard output)
//   --wrap_width=N --minimal --summarize       as in `IniStyle`
//   --title=TEXT           of a page
//   --allow_missing_help   otherwise an option without help is an error
//
// Source: oslo-config-generator, 5.1 of its behaviour.
int GeneratorMain(int argc, char** argv,
                  const std::vector<ModuleOptions>& modules);

// Checks names and values in files as a program with these options would, and
// that required options are set. 0 if everything is good, else 1, with
// `file:line` of each mistake. Repeated files are read in their order, as one
// configuration. The environment does not count.
//
//   --input_file=FILE      may be repeated
//   --fatal_warnings       deprecated names and repeated assignments are
//   mistakes
//
// Source: oslo-config-validator, which does not look at values.
int ValidatorMain(int argc, char** argv,
                  const std::vector<ModuleOptions>& modules);

// Compares the options with a file that `--update` wrote. 0 if files that were
// good then are good now, else 1, with a reason for each that is not.
//
//   --golden=FILE          compares
//   --update=FILE          writes; a relative path is in the workspace that
//   `bazel run`
//                          was called in
int SchemaMain(int argc, char** argv,
               const std::vector<ModuleOptions>& modules);

}  // namespace bergen::config

#endif  // CONFIG_PROGRAM_H_
