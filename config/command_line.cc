// SPDX-License-Identifier: Apache-2.0

#include "config/command_line.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "config/nearest_name.h"
#include "config/text_wrap.h"

namespace bergen::config {
namespace {

constexpr int kHelpWidth = 80;
// Where the help of a flag begins.
constexpr size_t kHelpColumn = 26;

// `demo-` in front of the name of a flag or nothing.
std::string Prefix(absl::string_view group) {
  return group == kDefaultGroup ? "" : absl::StrCat(group, "-");
}

bool IsBoolean(const AnyOption& option) {
  return option.erased().kind() == TypeKind::kBoolean &&
         !option.erased().is_multi();
}

std::string Metavar(absl::string_view group, const OptionDescription& option) {
  if (!option.metavar.empty()) return option.metavar;
  std::string name = Dest(absl::StrCat(Prefix(group), option.name));
  return option.positional ? name : absl::AsciiStrToUpper(name);
}

absl::Status UsageError(absl::string_view flag, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", what));
}

void AppendWrapped(std::string& out, absl::string_view text, size_t indent) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    for (const std::string& wrapped :
         WrapText(line, std::string(indent, ' '), kHelpWidth)) {
      absl::StrAppend(&out, wrapped, "\n");
    }
  }
}

// `  left    help`, with the help on lines of its own if `left` is long.
void AppendRow(std::string& out, absl::string_view left,
               absl::string_view help) {
  std::string right;
  AppendWrapped(right, help, kHelpColumn);
  absl::StrAppend(&out, "  ", left);
  if (right.empty()) {
    absl::StrAppend(&out, "\n");
  } else if (left.size() + 4 <= kHelpColumn) {
    absl::StrAppend(&out, right.substr(left.size() + 2));
  } else {
    absl::StrAppend(&out, "\n", right);
  }
}

std::string ChoicesText(const OptionDescription& option) {
  return absl::StrCat(
      "Allowed values: ",
      absl::StrJoin(option.choices, ", ",
                    [](std::string* out, const Choice<std::string>& choice) {
                      absl::StrAppend(
                          out, choice.value.empty() ? "''" : choice.value);
                    }));
}

std::string DefaultsText(const std::vector<std::string>& paths) {
  if (paths.empty()) return "";
  return absl::StrCat("Without this flag: ", absl::StrJoin(paths, ", "));
}

}  // namespace

absl::StatusOr<CommandLineParser> CommandLineParser::Create(
    const OptionList& options, ProgramInfo program,
    const std::vector<ForeignFlag>& foreign_flags) {
  return CreateOne(options, std::move(program), Kind::kProgram, foreign_flags);
}

absl::StatusOr<CommandLineParser> CommandLineParser::CreateOne(
    const OptionList& options, ProgramInfo program, Kind kind,
    const std::vector<ForeignFlag>& foreign_flags) {
  CommandLineParser parser(std::move(program), kind);
  size_t count = foreign_flags.size();
  for (const OptionGroup& group : options) {
    for (const AnyOption& option : group.options)
      count += option.erased().cli();
  }
  parser.flags_.reserve(count);
  parser.by_name_.reserve(count);
  parser.entries_.reserve(count);
  absl::Status status = parser.AddBuiltIns();
  for (const OptionGroup& group : options) {
    const auto known = parser.group_help_.try_emplace(group.name).first;
    if (known->second.empty()) known->second = group.help;
    for (const AnyOption& option : group.options) {
      parser.has_secrets_ |= option.erased().secret();
      if (!option.erased().cli()) continue;
      status.Update(parser.AddOption(known->first, option));
    }
  }
  for (const ForeignFlag& foreign : foreign_flags) {
    status.Update(parser.AddForeign(foreign));
  }
  if (!status.ok()) return status;
  if (!parser.positionals_.empty() && !parser.program_.sub_commands.empty()) {
    const Entry& first = parser.positionals_[0];
    return absl::InvalidArgumentError(
        absl::StrCat(Metavar(first.group, first.option.description()),
                     ": a program with sub-commands has no positional options "
                     "of its own"));
  }
  absl::flat_hash_set<std::string> names;
  for (const SubCommand& command : parser.program_.sub_commands) {
    if (!names.insert(command.name).second) {
      return absl::AlreadyExistsError(
          absl::StrCat(command.name, ": is the name of two sub-commands"));
    }
    absl::StatusOr<CommandLineParser> sub = CreateOne(
        command.options,
        {.name = absl::StrCat(parser.program_.name, " ", command.name),
         .description = command.help},
        Kind::kSubCommand, foreign_flags);
    if (!sub.ok()) return sub.status();
    parser.sub_parsers_.push_back(*std::move(sub));
  }
  return parser;
}

