// SPDX-License-Identifier: Apache-2.0

#include "config/raw_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace bergen::config {
namespace {

std::string Key(SourceKind kind, absl::string_view group,
                absl::string_view name) {
  if (kind == SourceKind::kEnvironment) {
    return absl::AsciiStrToUpper(absl::StrCat(group, "__", name));
  }
  return absl::StrCat(GroupKey(group), "\n", name);
}

}  // namespace

std::string GroupKey(absl::string_view group) {
  return group == kDefaultGroup ? std::string(group)
                                : absl::AsciiStrToLower(group);
}

void RawTable::Add(SourceKind kind, std::vector<Document> documents) {
  for (Document& document : documents) {
    const Part& part = parts_.emplace_back(
        Part{.kind = kind, .begin = size_, .document = std::move(document)});
    for (const RawValue& value : part.document.values()) {
      by_key_[Key(kind, value.group, value.name)].push_back(size_++);
    }
  }
}

RawTable::Value RawTable::At(size_t position) const {
  const auto after = std::upper_bound(
      parts_.begin(), parts_.end(), position,
      [](size_t wanted, const Part& part) { return wanted < part.begin; });
  const Part& part = *std::prev(after);
  return {.raw = &part.document.values()[position - part.begin],
          .document = &part.document,
          .kind = part.kind};
}

const std::vector<size_t>* RawTable::Positions(SourceKind kind,
                                               absl::string_view group,
                                               absl::string_view name) const {
  const auto it = by_key_.find(Key(kind, group, name));
  return it == by_key_.end() ? nullptr : &it->second;
}

void RawTable::Consider(SourceKind kind, absl::string_view group,
                        const OptionDescription& option,
                        std::optional<Found>& best) const {
  const auto consider = [&](const std::vector<size_t>* positions,
                            const DeprecatedName* alias) {
    if (!positions) return;
    const size_t last = positions->back();
    const Value value = At(last);
    if (best &&
        (last < best->position || value.document == best->value.document)) {
      return;
    }
    best = Found{.value = value, .position = last, .alias = alias};
    if (positions->size() < 2) return;
    const Value previous = At((*positions)[positions->size() - 2]);
    if (previous.document == value.document && value.raw->line > 0) {
      best->ignored = previous.raw;
    }
  };
  consider(Positions(kind, group, option.name), nullptr);
  for (const DeprecatedName& alias : option.deprecated_names) {
    consider(Positions(kind, alias.group.empty() ? group : alias.group,
                       alias.name.empty() ? option.name : alias.name),
             &alias);
  }
}

std::optional<RawTable::Found> RawTable::Find(
    absl::string_view group, const OptionDescription& option) const {
  std::optional<Found> best;
  // Any kind but the environment stands for all of them.
  Consider(SourceKind::kFile, group, option, best);
  Consider(SourceKind::kEnvironment, group, option, best);
  return best;
}

}  // namespace bergen::config
