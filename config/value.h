// SPDX-License-Identifier: Apache-2.0
//
// The types that an option's value may have: how each is read from text,
// printed and named.
//
//   absl::StatusOr<int64_t> n = ValueType<int64_t>::Parse("12");
//   if (!n.ok()) return n.status();  // "not an integer"
//   std::string text = ValueType<int64_t>::Print(*n);
//
// Source: oslo_config.types. Differences: integers have 64 bits, and a bounded
// float is never NaN.

#ifndef CONFIG_VALUE_H_
#define CONFIG_VALUE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace bergen::config {

// A TCP or UDP port.
struct Port {
  uint16_t number = 0;

  constexpr operator int() const {
    return number;
  }  // NOLINT: reads as a number
  friend constexpr bool operator==(const Port&, const Port&) = default;
  friend constexpr bool operator<(const Port& a, const Port& b) {
    return a.number < b.number;
  }
};

// What the library knows about values of type `T`. A program may specialise it
// for a type of its own, which must be copyable, default-constructible and have
// `==` and `<`. Members:
//
//   Item           what bounds and choices are about: `T`, or a list's element
//   kName          in documentation: "integer value"
//   kIsNumber      `Item` may have bounds
//   kEmptyIsUnset  the empty text means "no value"; otherwise it is parsed
//   Parse          InvalidArgument says what is wrong without quoting the text,
//                  which may be a secret
//   Print          what `Parse` reads back as the same value
template <typename T>
struct ValueType;

template <>
struct ValueType<std::string> {
  using Item = std::string;
  static constexpr absl::string_view kName = "string value";
  static constexpr bool kIsNumber = false;
  static constexpr bool kEmptyIsUnset = false;
  static absl::StatusOr<std::string> Parse(absl::string_view text) {
    return std::string(text);
  }
  static std::string Print(const std::string& value) { return value; }
};

// `true 1 on yes` or `false 0 off no`, ignoring case.
template <>
struct ValueType<bool> {
  using Item = bool;
  static constexpr absl::string_view kName = "boolean value";
  static constexpr bool kIsNumber = false;
  static constexpr bool kEmptyIsUnset = false;
  static absl::StatusOr<bool> Parse(absl::string_view text);
  static std::string Print(bool value) { return value ? "true" : "false"; }
};

// Decimal digits with an optional sign; blanks around are ignored.
template <>
struct ValueType<int64_t> {
  using Item = int64_t;
  static constexpr absl::string_view kName = "integer value";
  static constexpr bool kIsNumber = true;
  static constexpr bool kEmptyIsUnset = true;
  static absl::StatusOr<int64_t> Parse(absl::string_view text);
  static std::string Print(int64_t value) { return absl::StrCat(value); }
};

// Decimal or with an exponent, `inf`, `nan`; blanks around are ignored. Printed
// as Python prints a float: the shortest digits that read back the same, and
// `1.0` rather than `1`.
template <>
struct ValueType<double> {
  using Item = double;
  static constexpr absl::string_view kName = "floating point value";
  static constexpr bool kIsNumber = true;
  static constexpr bool kEmptyIsUnset = true;
  static absl::StatusOr<double> Parse(absl::string_view text);
  static std::string Print(double value);
};

template <>
struct ValueType<Port> {
  using Item = Port;
  static constexpr absl::string_view kName = "port value";
  static constexpr bool kIsNumber = true;
  static constexpr bool kEmptyIsUnset = true;
  static absl::StatusOr<Port> Parse(absl::string_view text);
  static std::string Print(Port value) { return absl::StrCat(value.number); }
};

// Items separated by commas, blanks around each ignored. Commas at the end are
// dropped, so that only they and the empty text make an empty list.
template <typename T>
struct ValueType<std::vector<T>> {
  using Item = T;
  static constexpr absl::string_view kName = "list value";
  static constexpr bool kIsNumber = ValueType<T>::kIsNumber;
  static constexpr bool kEmptyIsUnset = false;

  static absl::StatusOr<std::vector<T>> Parse(absl::string_view text) {
    text = absl::StripAsciiWhitespace(text);
    while (absl::ConsumeSuffix(&text, ",")) {
    }
    std::vector<T> items;
    if (text.empty()) return items;
    for (absl::string_view piece : absl::StrSplit(text, ',')) {
      piece = absl::StripAsciiWhitespace(piece);
      if (piece.empty() && ValueType<T>::kEmptyIsUnset) {
        return absl::InvalidArgumentError(
            absl::StrCat("item ", items.size() + 1, " is empty"));
      }
      absl::StatusOr<T> item = ValueType<T>::Parse(piece);
      if (!item.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "item ", items.size() + 1, " is ", item.status().message()));
      }
      items.push_back(*std::move(item));
    }
    return items;
  }

  static std::string Print(const std::vector<T>& value) {
    std::vector<std::string> items;
    items.reserve(value.size());
    for (const T& item : value) items.push_back(ValueType<T>::Print(item));
    return absl::StrJoin(items, ",");
  }
};

}  // namespace bergen::config

#endif  // CONFIG_VALUE_H_