absl::Status CommandLineParser::AddFlag(Flag flag) {
  const auto index = static_cast<uint32_t>(flags_.size());
  const auto [first, is_new] = by_name_.try_emplace(Dest(flag.spelling), index);
  if (!is_new) {
    uint32_t* link = &first->second;
    while (*link != kNone) {
      Flag& other = flags_[*link];
      link = &other.next;
      if (other.spelling != flag.spelling) continue;
      // Two options with the same earlier name share its flag.
      if (other.action == flag.action && other.group == flag.group &&
          other.name == flag.name) {
        return absl::OkStatus();
      }
      return absl::AlreadyExistsError(
          absl::StrCat("--", flag.spelling, ": is a flag of both ",
                       OwnerOf(other), " and ", OwnerOf(flag)));
    }
    *link = index;
  }
  flags_.push_back(std::move(flag));
  return absl::OkStatus();
}

absl::Status CommandLineParser::AddLetter(char letter, Flag flag) {
  const auto [it, is_new] =
      by_letter_.try_emplace(letter, static_cast<uint32_t>(flags_.size()));
  if (!is_new) {
    return absl::AlreadyExistsError(
        absl::StrCat("-", std::string(1, letter), ": is a flag of both ",
                     OwnerOf(flags_[it->second]), " and ", OwnerOf(flag)));
  }
  flags_.push_back(std::move(flag));
  return absl::OkStatus();
}

absl::Status CommandLineParser::AddBuiltIns() {
  const auto add = [&](const char* spelling, Action action) {
    return AddFlag({.spelling = spelling, .action = action});
  };
  absl::Status status = add("help", Action::kHelp);
  if (kind_ == Kind::kSubCommand) return status;
  if (!program_.version.empty()) {
    status.Update(add("version", Action::kVersion));
  }
  status.Update(add("config_file", Action::kConfigFile));
  status.Update(add("config_dir", Action::kConfigDir));
  status.Update(add("set", Action::kSet));
  return status;
}

// `group` outlives the parser.
absl::Status CommandLineParser::AddOption(absl::string_view group,
                                          const AnyOption& any_option) {
  // Its texts live as long as the entry.
  const internal::ErasedOption& option = any_option.erased();
  if (option.positional()) {
    positionals_.push_back({.group = group, .option = any_option});
    return absl::OkStatus();
  }
  const auto entry = static_cast<uint32_t>(entries_.size());
  entries_.push_back({.group = group, .option = any_option});
  const bool is_boolean = IsBoolean(any_option);
  const Action action = is_boolean ? Action::kTrue : Action::kValue;

  const auto add = [&](absl::string_view flag_group,
                       absl::string_view spelled_name, absl::string_view name) {
    const bool is_unnamed = flag_group == kDefaultGroup;
    const absl::string_view prefix = is_unnamed ? "" : flag_group;
    const absl::string_view dash = is_unnamed ? "" : "-";
    absl::Status status =
        AddFlag({.spelling = absl::StrCat(prefix, dash, spelled_name),
                 .action = action,
                 .entry = entry,
                 .group = flag_group,
                 .name = name});
    if (!is_boolean) return status;
    status.Update(
        AddFlag({.spelling = absl::StrCat(prefix, dash, "no", spelled_name),
                 .action = Action::kFalse,
                 .entry = entry,
                 .group = flag_group,
                 .name = name}));
    return status;
  };
  absl::Status status = add(group, option.given_name(), option.name());
  for (const DeprecatedName& old : option.deprecated_names()) {
    const auto [old_group, old_name] = old.InFull(group, option.name());
    status.Update(add(old_group, old_name, old_name));
  }
  if (option.short_name() != 0) {
    status.Update(AddLetter(option.short_name(),
                            {.spelling = std::string(1, option.short_name()),
                             .action = action,
                             .entry = entry,
                             .group = group,
                             .name = option.name()}));
  }
  return status;
}

