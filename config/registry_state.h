// SPDX-License-Identifier: Apache-2.0
//
// Everything that a registry's lock guards, and what can be decided by looking
// at it.

#ifndef CONFIG_REGISTRY_STATE_H_
#define CONFIG_REGISTRY_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/candidate.h"
#include "config/entry.h"
#include "config/handle.h"
#include "config/hook.h"
#include "config/name_index.h"
#include "config/option.h"
#include "config/raw_table.h"
#include "config/report.h"
#include "config/resolver.h"
#include "config/snapshot.h"
#include "config/stable_vector.h"

namespace bergen::config::internal {

// Which options a load may change.
enum class Mode { kAll, kMutableOnly };

// An option that a hook may be about.
struct Changed {
  uint32_t index;
  AnyValue from;
  AnyValue to;
};

// Has the processor fetch an option that is looked at soon, as it would not by
// itself: there may be many more than its caches hold.
template <size_t... kLines>
void Prefetch(const ErasedOption& option,
              std::index_sequence<kLines...> /*lines*/) {
  constexpr size_t kCacheLine = 64;
  const char* const begin = reinterpret_cast<const char*>(&option);
  (__builtin_prefetch(begin + kLines * kCacheLine), ...);
}
// The lines that registering reads, its name with them, those that parsing a
// value does, and those of rules and bounds, if there are any.
inline constexpr std::index_sequence<0, 1> kLinesToRegister;
inline constexpr std::index_sequence<0> kLinesToParse;
inline constexpr std::index_sequence<3, 4> kLinesOfLimits;
inline constexpr size_t kPrefetchDistance = 8;  // Options.
inline constexpr size_t kNamePrefetchDistance = 4;

// Not thread-safe, except for `snapshots_taken`.
struct RegistryState {
  RegistryState(const void* owner, NameIndex& index,
                std::atomic<uint64_t>& counter, NewestValues& newest_frozen)
      : registry(owner),
        names(index),
        version(counter),
        frozen(newest_frozen) {}

  Entry* Find(absl::string_view group, absl::string_view name);
  const Entry* Find(absl::string_view group, absl::string_view name) const;
  absl::StatusOr<Entry*> MustFind(absl::string_view group,
                                  absl::string_view name);
  // What became of an option that was registered.
  struct Added {
    Entry* entry = nullptr;
    bool is_new = false;        // It was not known.
    bool needs_commit = false;  // It, or another, has no value yet.
  };

  // An option that is known already and equal is the same option. `where` is
  // told in errors.
  absl::StatusOr<Added> Add(absl::string_view group, const AnyOption& option,
                            CodeLocation where);
  // Before option `i` of a group is added, of which there is one already unless
  // it is the first.
  void PrefetchAhead(const std::vector<AnyOption>& options, size_t i) const {
    if (i + kPrefetchDistance < options.size()) {
      Prefetch(options[i + kPrefetchDistance].erased(), kLinesToRegister);
    }
    if (i > 0 && i + kNamePrefetchDistance < options.size() && last_group) {
      names.Prefetch(*last_group, options[i + kNamePrefetchDistance].name());
    }
  }
  uint32_t NumberOf(CodeLocation place);
  NameIndex::Name& OldName(const Entry& entry, const DeprecatedName& old);
  void Connect(Entry& entry);
  void Disconnect(Entry& entry);
  void UpdateCell(NameIndex::Name& name);
  void TakeBack(const std::vector<uint32_t>& added);
  void SelectFor(Entry& entry);
  absl::Status Commit(std::vector<uint32_t> changed);
  bool HasOnlyDefault(const Entry& entry) const;
  absl::Status Replace(Entry& entry, Layer layer,
                       std::optional<Setting> setting);
  std::vector<uint32_t> WithReferrers(std::vector<uint32_t> changed) const;

  Wish InForce(const Entry& entry) const;
  // What counts if the sources say `from_sources`.
  Wish InForce(const Entry& entry, std::optional<Wish> from_sources) const;
  Origin OriginOf(const Entry& entry) const;
  const RawTable* TableOf(const Entry& entry) const {
    return (entry.is_mutable ? newest : loaded).get();
  }

  Report Adopt(std::shared_ptr<const RawTable> table,
               const LoadOptions& options, Mode mode, bool dry_run,
               std::vector<Changed>* changed);
  void Apply(Candidate& candidate, Mode mode, std::vector<Changed>* changed);
  void ApplyFirst(Candidate& candidate);
  void TakeSelection(Entry& entry, Candidate& candidate);
  bool Stage(Entry& entry, Resolved& resolved);
  void Reuse(const Entry& entry, const AnyValue& now, AnyValue& next);
  void PublishStaged();
  void SetReferences(Entry& entry, const std::vector<std::string>* references);
  Change ToChange(const Entry& entry, const Candidate& candidate) const;
  void Sort(std::vector<const Entry*>& sorted) const;

  const void* const registry;
  NameIndex& names;
  std::atomic<uint64_t>& version;
  NewestValues& frozen;
  StableVector<Entry> entries;
  uint32_t registrations = 0;
  NameIndex::Group* last_group = nullptr;  // To which an option was added.
  // Where options were registered; many have one in common.
  std::vector<CodeLocation> places;
  // In force, by index; options that are newer have their default.
  ValueList values;
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
  std::vector<std::weak_ptr<Hook>> hooks;
  std::atomic<bool> snapshots_taken = false;
  std::vector<uint32_t> staged;  // Entries whose value is not visible yet.

  const AnyValue& ValueOf(const Entry& entry) const {
    return entry.index() < values.size() ? values[entry.index()]
                                         : entry.erased().default_value();
  }
  // Puts all of them into `values`.
  void FillValues() {
    for (size_t i = values.size(); i < entries.size(); ++i) {
      values.Append(entries[i].erased().default_value());
    }
  }

  // Makes the values as they are now those of version `wanted`.
  FrozenValues FreezeFor(uint64_t wanted) {
    FrozenValues made = frozen.Get();
    if (made.version == wanted) return made;
    FillValues();
    made = {wanted, values.Freeze()};
    frozen.Set(made);
    return made;
  }
  FrozenValues Freeze() {
    return FreezeFor(version.load(std::memory_order_relaxed));
  }
};

}  // namespace bergen::config::internal

#endif  // CONFIG_REGISTRY_STATE_H_
