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
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"

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
    size_t options = 0;           // How many there are in it.
    size_t aliases = 0;           // How many deprecated names.
    std::vector<uint32_t> names;  // All that were added, by number.
  };

  // An option for which this is a deprecated name.
  struct AliasUse {
    uint32_t option = 0;
    uint32_t rank = 0;  // Its position among the option's, from 1.
  };

  static constexpr uint32_t kNoOption = UINT32_MAX;

  struct Name {
    Name(Group& name_group, absl::string_view text)
        : group(name_group), name(text) {}

    Group& group;
    const absl::string_view name;
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

  // The name in that group, made if need be; it has no `-`, and its text lives
  // as long as the index.
  Name& Add(Group& group, absl::string_view name);
  // Null if it was never added.
  Name* Find(const Group& group, absl::string_view name) const;
  // The same; `-` means `_`.
  Name* Find(absl::string_view group, absl::string_view name) const;

  const Name& at(uint32_t number) const { return names_[number]; }
  const absl::flat_hash_map<std::string, std::unique_ptr<Group>>& groups()
      const {
    return groups_;
  }
  // Of names in lower case, and of those that are not.
  const std::vector<Name*>& mixed_case_names() const { return mixed_case_; }

 private:
  struct Slot {
    std::atomic<uint64_t> hash = 0;
    std::atomic<Name*> name = nullptr;  // Written after `hash`.
  };
  struct Table {
    explicit Table(size_t size) : mask(size - 1), slots(new Slot[size]) {}
    const size_t mask;
    const std::unique_ptr<Slot[]> slots;
  };

  static void Insert(Table& table, uint64_t hash, Name& name);
  void Grow(size_t size);

  std::deque<Name> names_;
  absl::flat_hash_map<std::string, std::unique_ptr<Group>> groups_;
  std::vector<Name*> mixed_case_;
  // All that ever were, since readers may still look into the older ones;
  // together they are twice the last.
  std::vector<std::unique_ptr<Table>> tables_;
  std::atomic<const Table*> table_;
};

}  // namespace bergen::config

#endif  // CONFIG_NAME_INDEX_H_