absl::Status CommandLineParser::AddForeign(const ForeignFlag& foreign) {
  const auto same = by_name_.find(Dest(foreign.name));
  for (uint32_t i = same == by_name_.end() ? kNone : same->second; i != kNone;
       i = flags_[i].next) {
    if (IsBuiltIn(flags_[i])) return absl::OkStatus();
  }
  Flag flag = {.spelling = foreign.name,
               .action = foreign.is_boolean ? Action::kForeignBoolean
                                            : Action::kForeign};
  absl::Status status = AddFlag(flag);
  if (foreign.is_boolean) {
    flag.spelling = absl::StrCat("no", foreign.name);
    status.Update(AddFlag(std::move(flag)));
  }
  foreign_flags_.push_back(foreign);
  return status;
}

bool CommandLineParser::IsBuiltIn(const Flag& flag) {
  return flag.entry == kNone && flag.action != Action::kForeign &&
         flag.action != Action::kForeignBoolean;
}

std::string CommandLineParser::OwnerOf(const Flag& flag) const {
  if (IsBuiltIn(flag)) return "the program";
  if (flag.entry == kNone) return "another library";
  const Entry& entry = entries_[flag.entry];
  return absl::StrCat(entry.group, ".", entry.option.name());
}

absl::StatusOr<const CommandLineParser::Flag*> CommandLineParser::Find(
    absl::string_view name) const {
  const auto same = by_name_.find(Dest(name));
  if (same == by_name_.end()) return nullptr;
  const Flag& first = flags_[same->second];
  if (first.next == kNone) return &first;
  std::vector<absl::string_view> spellings;
  for (uint32_t i = same->second; i != kNone; i = flags_[i].next) {
    if (flags_[i].spelling == name) return &flags_[i];
    spellings.push_back(flags_[i].spelling);
  }
  return UsageError(
      absl::StrCat("--", name),
      absl::StrCat("is either --", absl::StrJoin(spellings, " or --")));
}

const CommandLineParser::Flag* CommandLineParser::FindLetter(
    char letter) const {
  const auto found = by_letter_.find(letter);
  return found == by_letter_.end() ? nullptr : &flags_[found->second];
}

std::string CommandLineParser::Hint(absl::string_view name) const {
  std::vector<std::string> candidates;
  for (const Flag& flag : flags_) candidates.push_back(flag.spelling);
  std::sort(candidates.begin(), candidates.end());
  const std::string nearest = NearestName(name, candidates);
  return nearest.empty() ? "" : absl::StrCat("; did you mean --", nearest, "?");
}

class CommandLineParser::Reader {
 public:
  Reader(const CommandLineParser& parser,
         absl::Span<const std::string> arguments)
      : parser_(parser), arguments_(arguments) {}

