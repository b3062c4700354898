// SPDX-License-Identifier: Apache-2.0
//
// Makes an enumeration of the program the type of an option.
//
//   enum class Framing { kFast, kSafe };
//
//   template <>
//   struct bergen::config::EnumNames<Framing> {
//     static constexpr EnumName<Framing> kNames[] = {
//         {Framing::kFast, "fast", "no checksum"},
//         {Framing::kSafe, "safe", "checksum every frame"}};
//   };
//
//   const Option<Framing> kFraming = {.name = "framing",
//                                     .default_value = Framing::kFast};
//
// For files and documentation it is a string with these choices. The choices of
// the option, if it has any, are fewer.
//
// Source: oslo_config.types.String with choices.

#ifndef CONFIG_ENUM_VALUE_H_
#define CONFIG_ENUM_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/option.h"
#include "config/value.h"

namespace bergen::config {

template <typename E>
struct EnumName {
  E value;
  absl::string_view name;
  // What the value means; may be empty.
  absl::string_view description;
};

// Specialised by whoever owns `E`, with a constant array `kNames` of `EnumName`
// in the order of documentation. Names differ in more than case. A value may
// have several names, of which the first is printed.
template <typename E>
struct EnumNames;

template <typename E>
concept NamedEnum = std::is_enum_v<E> && requires {
  EnumNames<E>::kNames;
};

namespace internal {

constexpr char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool AreAlike(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

template <typename E>
constexpr bool NamesDiffer() {
  const auto& names = EnumNames<E>::kNames;
  for (size_t i = 0; i < std::size(names); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (AreAlike(names[i].name, names[k].name)) return false;
    }
  }
  return true;
}

}  // namespace internal

template <NamedEnum E>
struct TypeRules<E> {
  // Names are read in any case.
  bool ignore_case = false;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

template <NamedEnum E>
struct ValueType<E> {
  static_assert(internal::NamesDiffer<E>(), "two names are the same");

  using Rules = TypeRules<E>;
  static constexpr absl::string_view kName = "string value";
  static constexpr TypeKind kKind = TypeKind::kEnum;

  static absl::StatusOr<E> Parse(absl::string_view text, const Rules& rules) {
    std::string allowed;
    for (const EnumName<E>& item : EnumNames<E>::kNames) {
      const bool same = rules.ignore_case
                            ? absl::EqualsIgnoreCase(item.name, text)
                            : item.name == text;
      if (same) return item.value;
      absl::StrAppend(&allowed, allowed.empty() ? "" : ", ", item.name);
    }
    return absl::InvalidArgumentError(absl::StrCat("must be one of ", allowed));
  }
  static absl::Status Check(E value, const Rules&) {
    for (const EnumName<E>& item : EnumNames<E>::kNames) {
      if (item.value == value) return absl::OkStatus();
    }
    return absl::InvalidArgumentError("a value without a name");
  }
  static std::vector<std::string> FormLines(const Rules& rules) {
    if (!rules.ignore_case) return {};
    return {"upper and lower case are the same"};
  }
  // Of a value without a name, its number.
  static std::string Print(E value) {
    for (const EnumName<E>& item : EnumNames<E>::kNames) {
      if (item.value == value) return std::string(item.name);
    }
    return absl::StrCat(static_cast<int64_t>(value));
  }
  // For documentation.
  static Choices<E> AllChoices() {
    std::vector<Choice<E>> choices;
    for (const EnumName<E>& item : EnumNames<E>::kNames) {
      if (Print(item.value) != item.name) continue;  // Another name of it.
      choices.push_back({item.value, std::string(item.description)});
    }
    return choices;
  }
};

}  // namespace bergen::config

#endif  // CONFIG_ENUM_VALUE_H_
