// SPDX-License-Identifier: Apache-2.0

#include "config/candidate.h"

#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "config/nearest_name.h"
#include "config/option.h"
#include "config/registry_state.h"

namespace bergen::config::internal {
namespace {
using Position = RawTable::Position;

// Suggestions are made for so many unknown names; each takes linear time.
constexpr int kMaxSuggestions = 20;

}  // namespace

Candidate::Candidate(const RegistryState& registry_state,
                     std::shared_ptr<const RawTable> raw_table)
    : state(registry_state), table(std::move(raw_table)) {
  selections.resize(state.entries.size());
  for (const RawTable::Part& part : table->parts()) {
    if (part.kind == SourceKind::kEnvironment) {
      MatchEnvironment(part);
    } else {
      Match(part);
    }
  }
}

void Candidate::Match(const RawTable::Part& part) {
  absl::string_view section;
  const NameIndex::Group* group = nullptr;
  Position position = part.begin;
  for (const RawValue& raw : part.document.values()) {
    if (!group || section != raw.group) {
      section = raw.group;
      group = state.names.FindGroup(section);
    }
    MatchOne(group ? state.names.Find(*group, raw.name) : nullptr, position++,
             raw, part);
  }
}

// Variables have lost the case of the names that they stand for.
void Candidate::MatchEnvironment(const RawTable::Part& part) {
  Position position = part.begin;
  for (const RawValue& raw : part.document.values()) {
    const std::string lower = absl::AsciiStrToLower(raw.name);
    MatchOne(state.names.Find(raw.group, lower), position, raw, part);
    for (const NameIndex::Name* name : state.names.mixed_case_names()) {
      if (absl::EqualsIgnoreCase(name->name, raw.name) &&
          GroupKey(name->group.name) == GroupKey(raw.group)) {
        MatchOne(name, position, raw, part);
      }
    }
    ++position;
  }
}

void Candidate::MatchOne(const NameIndex::Name* name, Position position,
                         const RawValue& raw, const RawTable::Part& part) {
  const auto consider = [&](uint32_t index, uint32_t rank) {
    selections[index].Consider(position, raw, part.begin, rank);
    if (!state.entries[index].erased().is_multi()) return;
    std::unique_ptr<RawTable::ManySelected>& selected = many[index];
    if (!selected) selected = std::make_unique<RawTable::ManySelected>();
    selected->Consider(*table, position, part.kind, rank);
  };
  if (!name || (name->option == NameIndex::kNoOption && !name->aliases)) {
    if (part.kind != SourceKind::kEnvironment) {
      unknown_names.push_back(position);
    }
    return;
  }
  if (name->option != NameIndex::kNoOption) consider(name->option, 0);
  if (!name->aliases) return;
  for (const NameIndex::AliasUse& use : *name->aliases) {
    consider(use.option, use.rank);
  }
}

void Candidate::WarnOfNames(Lines& warnings) const {
  for (const Entry& entry : state.entries) {
    const ErasedOption& option = entry.erased();
    const RawTable::Selection& selection = selections[entry.index()];
    if (!entry.alive || !selection.found()) continue;
    const auto warn = [&](Position position, absl::string_view text) {
      const RawTable::Value value = table->At(position);
      warnings.Add(position, absl::StrCat(PlaceText(value, option.secret()),
                                          ": ", value.raw->group, ".",
                                          value.raw->name, ": ", text));
    };
    const auto warn_of_alias = [&](Position position) {
      warn(position, absl::StrCat("deprecated name of ", entry.subject()));
    };
    if (option.is_multi()) {
      const RawTable::ManySelected& selected = *many.at(entry.index());
      if (selected.rank > 0) warn_of_alias(selected.rank_position);
    } else {
      if (selection.rank() > 0) warn_of_alias(selection.position());
      if (selection.ignored() != RawTable::kNone) {
        const RawTable::Value ignored = table->At(selection.ignored());
        warn(
            selection.position(),
            absl::StrCat("set again; ", ignored.document->PlaceOf(*ignored.raw),
                         " does not count"));
      }
    }
    if (!option.removal()) continue;
    const Removal& removal = *option.removal();
    warn(
        selection.position(),
        absl::StrCat(
            "deprecated for removal",
            removal.since.empty() ? "" : absl::StrCat(" since ", removal.since),
            removal.reason.empty() ? ""
                                   : absl::StrCat(" (", removal.reason, ")"),
            "; its value may be silently ignored in the future"));
  }
}

void Candidate::FindUnknown(Lines& unknown) const {
  absl::flat_hash_set<std::pair<const Document*, absl::string_view>>
      sections_told;
  int suggestions = 0;
  for (const Position position : unknown_names) {
    const RawTable::Value value = table->At(position);
    const RawValue& raw = *value.raw;
    const auto add = [&](absl::string_view text, absl::string_view hint) {
      unknown.Add(position,
                  absl::StrCat(value.document->PlaceOf(raw), ": ", text,
                               hint.empty() ? "" : "; did you mean ", hint,
                               hint.empty() ? "" : "?"));
    };
    const auto nearest = [&](absl::string_view name,
                             std::vector<std::string> candidates) {
      std::sort(candidates.begin(), candidates.end());
      ++suggestions;
      return NearestName(name, candidates);
    };
    const bool suggest = suggestions < kMaxSuggestions;
    std::vector<std::string> candidates;
    const NameIndex::Group* const group = state.names.FindGroup(raw.group);
    if (!group || group->options + group->aliases == 0) {
      if (!sections_told.emplace(value.document, raw.group).second) continue;
      for (const auto& [key, known] : state.names.groups()) {
        if (suggest && known->options + known->aliases > 0) {
          candidates.push_back(known->name);
        }
      }
      const std::string hint =
          suggest ? nearest(raw.group, std::move(candidates)) : "";
      add(absl::StrCat("[", raw.group, "]: unknown section"),
          hint.empty() ? "" : absl::StrCat("[", hint, "]"));
      continue;
    }
    for (const uint32_t number : group->names) {
      const NameIndex::Name& name = state.names.at(number);
      if (suggest && name.option != NameIndex::kNoOption) {
        candidates.emplace_back(name.name);
      }
    }
    add(absl::StrCat(raw.group, ".", raw.name, ": unknown option"),
        suggest ? nearest(raw.name, std::move(candidates)) : "");
  }
}

void Candidate::ResolveAll(Lines& errors) {
  const auto wish_of = [&](const Entry& entry) { return InForce(entry); };
  const auto is_fresh = [](const Entry&) { return true; };
  Resolver resolver(state, wish_of, is_fresh);
  values.resize(state.entries.size());
  masked.resize(state.entries.size());
  for (const Entry& entry : state.entries) {
    if (!entry.alive) continue;
    const ErasedOption& option = entry.erased();
    const uint32_t index = entry.index();
    const RawTable::Selection& selection = selections[index];
    if (!selection.found() && !entry.has_override && !entry.has_default &&
        !entry.default_has_references) {
      values[index] = entry.default_value;
      masked[index] = option.secret();
    } else if (selection.found() && !entry.has_override && !option.is_multi() &&
               (option.literal() ||
                !absl::StrContains(selection.raw()->text, '$'))) {
      // The usual case.
      absl::StatusOr<AnyValue> value = option.Parse(
          absl::MakeConstSpan(&selection.raw()->text, 1), option.secret());
      if (value.ok()) {
        values[index] = *std::move(value);
      } else {
        Reject(entry, selection.position(),
               absl::StrCat(PlaceOf(entry, InForce(entry)), ": ",
                            entry.subject(), ": ", value.status().message()),
               errors);
      }
      masked[index] = option.secret();
    } else {
      ResolveOne(entry, resolver, errors);
    }
    if (option.required() && !values[index] && !rejected.contains(index)) {
      const Wish wish = InForce(entry);
      Reject(entry, wish.position, Missing(entry, wish), errors);
    }
  }
}

void Candidate::Reject(const Entry& entry, size_t position,
                       absl::string_view why, Lines& errors) {
  errors.Add(position, std::string(why));
  rejected.try_emplace(entry.index(), why);
}

void Candidate::ResolveOne(const Entry& entry, Resolver& resolver,
                           Lines& errors) {
  const uint32_t index = entry.index();
  const RawTable::Selection& selection = selections[index];
  // An override does not excuse a mistake in a file.
  if (selection.found() && entry.has_override) {
    Resolved ignored;
    const Wish hidden =
        Wish::OfSource(*table, selection.position(), FindMany(many, index));
    const absl::Status status = resolver.Evaluate(entry, hidden, ignored);
    if (!status.ok()) {
      Reject(entry, hidden.position, status.message(), errors);
    }
  }
  const Resolver::Outcome& outcome = resolver.Resolve(entry);
  if (!outcome.status.ok()) {
    Reject(entry, InForce(entry).position, outcome.status.message(), errors);
  }
  Take(index, outcome.resolved);
}

void Candidate::Take(uint32_t index, const Resolved& resolved) {
  values[index] = resolved.value;
  masked[index] = resolved.masked;
  if (!resolved.references) return;
  references[index] =
      std::make_unique<std::vector<std::string>>(*resolved.references);
}

void Candidate::KeepImmutable(Lines& errors) {
  const auto is_fresh = [&](const Entry& entry) {
    return entry.erased().is_mutable();
  };
  const auto wish_of = [&](const Entry& entry) { return InForce(entry); };
  Resolver resolver(state, wish_of, is_fresh);
  for (const Entry& entry : state.entries) {
    if (references.empty()) return;
    if (!entry.alive || !entry.erased().is_mutable() ||
        !references.contains(entry.index())) {
      continue;
    }
    const Resolver::Outcome& outcome = resolver.Resolve(entry);
    Take(entry.index(), outcome.resolved);
    if (outcome.status.ok()) continue;
    Reject(entry, selections[entry.index()].position(),
           outcome.status.message(), errors);
  }
}

Wish Candidate::InForce(const Entry& entry) const {
  const uint32_t index = entry.index();
  if (!selections[index].found()) return state.InForce(entry, std::nullopt);
  return state.InForce(entry,
                       Wish::OfSource(*table, selections[index].position(),
                                      FindMany(many, index)));
}

}  // namespace bergen::config::internal
