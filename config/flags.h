// SPDX-License-Identifier: Apache-2.0
//
// The command line of a program, read by gflags and command_line.h together.
//
//   int main(int argc, char** argv) {
//     Registry registry;
//     ... register options ...
//     absl::StatusOr<CommandLine> line = ParseCommandLine(
//         &argc, &argv, registry.Options(), {.version = "demo 1.2"});
//     if (!line.ok()) ...
//     absl::StatusOr<Report> report = registry.Load(MakeSources(*line));
//     if (!report.ok()) ...  // A bad value, among others: end with status 1.
//
// Flags of options are not gflags' flags, which are global: two registries in
// one program do not disturb each other. Flags that `main` defines with
// DEFINE_x work beside them, as do --flagfile and the like. This is the only
// file of the libraries that defines any, and only programs include it:
// --config_file,
// --config_dir and --set, so that a flag file may hold them too.
//
// Source: ConfigOpts.__call__ of oslo.config, and its exit statuses: 2 for a
// command line that cannot be understood, 1 for a value that is not allowed.

#ifndef CONFIG_FLAGS_H_
#define CONFIG_FLAGS_H_

#include "absl/status/statusor.h"
#include "config/command_line.h"
#include "config/option.h"
#include "config/sources.h"

namespace bergen::config {

inline constexpr int kExitUsage = 2;

// Reads the arguments of `main`: flags that it defined take their values. Only
// the program's name and, with `extra_words`, what no option takes is left in
// `argv`. Values of options are not checked: `Registry::Load` does that, and
// names the flag.
//
// Ends the program with status 0 after `--help` and `--version`; with
// `kExitUsage` and a message with the usage after a flag that nobody knows, a
// value that is missing, and the like; with 1 if gflags refuses a value.
//
// AlreadyExists names two options, or an option and a flag of gflags, that have
// the same flag: nothing was read then. For `main`, once, before there are
// threads.
absl::StatusOr<CommandLine> ParseCommandLine(int* argc, char*** argv,
                                             const OptionList& options,
                                             ProgramInfo program = {});

// The same for programs whose options have no flags of their own. Usage and
// version are those that `main` told gflags, and words are left in `argv`.
absl::StatusOr<CommandLine> ParseCommandLine(int* argc, char*** argv);

}  // namespace bergen::config

#endif  // CONFIG_FLAGS_H_
