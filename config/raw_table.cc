// SPDX-License-Identifier: Apache-2.0

#include "config/raw_table.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "config/name_index.h"

namespace bergen::config {
namespace {

std::string EnvironmentKey(absl::string_view group, absl::string_view name) {
  return absl::AsciiStrToUpper(absl::StrCat(group, "__", name));
}

}  // namespace

void RawTable::Selection::Consider(Position position, uint32_t part,
                                   uint32_t rank) {
  const bool same_place = found() && part == part_;
  if (same_place && rank > rank_) return;
  ignored_ = same_place && rank == rank_ ? position_ : kNone;
  position_ = position;
  part_ = part;
  rank_ = rank;
}

void RawTable::ManySelected::Consider(const RawTable& table, Position position,
                                      SourceKind kind, uint32_t new_rank) {
  const absl::string_view text = table.At(position).raw.text;
  if (kind == SourceKind::kEnvironment) {
    *this = ManySelected();
    if (!text.empty()) {
      const char separator = absl::StrContains(text, '\n') ? '\n' : ',';
      for (absl::string_view value : absl::StrSplit(text, separator)) {
        positions.push_back(position);
        texts.push_back(absl::StripAsciiWhitespace(value));
      }
    } else {
      positions.push_back(position);
    }
  } else {
    positions.push_back(position);
    texts.push_back(text);
  }
  if (new_rank > 0 && rank == 0) {
    rank = new_rank;
    rank_position = position;
  }
}

void RawTable::Add(SourceKind kind, std::vector<Document> documents) {
  for (Document& document : documents) {
    const auto count = static_cast<Position>(document.values().size());
    parts_.push_back(
        Part{.kind = kind, .begin = size_, .document = std::move(document)});
    size_ += count;
  }
  has_keys_ = false;
}

RawTable::Selection RawTable::Find(absl::Span<const NameInGroup> names) const {
  Selection selection;
  for (const Candidate& candidate : Candidates(names)) {
    selection.Consider(candidate.position, PartOf(candidate.position),
                       candidate.rank);
  }
  return selection;
}

RawTable::ManySelected RawTable::FindMany(
    absl::Span<const NameInGroup> names) const {
  ManySelected selected;
  for (const Candidate& candidate : Candidates(names)) {
    selected.Consider(*this, candidate.position,
                      parts_[PartOf(candidate.position)].kind, candidate.rank);
  }
  return selected;
}

RawTable::Value RawTable::At(Position position) const {
  const Part& part = parts_[PartOf(position)];
  return {.raw = part.document.values()[position - part.begin],
          .document = &part.document,
          .kind = part.kind};
}

std::vector<RawTable::Candidate> RawTable::Candidates(
    absl::Span<const NameInGroup> names) const {
  if (!has_keys_) {
    by_key_.clear();
    for (const Part& part : parts_) {
      Position position = part.begin;
      for (const RawValue& value : part.document.values()) {
        const std::string key = part.kind == SourceKind::kEnvironment
                                    ? EnvironmentKey(value.group, value.name)
                                    : NameKey(value.group, value.name);
        by_key_[key].push_back(position++);
      }
    }
    has_keys_ = true;
  }
  std::vector<Candidate> candidates;
  uint32_t rank = 0;
  for (const auto& [group, name] : names) {
    for (const std::string& key :
         {NameKey(group, name), EnvironmentKey(group, name)}) {
      const auto found = by_key_.find(key);
      if (found == by_key_.end()) continue;
      for (const Position position : found->second) {
        candidates.push_back({position, rank});
      }
    }
    ++rank;
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.position < b.position;
                   });
  return candidates;
}

uint32_t RawTable::PartOf(Position position) const {
  const auto after = std::upper_bound(
      parts_.begin(), parts_.end(), position,
      [](Position wanted, const Part& part) { return wanted < part.begin; });
  return static_cast<uint32_t>(after - parts_.begin() - 1);
}

}  // namespace bergen::config
