// SPDX-License-Identifier: Apache-2.0

#include "config/registry.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "config/interpolation.h"
#include "config/nearest_name.h"
#include "config/raw_table.h"

namespace bergen::config {
namespace {

using internal::AnyValue;

constexpr absl::string_view kUnsetText = "<None>";

std::string PlaceText(CodeLocation where) {
  return absl::StrCat(where.file, ":", where.line);
}

std::string PlaceText(const RawTable::Value& value, bool secret) {
  const std::string place = value.document->PlaceOf(*value.raw);
  if (!value.document->holds_value()) return place;
  return absl::StrCat(place, "=", secret ? kMask : value.raw->text);
}

Origin::Kind ToOriginKind(SourceKind kind) {
  switch (kind) {
    case SourceKind::kFile:
      return Origin::Kind::kFile;
    case SourceKind::kEnvironment:
      return Origin::Kind::kEnvironment;
    case SourceKind::kCommandLine:
      return Origin::Kind::kCommandLine;
    case SourceKind::kOther:
      break;
  }
  return Origin::Kind::kOther;
}

std::string Dest(absl::string_view name) {
  return absl::StrReplaceAll(name, {{"-", "_"}});
}

// Lines about places in the sources, to be read in the order of these.
class Lines {
 public:
  // After everything that has a position.
  static constexpr size_t kNoPosition = static_cast<size_t>(-1);

  void Add(size_t position, std::string text) {
    lines_.emplace_back(position, std::move(text));
  }
  bool empty() const { return lines_.empty(); }
  std::vector<std::string> Take() {
    std::stable_sort(
        lines_.begin(), lines_.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> texts;
    for (auto& [position, text] : lines_) texts.push_back(std::move(text));
    return texts;
  }

 private:
  std::vector<std::pair<size_t, std::string>> lines_;
};

absl::Status CheckName(absl::string_view dest) {
  const bool good = !dest.empty() && dest[0] != '_' &&
                    std::all_of(dest.begin(), dest.end(), [](unsigned char c) {
                      return absl::ascii_isalnum(c) || c == '_';
                    });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the name of an option must be letters, digits and _, not beginning "
      "with _");
}

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

// What there is to say about the name under which a value was found.
void WarnOfName(const OptionDescription& option, absl::string_view subject,
                const RawTable::Found& found, Lines& warnings) {
  const RawValue& raw = *found.value.raw;
  const auto warn = [&](absl::string_view text) {
    warnings.Add(found.position,
                 absl::StrCat(PlaceText(found.value, option.secret), ": ",
                              raw.group, ".", raw.name, ": ", text));
  };
  if (found.alias) warn(absl::StrCat("deprecated name of ", subject));
  if (found.ignored) {
    warn(absl::StrCat("set again; ",
                      found.value.document->PlaceOf(*found.ignored),
                      " does not count"));
  }
  if (!option.removal) return;
  const Removal& removal = *option.removal;
  warn(absl::StrCat(
      "deprecated for removal",
      removal.since.empty() ? "" : absl::StrCat(" since ", removal.since),
      removal.reason.empty() ? "" : absl::StrCat(" (", removal.reason, ")"),
      "; its value may be silently ignored in the future"));
}

// All that went wrong, under the common code of `statuses` if there is one.
absl::Status Joined(const std::vector<absl::Status>& statuses) {
  absl::StatusCode code = statuses.front().code();
  std::vector<std::string> lines;
  for (const absl::Status& status : statuses) {
    if (status.code() != code) code = absl::StatusCode::kInvalidArgument;
    lines.push_back(std::string(status.message()));
  }
  return absl::Status(code, absl::StrJoin(lines, "\n"));
}

}  // namespace

std::string Origin::ToString() const {
  switch (kind) {
    case Kind::kDefault:
      return "default";
    case Kind::kSetDefault:
      return absl::StrCat("default set at ", place);
    case Kind::kOverride:
      return absl::StrCat("override at ", place);
    case Kind::kFile:
    case Kind::kEnvironment:
    case Kind::kCommandLine:
    case Kind::kOther:
      break;
  }
  return place;
}

// Everything that `mutex_` guards, and what can be decided by looking at it.
struct Registry::State {
  // What one layer wants an option to be.
  struct Setting {
    std::optional<std::string> text;  // If it has to be parsed.
    AnyValue value;                   // Otherwise; null is unset.
    Origin origin;
    size_t position = Lines::kNoPosition;
  };

