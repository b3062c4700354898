// SPDX-License-Identifier: Apache-2.0

#include "config/registry_state.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bergen::config::internal {
namespace {

// An option that alternates between so many values needs no more memory.
constexpr size_t kMaxReused = 16;

absl::Status CheckGroupName(absl::string_view group) {
  if (group != kDefaultGroup && absl::EqualsIgnoreCase(group, kDefaultGroup)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the unnamed group is written ", kDefaultGroup));
  }
  const bool good =
      !group.empty() &&
      std::all_of(group.begin(), group.end(), [](unsigned char c) {
        return absl::ascii_isgraph(c) && c != '[' && c != ']';
      });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the name of a group must be visible characters without brackets");
}

}  // namespace

const Entry* RegistryState::Find(absl::string_view group,
                                 absl::string_view name) const {
  const Cell* const cell = names.FindCell(group, name);
  return cell ? &entries[cell->index()] : nullptr;
}

Entry* RegistryState::Find(absl::string_view group, absl::string_view name) {
  return const_cast<Entry*>(std::as_const(*this).Find(group, name));
}

absl::StatusOr<Entry*> RegistryState::MustFind(absl::string_view group,
                                               absl::string_view name) {
  if (Entry* entry = Find(group, name)) return entry;
  return absl::NotFoundError(
      absl::StrCat(group, ".", name, ": no such option"));
}

absl::StatusOr<RegistryState::Added> RegistryState::Add(
    absl::string_view group_name, const AnyOption& option, CodeLocation where) {
  const ErasedOption& erased = option.erased();
  const auto error = [&](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat(PlaceText(where), ": ", group_name, ".",
                                     erased.name(), ": ", status.message()));
  };
  const bool is_last_group = last_group && last_group->name == group_name;
  absl::Status status =
      is_last_group ? absl::OkStatus() : CheckGroupName(group_name);
  if (status.ok()) status = erased.definition_status();
  if (!status.ok()) return error(status);

  if (!is_last_group) last_group = &names.AddGroup(group_name);
  NameIndex::Name& name = names.Add(*last_group, erased.name());
  if (name.option != NameIndex::kNoOption) {
    Entry& existing = entries[name.option];
    if (existing.option == option) return Added{.entry = &existing};
    return error(absl::AlreadyExistsError(
        absl::StrCat("another option of that name was registered at ",
                     PlaceText(places[existing.registered_at]))));
  }

  Added added = {.is_new = true, .needs_commit = true};
  if (name.last_option != NameIndex::kNoOption &&
      entries[name.last_option].option == option) {
    added.entry = &entries[name.last_option];
    added.entry->alive = true;
    added.entry->registered_at = NumberOf(where);
    if (loaded) SelectFor(*added.entry);
  } else {
    Entry& entry = entries.emplace_back(name, option, NumberOf(where), registry,
                                        static_cast<uint32_t>(entries.size()));
    added.entry = &entry;
    if (loaded) SelectFor(entry);
    if (HasOnlyDefault(entry)) {
      // Nobody can see the new cell yet. Others may have waited for the option.
      added.needs_commit = !referrers.empty();
      entry.masked = entry.secret;
      entry.cell.Publish(erased.default_value());
    } else {
      FillValues();
      values.Set(entry.index(), AnyValue());
    }
  }
  added.entry->order = registrations++;
  // A snapshot from before does not know what can be found from now on.
  if (snapshots_taken.load(std::memory_order_relaxed)) {
    version.fetch_add(1, std::memory_order_release);
  }
  Connect(*added.entry);
  return added;
}

uint32_t RegistryState::NumberOf(CodeLocation place) {
  if (places.empty() || places.back().file != place.file ||
      places.back().line != place.line) {
    places.push_back(place);
  }
  return static_cast<uint32_t>(places.size() - 1);
}

NameIndex::Name& RegistryState::OldName(const Entry& entry,
                                        const DeprecatedName& old) {
  const auto [group, name] =
      old.InFull(entry.group().name, entry.erased().name());
  return names.Add(names.AddGroup(group), name);
}

