// SPDX-License-Identifier: Apache-2.0

#include "config/registry.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <set>
#include <tuple>

#include "absl/cleanup/cleanup.h"
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
#include "config/name_index.h"
#include "config/nearest_name.h"
#include "config/raw_table.h"

namespace bergen::config {
namespace {

using internal::AnyValue;
using internal::ErasedOption;
using Position = RawTable::Position;

constexpr absl::string_view kUnsetText = "<None>";

// Suggestions are made for so many unknown names; each takes linear time.
constexpr int kMaxSuggestions = 20;

// An option that alternates between so many values needs no more memory.
constexpr size_t kMaxReused = 16;

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

// Lines about places in the sources, to be read in the order of these.
class Lines {
 public:
  void Add(size_t position, std::string text) {
    lines_.emplace_back(position, std::move(text));
  }
  bool empty() const { return lines_.empty(); }
  std::vector<std::string> Take() {
    std::stable_sort(
        lines_.begin(), lines_.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> texts;
    texts.reserve(lines_.size());
    for (auto& [position, text] : lines_) texts.push_back(std::move(text));
    return texts;
  }

 private:
  std::vector<std::pair<size_t, std::string>> lines_;
};

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

// All that went wrong, under the common code of `statuses` if there is one.
absl::Status Joined(const std::vector<absl::Status>& statuses) {
  absl::StatusCode code = statuses.front().code();
  std::vector<std::string> lines;
  lines.reserve(statuses.size());
  for (const absl::Status& status : statuses) {
    if (status.code() != code) code = absl::StatusCode::kInvalidArgument;
    lines.emplace_back(status.message());
  }
  return absl::Status(code, absl::StrJoin(lines, "\n"));
}

bool HasDollar(absl::Span<const absl::string_view> texts) {
  return std::any_of(texts.begin(), texts.end(), [](absl::string_view text) {
    return absl::StrContains(text, '$');
  });
}

}  // namespace

namespace internal {

absl::Status Hook::CallOnChange(const AnyValue& from, const AnyValue& to) {
  return Call([&] { return on_change_(from, to); });
}

absl::Status Hook::CallOnReport(const Report& report) {
  return Call([&] { return on_report_(report); });
}

absl::Status Hook::Call(absl::FunctionRef<absl::Status()> hook) {
  absl::MutexLock lock(&running_);
  if (ended_.load()) return absl::OkStatus();
  thread_.store(std::this_thread::get_id());
  absl::Status status = hook();
  thread_.store(std::thread::id());
  return status;
}

void Hook::End() {
  ended_.store(true);
  if (thread_.load() == std::this_thread::get_id()) return;
  absl::MutexLock lock(&running_);
}

}  // namespace internal

Subscription& Subscription::operator=(Subscription&& other) noexcept {
  if (this == &other) return *this;
  if (hook_) hook_->End();
  hook_ = std::move(other.hook_);
  return *this;
}

Subscription::~Subscription() {
  if (hook_) hook_->End();
}

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

// What code wants an option to be.
struct Registry::Setting {
  std::optional<std::string> text;  // If it has to be parsed.
  AnyValue value;                   // Otherwise; null is unset.
  CodeLocation where;
};

// A snapshot made earlier, for one group of threads.
struct alignas(64) Registry::Cached {
  absl::Mutex mutex;
  uint64_t version ABSL_GUARDED_BY(mutex) = 0;
  std::shared_ptr<const Snapshot::Values> values ABSL_GUARDED_BY(mutex);
};

// What snapshots see at a version.
struct Registry::FrozenValues {
  uint64_t version = 0;
  std::shared_ptr<const Snapshot::Values> values;
};

// The newest of these. Locked for no longer than a copy takes.
class Registry::Frozen {
 public:
  FrozenValues Get() const {
    absl::MutexLock lock(&mutex_);
    return values_;
  }
  void Set(FrozenValues values) {
    absl::MutexLock lock(&mutex_);
    std::swap(values_, values);
  }

 private:
  mutable absl::Mutex mutex_;
  FrozenValues values_ ABSL_GUARDED_BY(mutex_);
};

// Everything that `mutex_` guards, and what can be decided by looking at it.
struct Registry::State {
  using ManySelected = RawTable::ManySelected;
  using ManyByIndex =
      absl::flat_hash_map<uint32_t, std::unique_ptr<ManySelected>>;

  // What one layer wants an option to be, wherever that is kept.
  struct Wish {
    Origin::Kind kind = Origin::Kind::kDefault;
    CodeLocation where;               // If it is code that wants it.
    const RawTable* table = nullptr;  // Otherwise with the position.
    Position position = RawTable::kNone;
    // Either the texts count or, if `has_texts` is false, the value.
    bool has_texts = false;
    absl::string_view text;              // Of an ordinary option.
    const ManySelected* many = nullptr;  // Of one with several values.
    const AnyValue* value = nullptr;

    absl::Span<const absl::string_view> texts() const {
      if (many) return many->texts;
      return absl::MakeConstSpan(&text, 1);
    }
  };

  struct Resolved {
    AnyValue value;
    bool masked = false;  // Secret, or refers to a secret.
    // The names it refers to or would, had they been options; null for none.
    std::unique_ptr<std::vector<std::string>> references;
  };

  struct Entry {
    Entry(NameIndex::Name& name, AnyOption any_option, CodeLocation where,
          const Registry* registry, uint32_t index)
        : known_as(name),
          group(name.group),
          option(std::move(any_option)),
          registered_at(where),
          cell(registry, index, option.erased().type()) {}

    const ErasedOption& erased() const { return option.erased(); }
    uint32_t index() const { return cell.index(); }
    std::string subject() const {
      return absl::StrCat(group.name, ".", erased().name());
    }
    // How a dump prints `value`.
    std::string ToText(const AnyValue& value, bool is_masked) const {
      if (is_masked) return std::string(kMask);
      if (!value) return std::string(kUnsetText);
      return erased().Print(value);
    }
    bool Equal(const AnyValue& a, const AnyValue& b) const {
      if (!a || !b) return !a && !b;
      return erased().ValuesEqual(a, b);
    }

    NameIndex::Name& known_as;
    NameIndex::Group& group;
    const AnyOption option;
    CodeLocation registered_at;
    internal::Cell cell;
    AnyValue default_value;
    // Of the assignment that counts, in the table for its kind of option.
    Position position = RawTable::kNone;
    Origin::Kind origin = Origin::Kind::kDefault;  // Of the value in force.
    bool alive = true;
    bool masked = false;
    bool has_references = false;
    bool default_has_references = false;
    bool has_override = false;
    bool has_default = false;
  };