  absl::StatusOr<ParsedArguments> Run() {
    while (next_ < arguments_.size() && !parsed_.print) {
      absl::Status status = ReadOne(arguments_[next_++]);
      if (!status.ok()) return status;
    }
    if (parsed_.print) return std::move(parsed_);
    CommandLine& line = parsed_.command_line;
    if (!parser_.sub_parsers_.empty() && line.sub_command.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("one of these commands is missing: ", CommandNames()));
    }
    absl::Status status = AssignWords();
    if (!status.ok()) return status;
    PrependDefaults();
    line.use_environment = parser_.program_.use_environment;
    return std::move(parsed_);
  }

 private:
  absl::Status ReadOne(absl::string_view argument) {
    absl::string_view text = argument;
    if (only_words_ || argument == "-" || !absl::ConsumePrefix(&text, "-")) {
      return ReadWord(argument);
    }
    if (argument == "--") {
      only_words_ = true;
      return absl::OkStatus();
    }
    const bool two_dashes = absl::ConsumePrefix(&text, "-");
    const size_t equals = text.find('=');
    const absl::string_view name = text.substr(0, equals);
    const std::optional<absl::string_view> value =
        equals == text.npos ? std::nullopt
                            : std::make_optional(text.substr(equals + 1));
    const absl::StatusOr<const Flag*> flag = parser_.Find(name);
    if (!flag.ok()) return flag.status();
    const std::string shown =
        absl::StrCat(argument.substr(0, two_dashes ? 2 : 1), name);
    if (*flag) return Apply(**flag, shown, value);
    if (!two_dashes) return ReadLetters(argument, text);
    return UsageError(shown, absl::StrCat("unknown flag", parser_.Hint(name)));
  }

  // `-v`, `-vd`, `-wVALUE`, `-w=VALUE`, `-w VALUE`.
  absl::Status ReadLetters(absl::string_view argument, absl::string_view text) {
    const Flag* flag = parser_.FindLetter(text[0]);
    // A negative number may be a word.
    if (!flag && (absl::ascii_isdigit(text[0]) || text[0] == '.')) {
      return ReadWord(argument);
    }
    while (!text.empty()) {
      const std::string shown = absl::StrCat("-", text.substr(0, 1));
      flag = parser_.FindLetter(text[0]);
      text.remove_prefix(1);
      if (!flag && shown == "-h") {
        parsed_.print = parser_.Help();
        return absl::OkStatus();
      }
      if (!flag) return UsageError(shown, "unknown flag");
      const bool has_equals = absl::ConsumePrefix(&text, "=");
      if (flag->action == Action::kValue || has_equals) {
        return Apply(*flag, shown,
                     text.empty() && !has_equals ? std::nullopt
                                                 : std::make_optional(text));
      }
      absl::Status status = Apply(*flag, shown, std::nullopt);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // `shown` is how the user wrote it.
  absl::Status Apply(const Flag& flag, const std::string& shown,
                     std::optional<absl::string_view> value) {
    switch (flag.action) {
      case Action::kHelp:
        parsed_.print = parser_.Help();
        return absl::OkStatus();
      case Action::kVersion:
        parsed_.print = absl::StrCat(parser_.program_.version, "\n");
        return absl::OkStatus();
      case Action::kTrue:
      case Action::kFalse:
        if (value) return UsageError(shown, "takes no value");
        parsed_.command_line.flag_values.push_back(
            {.flag = shown,
             .group = std::string(flag.group),
             .name = std::string(flag.name),
             .text = flag.action == Action::kTrue ? "true" : "false",
             .is_implied = true});
        return absl::OkStatus();
      case Action::kForeignBoolean:
        parsed_.foreign.push_back(arguments_[next_ - 1]);
        return absl::OkStatus();
      default:
        break;
    }
    const bool is_next = !value.has_value();
    if (is_next) {
      if (next_ == arguments_.size()) {
        return UsageError(shown, "a value must follow");
      }
      value = arguments_[next_++];
    }
    if (flag.action == Action::kForeign) {
      if (is_next) parsed_.foreign.push_back(arguments_[next_ - 2]);
      parsed_.foreign.push_back(arguments_[next_ - 1]);
      return absl::OkStatus();
    }
    return TakeValue(flag, shown, *value);
  }

  absl::Status TakeValue(const Flag& flag, const std::string& shown,
                         absl::string_view value) {
    CommandLine& line = parsed_.command_line;
    if (flag.action == Action::kValue) {
      line.flag_values.push_back({.flag = shown,
                                  .group = std::string(flag.group),
                                  .name = std::string(flag.name),
                                  .text = std::string(value)});
      return absl::OkStatus();
    }
    if (flag.action == Action::kSet) {
      absl::StatusOr<FlagValue> assignment = ParseAssignment(value);
      if (!assignment.ok()) return assignment.status();
      line.flag_values.push_back(*std::move(assignment));
      return absl::OkStatus();
    }
    if (value.empty()) return UsageError(shown, "is empty");
    if (flag.action == Action::kConfigFile) {
      has_file_ = true;
      line.config_paths.push_back(ConfigFile(value));
    } else {
      has_directory_ = true;
      line.config_paths.push_back(ConfigDirectory(value));
    }
    return absl::OkStatus();
  }

  absl::Status ReadWord(absl::string_view word) {
    if (parser_.sub_parsers_.empty()) {
      words_.push_back(next_ - 1);
      return absl::OkStatus();
    }
    const std::vector<SubCommand>& commands = parser_.program_.sub_commands;
    const auto command =
        std::find_if(commands.begin(), commands.end(),
                     [&](const SubCommand& c) { return c.name == word; });
    if (command == commands.end()) {
      return UsageError(Shown(next_ - 1),
                        absl::StrCat("is none of ", CommandNames()));
    }
    absl::StatusOr<ParsedArguments> sub =
        parser_.sub_parsers_[command - commands.begin()].Parse(
            arguments_.subspan(next_));
    if (!sub.ok()) return sub.status();
    next_ = arguments_.size();
    parsed_.print = std::move(sub->print);
    parsed_.foreign.insert(parsed_.foreign.end(), sub->foreign.begin(),
                           sub->foreign.end());
    parsed_.command_line.sub_command = command->name;
    parsed_.command_line.sub_command_values =
        std::move(sub->command_line.flag_values);
    return absl::OkStatus();
  }

  // Gives the words to the positional options in their order: a multi option
  // takes as many as leave one for each required option after it.
  absl::Status AssignWords() {
    const std::vector<Entry>& positionals = parser_.positionals_;
    size_t needed = 0;
    for (const Entry& entry : positionals) {
      needed += entry.option.erased().required() ? 1 : 0;
    }
    size_t used = 0;
    std::vector<std::string> missing;
    for (const Entry& entry : positionals) {
      const bool required = entry.option.erased().required();
      needed -= required ? 1 : 0;
      const size_t left = words_.size() - used;
      size_t count = left > needed ? left - needed : 0;
      if (!entry.option.erased().is_multi()) count = std::min<size_t>(count, 1);
      if (required && count == 0 && left > 0) count = 1;
      if (required && count == 0) missing.push_back(SpellingOf(entry));
      for (; count > 0; --count) {
        parsed_.command_line.flag_values.push_back(
            {.flag = absl::StrCat("argument ", SpellingOf(entry)),
             .group = std::string(entry.group),
             .name = entry.option.name(),
             .text = arguments_[words_[used++]]});
      }
    }
    if (!missing.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "these arguments are missing: ", absl::StrJoin(missing, ", ")));
    }
    parsed_.words.assign(words_.begin() + used, words_.end());
    if (!parsed_.words.empty() && !parser_.program_.extra_words) {
      return UsageError(Shown(parsed_.words[0]),
                        "an argument that no option takes");
    }
    return absl::OkStatus();
  }

  void PrependDefaults() {
    std::vector<ConfigPath> paths;
    const ProgramInfo& program = parser_.program_;
    if (!has_file_) {
      for (const std::string& path : program.default_config_files) {
        paths.push_back(ConfigFile(path));
      }
    }
    if (!has_directory_) {
      for (const std::string& path : program.default_config_dirs) {
        paths.push_back(ConfigDirectory(path));
      }
    }
    std::vector<ConfigPath>& all = parsed_.command_line.config_paths;
    all.insert(all.begin(), paths.begin(), paths.end());
  }

  // A word in messages. It may have been meant for an option: `--token= WORD`.
  std::string Shown(size_t index) const {
    return parser_.has_secrets_ ? absl::StrCat("argument ", index + 1)
                                : arguments_[index];
  }

  std::string CommandNames() const {
    return absl::StrJoin(parser_.program_.sub_commands, ", ",
                         [](std::string* out, const SubCommand& command) {
                           out->append(command.name);
                         });
  }

  const CommandLineParser& parser_;
  const absl::Span<const std::string> arguments_;
  size_t next_ = 0;
  bool only_words_ = false;
  bool has_file_ = false;
  bool has_directory_ = false;
  std::vector<size_t> words_;
  ParsedArguments parsed_;
};