  struct Resolved {
    AnyValue value;
    Origin origin;
    bool masked = false;  // Secret, or refers to a secret.
    bool refers = false;  // Depends on other options.
  };

  struct Entry {
    Entry(std::string group_name, AnyOption any_option, std::string place)
        : group(std::move(group_name)),
          option(std::move(any_option)),
          registered_at(std::move(place)) {}

    const OptionDescription& description() const {
      return option.description();
    }
    std::string subject() const {
      return absl::StrCat(group, ".", description().name);
    }

    // What counts if the sources say `from_sources`.
    const Setting& InForce(const std::optional<Setting>& from_sources) const {
      if (override_value) return *override_value;
      if (from_sources) return *from_sources;
      if (set_default) return *set_default;
      return default_value;
    }
    // How a dump prints `value`.
    std::string ToText(const Resolved& value) const {
      if (description().secret || value.masked) return std::string(kMask);
      if (!value.value) return std::string(kUnsetText);
      return option.erased().Print(value.value);
    }
    bool Equal(const AnyValue& a, const AnyValue& b) const {
      if (!a || !b) return !a && !b;
      return option.erased().ValuesEqual(a, b);
    }
    Setting ToSetting(const RawTable::Found& found) const {
      return {.text = std::string(found.value.raw->text),
              .origin = {ToOriginKind(found.value.kind),
                         PlaceText(found.value, description().secret)},
              .position = found.position};
    }
    absl::Status MissingError(const Origin& origin) const {
      return absl::InvalidArgumentError(
          absl::StrCat(origin.place, ": ", subject(),
                       ": required, but nothing gives it a value"));
    }

    std::string group;
    AnyOption option;
    std::string registered_at;
    std::unique_ptr<internal::Cell> cell;

    std::optional<Setting> override_value;
    std::optional<Setting> source;
    std::optional<Setting> set_default;
    Setting default_value;

    Resolved now;
    // Readers may still hold references to them.
    std::vector<AnyValue> superseded;
  };

  struct Group {
    std::string name;
    absl::flat_hash_map<std::string, size_t> options;
    absl::flat_hash_set<std::string> aliases;
  };

  class Resolver;
  using IsFresh = absl::FunctionRef<bool(const Entry&)>;
  struct ByIndex {
    bool operator()(const Entry* a, const Entry* b) const {
      return a->cell->index() < b->cell->index();
    }
  };

  explicit State(const Registry* owner) : registry(owner) {}

  Entry* Find(absl::string_view group, absl::string_view name) const;
  absl::StatusOr<Entry*> MustFind(absl::string_view group,
                                  absl::string_view name) const;
  absl::StatusOr<Entry*> Add(absl::string_view group, const AnyOption& option,
                             CodeLocation where);
  void RemoveSince(size_t size);
  absl::Status Commit(absl::Span<Entry* const> changed);
  absl::Status Replace(Entry& entry, Layer layer, CodeLocation where,
                       std::optional<Setting> setting);
  absl::StatusOr<Report> Adopt(RawTable table, const LoadOptions& options,
                               Mode mode);
  std::vector<Resolved> ResolveAll(
      const std::vector<std::optional<Setting>>& sources, IsFresh is_fresh,
      Lines& errors) const;
  void Publish(Entry& entry, Resolved resolved);
  void FindUnknown(const RawTable& table, Lines& unknown) const;
  std::vector<const Entry*> Sorted() const;
  void DescribeSources(std::vector<std::string>& arguments,
                       std::vector<std::string>& files) const;

