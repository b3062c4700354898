// SPDX-License-Identifier: Apache-2.0

#include "config/resolver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "config/interpolation.h"
#include "config/name_index.h"
#include "config/option.h"
#include "config/registry_state.h"

namespace bergen::config::internal {
namespace {

bool HasDollar(absl::Span<const absl::string_view> texts) {
  return std::any_of(texts.begin(), texts.end(), [](absl::string_view text) {
    return absl::StrContains(text, '$');
  });
}

}  // namespace

Resolver::Outcome& Resolver::Resolve(const Entry& entry) {
  const auto done = done_.find(&entry);
  if (done != done_.end()) return done->second;
  Outcome outcome;
  if (is_fresh_(entry)) {
    outcome.status = Evaluate(entry, wish_of_(entry), outcome.resolved);
  } else {
    outcome.resolved.value = state_.ValueOf(entry);
    outcome.resolved.masked = entry.masked;
  }
  return done_.emplace(&entry, std::move(outcome)).first->second;
}

absl::Status Resolver::Evaluate(const Entry& entry, const Wish& wish,
                                Resolved& resolved) {
  path_.push_back(&entry);
  resolved.masked = entry.secret;
  absl::StatusOr<AnyValue> value = ToValue(entry, wish, resolved);
  path_.pop_back();
  if (value.ok()) {
    resolved.value = *std::move(value);
    return absl::OkStatus();
  }
  return absl::Status(
      value.status().code(),
      absl::StrCat(PlaceOfError(entry, wish, resolved), ": ", entry.subject(),
                   ": ", value.status().message()));
}

absl::StatusOr<AnyValue> Resolver::ToValue(const Entry& entry, const Wish& wish,
                                           Resolved& resolved) {
  const ErasedOption& option = entry.erased();
  const auto expand = [&](absl::string_view text) {
    return Expand(text, [&](absl::string_view name) {
      return Lookup(entry, name, resolved);
    });
  };
  if (wish.has_texts) {
    const absl::Span<const absl::string_view> texts = wish.texts();
    if (option.literal() || !HasDollar(texts)) {
      return option.Parse(texts, resolved.masked);
    }
    std::vector<std::string> expanded;
    for (const absl::string_view text : texts) {
      absl::StatusOr<std::string> one = expand(text);
      if (!one.ok()) return one.status();
      expanded.push_back(*std::move(one));
    }
    return option.Parse(
        std::vector<absl::string_view>(expanded.begin(), expanded.end()),
        resolved.masked);
  }
  if (!*wish.value) return AnyValue();
  absl::StatusOr<AnyValue> value = option.Expand(*wish.value, expand);
  if (!value.ok()) return value;
  absl::Status status = option.Check(*value, resolved.masked);
  if (!status.ok()) return status;
  return value;
}

// Of several values, that of the first that is wrong by itself.
std::string Resolver::PlaceOfError(const Entry& entry, const Wish& wish,
                                   const Resolved& resolved) const {
  if (wish.many) {
    for (size_t i = 0; i < wish.many->texts.size(); ++i) {
      const absl::Span<const absl::string_view> one =
          wish.texts().subspan(i, 1);
      if (HasDollar(one) || entry.erased().Parse(one, resolved.masked).ok()) {
        continue;
      }
      Wish wrong = wish;
      wrong.position = wish.many->positions[i];
      return PlaceOf(entry, wrong);
    }
  }
  return PlaceOf(entry, wish);
}

absl::StatusOr<std::string> Resolver::Lookup(const Entry& from,
                                             absl::string_view name,
                                             Resolved& resolved) {
  if (!resolved.references) {
    resolved.references = std::make_unique<std::vector<std::string>>();
  }
  const Entry* target = Target(from, name, *resolved.references);
  if (!target) {
    return absl::NotFoundError(absl::StrCat(
        "refers to ",
        from.secret ? std::string("an option that does not exist")
                    : absl::StrCat("${", name, "}, which is no option"),
        " (a dollar sign is written $$)"));
  }
  const auto begin = std::find(path_.begin(), path_.end(), target);
  if (begin != path_.end()) {
    std::string circle;
    for (auto it = begin; it != path_.end(); ++it) {
      absl::StrAppend(&circle, (*it)->subject(), " -> ");
    }
    return absl::InvalidArgumentError(
        absl::StrCat("refers to itself: ", circle, target->subject()));
  }
  const Outcome& outcome = Resolve(*target);
  if (!outcome.status.ok()) {
    return absl::Status(outcome.status.code(),
                        absl::StrCat("refers to ", target->subject(),
                                     ", which has no good value"));
  }
  resolved.masked |= outcome.resolved.masked;
  if (!outcome.resolved.value) return std::string();
  return target->erased().Print(outcome.resolved.value);
}

const Entry* Resolver::Target(const Entry& from, absl::string_view name,
                              std::vector<std::string>& references) const {
  const auto find = [&](absl::string_view group, absl::string_view option) {
    references.push_back(NameKey(group, option));
    return state_.Find(group, option);
  };
  const size_t dot = name.find('.');
  if (dot != name.npos) {
    return find(name.substr(0, dot), name.substr(dot + 1));
  }
  const Entry* const target = find(from.group().name, name);
  return target ? target : find(kDefaultGroup, name);
}

}  // namespace bergen::config::internal