absl::StatusOr<ParsedArguments> CommandLineParser::Parse(
    absl::Span<const std::string> arguments) const {
  return Reader(*this, arguments).Run();
}

std::string CommandLineParser::SpellingOf(const Entry& entry) {
  if (entry.option.erased().positional()) {
    return Metavar(entry.group, entry.option.description());
  }
  return absl::StrCat(Prefix(entry.group), entry.option.erased().given_name());
}

std::string CommandLineParser::ValueText(const Entry& entry) {
  if (IsBoolean(entry.option)) return "";
  return absl::StrCat(" ", Metavar(entry.group, entry.option.description()));
}

std::vector<const CommandLineParser::Entry*> CommandLineParser::Sorted() const {
  std::vector<const Entry*> sorted;
  for (const Entry& entry : entries_) sorted.push_back(&entry);
  const auto key = [](const Entry* entry) {
    return std::tuple<bool, absl::string_view, absl::string_view>(
        entry->group != kDefaultGroup, entry->group,
        entry->option.erased().given_name());
  };
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [&](const Entry* a, const Entry* b) { return key(a) < key(b); });
  return sorted;
}

std::string CommandLineParser::Usage() const {
  if (!program_.usage.empty()) {
    return absl::StrCat(
        "usage: ",
        absl::StrReplaceAll(program_.usage, {{"%(prog)s", program_.name}}),
        "\n");
  }
  std::vector<std::string> pieces = {"[-h]"};
  if (kind_ == Kind::kProgram) {
    if (!program_.version.empty()) pieces.push_back("[--version]");
    pieces.insert(pieces.end(), {"[--config_file FILE]", "[--config_dir DIR]",
                                 "[--set GROUP.NAME=VALUE]"});
  }
  for (const Entry* entry : Sorted()) {
    pieces.push_back(
        absl::StrCat("[--", SpellingOf(*entry), ValueText(*entry), "]"));
  }
  for (const Entry& entry : positionals_) {
    const internal::ErasedOption& option = entry.option.erased();
    std::string piece = SpellingOf(entry);
    if (option.is_multi()) absl::StrAppend(&piece, " ...");
    pieces.push_back(option.required() ? piece : absl::StrCat("[", piece, "]"));
  }
  if (!program_.sub_commands.empty()) pieces.push_back("COMMAND ...");

  // A piece is not broken.
  std::string out = absl::StrCat("usage: ", program_.name);
  const std::string indent(std::min<size_t>(out.size(), kHelpColumn), ' ');
  size_t column = out.size();
  for (const std::string& piece : pieces) {
    if (column + 1 + piece.size() > kHelpWidth && column > indent.size()) {
      absl::StrAppend(&out, "\n", indent);
      column = indent.size();
    }
    absl::StrAppend(&out, " ", piece);
    column += 1 + piece.size();
  }
  return absl::StrCat(out, "\n");
}