  const Registry* const registry;
  std::vector<std::unique_ptr<Entry>> entries;
  absl::flat_hash_map<std::string, Group> groups;  // By `GroupKey`.
  RawTable raw;  // What the sources said in the last load or mutation.
  bool loaded = false;
  // Entries whose value depends, or will depend, on other options.
  std::set<Entry*, ByIndex> referring;
  // Cleared by every change.
  std::shared_ptr<const Snapshot::Values> snapshot;
};

// Turns settings into values, following references. Entries that are not fresh
// keep the value they have.
class Registry::State::Resolver {
 public:
  using SettingOf = absl::FunctionRef<const Setting&(const Entry&)>;

  // The arguments must outlive the resolver.
  Resolver(const State& state, SettingOf setting_of, IsFresh is_fresh)
      : state_(state), setting_of_(setting_of), is_fresh_(is_fresh) {}

  // The error names the option and the place of its setting: NotFound for a
  // reference to an unknown option, else InvalidArgument.
  const absl::StatusOr<Resolved>& Resolve(const Entry& entry) {
    const auto done = done_.find(&entry);
    if (done != done_.end()) return done->second;
    absl::StatusOr<Resolved> resolved =
        is_fresh_(entry) ? ResolveSetting(entry, setting_of_(entry))
                         : entry.now;
    return done_.emplace(&entry, std::move(resolved)).first->second;
  }

  absl::StatusOr<Resolved> ResolveSetting(const Entry& entry,
                                          const Setting& setting) {
    path_.push_back(&entry);
    Resolved resolved = {.origin = setting.origin,
                         .masked = entry.description().secret};
    absl::StatusOr<AnyValue> value = ToValue(entry, setting, resolved);
    path_.pop_back();
    if (value.ok()) {
      resolved.value = *std::move(value);
      return resolved;
    }
    return absl::Status(
        value.status().code(),
        absl::StrCat(setting.origin.place, ": ", entry.subject(), ": ",
                     value.status().message()));
  }

 private:
  absl::StatusOr<AnyValue> ToValue(const Entry& entry, const Setting& setting,
                                   Resolved& resolved) {
    const internal::ErasedOption& option = entry.option.erased();
    const auto expand = [&](absl::string_view text) {
      return Expand(text, [&](absl::string_view name) {
        resolved.refers = true;
        return Lookup(entry, name, resolved);
      });
    };
    if (setting.text) {
      std::string text = *setting.text;
      if (!entry.description().literal && absl::StrContains(text, '$')) {
        absl::StatusOr<std::string> expanded = expand(text);
        if (!expanded.ok()) return expanded.status();
        text = *std::move(expanded);
      }
      const absl::string_view view = text;
      return option.Parse({view}, resolved.masked);
    }
    if (!setting.value) return AnyValue();
    absl::StatusOr<AnyValue> value = option.Expand(setting.value, expand);
    if (!value.ok()) return value;
    absl::Status status = option.Check(*value, resolved.masked);
    if (!status.ok()) return status;
    return value;
  }

  absl::StatusOr<std::string> Lookup(const Entry& from, absl::string_view name,
                                     Resolved& resolved) {
    const Entry* target = Target(from, name);
    if (!target) {
      return absl::NotFoundError(absl::StrCat(
          "refers to ",
          from.description().secret ? "an option that does not exist"
                                    : absl::StrCat("${", name,
                                                   "}, which is "
                                                   "no option"),
          " (a dollar sign is written $$)"));
    }
    const auto begin = std::find(path_.begin(), path_.end(), target);
    if (begin != path_.end()) {
      std::string circle;
      for (auto it = begin; it != path_.end(); ++it) {
        absl::StrAppend(&circle, (*it)->subject(), " -> ");
      }
      return absl::InvalidArgumentError(
          absl::StrCat("refers to itself: ", circle, target->subject()));
    }
    const absl::StatusOr<Resolved>& value = Resolve(*target);
    if (!value.ok()) {
      return absl::Status(value.status().code(),
                          absl::StrCat("refers to ", target->subject(),
                                       ", which has no good value"));
    }
    resolved.masked |= value->masked;
    if (!value->value) return std::string();
    return target->option.erased().Print(value->value);
  }