  // What a load would make of all options.
  struct Candidate {
    std::shared_ptr<const RawTable> table;
    std::vector<RawTable::Selection> selections;
    ManyByIndex many;
    std::vector<AnyValue> values;
    std::vector<bool> masked;
    absl::flat_hash_map<uint32_t, std::unique_ptr<std::vector<std::string>>>
        references;
    // Problems of one option, by index.
    absl::flat_hash_map<uint32_t, std::string> rejected;
    std::vector<Position> unknown;
  };

  // An option that a hook may be about.
  struct Changed {
    uint32_t index;
    AnyValue from;
    AnyValue to;
  };

  class Resolver;
  using IsFresh = absl::FunctionRef<bool(const Entry&)>;

  State(const Registry* owner, NameIndex& index, std::atomic<uint64_t>& counter,
        Frozen& newest_frozen)
      : registry(owner),
        names(index),
        version(counter),
        frozen(newest_frozen) {}

  Entry* Find(absl::string_view group, absl::string_view name);
  const Entry* Find(absl::string_view group, absl::string_view name) const;
  absl::StatusOr<Entry*> MustFind(absl::string_view group,
                                  absl::string_view name);
  absl::StatusOr<Entry*> Add(absl::string_view group, const AnyOption& option,
                             CodeLocation where, bool& is_new);
  NameIndex::Name& OldName(const Entry& entry, const DeprecatedName& old);
  void Connect(Entry& entry);
  void Disconnect(Entry& entry);
  void UpdateCell(NameIndex::Name& name);
  void TakeBack(const std::vector<uint32_t>& added);
  void SelectFor(Entry& entry);
  absl::Status Commit(std::vector<uint32_t> changed);
  absl::Status Replace(Entry& entry, Layer layer,
                       std::optional<Setting> setting);
  std::vector<uint32_t> WithReferrers(std::vector<uint32_t> changed) const;

  // Null for none.
  static const ManySelected* FindMany(const ManyByIndex& many, uint32_t index) {
    const auto found = many.find(index);
    return found == many.end() ? nullptr : found->second.get();
  }
  Wish CodeWish(Origin::Kind kind, const Setting& setting) const;
  Wish SourceWish(const RawTable& table, Position position,
                  const ManySelected* many) const;
  Wish InForce(const Entry& entry) const;
  Wish InForce(const Entry& entry, const Candidate& candidate) const;
  Wish InForce(const Entry& entry, std::optional<Wish> from_sources) const;
  std::string PlaceOf(const Entry& entry, const Wish& wish) const;
  // That a required option has no value.
  std::string Missing(const Entry& entry, const Wish& wish) const;
  Origin OriginOf(const Entry& entry) const;
  const RawTable* TableOf(const Entry& entry) const {
    return (entry.erased().is_mutable() ? newest : loaded).get();
  }

  void Match(Candidate& candidate) const;
  void MatchOne(Candidate& candidate, const NameIndex::Name* name,
                Position position, const RawValue& raw,
                const RawTable::Part& part) const;
  void WarnOfNames(const Candidate& candidate, Lines& warnings) const;
  void FindUnknown(const Candidate& candidate, Lines& unknown) const;
  void ResolveAll(Candidate& candidate, Lines& errors) const;
  void ResolveOne(Candidate& candidate, const Entry& entry, Resolver& resolver,
                  Lines& errors) const;
  void Reject(Candidate& candidate, const Entry& entry, size_t position,
              absl::string_view why, Lines& errors) const;
  static void Take(Candidate& candidate, uint32_t index,
                   const Resolved& resolved);
  void KeepImmutable(Candidate& candidate, Lines& errors) const;
  Report Adopt(std::shared_ptr<const RawTable> table,
               const LoadOptions& options, Mode mode, bool dry_run,
               std::vector<Changed>* changed);
  void Apply(Candidate& candidate, Mode mode, std::vector<Changed>* changed);
  bool Stage(Entry& entry, Resolved& resolved);
  void PublishStaged();
  void SetReferences(Entry& entry, const std::vector<std::string>* references);
  Change ToChange(const Entry& entry, const Candidate& candidate) const;
  void Sort(std::vector<const Entry*>& sorted) const;

  const Registry* const registry;
  NameIndex& names;
  std::atomic<uint64_t>& version;
  Frozen& frozen;
  std::deque<Entry> entries;
  NameIndex::Group* last_group = nullptr;  // To which an option was added.
  internal::ValueList values;              // In force, by index.
  absl::node_hash_map<uint32_t, Setting> overrides;
  absl::node_hash_map<uint32_t, Setting> set_defaults;
  // Of options with several values: what counts in their table.
  ManyByIndex many;
  // What the sources said in the last load, which is what counts for options
  // that are not mutable, and in the last load or mutation. Null before a load.
  std::shared_ptr<const RawTable> loaded;
  std::shared_ptr<const RawTable> newest;
  // By the key of an option's name: options that refer to it, and what each
  // refers to.
  absl::flat_hash_map<std::string, std::set<uint32_t>> referrers;
  absl::flat_hash_map<uint32_t, std::vector<std::string>> references;
  // Values that readers may still hold references to, the oldest first.
  absl::flat_hash_map<uint32_t, std::vector<AnyValue>> superseded;
  std::vector<std::weak_ptr<internal::Hook>> hooks;
  std::atomic<bool> snapshots_taken = false;
  std::vector<uint32_t> staged;  // Entries whose value is not visible yet.

  // Makes the values as they are now those of version `wanted`.
  FrozenValues FreezeFor(uint64_t wanted) {
    FrozenValues made = frozen.Get();
    if (made.version == wanted) return made;
    made = {wanted, values.Freeze()};
    frozen.Set(made);
    return made;
  }
  FrozenValues Freeze() {
    return FreezeFor(version.load(std::memory_order_relaxed));
  }
};

// Turns wishes into values, following references. Entries that are not fresh
// keep the value they have.
class Registry::State::Resolver {
 public:
  using WishOf = absl::FunctionRef<Wish(const Entry&)>;

  // The arguments must outlive the resolver.
  Resolver(const State& state, WishOf wish_of, IsFresh is_fresh)
      : state_(state), wish_of_(wish_of), is_fresh_(is_fresh) {}

  struct Outcome {
    absl::Status status;  // As `Evaluate`.
    Resolved resolved;
  };

  // What the option's own wish leads to.
  Outcome& Resolve(const Entry& entry) {
    const auto done = done_.find(&entry);
    if (done != done_.end()) return done->second;
    Outcome outcome;
    if (is_fresh_(entry)) {
      outcome.status = Evaluate(entry, wish_of_(entry), outcome.resolved);
    } else {
      outcome.resolved.value = state_.values[entry.index()];
      outcome.resolved.masked = entry.masked;
    }
    return done_.emplace(&entry, std::move(outcome)).first->second;
  }

