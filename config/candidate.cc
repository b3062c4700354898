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
#include "config/prefault.h"
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
  Resize(selections, state.entries.size());
  for (uint32_t part = 0; part < table->parts().size(); ++part) {
    if (table->parts()[part].kind == SourceKind::kEnvironment) {
      MatchEnvironment(part);
    } else {
      Match(part);
    }
  }
}

void Candidate::Match(uint32_t number) {
  const RawTable::Part& part = table->parts()[number];
  absl::string_view section;
  const NameIndex::Group* group = nullptr;
  NameCursor names(state.names);
  Position position = part.begin;
  for (const RawValue& raw : part.document.values()) {
    // Sections are mostly the same text, not just equal.
    if (!group || section.data() != raw.group.data() ||
        section.size() != raw.group.size()) {
      section = raw.group;
      group = state.names.FindGroup(section);
    }
    MatchOne(group ? names.Find(*group, raw.name) : nullptr, position++,
             number);
  }
}

// Variables have lost the case of the names that they stand for.
void Candidate::MatchEnvironment(uint32_t number) {
  const RawTable::Part& part = table->parts()[number];
  Position position = part.begin;
  for (const RawValue& raw : part.document.values()) {
    const std::string lower = absl::AsciiStrToLower(raw.name);
    MatchOne(state.names.Find(raw.group, lower), position, number);
    for (const NameIndex::Name* name : state.names.mixed_case_names()) {
      if (absl::EqualsIgnoreCase(name->name, raw.name) &&
          GroupKey(name->group.name) == GroupKey(raw.group)) {
        MatchOne(name, position, number);
      }
    }
    ++position;
  }
}

void Candidate::MatchOne(const NameIndex::Name* name, Position position,
                         uint32_t part) {
  const SourceKind kind = table->parts()[part].kind;
  const auto consider = [&](uint32_t index, uint32_t rank) {
    selections[index].Consider(position, part, rank);
    if (!state.entries[index].is_multi) return;
    std::unique_ptr<RawTable::ManySelected>& selected = many[index];
    if (!selected) selected = std::make_unique<RawTable::ManySelected>();
    selected->Consider(*table, position, kind, rank);
  };
  if (!name || (name->option == NameIndex::kNoOption && !name->aliases)) {
    if (kind != SourceKind::kEnvironment) {
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

void Candidate::WarnOfName(const Entry& entry, Lines& warnings) const {
  const RawTable::Selection& selection = selections[entry.index()];
  const auto warn = [&](Position position, absl::string_view text) {
    const RawTable::Value value = table->At(position);
    warnings.Add(position, absl::StrCat(PlaceText(value, entry.secret), ": ",
                                        value.raw.group, ".", value.raw.name,
                                        ": ", text));
  };
  const auto warn_of_alias = [&](Position position) {
    warn(position, absl::StrCat("deprecated name of ", entry.subject()));
  };
  if (entry.is_multi) {
    const RawTable::ManySelected& selected = *many.at(entry.index());
    if (selected.rank > 0) warn_of_alias(selected.rank_position);
  } else {
    if (selection.rank() > 0) warn_of_alias(selection.position());
    if (selection.ignored() != RawTable::kNone) {
      const RawTable::Value ignored = table->At(selection.ignored());
      warn(selection.position(),
           absl::StrCat("set again; ", ignored.document->PlaceOf(ignored.raw),
                        " does not count"));
    }
  }
  if (!entry.has_removal) return;
  const Removal& removal = *entry.erased().removal();
  warn(
      selection.position(),
      absl::StrCat(
          "deprecated for removal",
          removal.since.empty() ? "" : absl::StrCat(" since ", removal.since),
          removal.reason.empty() ? "" : absl::StrCat(" (", removal.reason, ")"),
          "; its value may be silently ignored in the future"));
}

void Candidate::FindUnknown(Lines& unknown) const {
  absl::flat_hash_set<std::pair<const Document*, absl::string_view>>
      sections_told;
  int suggestions = 0;
  for (const Position position : unknown_names) {
    const RawTable::Value value = table->At(position);
    const RawValue& raw = value.raw;
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
    for (const NameIndex::Name& name : state.names.all()) {
      if (!suggest) break;
      if (&name.group == group && name.option != NameIndex::kNoOption) {
        candidates.emplace_back(name.name);
      }
    }
    add(absl::StrCat(raw.group, ".", raw.name, ": unknown option"),
        suggest ? nearest(raw.name, std::move(candidates)) : "");
  }
}

void Candidate::ResolveAll(Lines& errors, Lines& warnings) {
  const auto wish_of = [&](const Entry& entry) { return InForce(entry); };
  const auto is_fresh = [](const Entry&) { return true; };
  Resolver resolver(state, wish_of, is_fresh);
  values.Resize(state.entries.size());
  masked.resize(state.entries.size());
  for (const Entry& entry : state.entries) {
    const uint32_t index = entry.index();
    if (!entry.alive) {
      values.Set(index, state.ValueOf(entry));
      continue;
    }
    if (index + kPrefetchDistance < state.entries.size()) {
      const Entry& later = state.entries[index + kPrefetchDistance];
      Prefetch(later.erased(), kLinesToParse);
      if (later.has_limits) Prefetch(later.erased(), kLinesOfLimits);
    }
    const RawTable::Selection& selection = selections[index];
    if (!selection.found()) {
      if (entry.has_plain_default && !entry.has_override &&
          !entry.has_default) {
        values.Set(index, entry.erased().default_value());
        masked[index] = entry.secret;
      } else {
        ResolveOne(entry, resolver, errors);
      }
    } else {
      if (!entry.is_multi && !entry.has_override &&
          (entry.literal ||
           !absl::StrContains(table->TextAt(selection), '$'))) {
        ParseOne(entry, errors);
      } else {
        ResolveOne(entry, resolver, errors);
      }
      if (selection.rank() > 0 || selection.ignored() != RawTable::kNone ||
          entry.is_multi || entry.has_removal) {
        WarnOfName(entry, warnings);
      }
    }
    if (entry.required && !values[index] && !rejected.contains(index)) {
      const Wish wish = InForce(entry);
      Reject(entry, wish.position, Missing(entry, wish), errors);
    }
  }
}

// The usual case: one text, without references.
void Candidate::ParseOne(const Entry& entry, Lines& errors) {
  const uint32_t index = entry.index();
  const RawTable::Selection& selection = selections[index];
  absl::StatusOr<AnyValue> value =
      entry.erased().Parse({table->TextAt(selection)}, entry.secret);
  if (value.ok()) {
    values.Set(index, *std::move(value));
  } else {
    Reject(entry, selection.position(),
           absl::StrCat(PlaceOf(entry, InForce(entry)), ": ", entry.subject(),
                        ": ", value.status().message()),
           errors);
  }
  masked[index] = entry.secret;
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
  values.Set(index, resolved.value);
  masked[index] = resolved.masked;
  if (!resolved.references) return;
  references[index] =
      std::make_unique<std::vector<std::string>>(*resolved.references);
}

void Candidate::KeepImmutable(Lines& errors) {
  const auto is_fresh = [&](const Entry& entry) { return entry.is_mutable; };
  const auto wish_of = [&](const Entry& entry) { return InForce(entry); };
  Resolver resolver(state, wish_of, is_fresh);
  for (const Entry& entry : state.entries) {
    if (references.empty()) return;
    if (!entry.alive || !entry.is_mutable ||
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