  const Entry* Target(const Entry& from, absl::string_view name) const {
    const size_t dot = name.find('.');
    if (dot != name.npos) {
      return state_.Find(name.substr(0, dot), name.substr(dot + 1));
    }
    const Entry* target = state_.Find(from.group, name);
    return target ? target : state_.Find(kDefaultGroup, name);
  }

  const State& state_;
  SettingOf setting_of_;
  IsFresh is_fresh_;
  absl::node_hash_map<const Entry*, absl::StatusOr<Resolved>> done_;
  std::vector<const Entry*> path_;  // Being resolved; each refers to the next.
};

Registry::State::Entry* Registry::State::Find(absl::string_view group,
                                              absl::string_view name) const {
  const auto it = groups.find(GroupKey(group));
  if (it == groups.end()) return nullptr;
  const auto option = it->second.options.find(Dest(name));
  if (option == it->second.options.end()) return nullptr;
  return entries[option->second].get();
}

absl::StatusOr<Registry::State::Entry*> Registry::State::MustFind(
    absl::string_view group, absl::string_view name) const {
  if (Entry* entry = Find(group, name)) return entry;
  return absl::NotFoundError(
      absl::StrCat(group, ".", name, ": no such option"));
}

// The entry of `option`: a new one that is not resolved yet, or the one of an
// equal option. `where` is told in errors.
absl::StatusOr<Registry::State::Entry*> Registry::State::Add(
    absl::string_view group, const AnyOption& option, CodeLocation where) {
  const std::string place = PlaceText(where);
  const std::string& name = option.description().name;
  const auto error = [&](const absl::Status& status) {
    return absl::Status(
        status.code(),
        absl::StrCat(place, ": ", group, ".", name, ": ", status.message()));
  };
  for (const absl::Status& status : {CheckGroupName(group), CheckName(name),
                                     option.erased().CheckDefinition()}) {
    if (!status.ok()) return error(status);
  }
  if (Entry* existing = Find(group, name)) {
    if (existing->option == option) return existing;
    return error(absl::AlreadyExistsError(
        absl::StrCat("another option of that name was registered at ",
                     existing->registered_at)));
  }

  Group& known = groups[GroupKey(group)];
  if (known.name.empty()) known.name = std::string(group);
  known.options[name] = entries.size();
  // Before any use of `known` becomes invalid: aliases may add groups.
  auto entry = std::make_unique<Entry>(known.name, option, place);
  for (const DeprecatedName& alias : option.description().deprecated_names) {
    Group& old = groups[GroupKey(alias.group.empty() ? group : alias.group)];
    if (old.name.empty()) {
      old.name = alias.group.empty() ? std::string(group) : alias.group;
    }
    old.aliases.insert(alias.name.empty() ? name : alias.name);
  }
  entry->cell = std::make_unique<internal::Cell>(registry, entries.size());
  entry->default_value = {.value = option.erased().Default(),
                          .origin = {Origin::Kind::kDefault, place}};
  if (!option.erased().default_text().empty()) {
    entry->default_value.text = option.erased().default_text();
  }
  if (loaded) {
    const auto found = raw.Find(entry->group, option.description());
    if (found) entry->source = entry->ToSetting(*found);
  }
  entries.push_back(std::move(entry));
  return entries.back().get();
}

// Takes back what `Add` has added since there were `size` entries. Aliases stay
// known, which only makes a warning milder.
void Registry::State::RemoveSince(size_t size) {
  while (entries.size() > size) {
    Entry& entry = *entries.back();
    groups[GroupKey(entry.group)].options.erase(entry.description().name);
    referring.erase(&entry);
    entries.pop_back();
  }
}

// Gives `changed`, and whatever refers to other options, the values that their
// settings now say. After an error no value has changed.
absl::Status Registry::State::Commit(absl::Span<Entry* const> changed) {
  const auto setting_of = [](const Entry& entry) -> const Setting& {
    return entry.InForce(entry.source);
  };
  std::set<Entry*, ByIndex> fresh = referring;
  fresh.insert(changed.begin(), changed.end());
  const auto is_fresh = [&](const Entry& entry) {
    return fresh.contains(const_cast<Entry*>(&entry));
  };
  Resolver resolver(*this, setting_of, is_fresh);

  std::vector<std::pair<Entry*, Resolved>> results;
  std::vector<absl::Status> errors;
  for (Entry* entry : fresh) {
    const absl::StatusOr<Resolved>& resolved = resolver.Resolve(*entry);
    const Setting& setting = setting_of(*entry);
    if (resolved.ok()) {
      if (loaded && entry->description().required && !resolved->value) {
        errors.push_back(entry->MissingError(setting.origin));
      }
      results.emplace_back(entry, *resolved);
      continue;
    }
    // A default may refer to an option that is registered later.
    if (absl::IsNotFound(resolved.status()) && !loaded &&
        setting.origin.kind == Origin::Kind::kDefault) {
      results.emplace_back(entry,
                           Resolved{.origin = setting.origin, .refers = true});
      continue;
    }
    errors.push_back(absl::InvalidArgumentError(resolved.status().message()));
  }
  if (!errors.empty()) return Joined(errors);
  for (auto& [entry, resolved] : results) Publish(*entry, std::move(resolved));
  return absl::OkStatus();
}

// Puts `setting`, set at `where`, in a layer of `entry`, or empties the layer.
// After an error nothing has changed.
absl::Status Registry::State::Replace(Entry& entry, Layer layer,
                                      CodeLocation where,
                                      std::optional<Setting> setting) {
  const bool is_override = layer == Layer::kOverride;
  if (setting) {
    setting->origin = {
        is_override ? Origin::Kind::kOverride : Origin::Kind::kSetDefault,
        PlaceText(where)};
    // Even if another layer hides it.
    const auto setting_of = [](const Entry& e) -> const Setting& {
      return e.InForce(e.source);
    };
    const auto is_fresh = [](const Entry&) { return false; };
    Resolver resolver(*this, setting_of, is_fresh);
    const absl::Status status =
        resolver.ResolveSetting(entry, *setting).status();
    if (!status.ok()) return absl::InvalidArgumentError(status.message());
  }
  std::optional<Setting>& slot =
      is_override ? entry.override_value : entry.set_default;
  std::swap(slot, setting);
  absl::Status status = Commit({&entry});
  if (!status.ok()) std::swap(slot, setting);
  return status;
}

// The values of all entries, by index, if the sources say `sources`. Only if
// there are no errors the result is complete.
std::vector<Registry::State::Resolved> Registry::State::ResolveAll(
    const std::vector<std::optional<Setting>>& sources, IsFresh is_fresh,
    Lines& errors) const {
  const auto setting_of = [&](const Entry& entry) -> const Setting& {
    return entry.InForce(sources[entry.cell->index()]);
  };
  Resolver resolver(*this, setting_of, is_fresh);
  std::vector<Resolved> values;
  for (const std::unique_ptr<Entry>& entry : entries) {
    const Setting& setting = setting_of(*entry);
    const std::optional<Setting>& source = sources[entry->cell->index()];
    // An override does not excuse a mistake in a file.
    if (source && &setting != &*source) {
      const absl::Status status =
          resolver.ResolveSetting(*entry, *source).status();
      if (!status.ok()) {
        errors.Add(source->position, std::string(status.message()));
      }
    }
    const absl::StatusOr<Resolved>& resolved = resolver.Resolve(*entry);
    if (!resolved.ok()) {
      errors.Add(setting.position, std::string(resolved.status().message()));
    } else if (entry->description().required && !resolved->value) {
      errors.Add(setting.position,
                 std::string(entry->MissingError(setting.origin).message()));
    } else {
      values.push_back(*resolved);
    }
  }
  return values;
}

void Registry::State::Publish(Entry& entry, Resolved resolved) {
  if (resolved.refers) {
    referring.insert(&entry);
  } else {
    referring.erase(&entry);
  }
  if (entry.now.value.is_shared() &&
      !entry.Equal(entry.now.value, resolved.value)) {
    entry.superseded.push_back(entry.now.value);
  } else if (entry.now.value.is_shared()) {
    resolved.value = entry.now.value;
  }
  entry.now = std::move(resolved);
  entry.cell->Publish(entry.now.value);
  snapshot = nullptr;
}

void Registry::State::FindUnknown(const RawTable& table, Lines& unknown) const {
  absl::flat_hash_set<std::pair<const Document*, std::string>> sections_told;
  for (size_t position = 0; position < table.size(); ++position) {
    const RawTable::Value value = table.At(position);
    if (value.kind == SourceKind::kEnvironment) continue;
    const RawValue& raw = *value.raw;
    const auto add = [&](absl::string_view text, absl::string_view hint) {
      unknown.Add(position,
                  absl::StrCat(value.document->PlaceOf(raw), ": ", text,
                               hint.empty() ? "" : "; did you mean ", hint,
                               hint.empty() ? "" : "?"));
    };
    std::vector<std::string> candidates;
    const auto group = groups.find(GroupKey(raw.group));
    if (group == groups.end()) {
      if (!sections_told.emplace(value.document, raw.group).second) continue;
      for (const auto& [key, known] : groups) candidates.push_back(known.name);
      std::sort(candidates.begin(), candidates.end());
      const std::string nearest = NearestName(raw.group, candidates);
      add(absl::StrCat("[", raw.group, "]: unknown section"),
          nearest.empty() ? "" : absl::StrCat("[", nearest, "]"));
      continue;
    }
    if (group->second.options.contains(raw.name) ||
        group->second.aliases.contains(raw.name)) {
      continue;
    }
    for (const auto& [name, index] : group->second.options) {
      candidates.push_back(name);
    }
    std::sort(candidates.begin(), candidates.end());
    add(absl::StrCat(raw.group, ".", raw.name, ": unknown option"),
        NearestName(raw.name, candidates));
  }
}

std::vector<const Registry::State::Entry*> Registry::State::Sorted() const {
  std::vector<const Entry*> sorted;
  for (const std::unique_ptr<Entry>& entry : entries) {
    sorted.push_back(entry.get());
  }
  const auto key = [](const Entry* entry) {
    return std::tuple<bool, const std::string&, const std::string&>(
        entry->group != kDefaultGroup, entry->group, entry->description().name);
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](const Entry* a, const Entry* b) { return key(a) < key(b); });
  return sorted;
}

