// SPDX-License-Identifier: Apache-2.0

#include "backdoor/command_table.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bergen::backdoor {
namespace {

// Longest part of somebody's input that an error repeats.
constexpr size_t kMaxQuoted = 64;

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

bool IsControl(char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

bool IsWordCharacter(char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(byte) || byte >= 0x80 ||
         absl::string_view("_.:/@%+-~").find(c) != absl::string_view::npos;
}

bool IsName(absl::string_view text) {
  if (text.empty() || text.size() > CommandTable::kMaxNameLength ||
      !absl::ascii_islower(static_cast<unsigned char>(text[0]))) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    const unsigned char byte = static_cast<unsigned char>(c);
    return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || c == '_';
  });
}

// `text` in quotes, on one line and not too long.
std::string Quoted(absl::string_view text) {
  const bool whole = text.size() <= kMaxQuoted;
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(text.substr(0, kMaxQuoted)),
                      whole ? "'" : "...'");
}

struct RawArgument {
  absl::string_view name;  // Empty if given by its place.
  std::string text;
  bool quoted = false;
};

struct RawCall {
  absl::string_view name;  // Empty for a blank line.
  std::vector<RawArgument> arguments;
};

// Reads one line from left to right; knows no commands.
class Reader {
 public:
  explicit Reader(absl::string_view line) : rest_(line), whole_(line) {}

  absl::StatusOr<RawCall> ReadCall() {
    RawCall call;
    SkipBlanks();
    if (rest_.empty()) return call;
    call.name = TakeWord();
    if (call.name.empty()) return Wrong("expected the name of a command");
    SkipBlanks();
    if (rest_.empty()) return call;
    if (!TakeIf('(')) {
      return Wrong(absl::StrCat("arguments go in parentheses, as in ",
                                Quoted(absl::StrCat(call.name, "(...)"))));
    }
    absl::Status arguments = ReadArguments(call.arguments);
    if (!arguments.ok()) return arguments;
    SkipBlanks();
    if (!rest_.empty()) return Wrong("nothing may follow ')'");
    return call;
  }

 private:
  absl::Status ReadArguments(std::vector<RawArgument>& arguments) {
    SkipBlanks();
    if (TakeIf(')')) return absl::OkStatus();
    while (true) {
      absl::StatusOr<RawArgument> argument = ReadArgument();
      if (!argument.ok()) return argument.status();
      arguments.push_back(*std::move(argument));
      SkipBlanks();
      if (TakeIf(')')) return absl::OkStatus();
      if (!TakeIf(',')) return Wrong("expected ',' or ')'");
    }
  }

  absl::StatusOr<RawArgument> ReadArgument() {
    RawArgument argument;
    SkipBlanks();
    if (IsQuote()) return ReadQuoted();
    const absl::string_view word = TakeWord();
    if (word.empty()) return Wrong("expected an argument");
    SkipBlanks();
    if (!TakeIf('=')) {
      argument.text = std::string(word);
      return argument;
    }
    SkipBlanks();
    if (IsQuote()) {
      absl::StatusOr<RawArgument> value = ReadQuoted();
      if (value.ok()) value->name = word;
      return value;
    }
    argument.name = word;
    argument.text = std::string(TakeWord());
    if (argument.text.empty()) {
      return Wrong(absl::StrCat("expected a value after ", Quoted(word), " ="));
    }
    return argument;
  }

  absl::StatusOr<RawArgument> ReadQuoted() {
    RawArgument argument;
    argument.quoted = true;
    const char quote = rest_[0];
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == quote) return argument;
      if (c != '\\') {
        argument.text.push_back(c);
        continue;
      }
      const std::optional<char> escaped = TakeEscaped();
      if (!escaped.has_value()) {
        return Wrong("after '\\' there must be one of \\ ' \" n r t");
      }
      argument.text.push_back(*escaped);
    }
    return Wrong(absl::StrCat("no closing ", absl::string_view(&quote, 1)));
  }

  std::optional<char> TakeEscaped() {
    if (rest_.empty()) return std::nullopt;
    const char c = rest_[0];
    rest_.remove_prefix(1);
    switch (c) {
      case '\\':
      case '\'':
      case '"':
        return c;
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      default:
        return std::nullopt;
    }
  }

  absl::string_view TakeWord() {
    size_t length = 0;
    while (length < rest_.size() && IsWordCharacter(rest_[length])) ++length;
    const absl::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return word;
  }

  bool TakeIf(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool IsQuote() const {
    return !rest_.empty() && (rest_[0] == '\'' || rest_[0] == '"');
  }

  void SkipBlanks() {
    while (!rest_.empty() && IsBlank(rest_[0])) rest_.remove_prefix(1);
  }

  absl::Status Wrong(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("column ", whole_.size() - rest_.size() + 1, ": ", what));
  }

  absl::string_view rest_;
  absl::string_view whole_;
};

