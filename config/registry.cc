// SPDX-License-Identifier: Apache-2.0

#include "config/registry.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <set>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "config/entry.h"
#include "config/raw_table.h"
#include "config/registry_state.h"

namespace bergen::config {
namespace {

using internal::AnyValue;
using internal::Changed;
using internal::Entry;
using internal::FrozenValues;
using internal::Mode;
using internal::RegistryState;
using internal::Setting;

}  // namespace

// A snapshot made earlier, for one group of threads.
struct alignas(64) Registry::Cached {
  absl::Mutex mutex;
  uint64_t version ABSL_GUARDED_BY(mutex) = 0;
  std::shared_ptr<const Snapshot::Values> values ABSL_GUARDED_BY(mutex);
};

Registry::Registry()
    : frozen_(std::make_unique<internal::NewestValues>()),
      state_(std::make_unique<RegistryState>(this, names_, version_, *frozen_)),
      cached_(new Cached[kCaches]) {}

Registry::~Registry() = default;

absl::StatusOr<const internal::Cell*> Registry::RegisterOne(
    absl::string_view group, const AnyOption& option, CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<RegistryState::Added> added =
      state_->Add(group, option, where);
  if (!added.ok()) return added.status();
  if (added->needs_commit) {
    absl::Status status = state_->Commit({added->entry->index()});
    if (!status.ok()) {
      state_->TakeBack({added->entry->index()});
      return status;
    }
  }
  return &added->entry->cell;
}

absl::Status Registry::RegisterAll(const OptionList& options,
                                   CodeLocation where) {
  absl::MutexLock lock(&mutex_);
  std::vector<uint32_t> added;
  std::vector<uint32_t> uncommitted;
  std::vector<absl::Status> errors;
  size_t count = 0;
  for (const OptionGroup& group : options) count += group.options.size();
  names_.Reserve(count);
  state_->entries.Reserve(state_->entries.size() + count);
  added.reserve(count);
  for (const OptionGroup& group : options) {
    for (size_t i = 0; i < group.options.size(); ++i) {
      state_->PrefetchAhead(group.options, i);
      const absl::StatusOr<RegistryState::Added> one =
          state_->Add(group.name, group.options[i], where);
      if (!one.ok()) {
        errors.push_back(one.status());
        continue;
      }
      if (one->is_new) added.push_back(one->entry->index());
      if (one->needs_commit) uncommitted.push_back(one->entry->index());
    }
  }
  if (errors.empty()) {
    absl::Status status = state_->Commit(std::move(uncommitted));
    if (status.ok()) return status;
    errors.push_back(status);
  }
  state_->TakeBack(added);
  return internal::Joined(errors);
}

absl::Status Registry::Unregister(absl::string_view group,
                                  absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<Entry*> found = state_->MustFind(group, name);
  if (!found.ok()) return found.status();
  Entry& entry = **found;
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
  const absl::StatusOr<Entry*> entry = state_->MustFind(group, name);
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
  const absl::StatusOr<Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  if (value && (*entry)->erased().type() != type) {
    return absl::InvalidArgumentError(absl::StrCat(
        internal::PlaceText(where), ": ", (*entry)->subject(), ": is of type ",
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
  const absl::StatusOr<Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->Replace(
      **entry, layer,
      Setting{.text = std::string(text), .value = nullptr, .where = where});
}

absl::Status Registry::Clear(Layer layer, absl::string_view group,
                             absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<Entry*> entry = state_->MustFind(group, name);
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
    report.status = internal::Joined(unreadable);
    report.dry_run = dry_run;
    return report;
  }

  std::vector<Changed> changed;
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
  absl::flat_hash_map<size_t, const Changed*> by_index;
  for (const Changed& change : changed) {
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
  RegistryState& state = *state_;
  sources_.clear();
  has_sources_ = false;
  state.many.clear();
  std::vector<uint32_t> all;
  for (Entry& entry : state.entries) {
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
  const absl::StatusOr<Entry*> entry = state_->MustFind(group, name);
  if (!entry.ok()) return entry.status();
  return state_->OriginOf(**entry);
}

OptionList Registry::Options() const {
  absl::MutexLock lock(&mutex_);
  std::vector<const Entry*> sorted;
  for (const Entry& entry : state_->entries) {
    if (entry.alive) sorted.push_back(&entry);
  }
  // One that was unregistered for a while is not in its old place.
  const auto earlier = [](const Entry* a, const Entry* b) {
    return a->order < b->order;
  };
  std::sort(sorted.begin(), sorted.end(), earlier);
  OptionList options;
  for (const Entry* entry : sorted) {
    if (options.empty() || options.back().name != entry->group().name) {
      options.push_back({.name = entry->group().name});
    }
    options.back().options.push_back(entry->option);
  }
  return options;
}

std::vector<DumpEntry> Registry::Dump() const {
  absl::MutexLock lock(&mutex_);
  std::vector<const Entry*> sorted;
  for (const Entry& entry : state_->entries) {
    if (entry.alive) sorted.push_back(&entry);
  }
  state_->Sort(sorted);
  std::vector<DumpEntry> dump;
  dump.reserve(sorted.size());
  for (const Entry* entry : sorted) {
    const AnyValue& value = state_->ValueOf(*entry);
    dump.push_back({.group = entry->group().name,
                    .name = entry->erased().name(),
                    .value = entry->ToText(value, entry->masked),
                    .origin = state_->OriginOf(*entry),
                    .is_set = static_cast<bool>(value),
                    .secret = entry->masked,
                    .is_mutable = entry->is_mutable});
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

std::shared_ptr<const Setting> Registry::SettingOf(
    Layer layer, absl::string_view group, absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const Entry* const entry = state_->Find(group, name);
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
  const absl::StatusOr<Entry*> entry = state_->MustFind(group, name);
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