void Registry::State::DescribeSources(std::vector<std::string>& arguments,
                                      std::vector<std::string>& files) const {
  for (size_t position = 0; position < raw.size(); ++position) {
    const RawTable::Value value = raw.At(position);
    const std::string& where = value.document->where();
    if (value.kind == SourceKind::kCommandLine) {
      arguments.push_back(where);
    } else if (value.kind == SourceKind::kFile &&
               (files.empty() || files.back() != where)) {
      files.push_back(where);
    }
  }
}

Registry::Registry() : state_(std::make_unique<State>(this)) {}

Registry::~Registry() = default;

absl::StatusOr<const internal::Cell*> Registry::RegisterOne(
    absl::string_view group, const AnyOption& option, CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  const size_t size = state_->entries.size();
  const absl::StatusOr<State::Entry*> entry = state_->Add(group, option, where);
  if (!entry.ok()) return entry.status();
  if (state_->entries.size() > size) {
    const absl::Status status = state_->Commit({*entry});
    if (!status.ok()) {
      state_->RemoveSince(size);
      return status;
    }
  }
  return (*entry)->cell.get();
}

absl::Status Registry::RegisterAll(const OptionList& options,
                                   CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  const size_t size = state_->entries.size();
  std::vector<absl::Status> errors;
  for (const OptionGroup& group : options) {
    for (const AnyOption& option : group.options) {
      const absl::Status status =
          state_->Add(group.name, option, where).status();
      if (!status.ok()) errors.push_back(status);
    }
  }
  if (errors.empty()) {
    std::vector<State::Entry*> added;
    for (size_t i = size; i < state_->entries.size(); ++i) {
      added.push_back(state_->entries[i].get());
    }
    absl::Status status = state_->Commit(added);
    if (status.ok()) return status;
    errors.push_back(status);
  }
  state_->RemoveSince(size);
  return Joined(errors);
}