bool HasType(const Value& value, ParameterType type) {
  switch (type) {
    case ParameterType::kString:
      return std::holds_alternative<std::string>(value);
    case ParameterType::kInt:
      return std::holds_alternative<int64_t>(value);
    case ParameterType::kDouble:
      return std::holds_alternative<double>(value);
    case ParameterType::kBool:
      return std::holds_alternative<bool>(value);
  }
  return false;
}

bool InBounds(const Parameter& parameter, double number) {
  return number >= parameter.min && number <= parameter.max;
}

std::optional<Value> Convert(const Parameter& parameter,
                             const RawArgument& argument) {
  const std::string& text = argument.text;
  if (parameter.type == ParameterType::kString) {
    const std::vector<std::string>& choices = parameter.choices;
    if (!choices.empty() &&
        std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return std::nullopt;
    }
    return Value(text);
  }
  if (argument.quoted) return std::nullopt;
  if (parameter.type == ParameterType::kInt) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number) ||
        !InBounds(parameter, static_cast<double>(number))) {
      return std::nullopt;
    }
    return Value(number);
  }
  if (parameter.type == ParameterType::kDouble) {
    double number = 0;
    if (!absl::SimpleAtod(text, &number) || !std::isfinite(number) ||
        !InBounds(parameter, number)) {
      return std::nullopt;
    }
    return Value(number);
  }
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "true" || lower == "1") return Value(true);
  if (lower == "false" || lower == "0") return Value(false);
  return std::nullopt;
}

std::string ValueText(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return absl::StrCat("'", *text, "'");
  }
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return absl::StrCat(*number);
  }
  if (const auto* number = std::get_if<double>(&value)) {
    return absl::StrCat(*number);
  }
  return std::get<bool>(value) ? "true" : "false";
}

absl::Status CheckParameter(const Command& command,
                            const Parameter& parameter) {
  const std::string where =
      absl::StrCat(command.name, ": parameter ", Quoted(parameter.name), ": ");
  if (!IsName(parameter.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "the name must be [a-z][a-z0-9_]*"));
  }
  if (parameter.required && parameter.default_value.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "a required argument has no default"));
  }
  if (parameter.default_value.has_value() &&
      !HasType(*parameter.default_value, parameter.type)) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "the default is of another type"));
  }
  return absl::OkStatus();
}

// Letters to insert, drop, replace or exchange with a neighbour to get from one
// to the other.
size_t EditDistance(absl::string_view from, absl::string_view to) {
  std::vector<std::vector<size_t>> cost(from.size() + 1,
                                        std::vector<size_t>(to.size() + 1));
  for (size_t i = 0; i <= from.size(); ++i) {
    for (size_t j = 0; j <= to.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const size_t replaced = from[i - 1] == to[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + replaced});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] &&
          from[i - 2] == to[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[from.size()][to.size()];
}

// The parameter that `argument` is for: by its name, or number `place`.
absl::StatusOr<const Parameter*> FindParameter(const Command& command,
                                               const RawArgument& argument,
                                               size_t place) {
  const std::vector<Parameter>& parameters = command.parameters;
  if (argument.name.empty()) {
    if (place < parameters.size()) return &parameters[place];
    if (parameters.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(command.name, ": takes no arguments"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat(command.name, ": takes at most ", parameters.size(),
                     " arguments: ", Signature(command)));
  }
  for (const Parameter& parameter : parameters) {
    if (parameter.name == argument.name) return &parameter;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(command.name, ": no argument is called ",
                   Quoted(argument.name), ": ", Signature(command)));
}

absl::StatusOr<Arguments> Bind(const Command& command, const RawCall& call) {
  Arguments arguments;
  std::set<absl::string_view> given;
  bool named = false;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const RawArgument& raw = call.arguments[i];
    if (raw.name.empty() && named) {
      return absl::InvalidArgumentError(
          absl::StrCat(command.name, ": ", Quoted(raw.text),
                       " follows a named argument and so needs a name"));
    }
    named = named || !raw.name.empty();
    absl::StatusOr<const Parameter*> parameter = FindParameter(command, raw, i);
    if (!parameter.ok()) return parameter.status();
    if (!given.insert((*parameter)->name).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          command.name, ": ", (*parameter)->name, " is given twice"));
    }
    std::optional<Value> value = Convert(**parameter, raw);
    if (!value.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(command.name, ": ", (*parameter)->name, ": want ",
                       DescribeAllowed(**parameter), ", got ",
                       raw.quoted ? "the string " : "", Quoted(raw.text)));
    }
    arguments.Set((*parameter)->name, *std::move(value));
  }
  for (const Parameter& parameter : command.parameters) {
    if (given.count(parameter.name) != 0) continue;
    if (parameter.required) {
      return absl::InvalidArgumentError(
          absl::StrCat(command.name, ": ", parameter.name,
                       " is missing: ", Signature(command)));
    }
    if (parameter.default_value.has_value()) {
      arguments.Set(parameter.name, *parameter.default_value);
    }
  }
  return arguments;
}

}  // namespace

