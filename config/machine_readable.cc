// SPDX-License-Identifier: Apache-2.0

#include "config/machine_readable.h"

#include <map>
#include <utility>

#include "config/option.h"

namespace bergen::config {
namespace {

using NativeDict = NativeValue::Dict;
using NativeList = NativeValue::List;

NativeValue TextOrNull(const std::string& text) {
  if (text.empty()) return {};
  return {text};
}

NativeValue Texts(const std::vector<std::string>& texts) {
  NativeList list;
  for (const std::string& text : texts) list.push_back({text});
  return {std::move(list)};
}

NativeValue RunData(const GeneratorRun& run) {
  return {NativeDict{
      {"config_dir", Texts(run.config_dirs)},
      {"config_file", Texts(run.config_files)},
      {"config_source", {NativeList{}}},
      {"format_", {run.format}},
      {"minimal", {run.minimal}},
      {"namespace", Texts(run.name_spaces)},
      {"output_file",
       run.output_file ? NativeValue{*run.output_file} : NativeValue{}},
      {"summarize", {run.summarize}},
      {"wrap_width", {int64_t{run.wrap_width}}},
  }};
}

NativeValue OptionData(const std::string& name_space,
                       const OptionDescription& option, NativeList old_names) {
  NativeList choices;
  for (const Choice<NativeValue>& choice : option.choice_values) {
    choices.push_back(
        {NativeList{choice.value, TextOrNull(choice.description)}});
  }
  const Removal removal = option.removal.value_or(Removal{});
  return {NativeDict{
      {"advanced", {option.advanced}},
      {"choices", {std::move(choices)}},
      {"default", option.default_value},
      {"deprecated_for_removal", {option.removal.has_value()}},
      {"deprecated_opts", {std::move(old_names)}},
      {"deprecated_reason", TextOrNull(removal.reason)},
      {"deprecated_since", TextOrNull(removal.since)},
      {"dest", {option.name}},
      {"help", TextOrNull(option.help)},
      {"max", option.max_value},
      {"metavar", TextOrNull(option.metavar)},
      {"min", option.min_value},
      {"mutable", {option.is_mutable}},
      {"name", {option.given_name}},
      {"namespace", {name_space}},
      {"positional", {option.positional}},
      {"required", {option.required}},
      {"sample_default", option.sample_value},
      {"secret", {option.secret}},
      {"short", option.short_name
                    ? NativeValue{std::string(1, option.short_name)}
                    : NativeValue{}},
      {"type", {option.type_name}},
  }};
}

}  // namespace

NativeValue MachineReadable(const Listing& listing, const GeneratorRun& run) {
  NativeDict groups;
  std::map<std::string, NativeList> replaced;  // By the old name's group.
  for (const Listing::Group& group : listing.groups()) {
    NativeList options;
    NativeList names;
    for (const Listing::Block& block : group.blocks) {
      for (const AnyOption& any : block.options) {
        const OptionDescription& option = any.description();
        NativeList old_names;
        for (const DeprecatedName& old : option.deprecated_names) {
          const auto full = old.InFull(group.name, option.given_name);
          const std::string old_group(full.first);
          const std::string old_name(full.second);
          old_names.push_back(
              {NativeDict{{"group", {old_group}}, {"name", {old_name}}}});
          replaced[old_group].push_back(
              {NativeDict{{"name", {old_name}},
                          {"replacement_group", {group.name}},
                          {"replacement_name", {option.given_name}}}});
        }
        names.push_back({option.given_name});
        options.push_back(
            OptionData(block.name_space, option, std::move(old_names)));
      }
    }
    NativeDict data = {{"help", {group.help}}};
    if (!options.empty()) {
      data.push_back({"driver_option", {std::string()}});
      data.push_back({"driver_opts", {NativeDict{}}});
      data.push_back({"dynamic_group_owner", {std::string()}});
    }
    data.push_back({"opts", {std::move(options)}});
    data.push_back({"standard_opts", {std::move(names)}});
    groups.emplace_back(group.name, NativeValue{std::move(data)});
  }
  NativeDict deprecated;
  for (auto& [group, names] : replaced) {
    deprecated.emplace_back(group, NativeValue{std::move(names)});
  }
  NativeDict root = {{"deprecated_options", {std::move(deprecated)}},
                     {"generator_options", RunData(run)},
                     {"options", {std::move(groups)}}};
  if (run.with_schema) root.push_back({"schema", {kMachineReadableSchema}});
  return {std::move(root)};
}

}  // namespace bergen::config