// Makes the entry known under its names.
void RegistryState::Connect(Entry& entry) {
  ++entry.known_as.group.options;
  entry.known_as.option = entry.known_as.last_option = entry.index();
  UpdateCell(entry.known_as);
  if (!entry.erased().has_old_names()) return;
  uint32_t rank = 0;
  for (const DeprecatedName& old : entry.erased().deprecated_names()) {
    NameIndex::Name& name = OldName(entry, old);
    ++name.group.aliases;
    if (!name.aliases) {
      name.aliases = std::make_unique<std::vector<NameIndex::AliasUse>>();
    }
    name.aliases->push_back({.option = entry.index(), .rank = ++rank});
    UpdateCell(name);
  }
}

void RegistryState::Disconnect(Entry& entry) {
  --entry.known_as.group.options;
  entry.known_as.option = NameIndex::kNoOption;
  UpdateCell(entry.known_as);
  for (const DeprecatedName& old : entry.erased().deprecated_names()) {
    NameIndex::Name& name = OldName(entry, old);
    --name.group.aliases;
    std::vector<NameIndex::AliasUse> others;
    for (const NameIndex::AliasUse& use : *name.aliases) {
      if (use.option != entry.index()) others.push_back(use);
    }
    *name.aliases = std::move(others);
    if (name.aliases->empty()) name.aliases = nullptr;
    UpdateCell(name);
  }
}

void RegistryState::UpdateCell(NameIndex::Name& name) {
  const uint32_t option = name.option != NameIndex::kNoOption || !name.aliases
                              ? name.option
                              : name.aliases->front().option;
  name.cell.store(
      option == NameIndex::kNoOption ? nullptr : &entries[option].cell,
      std::memory_order_release);
}

// Takes back what `Add` has added.
void RegistryState::TakeBack(const std::vector<uint32_t>& added) {
  for (const uint32_t index : added) {
    Entry& entry = entries[index];
    Disconnect(entry);
    SetReferences(entry, nullptr);
    entry.alive = false;
    entry.position = RawTable::kNone;
    many.erase(index);
  }
}

// Looks up what the sources said about an entry that is newer.
void RegistryState::SelectFor(Entry& entry) {
  const ErasedOption& option = entry.erased();
  std::vector<RawTable::NameInGroup> called = {
      {entry.group().name, option.name()}};
  for (const DeprecatedName& old : option.deprecated_names()) {
    called.push_back(old.InFull(entry.group().name, option.name()));
  }
  const RawTable& table = *TableOf(entry);
  if (!option.is_multi()) {
    entry.position = table.Find(called).position();
    return;
  }
  RawTable::ManySelected selected = table.FindMany(called);
  if (selected.positions.empty()) return;
  entry.position = selected.positions.back();
  many[entry.index()] =
      std::make_unique<RawTable::ManySelected>(std::move(selected));
}

