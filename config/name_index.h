// SPDX-License-Identifier: Apache-2.0
//
// Finds options by group and name: one lookup, without a lock.
//
//   NameIndex names;
//   NameIndex::Name& name = names.Add(names.AddGroup("demo"), "workers");
//   name.cell.store(&cell);
//   const internal::Cell* found = names.FindCell("demo", "workers");
//
// A group's name is matched ignoring case, except `DEFAULT`; an option's name
// is exact, with `-` for `_`.

#ifndef CONFIG_NAME_INDEX_H_
#define CONFIG_NAME_INDEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "config/handle.h"
#include "config/prefault.h"
#include "config/stable_vector.h"

namespace bergen::config {

// Groups are matched ignoring case, `DEFAULT` exactly: equal for equal groups.
std::string GroupKey(absl::string_view group);
// The same for an option's name in a group.
std::string NameKey(absl::string_view group, absl::string_view name);

// `FindCell` may be called at any time by any thread. All else: one thread at a
// time. Nothing is ever removed, so what it returns is good as long as the
// index.
class NameIndex {
 public:
  struct Group {
    std::string name;  // As first seen.
    uint64_t hash = 0;
    size_t options = 0;  // How many there are in it.
    size_t aliases = 0;  // How many deprecated names.
  };

  // An option for which this is a deprecated name.
  struct AliasUse {
    uint32_t option = 0;
    uint32_t rank = 0;  // Its position among the option's, from 1.
  };

  static constexpr uint32_t kNoOption = UINT32_MAX;

  struct Name {
    Name(Group& name_group, absl::string_view text, uint32_t position)
        : group(name_group), name(text), number(position) {}

    Group& group;
    const absl::string_view name;
    const uint32_t number;  // In the order in which names were added.
    uint32_t option = kNoOption;
    // The option that had the name last.
    uint32_t last_option = kNoOption;
    std::unique_ptr<std::vector<AliasUse>> aliases;  // Null for none.
    // What readers find; null if there is nothing.
    std::atomic<const internal::Cell*> cell = nullptr;
  };

  NameIndex();

  // Null if the names are not known, or no option has them now.
  const internal::Cell* FindCell(absl::string_view group,
                                 absl::string_view name) const;

  // The group of that name, made if need be.
  Group& AddGroup(absl::string_view name);
  Group* FindGroup(absl::string_view name) const;

  // Makes room for so many more names.
  void Reserve(size_t count);

  // The name in that group, made if need be; it has no `-`.
  Name& Add(Group& group, absl::string_view name);
  // Has the processor fetch what `Add` of that name will look at.
  void Prefetch(const Group& group, absl::string_view name) const;
  // Null if it was never added.
  Name* Find(const Group& group, absl::string_view name) const;
  // The same; `-` means `_`.
  Name* Find(absl::string_view group, absl::string_view name) const;

  // By number.
  const StableVector<Name>& all() const { return names_; }
  const absl::flat_hash_map<std::string, std::unique_ptr<Group>>& groups()
      const {
    return groups_;
  }
  // Of names in lower case, and of those that are not.
  const std::vector<Name*>& mixed_case_names() const { return mixed_case_; }

 private:
  // A name and, in the bits that no address has, some of its hash; 0 for none.
  class Table {
   public:
    explicit Table(size_t size) : mask(size - 1) { Resize(slots_, size); }

    const size_t mask;

    uint64_t Get(size_t slot, std::memory_order order) const {
      return std::atomic_ref(slots_[slot]).load(order);
    }
    void Set(size_t slot, uint64_t value) {
      std::atomic_ref(slots_[slot]).store(value, std::memory_order_release);
    }
    void Prefetch(size_t slot) const { __builtin_prefetch(&slots_[slot]); }

   private:
    mutable std::vector<uint64_t> slots_;
  };

  static Name* Find(const Table& table, uint64_t hash, const Group& group,
                    absl::string_view name);
  static void Insert(Table& table, uint64_t hash, Name& name);
  void Grow(size_t size);
  absl::string_view Keep(absl::string_view text);

  StableVector<Name> names_;
  // The texts of all names, one behind the other, so that comparing many costs
  // little; what is left of the last piece.
  std::vector<std::unique_ptr<char[]>> texts_;
  absl::Span<char> free_text_;
  absl::flat_hash_map<std::string, std::unique_ptr<Group>> groups_;
  std::vector<Name*> mixed_case_;
  // All that ever were, since readers may still look into the older ones;
  // together they are twice the last.
  std::vector<std::unique_ptr<Table>> tables_;
  std::atomic<const Table*> table_;
};

// Looks up many names: quick if they come in the order in which they were
// added, as the assignments of a file do that was made from a sample.
class NameCursor {
 public:
  explicit NameCursor(const NameIndex& names) : names_(names) {}

  // As `NameIndex::Find`.
  const NameIndex::Name* Find(const NameIndex::Group& group,
                              absl::string_view name);

 private:
  const NameIndex& names_;
  size_t next_ = 0;  // The number to try first.
};

}  // namespace bergen::config

#endif  // CONFIG_NAME_INDEX_H_