  // The error names the option and the place of its setting: NotFound for a
  // reference to an unknown option, else InvalidArgument.
  absl::Status Evaluate(const Entry& entry, const Wish& wish,
                        Resolved& resolved) {
    path_.push_back(&entry);
    resolved.masked = entry.erased().secret();
    absl::StatusOr<AnyValue> value = ToValue(entry, wish, resolved);
    path_.pop_back();
    if (value.ok()) {
      resolved.value = *std::move(value);
      return absl::OkStatus();
    }
    return absl::Status(
        value.status().code(),
        absl::StrCat(PlaceOfError(entry, wish, resolved), ": ", entry.subject(),
                     ": ", value.status().message()));
  }

 private:
  absl::StatusOr<AnyValue> ToValue(const Entry& entry, const Wish& wish,
                                   Resolved& resolved) {
    const ErasedOption& option = entry.erased();
    const auto expand = [&](absl::string_view text) {
      return Expand(text, [&](absl::string_view name) {
        return Lookup(entry, name, resolved);
      });
    };
    if (wish.has_texts) {
      const absl::Span<const absl::string_view> texts = wish.texts();
      if (option.literal() || !HasDollar(texts)) {
        return option.Parse(texts, resolved.masked);
      }
      std::vector<std::string> expanded;
      for (const absl::string_view text : texts) {
        absl::StatusOr<std::string> one = expand(text);
        if (!one.ok()) return one.status();
        expanded.push_back(*std::move(one));
      }
      return option.Parse(
          std::vector<absl::string_view>(expanded.begin(), expanded.end()),
          resolved.masked);
    }
    if (!*wish.value) return AnyValue();
    absl::StatusOr<AnyValue> value = option.Expand(*wish.value, expand);
    if (!value.ok()) return value;
    absl::Status status = option.Check(*value, resolved.masked);
    if (!status.ok()) return status;
    return value;
  }

  // Of several values, that of the first that is wrong by itself.
  std::string PlaceOfError(const Entry& entry, const Wish& wish,
                           const Resolved& resolved) const {
    if (wish.many) {
      for (size_t i = 0; i < wish.many->texts.size(); ++i) {
        const absl::Span<const absl::string_view> one =
            wish.texts().subspan(i, 1);
        if (HasDollar(one) || entry.erased().Parse(one, resolved.masked).ok()) {
          continue;
        }
        Wish wrong = wish;
        wrong.position = wish.many->positions[i];
        return state_.PlaceOf(entry, wrong);
      }
    }
    return state_.PlaceOf(entry, wish);
  }