// `changed` and whatever refers to them, directly or not, in ascending order.
std::vector<uint32_t> RegistryState::WithReferrers(
    std::vector<uint32_t> changed) const {
  if (referrers.empty()) return changed;
  absl::flat_hash_set<uint32_t> seen(changed.begin(), changed.end());
  const auto add = [&](absl::string_view group, absl::string_view name) {
    const auto found = referrers.find(NameKey(group, name));
    if (found == referrers.end()) return;
    for (const uint32_t referrer : found->second) {
      if (seen.insert(referrer).second) changed.push_back(referrer);
    }
  };
  for (size_t i = 0; i < changed.size(); ++i) {
    const Entry& entry = entries[changed[i]];
    add(entry.group().name, entry.erased().name());
    for (const DeprecatedName& old : entry.erased().deprecated_names()) {
      const auto [group, name] =
          old.InFull(entry.group().name, entry.erased().name());
      add(group, name);
    }
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

// As most new options.
bool RegistryState::HasOnlyDefault(const Entry& entry) const {
  return entry.position == RawTable::kNone && entry.has_plain_default &&
         !entry.has_override && !entry.has_default && !entry.has_references &&
         !(loaded && entry.required) && entry.alive;
}

// Gives `changed`, and whatever refers to them, the values that their settings
// now say. After an error no value has changed.
absl::Status RegistryState::Commit(std::vector<uint32_t> changed) {
  if (changed.empty()) return absl::OkStatus();
  const std::vector<uint32_t> fresh = WithReferrers(std::move(changed));
  const absl::flat_hash_set<uint32_t> fresh_set(fresh.begin(), fresh.end());
  const auto wish_of = [&](const Entry& entry) { return InForce(entry); };
  const auto is_fresh = [&](const Entry& entry) {
    return fresh_set.contains(entry.index());
  };
  Resolver resolver(*this, wish_of, is_fresh);

  std::vector<absl::Status> errors;
  for (const uint32_t index : fresh) {
    const Entry& entry = entries[index];
    if (!entry.alive) continue;
    Resolver::Outcome& outcome = resolver.Resolve(entry);
    if (outcome.status.ok()) {
      if (loaded && entry.required && !outcome.resolved.value) {
        errors.push_back(
            absl::InvalidArgumentError(Missing(entry, InForce(entry))));
      }
      continue;
    }
    // A default may refer to an option that is registered later.
    if (absl::IsNotFound(outcome.status) && !loaded &&
        InForce(entry).kind == Origin::Kind::kDefault) {
      outcome.status = absl::OkStatus();
      outcome.resolved.value = AnyValue();
      continue;
    }
    errors.push_back(absl::InvalidArgumentError(outcome.status.message()));
  }
  if (!errors.empty()) return Joined(errors);
  for (const uint32_t index : fresh) {
    Entry& entry = entries[index];
    if (entry.alive) Stage(entry, resolver.Resolve(entry).resolved);
  }
  PublishStaged();
  return absl::OkStatus();
}

// Puts `setting` in a layer of `entry`, or empties the layer. After an error
// nothing has changed.
absl::Status RegistryState::Replace(Entry& entry, Layer layer,
                                    std::optional<Setting> setting) {
  const bool is_override = layer == Layer::kOverride;
  if (setting) {
    // Even if another layer hides it.
    const auto wish_of = [&](const Entry& other) { return InForce(other); };
    const auto is_fresh = [](const Entry&) { return false; };
    Resolver resolver(*this, wish_of, is_fresh);
    Resolved ignored;
    const absl::Status status =
        resolver.Evaluate(entry,
                          Wish::OfCode(is_override ? Origin::Kind::kOverride
                                                   : Origin::Kind::kSetDefault,
                                       *setting),
                          ignored);
    if (!status.ok()) return absl::InvalidArgumentError(status.message());
  }
  auto& layers = is_override ? overrides : set_defaults;
  const auto known = layers.find(entry.index());
  std::optional<Setting> before;
  if (known != layers.end()) before = std::move(known->second);
  const auto put = [&](std::optional<Setting> wanted) {
    if (is_override) {
      entry.has_override = wanted.has_value();
    } else {
      entry.has_default = wanted.has_value();
    }
    if (wanted) {
      layers[entry.index()] = *std::move(wanted);
    } else {
      layers.erase(entry.index());
    }
  };
  put(std::move(setting));
  absl::Status status = Commit({entry.index()});
  if (!status.ok()) put(std::move(before));
  return status;
}

Wish RegistryState::InForce(const Entry& entry,
                            std::optional<Wish> from_sources) const {
  if (entry.has_override) {
    return Wish::OfCode(Origin::Kind::kOverride,
                        overrides.find(entry.index())->second);
  }
  if (from_sources) return *from_sources;
  if (entry.has_default) {
    return Wish::OfCode(Origin::Kind::kSetDefault,
                        set_defaults.find(entry.index())->second);
  }
  Wish wish = {.where = places[entry.registered_at]};
  wish.has_texts = !entry.erased().default_text().empty();
  if (wish.has_texts) wish.text = entry.erased().default_text();
  wish.value = &entry.erased().default_value();
  return wish;
}

Wish RegistryState::InForce(const Entry& entry) const {
  if (entry.position == RawTable::kNone) return InForce(entry, std::nullopt);
  return InForce(entry, Wish::OfSource(*TableOf(entry), entry.position,
                                       FindMany(many, entry.index())));
}

Origin RegistryState::OriginOf(const Entry& entry) const {
  const Wish wish = InForce(entry);
  return {wish.kind, PlaceOf(entry, wish)};
}

void RegistryState::SetReferences(Entry& entry,
                                  const std::vector<std::string>* wanted) {
  if (!wanted && !entry.has_references) return;
  if (entry.has_references) {
    for (const std::string& key : references[entry.index()]) {
      const auto found = referrers.find(key);
      if (found == referrers.end()) continue;
      found->second.erase(entry.index());
      if (found->second.empty()) referrers.erase(found);
    }
    references.erase(entry.index());
  }
  entry.has_references = wanted != nullptr;
  if (!wanted) return;
  for (const std::string& key : *wanted) referrers[key].insert(entry.index());
  references[entry.index()] = *wanted;
}

// Records the value, which is not visible yet. False, and nothing done, if it
// is the one that is in force.
bool RegistryState::Stage(Entry& entry, Resolved& resolved) {
  if (resolved.references || entry.has_references) {
    SetReferences(entry, resolved.references.get());
  }
  entry.masked = resolved.masked;
  const uint32_t index = entry.index();
  FillValues();
  const AnyValue& now = values[index];
  if (entry.Equal(now, resolved.value)) return false;
  AnyValue next = std::move(resolved.value);
  if (now || !superseded.empty()) Reuse(entry, now, next);
  values.Set(index, std::move(next));
  staged.push_back(index);
  return true;
}

// Keeps `now`, to which readers may hold references, and takes for `next` one
// that was kept, if it is the same.
void RegistryState::Reuse(const Entry& entry, const AnyValue& now,
                          AnyValue& next) {
  // The default stays anyway.
  const auto needs_keeping = [&](const AnyValue& value) {
    return value.is_shared() &&
           value.word() != entry.erased().default_value().word();
  };
  bool is_reused = false;
  if (const auto found = superseded.find(entry.index());
      found != superseded.end() && needs_keeping(next)) {
    std::vector<AnyValue>& kept = found->second;
    const size_t oldest = kept.size() - std::min(kept.size(), kMaxReused);
    for (size_t i = kept.size(); i-- > oldest;) {
      if (!entry.Equal(kept[i], next)) continue;
      next = std::move(kept[i]);
      kept.erase(kept.begin() + static_cast<ptrdiff_t>(i));
      is_reused = true;
      break;
    }
  }
  if (loaded && !is_reused && needs_keeping(next)) {
    next = entry.erased().Apart(next);
  }
  if (needs_keeping(now)) superseded[entry.index()].push_back(now);
}

// Makes what was staged visible: to snapshots all at once, then to handles.
void RegistryState::PublishStaged() {
  version.fetch_add(1, std::memory_order_release);
  for (const uint32_t index : staged) {
    entries[index].cell.Publish(values[index]);
  }
  staged.clear();
}

Change RegistryState::ToChange(const Entry& entry,
                               const Candidate& candidate) const {
  const uint32_t index = entry.index();
  const Wish wish = candidate.InForce(entry);
  Change change = {.group = entry.group().name,
                   .name = entry.erased().name(),
                   .old_text = entry.ToText(ValueOf(entry), entry.masked),
                   .origin = {wish.kind, PlaceOf(entry, wish)}};
  const auto rejected = candidate.rejected.find(index);
  if (rejected != candidate.rejected.end()) {
    change.verdict = Verdict::kRejected;
    change.reason = rejected->second;
  } else {
    change.new_text =
        entry.ToText(candidate.values[index], candidate.masked[index]);
  }
  return change;
}

Report RegistryState::Adopt(std::shared_ptr<const RawTable> table,
                            const LoadOptions& options, Mode mode, bool dry_run,
                            std::vector<Changed>* changed) {
  // So that snapshots need not wait for what follows.
  if (snapshots_taken.load(std::memory_order_relaxed)) Freeze();
  Lines errors;
  Lines warnings;
  Candidate candidate(*this, std::move(table));
  candidate.FindUnknown(options.strict ? errors : warnings);
  candidate.ResolveAll(errors, warnings);
  if (errors.empty() && mode == Mode::kMutableOnly) {
    candidate.KeepImmutable(errors);
  }

  Report report;
  report.dry_run = dry_run;
  report.warnings = warnings.Take();
  const bool good = errors.empty();
  if (!good) {
    report.status =
        absl::InvalidArgumentError(absl::StrJoin(errors.Take(), "\n"));
  }
  if (loaded) {
    std::vector<const Entry*> differing;
    for (const Entry& entry : entries) {
      if (!entry.alive) continue;
      if (candidate.rejected.contains(entry.index()) ||
          !entry.Equal(ValueOf(entry), candidate.values[entry.index()])) {
        differing.push_back(&entry);
      }
    }
    Sort(differing);
    report.changes.reserve(differing.size());
    for (const Entry* entry : differing) {
      Change& change = report.changes.emplace_back(ToChange(*entry, candidate));
      if (change.verdict == Verdict::kRejected) continue;
      if (mode == Mode::kMutableOnly && !entry->is_mutable) {
        change.verdict = Verdict::kNeedsRestart;
      } else if (!good) {
        change.verdict = Verdict::kHeldBack;
      }
    }
  }
  if (good && !dry_run) Apply(candidate, mode, changed);
  return report;
}

void RegistryState::Apply(Candidate& candidate, Mode mode,
                          std::vector<Changed>* changed) {
  // Nobody asks what it changes, and most of it does.
  if (!loaded && !changed && superseded.empty()) return ApplyFirst(candidate);
  newest = candidate.table;
  if (mode == Mode::kAll) loaded = candidate.table;
  staged.reserve(entries.size());
  for (Entry& entry : entries) {
    if (!entry.alive) continue;
    if (mode == Mode::kMutableOnly && !entry.is_mutable) continue;
    const uint32_t index = entry.index();
    TakeSelection(entry, candidate);
    const AnyValue before = changed ? ValueOf(entry) : AnyValue();
    Resolved resolved;
    resolved.value = candidate.values[index];
    resolved.masked = candidate.masked[index];
    resolved.references = candidate.TakeReferences(index);
    if (Stage(entry, resolved) && changed) {
      changed->push_back({index, before, values[index]});
    }
  }
  if (snapshots_taken.load(std::memory_order_relaxed)) {
    FreezeFor(version.load(std::memory_order_relaxed) + 1);
  }
  PublishStaged();
}

// As `Apply` of a load that nothing went before: in one pass, and the values
// are not copied.
void RegistryState::ApplyFirst(Candidate& candidate) {
  newest = loaded = candidate.table;
  const ValueList before = std::exchange(values, std::move(candidate.values));
  for (size_t i = 0; i < before.size(); ++i) {
    AnyValue now = values[i];
    if (before[i].word() != now.word()) Reuse(entries[i], before[i], now);
  }
  if (snapshots_taken.load(std::memory_order_relaxed)) {
    FreezeFor(version.load(std::memory_order_relaxed) + 1);
  }
  version.fetch_add(1, std::memory_order_release);
  for (Entry& entry : entries) {
    if (!entry.alive) continue;
    const uint32_t index = entry.index();
    TakeSelection(entry, candidate);
    const auto references = candidate.TakeReferences(index);
    if (references || entry.has_references) {
      SetReferences(entry, references.get());
    }
    entry.masked = candidate.masked[index];
    entry.cell.Publish(values[index]);
  }
}

// What the sources say about the entry.
void RegistryState::TakeSelection(Entry& entry, Candidate& candidate) {
  const uint32_t index = entry.index();
  entry.position = candidate.selections[index].position();
  if (!entry.is_multi) return;
  const auto selected = candidate.many.find(index);
  if (selected == candidate.many.end()) {
    many.erase(index);
  } else {
    many[index] = std::move(selected->second);
  }
}

void RegistryState::Sort(std::vector<const Entry*>& sorted) const {
  const auto key = [](const Entry* entry) {
    return std::tuple<bool, const std::string&, const std::string&>(
        entry->group().name != kDefaultGroup, entry->group().name,
        entry->erased().name());
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](const Entry* a, const Entry* b) { return key(a) < key(b); });
}

}  // namespace bergen::config::internal
