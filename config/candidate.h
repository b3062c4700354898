// SPDX-License-Identifier: Apache-2.0
//
// What a load would make of all options, before any of it is visible.

#ifndef CONFIG_CANDIDATE_H_
#define CONFIG_CANDIDATE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "config/entry.h"
#include "config/handle.h"
#include "config/name_index.h"
#include "config/raw_table.h"
#include "config/resolver.h"
#include "config/snapshot.h"
#include "config/source.h"

namespace bergen::config::internal {

struct RegistryState;

// Of options with several values, by index: what counts.
using ManyByIndex =
    absl::flat_hash_map<uint32_t, std::unique_ptr<RawTable::ManySelected>>;

// Null for none.
inline const RawTable::ManySelected* FindMany(const ManyByIndex& many,
                                              uint32_t index) {
  const auto found = many.find(index);
  return found == many.end() ? nullptr : found->second.get();
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

// Not thread-safe; under the registry's lock.
struct Candidate {
  // Finds the options that the assignments of the table are about.
  Candidate(const RegistryState& registry_state,
            std::shared_ptr<const RawTable> raw_table);

  // The names that are those of no option.
  void FindUnknown(Lines& unknown) const;
  // The values of all options, and what there is to say about the names under
  // which they were found. Only if there are no errors the result is complete.
  void ResolveAll(Lines& errors, Lines& warnings);
  // Evaluates again what refers to other options, since references to what
  // stays must give what is in force.
  void KeepImmutable(Lines& errors);
  Wish InForce(const Entry& entry) const;
  // What the option refers to; null for nothing.
  std::unique_ptr<std::vector<std::string>> TakeReferences(uint32_t index) {
    if (references.empty()) return nullptr;
    const auto found = references.find(index);
    return found == references.end() ? nullptr : std::move(found->second);
  }

  const RegistryState& state;
  const std::shared_ptr<const RawTable> table;
  // These by index.
  std::vector<RawTable::Selection> selections;
  ManyByIndex many;
  ValueList values;
  std::vector<char> masked;  // Not bits, which cost more than a load saves.
  absl::flat_hash_map<uint32_t, std::unique_ptr<std::vector<std::string>>>
      references;
  absl::flat_hash_map<uint32_t, std::string> rejected;  // Why.
  std::vector<RawTable::Position> unknown_names;

 private:
  // `part` is a position in the table's parts.
  void Match(uint32_t part);
  void MatchEnvironment(uint32_t part);
  void MatchOne(const NameIndex::Name* name, RawTable::Position position,
                uint32_t part);
  void WarnOfName(const Entry& entry, Lines& warnings) const;
  void ParseOne(const Entry& entry, Lines& errors);
  void ResolveOne(const Entry& entry, Resolver& resolver, Lines& errors);
  void Reject(const Entry& entry, size_t position, absl::string_view why,
              Lines& errors);
  void Take(uint32_t index, const Resolved& resolved);
};

}  // namespace bergen::config::internal

#endif  // CONFIG_CANDIDATE_H_