absl::StatusOr<const internal::Cell*> Registry::FindCell(
    absl::string_view group, absl::string_view name, const std::type_info& type,
    absl::string_view type_name) const {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  if ((*entry)->option.erased().type() != type) {
    return absl::InvalidArgumentError(
        absl::StrCat((*entry)->subject(), ": is of type ",
                     (*entry)->description().type_name, ", not ", type_name));
  }
  return (*entry)->cell.get();
}

absl::Status Registry::SetDefaultFromText(absl::string_view group,
                                          absl::string_view name,
                                          absl::string_view text,
                                          CodeLocation where) {
  return SetText(Layer::kDefault, group, name, text, where);
}

absl::Status Registry::SetOverrideFromText(absl::string_view group,
                                           absl::string_view name,
                                           absl::string_view text,
                                           CodeLocation where) {
  return SetText(Layer::kOverride, group, name, text, where);
}

absl::Status Registry::ClearDefault(absl::string_view group,
                                    absl::string_view name) {
  return Clear(Layer::kDefault, group, name);
}

absl::Status Registry::ClearOverride(absl::string_view group,
                                     absl::string_view name) {
  return Clear(Layer::kOverride, group, name);
}

absl::Status Registry::SetValue(Layer layer, absl::string_view group,
                                absl::string_view name,
                                const std::type_info& type,
                                absl::string_view type_name,
                                internal::AnyValue value, CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  if ((*entry)->option.erased().type() != type) {
    return absl::InvalidArgumentError(absl::StrCat(
        PlaceText(where), ": ", (*entry)->subject(), ": is of type ",
        (*entry)->description().type_name, ", not ", type_name));
  }
  return state_->Replace(**entry, layer, where,
                         State::Setting{.value = std::move(value)});
}

