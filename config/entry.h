// SPDX-License-Identifier: Apache-2.0
//
// An option as its registry keeps it, and what is wanted of it.

#ifndef CONFIG_ENTRY_H_
#define CONFIG_ENTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "config/handle.h"
#include "config/name_index.h"
#include "config/option.h"
#include "config/raw_table.h"
#include "config/report.h"

namespace bergen::config::internal {

// What code wants an option to be.
struct Setting {
  std::optional<std::string> text;  // If it has to be parsed.
  AnyValue value;                   // Otherwise; null is unset.
  CodeLocation where;
};

// What one layer wants an option to be, wherever that is kept.
struct Wish {
  Origin::Kind kind = Origin::Kind::kDefault;
  CodeLocation where;               // If it is code that wants it.
  const RawTable* table = nullptr;  // Otherwise with the position.
  RawTable::Position position = RawTable::kNone;
  // Either the texts count or, if `has_texts` is false, the value.
  bool has_texts = false;
  absl::string_view text;                        // Of an ordinary option.
  const RawTable::ManySelected* many = nullptr;  // Of one with several values.
  const AnyValue* value = nullptr;

  // What `setting`, which must outlive it, wants.
  static Wish OfCode(Origin::Kind kind, const Setting& setting);
  // What stands in the table, which must outlive it, and for an option with
  // several values so must `many`.
  static Wish OfSource(const RawTable& table, RawTable::Position position,
                       const RawTable::ManySelected* many);

  absl::Span<const absl::string_view> texts() const {
    if (many) return many->texts;
    return absl::MakeConstSpan(&text, 1);
  }
};

// How a dump prints an option that has no value.
inline constexpr absl::string_view kUnsetText = "<None>";

// What is changed only under the registry's lock. Has what a load asks of every
// option, so that it need not look at the option itself, which is large; and it
// is one cache line, since there may be many more than caches hold.
struct alignas(64) Entry {
  Entry(NameIndex::Name& name, AnyOption any_option, uint32_t where,
        const void* registry, uint32_t index)
      : cell(registry, index, any_option.erased().type()),
        known_as(name),
        option(std::move(any_option)),
        registered_at(where),
        required(erased().required()),
        secret(erased().secret()),
        is_mutable(erased().is_mutable()),
        literal(erased().literal()),
        is_multi(erased().is_multi()),
        has_removal(erased().has_removal()),
        has_limits(erased().has_limits()),
        has_plain_default(erased().has_plain_default()) {}

  const ErasedOption& erased() const { return option.erased(); }
  const NameIndex::Group& group() const { return known_as.group; }
  uint32_t index() const { return cell.index(); }
  std::string subject() const {
    return absl::StrCat(group().name, ".", erased().name());
  }
  // How a dump prints `value`.
  std::string ToText(const AnyValue& value, bool is_masked) const {
    if (is_masked) return std::string(kMask);
    if (!value) return std::string(kUnsetText);
    return erased().Print(value);
  }
  bool Equal(const AnyValue& a, const AnyValue& b) const {
    if (!a || !b) return !a && !b;
    if (a.word() == b.word()) return true;
    return erased().ValuesEqual(a, b);
  }

  Cell cell;
  NameIndex::Name& known_as;
  const AnyOption option;
  uint32_t registered_at;  // In the registry's places.
  uint32_t order = 0;      // Of its last registration among all of them.
  // Of the assignment that counts, in the table for its kind of option.
  RawTable::Position position = RawTable::kNone;
  bool alive : 1 = true;
  bool masked : 1 = false;
  bool has_references : 1 = false;
  bool has_override : 1 = false;
  bool has_default : 1 = false;
  // These as the option says.
  const bool required : 1;
  const bool secret : 1;
  const bool is_mutable : 1;
  const bool literal : 1;
  const bool is_multi : 1;
  const bool has_removal : 1;
  const bool has_limits : 1;
  const bool has_plain_default : 1;
};
static_assert(sizeof(Entry) == 64);

// A line of code as messages call it.
std::string PlaceText(CodeLocation where);
// The same of an assignment; `secret` hides the value if that is a part of it.
std::string PlaceText(const RawTable::Value& value, bool secret);
// Where the wish for `entry` was made.
std::string PlaceOf(const Entry& entry, const Wish& wish);

// That a required option has no value.
std::string Missing(const Entry& entry, const Wish& wish);

}  // namespace bergen::config::internal

#endif  // CONFIG_ENTRY_H_
