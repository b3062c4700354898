// SPDX-License-Identifier: Apache-2.0

#include "config/raw_table.h"

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

void RawTable::Add(SourceKind kind, std::vector<RawValue> values) {
  std::string where;
  for (RawValue& value : values) {
    if (where.empty() || where != value.place.where) ++documents_;
    where = value.place.where;
    by_key_[Key(kind, value.group, value.name)].push_back(values_.size());
    values_.push_back({std::move(value), kind, documents_});
  }
}

const std::vector<size_t>* RawTable::Positions(SourceKind kind,
                                               absl::string_view group,
                                               absl::string_view name) const {
  const auto it = by_key_.find(Key(kind, group, name));
  return it == by_key_.end() ? nullptr : &it->second;
}

void RawTable::Consider(SourceKind kind, absl::string_view group,
                        const OptionDescription& option,
                        std::optional<Found>& best,
                        size_t& best_document) const {
  const auto consider = [&](const std::vector<size_t>* positions,
                            const DeprecatedName* alias) {
    if (!positions) return;
    const size_t last = positions->back();
    const Value& value = values_[last];
    if (best && value.document <= best_document) return;
    best = Found{.value = &value.raw,
                 .kind = value.kind,
                 .position = last,
                 .alias = alias};
    best_document = value.document;
    if (positions->size() < 2) return;
    const Value& previous = values_[(*positions)[positions->size() - 2]];
    if (previous.document == value.document && value.raw.place.line > 0) {
      best->ignored = &previous.raw;
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
  size_t best_document = 0;
  // Any kind but the environment stands for all of them.
  Consider(SourceKind::kFile, group, option, best, best_document);
  Consider(SourceKind::kEnvironment, group, option, best, best_document);
  return best;
}

}  // namespace bergen::config