absl::Status Registry::SetText(Layer layer, absl::string_view group,
                               absl::string_view name, absl::string_view text,
                               CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->Replace(**entry, layer, where,
                         State::Setting{.text = std::string(text)});
}

absl::Status Registry::Clear(Layer layer, absl::string_view group,
                             absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->Replace(**entry, layer, {}, std::nullopt);
}

absl::StatusOr<Report> Registry::Load(
    std::vector<std::unique_ptr<Source>> sources, const LoadOptions& options) {
  absl::MutexLock lock(&load_mutex_);
  absl::StatusOr<Report> report = Adopt(sources, options, Mode::kAll);
  if (!report.ok()) return report;
  sources_ = std::move(sources);
  load_options_ = options;
  has_sources_ = true;
  return report;
}

absl::StatusOr<Report> Registry::Reload() {
  absl::MutexLock lock(&load_mutex_);
  if (!has_sources_) {
    return absl::FailedPreconditionError("nothing was loaded yet");
  }
  return Adopt(sources_, load_options_, Mode::kAll);
}

absl::StatusOr<Report> Registry::Mutate() {
  absl::MutexLock lock(&load_mutex_);
  if (!has_sources_) {
    return absl::FailedPreconditionError("nothing was loaded yet");
  }
  return Adopt(sources_, load_options_, Mode::kMutableOnly);
}

absl::StatusOr<Report> Registry::Adopt(
    const std::vector<std::unique_ptr<Source>>& sources,
    const LoadOptions& options, Mode mode) {
  RawTable table;
  std::vector<absl::Status> unreadable;
  for (const std::unique_ptr<Source>& source : sources) {
    absl::StatusOr<std::vector<Document>> documents = source->ReadAll();
    if (documents.ok()) {
      table.Add(source->kind(), *std::move(documents));
    } else {
      unreadable.push_back(documents.status());
    }
  }
  if (!unreadable.empty()) return Joined(unreadable);

  absl::MutexLock lock(&mutex_);
  return state_->Adopt(std::move(table), options, mode);
}