void CommandLineParser::AppendOption(std::string& out,
                                     const Entry& entry) const {
  const OptionDescription& option = entry.option.description();
  std::vector<std::string> flags;
  const std::string spelling = SpellingOf(entry);
  const std::string value = ValueText(entry);
  if (option.positional) {
    flags.push_back(spelling);
  } else {
    if (option.short_name != 0) {
      flags.push_back(
          absl::StrCat("-", std::string(1, option.short_name), value));
    }
    flags.push_back(absl::StrCat("--", spelling, value));
    if (IsBoolean(entry.option)) {
      flags.push_back(
          absl::StrCat("--", Prefix(entry.group), "no", option.given_name));
    }
  }
  std::vector<std::string> help;
  if (!option.help.empty()) help.push_back(option.help);
  if (!option.choices.empty()) help.push_back(ChoicesText(option));
  if (option.is_multi) help.push_back("May be repeated.");
  if (!option.positional && !option.deprecated_names.empty()) {
    std::vector<std::string> old_flags;
    for (const DeprecatedName& old : option.deprecated_names) {
      const auto [group, name] = old.InFull(entry.group, option.name);
      old_flags.push_back(absl::StrCat("--", Prefix(group), name));
    }
    help.push_back(
        absl::StrCat("Deprecated: ", absl::StrJoin(old_flags, ", ")));
  }
  AppendRow(out, absl::StrJoin(flags, ", "), absl::StrJoin(help, "\n"));
}

