// SPDX-License-Identifier: Apache-2.0

#include "backdoor/config_commands.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "backdoor/command.h"
#include "config/option.h"

namespace bergen::backdoor {
namespace {

using config::Change;
using config::DumpEntry;
using config::Registry;
using config::Report;

// As it is typed: `workers` of DEFAULT, else `demo.workers`.
std::string FullName(absl::string_view group, absl::string_view name) {
  return group == config::kDefaultGroup ? std::string(name)
                                        : absl::StrCat(group, ".", name);
}

struct OptionName {
  std::string group;
  std::string name;
};

OptionName ParseName(absl::string_view text) {
  const size_t dot = text.rfind('.');
  if (dot == absl::string_view::npos) {
    return {std::string(config::kDefaultGroup), std::string(text)};
  }
  return {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

// By name as it is typed; none if there is no such option. Cost: linear in the
// number of options, which is fine for somebody who types.
std::optional<DumpEntry> Find(const Registry& registry,
                              absl::string_view text) {
  for (DumpEntry& entry : registry.Dump()) {
    if (FullName(entry.group, entry.name) == text) return std::move(entry);
  }
  return std::nullopt;
}

absl::Status Show(const Registry& registry, absl::string_view pattern,
                  Output& output) {
  bool found = false;
  for (const DumpEntry& entry : registry.Dump()) {
    const std::string name = FullName(entry.group, entry.name);
    if (!absl::StrContains(name, pattern)) continue;
    found = true;
    const std::string origin = entry.origin.ToString();
    output.Record({{"name", name},
                   {"value", entry.value},
                   {"origin", origin},
                   {"mutable", entry.is_mutable}});
    if (!output.Write(absl::StrCat(name, " = ", entry.value, "  (", origin, ")",
                                   entry.is_mutable ? " mutable" : "", "\n"))) {
      return absl::OkStatus();
    }
  }
  if (found) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("config: no option's name contains '", pattern, "'"));
}

absl::Status Set(Registry& registry, const std::string& text,
                 const std::string& value, Output& output) {
  const std::optional<DumpEntry> old_entry = Find(registry, text);
  if (!old_entry) {
    return absl::NotFoundError(
        absl::StrCat("config_set: no option is called '", text, "'"));
  }
  if (!old_entry->is_mutable) {
    return absl::FailedPreconditionError(
        absl::StrCat("config_set: ", text,
                     " is not mutable: change the file and restart or reload"));
  }
  const absl::Status set =
      registry.SetOverrideFromText(old_entry->group, old_entry->name, value);
  if (!set.ok()) return set;
  const std::optional<DumpEntry> entry = Find(registry, text);
  const std::string new_value = entry ? entry->value : "";
  output.Record({{"old_value", old_entry->value}, {"new_value", new_value}});
  output.Write(
      absl::StrCat(text, ": ", old_entry->value, " -> ", new_value, "\n"));
  return absl::OkStatus();
}

absl::Status ClearValue(Registry& registry, const std::string& text,
                        Output& output) {
  const OptionName option = ParseName(text);
  const absl::Status cleared =
      registry.ClearOverride(option.group, option.name);
  if (!cleared.ok()) return cleared;
  return Show(registry, text, output);
}

absl::string_view VerdictText(config::Verdict verdict) {
  switch (verdict) {
    case config::Verdict::kApplied:
      return "applied";
    case config::Verdict::kNeedsRestart:
      return "needs a restart or reload";
    case config::Verdict::kRejected:
      return "rejected";
    case config::Verdict::kHeldBack:
      return "held back";
  }
  return "";
}

absl::Status Tell(const Report& report, Output& output) {
  for (const std::string& warning : report.warnings) {
    output.Write(absl::StrCat("warning: ", warning, "\n"));
  }
  for (const Change& change : report.changes) {
    const std::string name = FullName(change.group, change.name);
    const bool would =
        report.dry_run && change.verdict == config::Verdict::kApplied;
    const std::string verdict(would ? "would be applied"
                                    : VerdictText(change.verdict));
    output.Record({{"name", name},
                   {"old_value", change.old_text},
                   {"new_value", change.new_text},
                   {"origin", change.origin.ToString()},
                   {"verdict", verdict},
                   {"reason", change.reason}});
    if (change.verdict == config::Verdict::kRejected) {
      output.Write(absl::StrCat(name, ": rejected: ", change.reason, "\n"));
      continue;
    }
    output.Write(absl::StrCat(name, ": ", change.old_text, " -> ",
                              change.new_text, " (", change.origin.ToString(),
                              "): ", verdict, "\n"));
  }
  for (const absl::Status& failure : report.hook_failures) {
    output.Write(absl::StrCat("a hook failed: ", failure.ToString(), "\n"));
  }
  if (!report.status.ok()) return report.status;
  if (report.changes.empty()) output.Write("no changes\n");
  return absl::OkStatus();
}

Command ConfigCommand(const Registry& registry) {
  return {.name = "config",
          .parameters = {{.name = "pattern",
                          .help = "part of the names to show",
                          .default_value = std::string()}},
          .help = "Shows options, their values and where these come from.",
          .handler = [&registry](const Arguments& arguments, const Caller&,
                                 Output& output) {
            return Show(registry, arguments.String("pattern"), output);
          }};
}

Command ConfigSetCommand(Registry& registry) {
  return {.name = "config_set",
          .parameters = {{.name = "option",
                          .help = "such as demo.greeting; of [DEFAULT] the "
                                  "name alone",
                          .required = true},
                         {.name = "value",
                          .help = "as it would stand in a file",
                          .required = true}},
          .help = "Sets a mutable option of this process, above all files.",
          .changes_state = true,
          .describe =
              [&registry](const Arguments& arguments) {
                const std::string& option = arguments.String("option");
                const std::optional<DumpEntry> entry = Find(registry, option);
                const bool hide = !entry || entry->secret;
                return absl::StrCat("config_set(", option, ", ",
                                    hide ? "****" : arguments.String("value"),
                                    ")");
              },
          .role = Role::kAdmin,
          .handler =
              [&registry](const Arguments& arguments, const Caller&,
                          Output& output) {
                return Set(registry, arguments.String("option"),
                           arguments.String("value"), output);
              }};
}

Command ConfigClearCommand(Registry& registry) {
  return {.name = "config_clear",
          .parameters = {{.name = "option",
                          .help = "as for config_set",
                          .required = true}},
          .help = "Undoes config_set.",
          .changes_state = true,
          .role = Role::kAdmin,
          .handler = [&registry](const Arguments& arguments, const Caller&,
                                 Output& output) {
            return ClearValue(registry, arguments.String("option"), output);
          }};
}

Command MutateCommand(Registry& registry) {
  return {.name = "mutate",
          .parameters = {{.name = "dry_run",
                          .type = ParameterType::kBool,
                          .help = "only tells what would change",
                          .default_value = false}},
          .help =
              "Reads the files again; mutable options of this process "
              "change.",
          .changes_state = true,
          .role = Role::kOperate,
          .handler = [&registry](const Arguments& arguments, const Caller&,
                                 Output& output) {
            return Tell(registry.Mutate({.dry_run = arguments.Bool("dry_run")}),
                        output);
          }};
}

}  // namespace

absl::Status AddConfigCommands(Registry& registry, CommandTable& table) {
  std::vector<Command> commands = {
      ConfigCommand(registry), ConfigSetCommand(registry),
      ConfigClearCommand(registry), MutateCommand(registry)};
  for (Command& command : commands) {
    absl::Status added = table.Add(std::move(command));
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace bergen::backdoor
