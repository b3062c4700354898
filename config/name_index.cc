// SPDX-License-Identifier: Apache-2.0

#include "config/name_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "config/option.h"

namespace bergen::config {
namespace {

constexpr size_t kFirstTableSize = 64;
// So many bytes of names are allocated at once.
constexpr size_t kTextPiece = 16384;

uint64_t Mix(uint64_t hash, uint64_t word) {
  const absl::uint128 product =
      absl::uint128(hash ^ word) * 0x9e3779b97f4a7c15u;
  return absl::Uint128Low64(product) ^ absl::Uint128High64(product);
}

template <typename Word>
uint64_t LoadWord(const char* data) {
  Word word = 0;
  std::memcpy(&word, data, sizeof(word));
  return word;
}

// `fold` is or-ed into each byte. The last word may hold bytes of the one
// before.
uint64_t HashBytes(uint64_t hash, absl::string_view text, uint64_t fold) {
  const char* data = text.data();
  const char* const end = data + text.size();
  uint64_t last = text.size() << 56;
  if (text.size() >= 8) {
    for (; end - data > 8; data += 8) {
      hash = Mix(hash, LoadWord<uint64_t>(data) | fold);
    }
    last ^= LoadWord<uint64_t>(end - 8) | fold;
  } else if (text.size() >= 4) {
    last ^=
        (LoadWord<uint32_t>(data) | LoadWord<uint32_t>(end - 4) << 32) | fold;
  } else if (!text.empty()) {
    last ^= (LoadWord<uint8_t>(data) |
             LoadWord<uint8_t>(data + text.size() / 2) << 8 |
             LoadWord<uint8_t>(end - 1) << 16) |
            fold;
  }
  return Mix(hash, last);
}

// Names are short: this costs less than a call of memcmp.
bool SameText(absl::string_view a, absl::string_view b) {
  const size_t size = a.size();
  if (size != b.size()) return false;
  const auto same = [&](auto word, size_t from) {
    using Word = decltype(word);
    return LoadWord<Word>(a.data() + from) == LoadWord<Word>(b.data() + from);
  };
  if (size >= 8) {
    for (size_t i = 0; i + 8 < size; i += 8) {
      if (!same(uint64_t{}, i)) return false;
    }
    return same(uint64_t{}, size - 8);
  }
  if (size >= 4) return same(uint32_t{}, 0) && same(uint32_t{}, size - 4);
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

uint64_t HashGroup(absl::string_view group) {
  return HashBytes(0, group, 0x2020202020202020u);  // Ignores case.
}

uint64_t HashName(uint64_t group_hash, absl::string_view name) {
  return HashBytes(group_hash, name, 0);
}

// Whether one of the bytes of `word` is in upper case.
bool HasUpperCase(uint64_t word) {
  constexpr uint64_t kEach = 0x0101010101010101u;
  const uint64_t low = word & (kEach * 0x7f);
  const uint64_t from_a = low + kEach * (0x80 - 'A');
  const uint64_t beyond_z = low + kEach * (0x7f - 'Z');
  return (from_a & ~beyond_z & ~word & (kEach * 0x80)) != 0;
}

bool HasUpperCase(absl::string_view text) {
  bool has_upper_case = false;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    has_upper_case |= HasUpperCase(LoadWord<uint64_t>(text.data()));
  }
  for (const char c : text) has_upper_case |= c >= 'A' && c <= 'Z';
  return has_upper_case;
}

bool SameGroup(absl::string_view known, absl::string_view group) {
  if (SameText(known, group)) return true;
  return known != kDefaultGroup && group != kDefaultGroup &&
         absl::EqualsIgnoreCase(known, group);
}

// Addresses have 48 bits.
constexpr uint64_t kAddress = (uint64_t{1} << 48) - 1;
static_assert(sizeof(void*) == sizeof(uint64_t));

// The first name of that hash which `is_it`, or null.
template <typename Name, typename Table, typename IsIt>
Name* Probe(const Table& table, uint64_t hash, IsIt is_it) {
  for (size_t i = hash & table.mask;; i = (i + 1) & table.mask) {
    const uint64_t slot = table.Get(i, std::memory_order_acquire);
    if (slot == 0) return nullptr;
    if (((slot ^ hash) & ~kAddress) != 0) continue;
    auto* const name = reinterpret_cast<Name*>(slot & kAddress);
    if (is_it(*name)) return name;
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
  const uint64_t hash = HashName(group.hash, name);
  if (Name* const known = Find(*tables_.back(), hash, group, name)) {
    return *known;
  }
  Reserve(1);
  Name& added = names_.emplace_back(group, Keep(name),
                                    static_cast<uint32_t>(names_.size()));
  Insert(*tables_.back(), hash, added);
  if (HasUpperCase(name)) mixed_case_.push_back(&added);
  return added;
}

void NameIndex::Prefetch(const Group& group, absl::string_view name) const {
  const Table& table = *tables_.back();
  table.Prefetch(HashName(group.hash, name) & table.mask);
}

void NameIndex::Reserve(size_t count) {
  names_.Reserve(names_.size() + count);
  const size_t now = tables_.back()->mask + 1;
  size_t size = now;
  while ((names_.size() + count) * 3 > size * 2) size *= 2;
  if (size > now) Grow(size);
}

absl::string_view NameIndex::Keep(absl::string_view text) {
  if (text.empty()) return text;
  if (text.size() > free_text_.size()) {
    const size_t size = std::max(kTextPiece, text.size());
    texts_.push_back(std::make_unique<char[]>(size));
    free_text_ = absl::MakeSpan(texts_.back().get(), size);
  }
  const absl::string_view kept(free_text_.data(), text.size());
  std::memcpy(free_text_.data(), text.data(), text.size());
  free_text_.remove_prefix(text.size());
  return kept;
}

NameIndex::Name* NameIndex::Find(const Table& table, uint64_t hash,
                                 const Group& group, absl::string_view name) {
  return Probe<Name>(table, hash, [&](const Name& known) {
    return &known.group == &group && SameText(known.name, name);
  });
}

NameIndex::Name* NameIndex::Find(const Group& group,
                                 absl::string_view name) const {
  return Find(*table_.load(std::memory_order_acquire),
              HashName(group.hash, name), group, name);
}

NameIndex::Name* NameIndex::Find(absl::string_view group,
                                 absl::string_view name) const {
  const Table& table = *table_.load(std::memory_order_acquire);
  Name* const found = Probe<Name>(
      table, HashName(HashGroup(group), name), [&](const Name& known) {
        return SameText(known.name, name) && SameGroup(known.group.name, group);
      });
  if (found || !absl::StrContains(name, '-')) return found;
  return Find(group, Dest(name));
}

void NameIndex::Insert(Table& table, uint64_t hash, Name& name) {
  size_t i = hash & table.mask;
  while (table.Get(i, std::memory_order_relaxed) != 0) {
    i = (i + 1) & table.mask;
  }
  table.Set(i, reinterpret_cast<uint64_t>(&name) | (hash & ~kAddress));
}

void NameIndex::Grow(size_t size) {
  auto table = std::make_unique<Table>(size);
  for (Name& name : names_) {
    Insert(*table, HashName(name.group.hash, name.name), name);
  }
  tables_.push_back(std::move(table));
  table_.store(tables_.back().get(), std::memory_order_release);
}

const NameIndex::Name* NameCursor::Find(const NameIndex::Group& group,
                                        absl::string_view name) {
  const NameIndex::Name* found = nullptr;
  if (next_ < names_.all().size()) {
    const NameIndex::Name& next = names_.all()[next_];
    if (&next.group == &group && SameText(next.name, name)) found = &next;
  }
  if (!found) found = names_.Find(group, name);
  if (found) next_ = found->number + 1;
  return found;
}

}  // namespace bergen::config
