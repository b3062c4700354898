// SPDX-License-Identifier: Apache-2.0

#include "config/name_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "config/option.h"

namespace bergen::config {
namespace {

constexpr size_t kFirstTableSize = 64;

uint64_t Mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 32;
}

// `fold` is or-ed into each byte.
uint64_t HashBytes(uint64_t hash, absl::string_view text, uint64_t fold) {
  const char* data = text.data();
  size_t size = text.size();
  uint64_t word = 0;
  for (; size >= sizeof(word); size -= sizeof(word), data += sizeof(word)) {
    std::memcpy(&word, data, sizeof(word));
    hash = Mix(hash, word | fold);
  }
  word = 0;
  for (size_t i = 0; i < size; ++i) {
    word = word << 8 | static_cast<unsigned char>(data[i]);
  }
  return Mix(hash, (word | fold) ^ text.size() << 56);
}

uint64_t HashGroup(absl::string_view group) {
  return HashBytes(0, group, 0x2020202020202020u);  // Ignores case.
}

uint64_t HashName(uint64_t group_hash, absl::string_view name) {
  return HashBytes(group_hash, name, 0);
}

bool SameGroup(absl::string_view known, absl::string_view group) {
  if (known == group) return true;
  return known != kDefaultGroup && group != kDefaultGroup &&
         absl::EqualsIgnoreCase(known, group);
}

// The first name of that hash which `is_it`, or null.
template <typename Slots, typename IsIt>
auto Probe(const Slots* slots, size_t mask, uint64_t hash, IsIt is_it)
    -> decltype(slots->name.load()) {
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const auto name = slots[i].name.load(std::memory_order_acquire);
    if (!name) return nullptr;
    if (slots[i].hash.load(std::memory_order_relaxed) == hash && is_it(*name)) {
      return name;
    }
  }
}

}  // namespace

std::string GroupKey(absl::string_view group) {
  return group == kDefaultGroup ? std::string(group)
                                : absl::AsciiStrToLower(group);
}

std::string NameKey(absl::string_view group, absl::string_view name) {
  return absl::StrCat(GroupKey(group), "\n", name);
}

NameIndex::NameIndex() {
  tables_.push_back(std::make_unique<Table>(kFirstTableSize));
  table_.store(tables_.back().get());
}

const internal::Cell* NameIndex::FindCell(absl::string_view group,
                                          absl::string_view name) const {
  const Name* const found = Find(group, name);
  return found ? found->cell.load(std::memory_order_acquire) : nullptr;
}

NameIndex::Group& NameIndex::AddGroup(absl::string_view name) {
  std::unique_ptr<Group>& group = groups_[GroupKey(name)];
  if (!group) {
    group = std::make_unique<Group>();
    group->name = std::string(name);
    group->hash = HashGroup(name);
  }
  return *group;
}

NameIndex::Group* NameIndex::FindGroup(absl::string_view name) const {
  const auto it = groups_.find(GroupKey(name));
  return it == groups_.end() ? nullptr : it->second.get();
}

NameIndex::Name& NameIndex::Add(Group& group, absl::string_view name) {
  if (Name* const known = Find(group, name)) return *known;
  Reserve(1);
  Name& added = names_.emplace_back(group, name);
  group.names.push_back(static_cast<uint32_t>(names_.size() - 1));
  Insert(*tables_.back(), HashName(group.hash, name), added);
  if (std::any_of(name.begin(), name.end(),
                  [](unsigned char c) { return absl::ascii_isupper(c); })) {
    mixed_case_.push_back(&added);
  }
  return added;
}

void NameIndex::Reserve(size_t count) {
  const size_t now = tables_.back()->mask + 1;
  size_t size = now;
  while ((names_.size() + count) * 3 > size * 2) size *= 2;
  if (size > now) Grow(size);
}

NameIndex::Name* NameIndex::Find(const Group& group,
                                 absl::string_view name) const {
  const Table& table = *table_.load(std::memory_order_acquire);
  return Probe(table.slots.get(), table.mask, HashName(group.hash, name),
               [&](const Name& known) {
                 return &known.group == &group && known.name == name;
               });
}

NameIndex::Name* NameIndex::Find(absl::string_view group,
                                 absl::string_view name) const {
  const Table& table = *table_.load(std::memory_order_acquire);
  Name* const found =
      Probe(table.slots.get(), table.mask, HashName(HashGroup(group), name),
            [&](const Name& known) {
              return known.name == name && SameGroup(known.group.name, group);
            });
  if (found || !absl::StrContains(name, '-')) return found;
  return Find(group, Dest(name));
}

void NameIndex::Insert(Table& table, uint64_t hash, Name& name) {
  size_t i = hash & table.mask;
  while (table.slots[i].name.load(std::memory_order_relaxed)) {
    i = (i + 1) & table.mask;
  }
  table.slots[i].hash.store(hash, std::memory_order_relaxed);
  table.slots[i].name.store(&name, std::memory_order_release);
}

void NameIndex::Grow(size_t size) {
  const Table& old = *tables_.back();
  auto table = std::make_unique<Table>(size);
  for (size_t i = 0; i <= old.mask; ++i) {
    Name* const name = old.slots[i].name.load(std::memory_order_relaxed);
    if (name) {
      Insert(*table, old.slots[i].hash.load(std::memory_order_relaxed), *name);
    }
  }
  tables_.push_back(std::move(table));
  table_.store(tables_.back().get(), std::memory_order_release);
}

}  // namespace bergen::config