absl::Status CommandTable::Add(Command command) {
  if (!IsName(command.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "command ", Quoted(command.name), ": the name must be [a-z][a-z0-9_]*",
        " of at most ", kMaxNameLength, " characters"));
  }
  if (!command.handler) {
    return absl::InvalidArgumentError(
        absl::StrCat(command.name, ": has no handler"));
  }
  if (command.changes_state && command.role == Role::kView) {
    return absl::InvalidArgumentError(absl::StrCat(
        command.name, ": what changes state is not for the role view"));
  }
  std::set<absl::string_view> names;
  for (const Parameter& parameter : command.parameters) {
    absl::Status status = CheckParameter(command, parameter);
    if (!status.ok()) return status;
    if (!names.insert(parameter.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          command.name, ": two parameters are called ", parameter.name));
    }
  }
  if (Find(command.name) != nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat(command.name, ": there is a command of this name"));
  }
  std::string name = command.name;
  commands_.emplace(std::move(name), std::move(command));
  return absl::OkStatus();
}

absl::StatusOr<Invocation> CommandTable::Parse(absl::string_view line,
                                               Role role) const {
  if (line.size() > kMaxLineLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("the line has ", line.size(), " bytes; at most ",
                     kMaxLineLength, " are allowed"));
  }
  for (size_t i = 0; i < line.size(); ++i) {
    if (IsControl(line[i]) && !IsBlank(line[i])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "column ", i + 1, ": control characters are not allowed"));
    }
  }
  absl::StatusOr<RawCall> call = Reader(line).ReadCall();
  if (!call.ok()) return call.status();
  if (call->name.empty()) return Invocation();

  const Command* command = Find(call->name);
  if (command == nullptr) return UnknownCommand(call->name);
  if (role < command->role) {
    return absl::PermissionDeniedError(
        absl::StrCat(command->name, ": needs the role ",
                     RoleName(command->role), ", you have ", RoleName(role)));
  }
  absl::StatusOr<Arguments> arguments = Bind(*command, *call);
  if (!arguments.ok()) return arguments.status();
  return Invocation{command, *std::move(arguments)};
}

const Command* CommandTable::Find(absl::string_view name) const {
  const auto found = commands_.find(std::string(name));
  return found == commands_.end() ? nullptr : &found->second;
}

std::vector<const Command*> CommandTable::commands() const {
  std::vector<const Command*> result;
  for (const auto& [name, command] : commands_) result.push_back(&command);
  return result;
}

absl::Status CommandTable::UnknownCommand(absl::string_view name) const {
  // A third of the letters may be wrong, at least one.
  const size_t limit = std::max<size_t>(1, name.size() / 3);
  const std::string* nearest = nullptr;
  size_t least = limit + 1;
  if (name.size() <= kMaxNameLength) {
    const std::string lower = absl::AsciiStrToLower(name);
    for (const auto& [candidate, command] : commands_) {
      const size_t distance = EditDistance(lower, candidate);
      if (distance >= least) continue;
      least = distance;
      nearest = &candidate;
    }
  }
  std::string hint;
  if (nearest != nullptr) {
    hint = absl::StrCat("; did you mean ", *nearest, "?");
  } else if (Find("help") != nullptr) {
    hint = "; help() lists what there is";
  }
  return absl::NotFoundError(
      absl::StrCat("unknown command ", Quoted(name), hint));
}

std::string QuoteArgument(absl::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), IsWordCharacter)) {
    return std::string(text);
  }
  std::string quoted = "'";
  for (const char c : text) {
    switch (c) {
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\'':
      case '\\':
        quoted += '\\';
        [[fallthrough]];
      default:
        quoted += c;
    }
  }
  return quoted + "'";
}

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kView:
      return "view";
    case Role::kOperate:
      return "operate";
    case Role::kAdmin:
      return "admin";
  }
  return "unknown";
}

std::string Signature(const Command& command) {
  std::vector<std::string> parts;
  for (const Parameter& parameter : command.parameters) {
    std::string part = parameter.name;
    if (!parameter.required) part += "=";
    if (parameter.default_value.has_value()) {
      part += ValueText(*parameter.default_value);
    }
    parts.push_back(std::move(part));
  }
  return absl::StrCat(command.name, "(", absl::StrJoin(parts, ", "), ")");
}

std::string DescribeAllowed(const Parameter& parameter) {
  std::string text;
  switch (parameter.type) {
    case ParameterType::kString:
      return parameter.choices.empty()
                 ? "a string"
                 : absl::StrCat("one of ",
                                absl::StrJoin(parameter.choices, ", "));
    case ParameterType::kBool:
      return "true or false";
    case ParameterType::kInt:
      text = "a whole number";
      break;
    case ParameterType::kDouble:
      text = "a number";
      break;
  }
  const double infinity = std::numeric_limits<double>::infinity();
  if (parameter.min > -infinity) {
    absl::StrAppend(&text, " from ", parameter.min);
  }
  if (parameter.max < infinity) {
    absl::StrAppend(&text, " up to ", parameter.max);
  }
  return text;
}

}  // namespace bergen::backdoor