absl::StatusOr<Report> Registry::State::Adopt(RawTable table,
                                              const LoadOptions& options,
                                              Mode mode) {
  Lines errors;
  Lines warnings;
  FindUnknown(table, options.strict ? errors : warnings);
  std::vector<std::optional<Setting>> settings;
  for (const std::unique_ptr<Entry>& entry : entries) {
    const std::optional<RawTable::Found> found =
        table.Find(entry->group, entry->description());
    settings.emplace_back();
    if (!found) continue;
    settings.back() = entry->ToSetting(*found);
    WarnOfName(entry->description(), entry->subject(), *found, warnings);
  }

  std::vector<Resolved> wanted = ResolveAll(
      settings, [](const Entry&) { return true; }, errors);
  std::vector<Resolved> adopted;
  if (errors.empty() && mode == Mode::kMutableOnly) {
    // Again, since references to what stays must give what is in force.
    adopted = ResolveAll(
        settings,
        [](const Entry& entry) { return entry.description().is_mutable; },
        errors);
  }
  if (!errors.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(errors.Take(), "\n"));
  }

  Report report;
  report.warnings = warnings.Take();
  for (const Entry* sorted : Sorted()) {
    const size_t index = sorted->cell->index();
    Entry& entry = *entries[index];
    const bool applied = mode == Mode::kAll || entry.description().is_mutable;
    Resolved& next =
        applied && !adopted.empty() ? adopted[index] : wanted[index];
    if (!entry.Equal(entry.now.value, next.value)) {
      report.changes.push_back({.group = entry.group,
                                .name = entry.description().name,
                                .old_text = entry.ToText(entry.now),
                                .new_text = entry.ToText(next),
                                .origin = next.origin,
                                .applied = applied});
    }
    if (!applied) continue;
    entry.source = std::move(settings[index]);
    Publish(entry, std::move(next));
  }
  raw = std::move(table);
  loaded = true;
  return report;
}

absl::StatusOr<Origin> Registry::Where(absl::string_view group,
                                       absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return (*entry)->now.origin;
}

std::vector<DumpEntry> Registry::Dump() const {
  absl::MutexLock lock(&mutex_);
  std::vector<DumpEntry> dump;
  for (const State::Entry* entry : state_->Sorted()) {
    dump.push_back({.group = entry->group,
                    .name = entry->description().name,
                    .value = entry->ToText(entry->now),
                    .origin = entry->now.origin,
                    .is_set = static_cast<bool>(entry->now.value),
                    .secret = entry->now.masked,
                    .is_mutable = entry->description().is_mutable});
  }
  return dump;
}

std::vector<std::string> Registry::DumpLines() const {
  std::vector<std::string> arguments;
  std::vector<std::string> files;
  {
    absl::MutexLock lock(&mutex_);
    state_->DescribeSources(arguments, files);
  }
  std::vector<std::string> lines = {
      std::string(80, '*'),
      "Configuration options gathered from:",
      absl::StrCat("command line args: ", absl::StrJoin(arguments, " ")),
      absl::StrCat("config files: ", absl::StrJoin(files, ", ")),
      std::string(80, '='),
  };
  for (const DumpEntry& entry : Dump()) {
    const std::string name = entry.group == kDefaultGroup
                                 ? entry.name
                                 : absl::StrCat(entry.group, ".", entry.name);
    lines.push_back(absl::StrFormat("%-30s = %s", name, entry.value));
  }
  lines.push_back(std::string(80, '*'));
  return lines;
}

Snapshot Registry::TakeSnapshot() const {
  absl::MutexLock lock(&mutex_);
  if (!state_->snapshot) {
    auto values = std::make_shared<Snapshot::Values>();
    values->reserve(state_->entries.size());
    for (const std::unique_ptr<State::Entry>& entry : state_->entries) {
      values->push_back(entry->now.value);
    }
    state_->snapshot = std::move(values);
  }
  return Snapshot(this, state_->snapshot);
}

}  // namespace bergen::config