  absl::StatusOr<std::string> Lookup(const Entry& from, absl::string_view name,
                                     Resolved& resolved) {
    if (!resolved.references) {
      resolved.references = std::make_unique<std::vector<std::string>>();
    }
    const Entry* target = Target(from, name, *resolved.references);
    if (!target) {
      return absl::NotFoundError(
          absl::StrCat("refers to ",
                       from.erased().secret()
                           ? std::string("an option that does not exist")
                           : absl::StrCat("${", name, "}, which is no option"),
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
    const Outcome& outcome = Resolve(*target);
    if (!outcome.status.ok()) {
      return absl::Status(outcome.status.code(),
                          absl::StrCat("refers to ", target->subject(),
                                       ", which has no good value"));
    }
    resolved.masked |= outcome.resolved.masked;
    if (!outcome.resolved.value) return std::string();
    return target->erased().Print(outcome.resolved.value);
  }

  const Entry* Target(const Entry& from, absl::string_view name,
                      std::vector<std::string>& references) const {
    const auto find = [&](absl::string_view group, absl::string_view option) {
      references.push_back(NameKey(group, option));
      return state_.Find(group, option);
    };
    const size_t dot = name.find('.');
    if (dot != name.npos) {
      return find(name.substr(0, dot), name.substr(dot + 1));
    }
    const Entry* const target = find(from.group.name, name);
    return target ? target : find(kDefaultGroup, name);
  }

  const State& state_;
  WishOf wish_of_;
  IsFresh is_fresh_;
  absl::node_hash_map<const Entry*, Outcome> done_;
  std::vector<const Entry*> path_;  // Being resolved; each refers to the next.
};

const Registry::State::Entry* Registry::State::Find(
    absl::string_view group, absl::string_view name) const {
  const internal::Cell* const cell = names.FindCell(group, name);
  return cell ? &entries[cell->index()] : nullptr;
}

Registry::State::Entry* Registry::State::Find(absl::string_view group,
                                              absl::string_view name) {
  return const_cast<Entry*>(std::as_const(*this).Find(group, name));
}

absl::StatusOr<Registry::State::Entry*> Registry::State::MustFind(
    absl::string_view group, absl::string_view name) {
  if (Entry* entry = Find(group, name)) return entry;
  return absl::NotFoundError(
      absl::StrCat(group, ".", name, ": no such option"));
}

// The entry of `option`: a new one that is not resolved yet, or the one of an
// equal option. `where` is told in errors.
absl::StatusOr<Registry::State::Entry*> Registry::State::Add(
    absl::string_view group_name, const AnyOption& option, CodeLocation where,
    bool& is_new) {
  const ErasedOption& erased = option.erased();
  const auto error = [&](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat(PlaceText(where), ": ", group_name, ".",
                                     erased.name(), ": ", status.message()));
  };
  const bool is_last_group = last_group && last_group->name == group_name;
  absl::Status status =
      is_last_group ? absl::OkStatus() : CheckGroupName(group_name);
  if (status.ok()) status = erased.CheckDefinition();
  if (!status.ok()) return error(status);

  if (!is_last_group) last_group = &names.AddGroup(group_name);
  NameIndex::Name& name = names.Add(*last_group, erased.name());
  if (name.option != NameIndex::kNoOption) {
    Entry& existing = entries[name.option];
    is_new = false;
    if (existing.option == option) return &existing;
    return error(absl::AlreadyExistsError(
        absl::StrCat("another option of that name was registered at ",
                     PlaceText(existing.registered_at))));
  }

  is_new = true;
  Entry* entry = nullptr;
  if (name.last_option != NameIndex::kNoOption &&
      entries[name.last_option].option == option) {
    entry = &entries[name.last_option];
    entry->alive = true;
    entry->registered_at = where;
  } else {
    entry = &entries.emplace_back(name, option, where, registry,
                                  static_cast<uint32_t>(entries.size()));
    values.Append(AnyValue());
  }
  entry->default_value = erased.Default();
  entry->default_has_references = !erased.default_text().empty();
  if (entry->default_value && !entry->default_has_references) {
    (void)erased.Expand(entry->default_value, [&](absl::string_view text) {
      entry->default_has_references = true;
      return absl::StatusOr<std::string>(std::string(text));
    });
  }
  Connect(*entry);
  if (loaded) SelectFor(*entry);
  return entry;
}

NameIndex::Name& Registry::State::OldName(const Entry& entry,
                                          const DeprecatedName& old) {
  const auto [group, name] =
      old.InFull(entry.group.name, entry.erased().name());
  return names.Add(names.AddGroup(group), name);
}

// Makes the entry known under its names.
void Registry::State::Connect(Entry& entry) {
  ++entry.group.options;
  entry.known_as.option = entry.known_as.last_option = entry.index();
  UpdateCell(entry.known_as);
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

void Registry::State::Disconnect(Entry& entry) {
  --entry.group.options;
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

void Registry::State::UpdateCell(NameIndex::Name& name) {
  const uint32_t option = name.option != NameIndex::kNoOption || !name.aliases
                              ? name.option
                              : name.aliases->front().option;
  name.cell.store(
      option == NameIndex::kNoOption ? nullptr : &entries[option].cell,
      std::memory_order_release);
}

// Takes back what `Add` has added.
void Registry::State::TakeBack(const std::vector<uint32_t>& added) {
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
void Registry::State::SelectFor(Entry& entry) {
  const ErasedOption& option = entry.erased();
  std::vector<RawTable::NameInGroup> called = {
      {entry.group.name, option.name()}};
  for (const DeprecatedName& old : option.deprecated_names()) {
    called.push_back(old.InFull(entry.group.name, option.name()));
  }
  const RawTable& table = *TableOf(entry);
  if (!option.is_multi()) {
    entry.position = table.Find(called).position();
    return;
  }
  ManySelected selected = table.FindMany(called);
  if (selected.positions.empty()) return;
  entry.position = selected.positions.back();
  many[entry.index()] = std::make_unique<ManySelected>(std::move(selected));
}

// `changed` and whatever refers to them, directly or not, in ascending order.
std::vector<uint32_t> Registry::State::WithReferrers(
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
    add(entry.group.name, entry.erased().name());
    for (const DeprecatedName& old : entry.erased().deprecated_names()) {
      const auto [group, name] =
          old.InFull(entry.group.name, entry.erased().name());
      add(group, name);
    }
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

// Gives `changed`, and whatever refers to them, the values that their settings
// now say. After an error no value has changed.
absl::Status Registry::State::Commit(std::vector<uint32_t> changed) {
  if (referrers.empty()) {
    // Most new options have nothing but a default.
    const auto needs_more = [&](uint32_t index) {
      Entry& entry = entries[index];
      if (entry.position != RawTable::kNone || entry.default_has_references ||
          entry.has_override || entry.has_default || entry.has_references ||
          (loaded && entry.erased().required()) || !entry.alive) {
        return true;
      }
      Resolved resolved;
      resolved.value = entry.default_value;
      resolved.masked = entry.erased().secret();
      Stage(entry, resolved);
      return false;
    };
    changed.erase(
        std::stable_partition(changed.begin(), changed.end(), needs_more),
        changed.end());
    PublishStaged();
    if (changed.empty()) return absl::OkStatus();
  }
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
      if (loaded && entry.erased().required() && !outcome.resolved.value) {
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
absl::Status Registry::State::Replace(Entry& entry, Layer layer,
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
                          CodeWish(is_override ? Origin::Kind::kOverride
                                               : Origin::Kind::kSetDefault,
                                   *setting),
                          ignored);
    if (!status.ok()) return absl::InvalidArgumentError(status.message());
  }
  auto& layers = is_override ? overrides : set_defaults;
  bool& has = is_override ? entry.has_override : entry.has_default;
  std::optional<Setting> before;
  if (has) before = std::move(layers[entry.index()]);
  const auto put = [&](std::optional<Setting> wanted) {
    has = wanted.has_value();
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

Registry::State::Wish Registry::State::CodeWish(Origin::Kind kind,
                                                const Setting& setting) const {
  Wish wish = {.kind = kind, .where = setting.where};
  wish.has_texts = setting.text.has_value();
  if (setting.text) wish.text = *setting.text;
  wish.value = &setting.value;
  return wish;
}

Registry::State::Wish Registry::State::SourceWish(
    const RawTable& table, Position position,
    const ManySelected* selected) const {
  const RawTable::Value value = table.At(position);
  Wish wish = {.kind = ToOriginKind(value.kind),
               .table = &table,
               .position = position,
               .has_texts = true};
  wish.text = value.raw->text;
  wish.many = selected;
  return wish;
}

// What counts if the sources say `from_sources`.
Registry::State::Wish Registry::State::InForce(
    const Entry& entry, std::optional<Wish> from_sources) const {
  if (entry.has_override) {
    return CodeWish(Origin::Kind::kOverride,
                    overrides.find(entry.index())->second);
  }
  if (from_sources) return *from_sources;
  if (entry.has_default) {
    return CodeWish(Origin::Kind::kSetDefault,
                    set_defaults.find(entry.index())->second);
  }
  Wish wish = {.where = entry.registered_at};
  wish.has_texts = !entry.erased().default_text().empty();
  if (wish.has_texts) wish.text = entry.erased().default_text();
  wish.value = &entry.default_value;
  return wish;
}

Registry::State::Wish Registry::State::InForce(const Entry& entry) const {
  if (entry.position == RawTable::kNone) return InForce(entry, std::nullopt);
  return InForce(entry, SourceWish(*TableOf(entry), entry.position,
                                   FindMany(many, entry.index())));
}

Registry::State::Wish Registry::State::InForce(
    const Entry& entry, const Candidate& candidate) const {
  const uint32_t index = entry.index();
  if (!candidate.selections[index].found()) {
    return InForce(entry, std::nullopt);
  }
  return InForce(entry, SourceWish(*candidate.table,
                                   candidate.selections[index].position(),
                                   FindMany(candidate.many, index)));
}

std::string Registry::State::PlaceOf(const Entry& entry,
                                     const Wish& wish) const {
  if (!wish.table) return PlaceText(wish.where);
  return PlaceText(wish.table->At(wish.position), entry.erased().secret());
}

std::string Registry::State::Missing(const Entry& entry,
                                     const Wish& wish) const {
  return absl::StrCat(PlaceOf(entry, wish), ": ", entry.subject(),
                      ": required, but nothing gives it a value");
}

Origin Registry::State::OriginOf(const Entry& entry) const {
  const Wish wish = InForce(entry);
  return {wish.kind, PlaceOf(entry, wish)};
}

// Finds the options that the assignments of the table are about.
void Registry::State::Match(Candidate& candidate) const {
  candidate.selections.resize(entries.size());
  for (const RawTable::Part& part : candidate.table->parts()) {
    absl::string_view section;
    const NameIndex::Group* group = nullptr;
    Position position = part.begin;
    for (const RawValue& raw : part.document.values()) {
      if (part.kind == SourceKind::kEnvironment) {
        const std::string lower = absl::AsciiStrToLower(raw.name);
        MatchOne(candidate, names.Find(raw.group, lower), position, raw, part);
        for (const NameIndex::Name* name : names.mixed_case_names()) {
          if (absl::EqualsIgnoreCase(name->name, raw.name) &&
              GroupKey(name->group.name) == GroupKey(raw.group)) {
            MatchOne(candidate, name, position, raw, part);
          }
        }
        ++position;
        continue;
      }
      if (!group || section != raw.group) {
        section = raw.group;
        group = names.FindGroup(section);
      }
      MatchOne(candidate, group ? names.Find(*group, raw.name) : nullptr,
               position++, raw, part);
    }
  }
}

void Registry::State::MatchOne(Candidate& candidate,
                               const NameIndex::Name* name, Position position,
                               const RawValue& raw,
                               const RawTable::Part& part) const {
  const auto consider = [&](uint32_t index, uint32_t rank) {
    candidate.selections[index].Consider(position, raw, part.begin, rank);
    if (!entries[index].erased().is_multi()) return;
    std::unique_ptr<ManySelected>& selected = candidate.many[index];
    if (!selected) selected = std::make_unique<ManySelected>();
    selected->Consider(*candidate.table, position, part.kind, rank);
  };
  if (!name || (name->option == NameIndex::kNoOption && !name->aliases)) {
    if (part.kind != SourceKind::kEnvironment) {
      candidate.unknown.push_back(position);
    }
    return;
  }
  if (name->option != NameIndex::kNoOption) consider(name->option, 0);
  if (!name->aliases) return;
  for (const NameIndex::AliasUse& use : *name->aliases) {
    consider(use.option, use.rank);
  }
}

// What there is to say about the names under which values were found.
void Registry::State::WarnOfNames(const Candidate& candidate,
                                  Lines& warnings) const {
  for (const Entry& entry : entries) {
    const ErasedOption& option = entry.erased();
    const RawTable::Selection& selection = candidate.selections[entry.index()];
    if (!entry.alive || !selection.found()) continue;
    const auto warn = [&](Position position, absl::string_view text) {
      const RawTable::Value value = candidate.table->At(position);
      warnings.Add(position, absl::StrCat(PlaceText(value, option.secret()),
                                          ": ", value.raw->group, ".",
                                          value.raw->name, ": ", text));
    };
    const auto warn_of_alias = [&](Position position) {
      warn(position, absl::StrCat("deprecated name of ", entry.subject()));
    };
    if (option.is_multi()) {
      const ManySelected& selected = *candidate.many.at(entry.index());
      if (selected.rank > 0) warn_of_alias(selected.rank_position);
    } else {
      if (selection.rank() > 0) warn_of_alias(selection.position());
      if (selection.ignored() != RawTable::kNone) {
        const RawTable::Value ignored =
            candidate.table->At(selection.ignored());
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

void Registry::State::FindUnknown(const Candidate& candidate,
                                  Lines& unknown) const {
  absl::flat_hash_set<std::pair<const Document*, absl::string_view>>
      sections_told;
  int suggestions = 0;
  for (const Position position : candidate.unknown) {
    const RawTable::Value value = candidate.table->At(position);
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
    const NameIndex::Group* const group = names.FindGroup(raw.group);
    if (!group || group->options + group->aliases == 0) {
      if (!sections_told.emplace(value.document, raw.group).second) continue;
      for (const auto& [key, known] : names.groups()) {
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
      const NameIndex::Name& name = names.at(number);
      if (suggest && name.option != NameIndex::kNoOption) {
        candidates.emplace_back(name.name);
      }
    }
    add(absl::StrCat(raw.group, ".", raw.name, ": unknown option"),
        suggest ? nearest(raw.name, std::move(candidates)) : "");
  }
}

// The values of all entries, by index, if the sources say what `candidate`
// says. Only if there are no errors the result is complete.
void Registry::State::ResolveAll(Candidate& candidate, Lines& errors) const {
  const auto wish_of = [&](const Entry& entry) {
    return InForce(entry, candidate);
  };
  const auto is_fresh = [](const Entry&) { return true; };
  Resolver resolver(*this, wish_of, is_fresh);
  candidate.values.resize(entries.size());
  candidate.masked.resize(entries.size());
  for (const Entry& entry : entries) {
    if (!entry.alive) continue;
    const ErasedOption& option = entry.erased();
    const uint32_t index = entry.index();
    const RawTable::Selection& selection = candidate.selections[index];
    if (!selection.found() && !entry.has_override && !entry.has_default &&
        !entry.default_has_references) {
      candidate.values[index] = entry.default_value;
      candidate.masked[index] = option.secret();
    } else if (selection.found() && !entry.has_override && !option.is_multi() &&
               (option.literal() ||
                !absl::StrContains(selection.raw()->text, '$'))) {
      // The usual case.
      absl::StatusOr<AnyValue> value = option.Parse(
          absl::MakeConstSpan(&selection.raw()->text, 1), option.secret());
      if (value.ok()) {
        candidate.values[index] = *std::move(value);
      } else {
        Reject(candidate, entry, selection.position(),
               absl::StrCat(PlaceOf(entry, InForce(entry, candidate)), ": ",
                            entry.subject(), ": ", value.status().message()),
               errors);
      }
      candidate.masked[index] = option.secret();
    } else {
      ResolveOne(candidate, entry, resolver, errors);
    }
    if (option.required() && !candidate.values[index] &&
        !candidate.rejected.contains(index)) {
      const Wish wish = InForce(entry, candidate);
      Reject(candidate, entry, wish.position, Missing(entry, wish), errors);
    }
  }
}

void Registry::State::Reject(Candidate& candidate, const Entry& entry,
                             size_t position, absl::string_view why,
                             Lines& errors) const {
  errors.Add(position, std::string(why));
  candidate.rejected.try_emplace(entry.index(), why);
}

void Registry::State::ResolveOne(Candidate& candidate, const Entry& entry,
                                 Resolver& resolver, Lines& errors) const {
  const uint32_t index = entry.index();
  const RawTable::Selection& selection = candidate.selections[index];
  // An override does not excuse a mistake in a file.
  if (selection.found() && entry.has_override) {
    Resolved ignored;
    const Wish hidden = SourceWish(*candidate.table, selection.position(),
                                   FindMany(candidate.many, index));
    const absl::Status status = resolver.Evaluate(entry, hidden, ignored);
    if (!status.ok()) {
      Reject(candidate, entry, hidden.position, status.message(), errors);
    }
  }
  const Resolver::Outcome& outcome = resolver.Resolve(entry);
  if (!outcome.status.ok()) {
    Reject(candidate, entry, InForce(entry, candidate).position,
           outcome.status.message(), errors);
  }
  Take(candidate, index, outcome.resolved);
}

void Registry::State::Take(Candidate& candidate, uint32_t index,
                           const Resolved& resolved) {
  candidate.values[index] = resolved.value;
  candidate.masked[index] = resolved.masked;
  if (!resolved.references) return;
  candidate.references[index] =
      std::make_unique<std::vector<std::string>>(*resolved.references);
}

// Evaluates again what refers to other options, since references to what stays
// must give what is in force.
void Registry::State::KeepImmutable(Candidate& candidate, Lines& errors) const {
  const auto is_fresh = [&](const Entry& entry) {
    return entry.erased().is_mutable();
  };
  const auto wish_of = [&](const Entry& entry) {
    return InForce(entry, candidate);
  };
  Resolver resolver(*this, wish_of, is_fresh);
  for (const Entry& entry : entries) {
    if (candidate.references.empty()) return;
    if (!entry.alive || !entry.erased().is_mutable() ||
        !candidate.references.contains(entry.index())) {
      continue;
    }
    const Resolver::Outcome& outcome = resolver.Resolve(entry);
    Take(candidate, entry.index(), outcome.resolved);
    if (outcome.status.ok()) continue;
    Reject(candidate, entry, candidate.selections[entry.index()].position(),
           outcome.status.message(), errors);
  }
}

void Registry::State::SetReferences(Entry& entry,
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

// Records the value, which is not visible yet; whether it is another than now.
bool Registry::State::Stage(Entry& entry, Resolved& resolved) {
  if (resolved.references || entry.has_references) {
    SetReferences(entry, resolved.references.get());
  }
  entry.masked = resolved.masked;
  const uint32_t index = entry.index();
  const AnyValue& now = values[index];
  if (entry.Equal(now, resolved.value)) return false;
  AnyValue next = std::move(resolved.value);
  const auto is_default = [&](const AnyValue& value) {
    return value.word() == entry.default_value.word();
  };
  // The default stays anyway.
  const bool keep = now.is_shared() && !is_default(now);
  const bool may_reuse = next.is_shared() && !is_default(next);
  if (const auto found = superseded.find(index);
      may_reuse && found != superseded.end()) {
    // One that readers have seen, if it was the same.
    std::vector<AnyValue>& kept = found->second;
    const size_t oldest = kept.size() - std::min(kept.size(), kMaxReused);
    for (size_t i = kept.size(); i-- > oldest;) {
      if (!entry.Equal(kept[i], next)) continue;
      next = kept[i];
      kept.erase(kept.begin() + static_cast<ptrdiff_t>(i));
      break;
    }
  }
  if (keep) superseded[index].push_back(now);
  values.Set(index, std::move(next));
  staged.push_back(index);
  return true;
}

// Makes what was staged visible: to snapshots all at once, then to handles.
void Registry::State::PublishStaged() {
  version.fetch_add(1, std::memory_order_release);
  for (const uint32_t index : staged) {
    entries[index].cell.Publish(values[index]);
  }
  staged.clear();
}

Change Registry::State::ToChange(const Entry& entry,
                                 const Candidate& candidate) const {
  const uint32_t index = entry.index();
  const Wish wish = InForce(entry, candidate);
  Change change = {.group = entry.group.name,
                   .name = entry.erased().name(),
                   .old_text = entry.ToText(values[index], entry.masked),
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

Report Registry::State::Adopt(std::shared_ptr<const RawTable> table,
                              const LoadOptions& options, Mode mode,
                              bool dry_run, std::vector<Changed>* changed) {
  // So that snapshots need not wait for what follows.
  if (snapshots_taken.load(std::memory_order_relaxed)) Freeze();
  Lines errors;
  Lines warnings;
  Candidate candidate;
  candidate.table = std::move(table);
  Match(candidate);
  FindUnknown(candidate, options.strict ? errors : warnings);
  WarnOfNames(candidate, warnings);
  ResolveAll(candidate, errors);
  if (errors.empty() && mode == Mode::kMutableOnly) {
    KeepImmutable(candidate, errors);
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
          !entry.Equal(values[entry.index()],
                       candidate.values[entry.index()])) {
        differing.push_back(&entry);
      }
    }
    Sort(differing);
    report.changes.reserve(differing.size());
    for (const Entry* entry : differing) {
      Change& change = report.changes.emplace_back(ToChange(*entry, candidate));
      if (change.verdict == Verdict::kRejected) continue;
      if (mode == Mode::kMutableOnly && !entry->erased().is_mutable()) {
        change.verdict = Verdict::kNeedsRestart;
      } else if (!good) {
        change.verdict = Verdict::kHeldBack;
      }
    }
  }
  if (good && !dry_run) Apply(candidate, mode, changed);
  return report;
}

void Registry::State::Apply(Candidate& candidate, Mode mode,
                            std::vector<Changed>* changed) {
  newest = candidate.table;
  if (mode == Mode::kAll) loaded = candidate.table;
  for (Entry& entry : entries) {
    if (!entry.alive) continue;
    if (mode == Mode::kMutableOnly && !entry.erased().is_mutable()) continue;
    const uint32_t index = entry.index();
    entry.position = candidate.selections[index].position();
    if (entry.erased().is_multi()) {
      const auto selected = candidate.many.find(index);
      if (selected == candidate.many.end()) {
        many.erase(index);
      } else {
        many[index] = std::move(selected->second);
      }
    }
    const AnyValue before = changed ? values[index] : AnyValue();
    Resolved resolved;
    resolved.value = std::move(candidate.values[index]);
    resolved.masked = candidate.masked[index];
    if (!candidate.references.empty()) {
      const auto found = candidate.references.find(index);
      if (found != candidate.references.end()) {
        resolved.references = std::move(found->second);
      }
    }
    if (Stage(entry, resolved) && changed) {
      changed->push_back({index, before, values[index]});
    }
  }
  if (snapshots_taken.load(std::memory_order_relaxed)) {
    FreezeFor(version.load(std::memory_order_relaxed) + 1);
  }
  PublishStaged();
}

void Registry::State::Sort(std::vector<const Entry*>& sorted) const {
  const auto key = [](const Entry* entry) {
    return std::tuple<bool, const std::string&, const std::string&>(
        entry->group.name != kDefaultGroup, entry->group.name,
        entry->erased().name());
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](const Entry* a, const Entry* b) { return key(a) < key(b); });
}

Registry::Registry()
    : frozen_(std::make_unique<Frozen>()),
      state_(std::make_unique<State>(this, names_, version_, *frozen_)),
      cached_(new Cached[kCaches]) {}

Registry::~Registry() = default;

absl::StatusOr<const internal::Cell*> Registry::RegisterOne(
    absl::string_view group, const AnyOption& option, CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  bool is_new = false;
  const absl::StatusOr<State::Entry*> entry =
      state_->Add(group, option, where, is_new);
  if (!entry.ok()) return entry.status();
  if (is_new) {
    const absl::Status status = state_->Commit({(*entry)->index()});
    if (!status.ok()) {
      state_->TakeBack({(*entry)->index()});
      return status;
    }
  }
  return &(*entry)->cell;
}

absl::Status Registry::RegisterAll(const OptionList& options,
                                   CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  std::vector<uint32_t> added;
  std::vector<absl::Status> errors;
  size_t count = 0;
  for (const OptionGroup& group : options) count += group.options.size();
  names_.Reserve(count);
  added.reserve(count);
  for (const OptionGroup& group : options) {
    for (const AnyOption& option : group.options) {
      bool is_new = false;
      const absl::StatusOr<State::Entry*> entry =
          state_->Add(group.name, option, where, is_new);
      if (!entry.ok()) {
        errors.push_back(entry.status());
      } else if (is_new) {
        added.push_back((*entry)->index());
      }
    }
  }
  if (errors.empty()) {
    absl::Status status = state_->Commit(added);
    if (status.ok()) return status;
    errors.push_back(status);
  }
  state_->TakeBack(added);
  return Joined(errors);
}

absl::Status Registry::Unregister(absl::string_view group,
                                  absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> found = state_->MustFind(group, name);
  if (!found.ok()) return found.status();
  State::Entry& entry = **found;
  state_->Disconnect(entry);
  entry.alive = false;
  // Whatever referred to it must still have a value.
  const absl::Status status = state_->Commit({entry.index()});
  if (!status.ok()) {
    entry.alive = true;
    state_->Connect(entry);
    return absl::FailedPreconditionError(status.message());
  }
  state_->SetReferences(entry, nullptr);
  state_->overrides.erase(entry.index());
  state_->set_defaults.erase(entry.index());
  state_->many.erase(entry.index());
  entry.has_override = entry.has_default = false;
  entry.position = RawTable::kNone;
  return absl::OkStatus();
}

const internal::Cell* Registry::FindCell(absl::string_view group,
                                         absl::string_view name) const {
  return names_.FindCell(group, name);
}

absl::Status Registry::NotFound(absl::string_view group, absl::string_view name,
                                absl::string_view type_name) const {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return absl::InvalidArgumentError(
      absl::StrCat((*entry)->subject(), ": is of type ",
                   (*entry)->erased().type_name(), ", not ", type_name));
}

absl::Status Registry::SetDefault(absl::string_view group,
                                  absl::string_view name, std::nullopt_t,
                                  CodeLocation where) {
  return SetValue(Layer::kDefault, group, name, typeid(void), "", nullptr,
                  where);
}

absl::Status Registry::SetOverride(absl::string_view group,
                                   absl::string_view name, std::nullopt_t,
                                   CodeLocation where) {
  return SetValue(Layer::kOverride, group, name, typeid(void), "", nullptr,
                  where);
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
  if (value && (*entry)->erased().type() != type) {
    return absl::InvalidArgumentError(absl::StrCat(
        PlaceText(where), ": ", (*entry)->subject(), ": is of type ",
        (*entry)->erased().type_name(), ", not ", type_name));
  }
  return state_->Replace(
      **entry, layer,
      Setting{.text = std::nullopt, .value = std::move(value), .where = where});
}

absl::Status Registry::SetText(Layer layer, absl::string_view group,
                               absl::string_view name, absl::string_view text,
                               CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->Replace(
      **entry, layer,
      Setting{.text = std::string(text), .value = nullptr, .where = where});
}

absl::Status Registry::Clear(Layer layer, absl::string_view group,
                             absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->Replace(**entry, layer, std::nullopt);
}

bool Registry::InsideHook() const {
  return hook_thread_.load() == std::this_thread::get_id();
}

absl::StatusOr<Report> Registry::Load(
    std::vector<std::unique_ptr<Source>> sources, const LoadOptions& options) {
  if (InsideHook()) {
    return absl::FailedPreconditionError("a hook must not load");
  }
  absl::MutexLock lock(&load_mutex_);
  Report report = Adopt(sources, options, Mode::kAll, /*dry_run=*/false);
  if (!report.status.ok()) return report.status;
  sources_ = std::move(sources);
  load_options_ = options;
  has_sources_ = true;
  return report;
}

Report Registry::Reload(const ReloadOptions& options) {
  return Again(Mode::kAll, options);
}

Report Registry::Mutate(const ReloadOptions& options) {
  return Again(Mode::kMutableOnly, options);
}

Report Registry::Again(Mode mode, const ReloadOptions& options) {
  Report report;
  if (InsideHook()) {
    report.status = absl::FailedPreconditionError("a hook must not load");
    return report;
  }
  absl::MutexLock lock(&load_mutex_);
  if (!has_sources_) {
    report.status = absl::FailedPreconditionError("nothing was loaded yet");
    return report;
  }
  return Adopt(sources_, load_options_, mode, options.dry_run);
}

Report Registry::Adopt(const std::vector<std::unique_ptr<Source>>& sources,
                       const LoadOptions& options, Mode mode, bool dry_run) {
  auto table = std::make_shared<RawTable>();
  std::vector<absl::Status> unreadable;
  for (const std::unique_ptr<Source>& source : sources) {
    absl::StatusOr<std::vector<Document>> documents = source->ReadAll();
    if (documents.ok()) {
      table->Add(source->kind(), *std::move(documents));
    } else {
      unreadable.push_back(documents.status());
    }
  }
  Report report;
  if (!unreadable.empty()) {
    report.status = Joined(unreadable);
    report.dry_run = dry_run;
    return report;
  }

  std::vector<State::Changed> changed;
  std::vector<std::shared_ptr<internal::Hook>> hooks;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::weak_ptr<internal::Hook>& hook : state_->hooks) {
      if (auto alive = hook.lock()) hooks.push_back(std::move(alive));
    }
    report = state_->Adopt(std::move(table), options, mode, dry_run,
                           hooks.empty() ? nullptr : &changed);
  }
  if (!report.status.ok() || dry_run || hooks.empty()) return report;

  hook_thread_.store(std::this_thread::get_id());
  const absl::Cleanup done = [&] { hook_thread_.store(std::thread::id()); };
  absl::flat_hash_map<size_t, const State::Changed*> by_index;
  for (const State::Changed& change : changed) {
    by_index[change.index] = &change;
  }
  std::vector<absl::Status> failures;
  for (const std::shared_ptr<internal::Hook>& hook : hooks) {
    absl::Status status;
    if (!hook->cell()) {
      status = hook->CallOnReport(report);
    } else if (const auto change = by_index.find(hook->cell()->index());
               change != by_index.end()) {
      status = hook->CallOnChange(change->second->from, change->second->to);
    }
    if (!status.ok()) failures.push_back(std::move(status));
  }
  report.hook_failures = std::move(failures);
  return report;
}

Subscription Registry::AddHook(std::shared_ptr<internal::Hook> hook) {
  if (hook->cell() && hook->cell()->registry() != this) {
    std::fputs("config::Registry: the handle belongs to another registry\n",
               stderr);
    std::abort();
  }
  absl::MutexLock lock(&mutex_);
  std::vector<std::weak_ptr<internal::Hook>>& hooks = state_->hooks;
  hooks.erase(std::remove_if(hooks.begin(), hooks.end(),
                             [](const std::weak_ptr<internal::Hook>& known) {
                               return known.expired();
                             }),
              hooks.end());
  hooks.push_back(hook);
  return Subscription(std::move(hook));
}

absl::Status Registry::Clear() { return Forget(/*settings_too=*/false); }

absl::Status Registry::Reset() { return Forget(/*settings_too=*/true); }

absl::Status Registry::Forget(bool settings_too) {
  if (InsideHook()) {
    return absl::FailedPreconditionError("a hook must not clear");
  }
  absl::MutexLock load_lock(&load_mutex_);
  absl::MutexLock lock(&mutex_);
  State& state = *state_;
  sources_.clear();
  has_sources_ = false;
  state.many.clear();
  std::vector<uint32_t> all;
  for (State::Entry& entry : state.entries) {
    entry.position = RawTable::kNone;
    if (settings_too) entry.has_override = entry.has_default = false;
    all.push_back(entry.index());
  }
  state.loaded = nullptr;
  state.newest = nullptr;
  if (settings_too) {
    state.overrides.clear();
    state.set_defaults.clear();
  }
  return state.Commit(std::move(all));
}

void Registry::ReleaseSuperseded() {
  absl::MutexLock lock(&mutex_);
  state_->superseded.clear();
}

absl::StatusOr<Origin> Registry::Where(absl::string_view group,
                                       absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->OriginOf(**entry);
}

OptionList Registry::Options() const {
  absl::MutexLock lock(&mutex_);
  OptionList options;
  for (const State::Entry& entry : state_->entries) {
    if (!entry.alive) continue;
    if (options.empty() || options.back().name != entry.group.name) {
      options.push_back({.name = entry.group.name});
    }
    options.back().options.push_back(entry.option);
  }
  return options;
}

std::vector<DumpEntry> Registry::Dump() const {
  absl::MutexLock lock(&mutex_);
  std::vector<const State::Entry*> sorted;
  for (const State::Entry& entry : state_->entries) {
    if (entry.alive) sorted.push_back(&entry);
  }
  state_->Sort(sorted);
  std::vector<DumpEntry> dump;
  dump.reserve(sorted.size());
  for (const State::Entry* entry : sorted) {
    const AnyValue& value = state_->values[entry->index()];
    dump.push_back({.group = entry->group.name,
                    .name = entry->erased().name(),
                    .value = entry->ToText(value, entry->masked),
                    .origin = state_->OriginOf(*entry),
                    .is_set = static_cast<bool>(value),
                    .secret = entry->masked,
                    .is_mutable = entry->erased().is_mutable()});
  }
  return dump;
}

std::vector<std::string> Registry::DumpLines() const {
  std::vector<std::string> arguments;
  std::vector<std::string> files;
  {
    absl::MutexLock lock(&mutex_);
    if (state_->newest) {
      for (const RawTable::Part& part : state_->newest->parts()) {
        if (part.kind == SourceKind::kCommandLine) {
          arguments.push_back(part.document.where());
        } else if (part.kind == SourceKind::kFile) {
          files.push_back(part.document.where());
        }
      }
    }
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

std::vector<std::string> Registry::Sections() const {
  absl::MutexLock lock(&mutex_);
  std::set<std::string> sections;
  for (const std::shared_ptr<const RawTable>& table :
       {state_->loaded, state_->newest}) {
    if (!table) continue;
    for (const RawTable::Part& part : table->parts()) {
      if (part.kind != SourceKind::kFile) continue;
      for (const RawValue& value : part.document.values()) {
        sections.emplace(value.group);
      }
    }
  }
  return {sections.begin(), sections.end()};
}

Snapshot Registry::TakeSnapshot() const {
  const size_t thread =
      std::hash<std::thread::id>()(std::this_thread::get_id());
  Cached& cached = cached_[thread % kCaches];
  absl::MutexLock lock(&cached.mutex);
  const uint64_t now = version_.load(std::memory_order_acquire);
  if (cached.version != now) {
    FrozenValues frozen = frozen_->Get();
    if (frozen.version != now) {
      // Something was registered or set since. A load freezes before it takes
      // its time, and before it publishes, so this is not a wait for one.
      absl::MutexLock state_lock(&mutex_);
      state_->snapshots_taken.store(true, std::memory_order_relaxed);
      frozen = state_->Freeze();
    }
    // A counter of its own for each cache, so that copies do not share one.
    auto keep = std::make_shared<std::shared_ptr<const Snapshot::Values>>(
        std::move(frozen.values));
    cached.values = std::shared_ptr<const Snapshot::Values>(keep, keep->get());
    cached.version = frozen.version;
  }
  return Snapshot(this, cached.values);
}

std::shared_ptr<const Registry::Setting> Registry::SettingOf(
    Layer layer, absl::string_view group, absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const State::Entry* const entry = state_->Find(group, name);
  if (!entry) return nullptr;
  const auto& layers =
      layer == Layer::kOverride ? state_->overrides : state_->set_defaults;
  const auto found = layers.find(entry->index());
  if (found == layers.end()) return nullptr;
  return std::make_shared<const Setting>(found->second);
}

absl::Status Registry::PutBack(Layer layer, absl::string_view group,
                               absl::string_view name,
                               const std::shared_ptr<const Setting>& setting) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<State::Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->Replace(
      **entry, layer,
      setting ? std::optional<Setting>(*setting) : std::nullopt);
}

absl::Status Registry::AddFile(std::unique_ptr<Source> file) {
  if (InsideHook()) {
    return absl::FailedPreconditionError("a hook must not load");
  }
  absl::MutexLock lock(&load_mutex_);
  // After all files, before what beats them.
  size_t place = 0;
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i]->kind() == SourceKind::kFile) place = i + 1;
  }
  sources_.insert(sources_.begin() + static_cast<ptrdiff_t>(place),
                  std::move(file));
  const Report report =
      Adopt(sources_, load_options_, Mode::kAll, /*dry_run=*/false);
  if (!report.status.ok()) {
    sources_.erase(sources_.begin() + static_cast<ptrdiff_t>(place));
  }
  return report.status;
}

absl::Status Registry::ReloadForTest() {
  absl::MutexLock lock(&load_mutex_);
  return Adopt(sources_, load_options_, Mode::kAll, /*dry_run=*/false).status;
}

void Registry::RemoveFile(const Source* file) {
  bool is_last = false;
  {
    absl::MutexLock lock(&load_mutex_);
    sources_.erase(std::remove_if(sources_.begin(), sources_.end(),
                                  [&](const auto& source) {
                                    return source.get() == file;
                                  }),
                   sources_.end());
    is_last = !has_sources_ && sources_.empty();
    if (!is_last) {
      Adopt(sources_, load_options_, Mode::kAll, /*dry_run=*/false);
    }
  }
  if (is_last) Clear().IgnoreError();
}

}  // namespace bergen::config
