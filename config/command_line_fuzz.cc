// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "config/command_line.h"
#include "config/option.h"
#include "config/sources.h"
#include "config/value.h"

using ::bergen::config::CommandLineParser;
using ::bergen::config::FlagValue;
using ::bergen::config::kDefaultGroup;
using ::bergen::config::Multi;
using ::bergen::config::Option;
using ::bergen::config::OptionList;
using ::bergen::config::ParsedArguments;

namespace {

OptionList Options() {
  return {
      {.name = std::string(kDefaultGroup),
       .options = {Option<std::string>{.name = "file", .positional = true},
                   Option<bool>{
                       .name = "debug", .short_name = 'd', .cli = true},
                   Option<std::string>{.name = "a-b", .cli = true}}},
      {.name = "a",
       .options = {Option<std::string>{.name = "b_c", .cli = true},
                   Option<int64_t>{.name = "n",
                                   .short_name = 'n',
                                   .cli = true,
                                   .deprecated_names = {{.name = "old"}}}}},
      {.name = "a_b",
       .options = {Option<std::string>{.name = "c", .cli = true},
                   Option<Multi<std::string>>{
                       .name = "rest", .positional = true, .required = false}}},
  };
}

}  // namespace

// The arguments stand on lines. Every value that is read has an option's name,
// and comes from an argument.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const absl::StatusOr<CommandLineParser>& parser =
      *new absl::StatusOr<CommandLineParser>(CommandLineParser::Create(
          Options(), {.name = "fuzz", .version = "1"},
          {{.name = "gflag"}, {.name = "switch", .is_boolean = true}}));
  if (!parser.ok()) std::abort();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> arguments = absl::StrSplit(text, '\n');
  const absl::StatusOr<ParsedArguments> parsed = parser->Parse(arguments);
  if (!parsed.ok() || parsed->print) return 0;
  if (parsed->command_line.flag_values.size() > size + 1) std::abort();
  for (const FlagValue& value : parsed->command_line.flag_values) {
    if (value.group.empty() || value.name.empty() || value.flag.empty() ||
        (!value.is_implied && text.find(value.text) == text.npos)) {
      std::abort();
    }
  }
  return 0;
}
