// SPDX-License-Identifier: Apache-2.0
//
// Reads the arguments of a program: flags about configuration, a flag for each
// option that wants one, positional arguments and sub-commands. Decides only;
// flags.h prints, exits and knows gflags.
//
//   absl::StatusOr<CommandLineParser> parser =
//       CommandLineParser::Create(registry.Options(), {.name = "demo"});
//   if (!parser.ok()) return parser.status();  // Two flags are the same.
//   absl::StatusOr<ParsedArguments> parsed = parser->Parse(arguments);
//   if (!parsed.ok()) Refuse(parser->Usage(), parsed.status());
//
// The flags, each with one or two dashes, with `-` for `_` or the reverse, and
// with `=` or a blank before the value, which may be anything:
//
//   --config_file FILE      values from a file; may be repeated
//   --config_dir DIR        values from its *.conf files; may be repeated
//   --set GROUP.NAME=VALUE  one option, with or without a flag of its own; may
//                           be repeated
//   --[GROUP-]NAME VALUE    an option with `cli`
//   --[GROUP-]NAME          a boolean one; `--[GROUP-]noNAME` for "false"
//   -X VALUE, -XVALUE       an option with `short_name`; `-XY` for booleans
//   -h, --help, --version
//   --                      only positional arguments follow
//
// A deprecated name has a flag as well, which the load warns of. Where that
// leaves two meanings (`--a-b_c` and `--a_b-c`) only the exact spelling counts.
//
// Source: section 2.5 of oslo.config's behaviour. Differences: `--set`; flags
// beat all files, wherever they stand; no abbreviations; flags, groups and
// names that differ do not share a value; a value may begin with a dash.

#ifndef CONFIG_COMMAND_LINE_H_
#define CONFIG_COMMAND_LINE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "config/option.h"
#include "config/sources.h"

namespace bergen::config {

// `demo add --name=x`: a word that chooses among commands with options of their
// own, which have a registry of their own.
struct SubCommand {
  std::string name;
  std::string help;
  // Those with `cli` or `positional` can be given.
  OptionList options;
};

// What a program tells its users, and where it finds its files.
struct ProgramInfo {
  // As in "usage: demo ..."; empty for the name of the executable.
  std::string name;
  // Printed by `--version`; without one there is no such flag.
  std::string version;
  // Instead of the generated text; `%(prog)s` stands for the name.
  std::string usage;
  // Before and after the list of flags.
  std::string description;
  std::string epilog;
  // Read, before all others, unless a `--config_file` or `--config_dir` is
  // given: default_config_files.h finds them.
  std::vector<std::string> default_config_files;
  std::vector<std::string> default_config_dirs;
  bool use_environment = true;
  // Words that no option takes are left to the program; otherwise they are
  // errors.
  bool extra_words = false;
  // Exactly one has to be given if there are any.
  std::vector<SubCommand> sub_commands;
  std::string sub_commands_title = "commands";
  std::string sub_commands_description;
};

// A flag that somebody else reads.
struct ForeignFlag {
  std::string name;
  std::string help;
  // Takes no value, unless after `=`; `noNAME` is a flag too.
  bool is_boolean = false;
  // `--help` is silent about it.
  bool hidden = false;
};

struct ParsedArguments {
  CommandLine command_line;
  // The user wants to read this, and nothing else: `--help`, `--version`.
  std::optional<std::string> print;
  // Arguments that are foreign flags and their values.
  std::vector<std::string> foreign;
  // With `extra_words`: which arguments no option takes, counted from 0.
  std::vector<size_t> words;
};

// Immutable and thread-safe; movable.
class CommandLineParser {
 public:
  // Takes linear time. AlreadyExists names two options, or an option and a
  // built-in or foreign flag, with the same flag or letter, or two sub-commands
  // with the same name; InvalidArgument if there are both sub-commands and
  // positional options.
  static absl::StatusOr<CommandLineParser> Create(
      const OptionList& options, ProgramInfo program,
      const std::vector<ForeignFlag>& foreign_flags = {});

  CommandLineParser(CommandLineParser&&) = default;
  CommandLineParser& operator=(CommandLineParser&&) = default;

  // `arguments` do not hold the program's name. InvalidArgument for what cannot
  // be understood; its text never holds the value of a flag, nor, if there are
  // secret options, a word that may have been meant for one. Values are not
  // checked: the load does that, and names the flag.
  absl::StatusOr<ParsedArguments> Parse(
      absl::Span<const std::string> arguments) const;

  // "usage: demo [-h] ..." with a newline.
  std::string Usage() const;

  // What `--help` prints.
  std::string Help() const;

  const ProgramInfo& program() const { return program_; }

 private:
  enum class Action {
    kHelp,
    kVersion,
    kConfigFile,
    kConfigDir,
    kSet,
    kValue,
    kTrue,
    kFalse,
    kForeign,
    kForeignBoolean,
  };

  // An option with flags, or a positional one.
  struct Entry {
    absl::string_view group;  // A key of `group_help_`.
    AnyOption option;
  };

  static constexpr uint32_t kNone = UINT32_MAX;

  // One spelling.
  struct Flag {
    std::string spelling;  // Without dashes in front.
    Action action = Action::kValue;
    // The option's own index among `entries_`; none of other flags.
    uint32_t entry = kNone;
    // What it sets: views of an entry.
    absl::string_view group;
    absl::string_view name;
    // The next that differs only in `-` and `_`.
    uint32_t next = kNone;
  };

  // The state of one `Parse`.
  class Reader;

  enum class Kind { kProgram, kSubCommand };

  CommandLineParser(ProgramInfo program, Kind kind)
      : program_(std::move(program)), kind_(kind) {}

  static absl::StatusOr<CommandLineParser> CreateOne(
      const OptionList& options, ProgramInfo program, Kind kind,
      const std::vector<ForeignFlag>& foreign_flags);

  absl::Status AddFlag(Flag flag);
  absl::Status AddLetter(char letter, Flag flag);
  absl::Status AddBuiltIns();
  absl::Status AddOption(absl::string_view group, const AnyOption& option);
  absl::Status AddForeign(const ForeignFlag& foreign);

  static bool IsBuiltIn(const Flag& flag);
  // Whose flag it is, for messages.
  std::string OwnerOf(const Flag& flag) const;
  // Null if there is none; InvalidArgument if there are several.
  absl::StatusOr<const Flag*> Find(absl::string_view name) const;
  const Flag* FindLetter(char letter) const;
  std::string Hint(absl::string_view name) const;
  // The flag without dashes in front, or the name of a positional option.
  static std::string SpellingOf(const Entry& entry);
  // ` VALUE` behind a flag that takes one.
  static std::string ValueText(const Entry& entry);
  // `DEFAULT` first, then by group and flag.
  std::vector<const Entry*> Sorted() const;
  void AppendOption(std::string& out, const Entry& entry) const;

  ProgramInfo program_;
  Kind kind_;
  std::vector<Flag> flags_;
  // The first flag of each spelling with `_` for `-`.
  absl::flat_hash_map<std::string, uint32_t> by_name_;
  absl::flat_hash_map<char, uint32_t> by_letter_;
  bool has_secrets_ = false;        // One of the options, with a flag or not.
  std::vector<Entry> entries_;      // In the order of registration.
  std::vector<Entry> positionals_;  // The same.
  std::vector<ForeignFlag> foreign_flags_;
  // Its keys stay where they are.
  absl::node_hash_map<std::string, std::string> group_help_;
  std::vector<CommandLineParser> sub_parsers_;  // One for each sub-command.
};

}  // namespace bergen::config

#endif  // CONFIG_COMMAND_LINE_H_
