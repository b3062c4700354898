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
// error. A flag may be written with `-` or `_`, and a switch as `--noNAME`;
// each may stand in a file instead, which `--config_file` or `--config_dir`
// names, in the section `[DEFAULT]`. All know `--help`; a flag that they do not
// know ends them with status 2. The environment does not count.

// Writes about the options. 0 if it was written, else 1, also for an unknown
// namespace and if there are neither arguments nor `modules`.
//
//   --format=ini|json|yaml|md|html|rst   (ini)
//   --namespace=NAME       may be repeated; only these modules
//   --opt-data=FILE        may be repeated; further modules, from what a
//                          generator wrote as yaml or json (opt_data.h)
//   --output-file=FILE     (standard output)
//   --wrap-width=N --minimal --summarize       as in `IniStyle`
//   --title=TEXT           of a page
//   --schema               json and yaml get a number of their layout
//   --recorded-output-file=NAME   what json and yaml say the file was called
//   --allow-missing-help   otherwise an option without help is an error
//   --version              prints Bergen's, and the number of that layout
//
// Source: oslo-config-generator, 5.1 of its behaviour.
int GeneratorMain(int argc, char** argv,
                  const std::vector<ModuleOptions>& modules);

// Checks names and values in files as a program with these options would, and
// that required options are set. 0 if everything is good, else 1, with
// `file:line` of each mistake; 1 without any arguments.
//
//   --input-file=FILE      read in their order, as one
//                          configuration
//   --namespace, --opt-data   as above
//   --check-defaults       warns of values that differ from the defaults
//   --exclude-options=REGEX,...   of these, by their whole names, it does not
//   --exclude-group=NAME   may be repeated; is not looked at
//   --fatal-warnings       warnings (also of deprecated names, options that
//                          will go away, repeated assignments) are mistakes
//   --version              as above
//
// Source: oslo-config-validator, which does not look at values. Differences: a
// value that is false, zero or empty is compared with its default like any
// other, and a default as the option's type reads it.
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