std::string CommandLineParser::Help() const {
  std::string out = Usage();
  if (!program_.description.empty()) {
    absl::StrAppend(&out, "\n");
    AppendWrapped(out, program_.description, 0);
  }
  if (!positionals_.empty()) {
    absl::StrAppend(&out, "\npositional arguments:\n");
    for (const Entry& entry : positionals_) AppendOption(out, entry);
  }
  absl::StrAppend(&out, "\noptions (in their names - and _ are the same):\n");
  AppendRow(out, "-h, --help", "Show this help and exit.");
  if (kind_ == Kind::kProgram) {
    if (!program_.version.empty()) {
      AppendRow(out, "--version", "Show the version and exit.");
    }
    AppendRow(out, "--config_file FILE",
              absl::StrCat("Read values from a file; may be repeated, later "
                           "ones win. ",
                           DefaultsText(program_.default_config_files)));
    AppendRow(out, "--config_dir DIR",
              absl::StrCat("Read values from the *.conf files of a directory, "
                           "sorted by name; may be repeated. ",
                           DefaultsText(program_.default_config_dirs)));
    AppendRow(out, "--set GROUP.NAME=VALUE",
              "Set one option, whatever files and environment say; may be "
              "repeated.");
  }
  absl::string_view group = kDefaultGroup;
  for (const Entry* entry : Sorted()) {
    if (entry->group != group) {
      group = entry->group;
      absl::StrAppend(&out, "\n", group, " options:\n");
      const auto help = group_help_.find(group);
      if (help != group_help_.end() && !help->second.empty()) {
        AppendWrapped(out, help->second, 2);
        absl::StrAppend(&out, "\n");
      }
    }
    AppendOption(out, *entry);
  }
  if (!program_.sub_commands.empty()) {
    absl::StrAppend(&out, "\n", program_.sub_commands_title, ":\n");
    if (!program_.sub_commands_description.empty()) {
      AppendWrapped(out, program_.sub_commands_description, 2);
      absl::StrAppend(&out, "\n");
    }
    for (const SubCommand& command : program_.sub_commands) {
      AppendRow(out, command.name, command.help);
    }
  }
  bool is_first = true;
  for (const ForeignFlag& foreign : foreign_flags_) {
    if (foreign.hidden) continue;
    if (is_first) absl::StrAppend(&out, "\nother flags:\n");
    is_first = false;
    AppendRow(
        out,
        absl::StrCat("--", foreign.name, foreign.is_boolean ? "" : " VALUE"),
        foreign.help);
  }
  if (!program_.epilog.empty()) {
    absl::StrAppend(&out, "\n");
    AppendWrapped(out, program_.epilog, 0);
  }
  return out;
}

}  // namespace bergen::config
