// SPDX-License-Identifier: Apache-2.0
//
// The types that an option's value may have: how each is read from text,
// checked, printed and named.
//
//   absl::StatusOr<int64_t> n = ParseValue<int64_t>("12");
//   if (!n.ok()) return n.status();  // "not an integer"
//   std::string text = PrintValue(*n);
//
// Source: oslo_config.types. Differences: integers have 64 bits, a bounded
// float is never NaN, an item of a list is never unset, and what is checked is
// checked for values from code too.

#ifndef CONFIG_VALUE_H_
#define CONFIG_VALUE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "config/blanks.h"
#include "config/regex.h"

namespace bergen::config {

// A TCP or UDP port.
struct Port {
  uint16_t number = 0;

  constexpr operator int() const {  // NOLINT: reads as a number
    return number;
  }
  friend constexpr bool operator==(const Port&, const Port&) = default;
  friend constexpr bool operator<(const Port& a, const Port& b) {
    return a.number < b.number;
  }
};

// The values of an option that may be given several times: every value that a
// source has counts, in order. `Option<Multi<std::string>>`.
//
// Source: MultiOpt, MultiStrOpt. Differences: a default may have items of any
// type.
template <typename T>
class Multi : public std::vector<T> {
 public:
  using std::vector<T>::vector;
};

// Values by name. `Option<Dict<int64_t>>`.
template <typename T>
using Dict = std::map<std::string, T, std::less<>>;

// What kind of type an option has; for a multi option, each of its values.
enum class TypeKind {
  kString,
  kBoolean,
  kInteger,
  kFloat,
  kPort,
  kList,
  kDict,
  kRange,
  kIpAddress,
  kHostname,
  kHostAddress,
  kHostDomain,
  kUri,
  kDuration,
  kByteSize,
  kEnum,
  kOther,  // A type of the program's own.
};

// A value as JSON and YAML know it, for documents.
struct NativeValue {
  using List = std::vector<NativeValue>;
  using Dict = std::vector<std::pair<std::string, NativeValue>>;

  // The first is null.
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Dict>
      value;

  bool is_null() const { return std::holds_alternative<std::monostate>(value); }
  friend bool operator==(const NativeValue& a, const NativeValue& b);
};

// Rules of type `T` besides bounds and choices; most types have none. They are
// the member `type` of an option: `.type = {.max_length = 64}`.
template <typename T>
struct TypeRules {
  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

template <>
struct TypeRules<std::string> {
  // In code points; 0 is any.
  size_t max_length = 0;
  // What some part of the text must match; excludes choices.
  Regex regex;
  // Of choices, for ASCII letters, and of `regex`. The value stays as written.
  bool ignore_case = false;
  // A pair of `'` or `"` around the text is removed.
  bool quotes = false;

  // Whether there is anything to check or remove.
  bool any() const { return quotes || max_length > 0 || !regex.empty(); }

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

template <typename T>
struct TypeRules<std::vector<T>> {
  TypeRules<T> item;
  // The text stands between `[` and `]`, so that lists can be nested.
  bool bounds = false;
  size_t min_length = 0;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

template <typename T>
struct TypeRules<Dict<T>> {
  TypeRules<T> item;
  // The text stands between `{` and `}`.
  bool bounds = false;
  size_t min_length = 0;
  // Between a key and its value; neither empty nor with a comma.
  std::string key_value_separator = ":";

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

template <typename T>
struct TypeRules<Multi<T>> {
  TypeRules<T> item;

  friend bool operator==(const TypeRules&, const TypeRules&) = default;
};

// What the library knows about values of type `T`. A program may specialise it
// for a type of its own, which must be copyable, default-constructible and have
// `==` and `<`:
//
//   template <>
//   struct bergen::config::ValueType<Color> {
//     // In documentation.
//     static constexpr absl::string_view kName = "color value";
//     // InvalidArgument says what is wrong without quoting the text, which may
//     // be a secret.
//     static absl::StatusOr<Color> Parse(absl::string_view text);
//     // What `Parse` reads back as the same value.
//     static std::string Print(const Color& color);
//   };
//
// If there is a `TypeRules<T>`, `Parse` may have it as second parameter.
// Members that may be there:
//
//   kHasBounds            options may have `min` and `max`; false
//   kEmptyIsUnset         the empty text means "no value"; otherwise, and by
//                         default, it is parsed
//   kMayHoldCommas        a list tries whether commas belong to an item; true
//   kUnits                those that a number may have, for documentation
//   Check(value, rules)   what the rules say of a value that code gave
//   CheckRules(rules)     whether the rules fit together
//   RuleLines(rules)      what the rules forbid, for people, a line each
//   FormLines(rules)      how else the rules have the text read, a line each
//   ToNative(value)       for JSON; otherwise the printed text
//   Item, Items(value)    what `min`, `max` and choices are about, if not the
//                         value itself, and those of a value
//   Text(value)           a `const std::string&`, if the value is a text in
//                         which options may be referred to; `T` must be made
//                         from a std::string
template <typename T>
struct ValueType;

template <>
struct ValueType<std::string> {
  using Rules = TypeRules<std::string>;
  static constexpr absl::string_view kName = "string value";
  static constexpr TypeKind kKind = TypeKind::kString;
  static absl::StatusOr<std::string> Parse(absl::string_view text,
                                           const Rules& rules) {
    if (!rules.any()) return std::string(text);
    return ParseByRules(text, rules);
  }
  static absl::StatusOr<std::string> ParseByRules(absl::string_view text,
                                                  const Rules& rules);
  static absl::Status Check(const std::string& value, const Rules& rules);
  static absl::Status CheckRules(const Rules& rules);
  static std::vector<std::string> RuleLines(const Rules& rules);
  static std::vector<std::string> FormLines(const Rules& rules);
  static std::string Print(const std::string& value) { return value; }
  static const std::string& Text(const std::string& value) { return value; }
};

// `true 1 on yes` or `false 0 off no`, ignoring case.
template <>
struct ValueType<bool> {
  static constexpr absl::string_view kName = "boolean value";
  static constexpr TypeKind kKind = TypeKind::kBoolean;
  static constexpr bool kMayHoldCommas = false;
  static absl::StatusOr<bool> Parse(absl::string_view text);
  static std::string Print(bool value) { return value ? "true" : "false"; }
  static NativeValue ToNative(bool value) { return {value}; }
};

// Decimal digits with an optional sign; blanks around are ignored.
template <>
struct ValueType<int64_t> {
  static constexpr absl::string_view kName = "integer value";
  static constexpr TypeKind kKind = TypeKind::kInteger;
  static constexpr bool kHasBounds = true;
  static constexpr bool kEmptyIsUnset = true;
  static constexpr bool kMayHoldCommas = false;
  static absl::StatusOr<int64_t> Parse(absl::string_view text);
  static std::string Print(int64_t value) { return absl::StrCat(value); }
  static NativeValue ToNative(int64_t value) { return {value}; }
};

// Decimal or with an exponent, `inf`, `nan`; blanks around are ignored. Printed
// as Python prints a float: the shortest digits that read back the same, and
// `1.0` rather than `1`.
template <>
struct ValueType<double> {
  static constexpr absl::string_view kName = "floating point value";
  static constexpr TypeKind kKind = TypeKind::kFloat;
  static constexpr bool kHasBounds = true;
  static constexpr bool kEmptyIsUnset = true;
  static constexpr bool kMayHoldCommas = false;
  static absl::StatusOr<double> Parse(absl::string_view text);
  static std::string Print(double value);
  static NativeValue ToNative(double value) { return {value}; }
};

template <>
struct ValueType<Port> {
  static constexpr absl::string_view kName = "port value";
  static constexpr TypeKind kKind = TypeKind::kPort;
  static constexpr bool kHasBounds = true;
  static constexpr bool kEmptyIsUnset = true;
  static constexpr bool kMayHoldCommas = false;
  static absl::StatusOr<Port> Parse(absl::string_view text);
  static std::string Print(Port value) { return absl::StrCat(value.number); }
  static NativeValue ToNative(Port value) { return {int64_t{value.number}}; }
};

// Items separated by commas, blanks around each ignored. Commas at the end are
// dropped, so that only they and the empty text make an empty list. An item
// that its type rejects is tried again with the next comma and what follows it,
// as often as `kMaxItemCommas`: so `"a,b",c` has two items if they may be
// quoted, and `[1,2],[3]` if they are lists with bounds.
//
// Bounds and choices of the option are those of each item.
template <typename T>
struct ValueType<std::vector<T>> {
  static constexpr absl::string_view kName = "list value";
};

// Pairs separated by commas, blanks around keys and values ignored; the first
// separator of a pair ends its key. Pairs are tried with more commas as items
// of lists are. A key that is empty or repeated is an error, as is a comma at
// the end.
//
// Bounds and choices of the option are those of each value.
template <typename T>
struct ValueType<Dict<T>> {
  static constexpr absl::string_view kName = "dict value";
};

// Each value as `T` is.
template <typename T>
struct ValueType<Multi<T>> {
  static constexpr absl::string_view kName = ValueType<T>::kName;
};
template <>
struct ValueType<Multi<std::string>> {
  static constexpr absl::string_view kName = "multi valued";
};

// Commas that an item of a list or dict may hold, so that time stays bounded.
inline constexpr int kMaxItemCommas = 1000;

// ---------------------------------------------------------------------------
// Implementation.

namespace internal {

// What an option says about a value or each item of it, and whether messages
// must not quote the text.
template <typename Item>
struct ParseContext {
  absl::FunctionRef<absl::Status(const Item&)> check;
  bool hide;
};

// Turns text with references into text without.
using ExpandText =
    absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view)>;

// `text` for a message: in quotes, control characters escaped, not too long.
std::string Quoted(absl::string_view text);

// `what`, with the text that it is about unless that must be hidden.
absl::Status TextError(absl::string_view what, absl::string_view text,
                       bool hide);

// The same error about a part of the value.
absl::Status Within(absl::string_view part, const absl::Status& error);

// Finds out how many of the pieces between commas make up the next item.
class CommaSplitter {
 public:
  explicit CommaSplitter(absl::string_view text)
      : rest_(text), end_(FindEnd(0)), done_(text.empty()) {}

  bool Done() const { return done_; }

  // The next piece; after `Extend` with one more. Only if not done.
  absl::string_view Piece() const { return rest_.substr(0, end_); }

  // False if there is no more, or there were too many.
  bool Extend();

  // The piece is an item.
  void Accept();

 private:
  // Of the piece that goes on at `from`.
  size_t FindEnd(size_t from) const;

  absl::string_view rest_;
  size_t end_;
  int commas_ = 0;
  bool done_;
};

// No fewer than the items of `list`, unless there are very many.
size_t MostItems(absl::string_view list);

// Removes `open` and `close` around `text`, or says which is missing.
absl::Status StripBounds(char open, char close, absl::string_view& text);

// Whether a reader could not tell the values apart: NaN is itself.
template <typename T>
bool Same(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a == b || (std::isnan(a) && std::isnan(b));
  } else {
    return a == b;
  }
}

// What bounds and choices of a `T` are about.
template <typename T>
struct ItemOf {
  using Type = T;
};
template <typename T>
requires requires { typename ValueType<T>::Item; }
struct ItemOf<T> {
  using Type = typename ValueType<T>::Item;
};

// Everything there is to know about a type, from what `ValueType` has.
template <typename T>
struct TypeOf {
  using Type = ValueType<T>;
  using Rules = TypeRules<T>;
  // What bounds and choices are about.
  using Item = typename ItemOf<T>::Type;
  using Context = ParseContext<Item>;

  static constexpr TypeKind Kind() {
    if constexpr (requires { Type::kKind; }) return Type::kKind;
    return TypeKind::kOther;
  }
  static constexpr bool HasBounds() {
    if constexpr (requires { Type::kHasBounds; }) return Type::kHasBounds;
    return false;
  }
  static constexpr bool EmptyIsUnset() {
    if constexpr (requires { Type::kEmptyIsUnset; }) return Type::kEmptyIsUnset;
    return false;
  }
  static constexpr bool MayHoldCommas() {
    if constexpr (requires { Type::kMayHoldCommas; }) {
      return Type::kMayHoldCommas;
    }
    return true;
  }
  static constexpr bool kIsText = requires(const T& value) {
    Type::Text(value);
  };

  static absl::StatusOr<T> Parse(absl::string_view text, const Rules& rules,
                                 const Context& context) {
    // The only object that is returned, so that it is made in its place.
    absl::StatusOr<T> value = ParseText(text, rules);
    if (!value.ok()) {
      value = TextError(value.status().message(), text, context.hide);
    } else if (absl::Status status = CheckItems(*value, context);
               !status.ok()) {
      value = std::move(status);
    }
    return value;
  }
  static absl::Status Check(const T& value, const Rules& rules,
                            const Context& context) {
    if constexpr (requires { Type::Check(value, rules); }) {
      const absl::Status status = Type::Check(value, rules);
      if (!status.ok()) {
        return TextError(status.message(), Print(value, rules), context.hide);
      }
    }
    return CheckItems(value, context);
  }
  static std::string Print(const T& value, const Rules&) {
    return Type::Print(value);
  }
  static NativeValue ToNative(const T& value) {
    if constexpr (requires { Type::ToNative(value); }) {
      return Type::ToNative(value);
    } else {
      return {Type::Print(value)};
    }
  }
  static bool HasReference(const T& value) {
    if constexpr (kIsText) {
      return Type::Text(value).find('$') != std::string::npos;
    } else {
      return false;
    }
  }
  static absl::StatusOr<T> Expand(const T& value, ExpandText expand) {
    if constexpr (kIsText) {
      absl::StatusOr<std::string> text = expand(Type::Text(value));
      if (!text.ok()) return text.status();
      return T{*std::move(text)};
    } else {
      return value;
    }
  }
  static absl::Status CheckRules(const Rules& rules) {
    if constexpr (requires { Type::CheckRules(rules); }) {
      return Type::CheckRules(rules);
    } else {
      return absl::OkStatus();
    }
  }
  static std::vector<std::string> RuleLines(const Rules& rules) {
    if constexpr (requires { Type::RuleLines(rules); }) {
      return Type::RuleLines(rules);
    } else {
      return {};
    }
  }
  static std::vector<std::string> FormLines(const Rules& rules) {
    if constexpr (requires { Type::FormLines(rules); }) {
      return Type::FormLines(rules);
    } else {
      return {};
    }
  }
  static bool Equal(const T& a, const T& b) { return Same(a, b); }

 private:
  static absl::Status CheckItems(const T& value, const Context& context) {
    if constexpr (requires { Type::Items(value); }) {
      for (const Item& item : Type::Items(value)) {
        absl::Status status = context.check(item);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    } else {
      return context.check(value);
    }
  }
  static absl::StatusOr<T> ParseText(absl::string_view text,
                                     const Rules& rules) {
    if constexpr (requires { Type::Parse(text, rules); }) {
      return Type::Parse(text, rules);
    } else {
      return Type::Parse(text);
    }
  }
};

// What lists and multi options share: `C` is a vector of `T`.
template <typename C, typename T>
struct SequenceType {
  using Element = TypeOf<T>;
  using Rules = TypeRules<C>;
  using Item = typename Element::Item;
  using Context = ParseContext<Item>;

  static constexpr bool HasBounds() { return Element::HasBounds(); }
  static constexpr bool EmptyIsUnset() { return false; }

  static std::string PrintItems(const C& value, const Rules& rules) {
    std::string text;
    for (size_t i = 0; i < value.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : ",",
                      Element::Print(value[i], rules.item));
    }
    return text;
  }
  static absl::Status CheckItems(const C& value, const Rules& rules,
                                 const Context& context, const char* noun) {
    for (size_t i = 0; i < value.size(); ++i) {
      const absl::Status status = Element::Check(value[i], rules.item, context);
      if (!status.ok()) return Within(absl::StrCat(noun, " ", i + 1), status);
    }
    return absl::OkStatus();
  }
  static NativeValue ToNative(const C& value) {
    NativeValue::List items;
    for (const auto& item : value) items.push_back(Element::ToNative(item));
    return {std::move(items)};
  }
  static bool HasReference(const C& value) {
    for (const auto& item : value) {
      if (Element::HasReference(item)) return true;
    }
    return false;
  }
  static absl::StatusOr<C> Expand(const C& value, ExpandText expand) {
    C items;
    for (const auto& item : value) {
      absl::StatusOr<T> expanded = Element::Expand(item, expand);
      if (!expanded.ok()) return expanded.status();
      items.push_back(*std::move(expanded));
    }
    return items;
  }
  static bool Equal(const C& a, const C& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (!Element::Equal(a[i], b[i])) return false;
    }
    return true;
  }
};

// Appends `item_lines`, which are about each `what` in a value.
void AppendLines(absl::string_view what,
                 const std::vector<std::string>& item_lines,
                 std::vector<std::string>& lines);
std::vector<std::string> LengthLines(size_t min_length);
absl::Status CheckLength(size_t length, size_t min_length);
absl::Status CheckSeparator(absl::string_view separator);

template <typename T>
struct TypeOf<std::vector<T>> : SequenceType<std::vector<T>, T> {
  using Base = SequenceType<std::vector<T>, T>;
  using typename Base::Context;
  using typename Base::Element;
  using typename Base::Rules;

  static constexpr TypeKind Kind() { return TypeKind::kList; }
  static constexpr bool MayHoldCommas() { return true; }

  static absl::StatusOr<std::vector<T>> Parse(absl::string_view text,
                                              const Rules& rules,
                                              const Context& context) {
    absl::string_view list = StripBlanks(text);
    list = list.substr(0, list.find_last_not_of(',') + 1);
    if (rules.bounds) {
      const absl::Status status = StripBounds('[', ']', list);
      if (!status.ok()) return TextError(status.message(), text, context.hide);
    }
    std::vector<T> items;
    items.reserve(MostItems(list));
    for (CommaSplitter pieces(list); !pieces.Done();) {
      absl::StatusOr<T> item =
          Element::Parse(StripBlanks(pieces.Piece()), rules.item, context);
      if (item.ok()) {
        items.push_back(*std::move(item));
        pieces.Accept();
      } else if (!Element::MayHoldCommas() || !pieces.Extend()) {
        return Within(absl::StrCat("item ", items.size() + 1), item.status());
      }
    }
    absl::Status status = CheckLength(items.size(), rules.min_length);
    if (!status.ok()) return status;
    return items;
  }
  static absl::Status Check(const std::vector<T>& value, const Rules& rules,
                            const Context& context) {
    absl::Status status = Base::CheckItems(value, rules, context, "item");
    if (!status.ok()) return status;
    return CheckLength(value.size(), rules.min_length);
  }
  static std::string Print(const std::vector<T>& value, const Rules& rules) {
    const std::string items = Base::PrintItems(value, rules);
    return rules.bounds ? absl::StrCat("[", items, "]") : items;
  }
  static absl::Status CheckRules(const Rules& rules) {
    return Element::CheckRules(rules.item);
  }
  static std::vector<std::string> RuleLines(const Rules& rules) {
    std::vector<std::string> lines = LengthLines(rules.min_length);
    AppendLines("item", Element::RuleLines(rules.item), lines);
    return lines;
  }
  static std::vector<std::string> FormLines(const Rules& rules) {
    std::vector<std::string> lines;
    if (rules.bounds) lines.push_back("stands in []");
    AppendLines("item", Element::FormLines(rules.item), lines);
    return lines;
  }
};

template <typename T>
struct TypeOf<Multi<T>> : SequenceType<Multi<T>, T> {
  using Base = SequenceType<Multi<T>, T>;
  using typename Base::Context;
  using typename Base::Element;
  using typename Base::Rules;

  static constexpr TypeKind Kind() { return Element::Kind(); }

  static absl::StatusOr<T> ParseOne(absl::string_view text, const Rules& rules,
                                    const Context& context) {
    return Element::Parse(text, rules.item, context);
  }
  static absl::Status Check(const Multi<T>& value, const Rules& rules,
                            const Context& context) {
    return Base::CheckItems(value, rules, context, "value");
  }
  static std::string Print(const Multi<T>& value, const Rules& rules) {
    return Base::PrintItems(value, rules);
  }
  static absl::Status CheckRules(const Rules& rules) {
    return Element::CheckRules(rules.item);
  }
  static std::vector<std::string> RuleLines(const Rules& rules) {
    return Element::RuleLines(rules.item);
  }
  static std::vector<std::string> FormLines(const Rules& rules) {
    return Element::FormLines(rules.item);
  }
};

template <typename T>
struct TypeOf<Dict<T>> {
  using Element = TypeOf<T>;
  using Rules = TypeRules<Dict<T>>;
  using Item = typename Element::Item;
  using Context = ParseContext<Item>;

  static constexpr TypeKind Kind() { return TypeKind::kDict; }
  static constexpr bool HasBounds() { return Element::HasBounds(); }
  static constexpr bool EmptyIsUnset() { return false; }
  static constexpr bool MayHoldCommas() { return true; }

  static absl::StatusOr<Dict<T>> Parse(absl::string_view text,
                                       const Rules& rules,
                                       const Context& context) {
    absl::string_view pairs = StripBlanks(text);
    if (rules.bounds) {
      const absl::Status status = StripBounds('{', '}', pairs);
      if (!status.ok()) return TextError(status.message(), text, context.hide);
    }
    Dict<T> values;
    for (CommaSplitter pieces(pairs); !pieces.Done();) {
      const absl::string_view pair = pieces.Piece();
      const size_t separator = pair.find(rules.key_value_separator);
      absl::StatusOr<T> value = absl::InvalidArgumentError("");
      if (separator == pair.npos) {
        value = TextError(
            absl::StrCat("without \"", rules.key_value_separator, "\""), pair,
            context.hide);
      } else {
        value = Element::Parse(
            StripBlanks(
                pair.substr(separator + rules.key_value_separator.size())),
            rules.item, context);
      }
      const std::string part = absl::StrCat("pair ", values.size() + 1);
      if (!value.ok()) {
        if (pieces.Extend()) continue;
        return Within(part, value.status());
      }
      const absl::string_view key = StripBlanks(pair.substr(0, separator));
      if (key.empty()) {
        return Within(part, TextError("no key", pair, context.hide));
      }
      if (!values.emplace(std::string(key), *std::move(value)).second) {
        return Within(part, TextError("repeated key", key, context.hide));
      }
      pieces.Accept();
    }
    absl::Status status = CheckLength(values.size(), rules.min_length);
    if (!status.ok()) return status;
    return values;
  }
  static absl::Status Check(const Dict<T>& value, const Rules& rules,
                            const Context& context) {
    for (const auto& [key, item] : value) {
      const absl::Status status = Element::Check(item, rules.item, context);
      if (status.ok()) continue;
      return Within(
          context.hide ? "a value" : absl::StrCat("key ", Quoted(key)), status);
    }
    return CheckLength(value.size(), rules.min_length);
  }
  static std::string Print(const Dict<T>& value, const Rules& rules) {
    std::string text;
    for (const auto& [key, item] : value) {
      absl::StrAppend(&text, text.empty() ? "" : ",", key,
                      rules.key_value_separator,
                      Element::Print(item, rules.item));
    }
    return rules.bounds ? absl::StrCat("{", text, "}") : text;
  }
  static NativeValue ToNative(const Dict<T>& value) {
    NativeValue::Dict items;
    for (const auto& [key, item] : value) {
      items.emplace_back(key, Element::ToNative(item));
    }
    return {std::move(items)};
  }
  static bool HasReference(const Dict<T>& value) {
    for (const auto& [key, item] : value) {
      if (key.find('$') != std::string::npos) return true;
      if (Element::HasReference(item)) return true;
    }
    return false;
  }
  static absl::StatusOr<Dict<T>> Expand(const Dict<T>& value,
                                        ExpandText expand) {
    Dict<T> result;
    for (const auto& [key, item] : value) {
      absl::StatusOr<std::string> name = expand(key);
      if (!name.ok()) return name.status();
      absl::StatusOr<T> expanded = Element::Expand(item, expand);
      if (!expanded.ok()) return expanded.status();
      if (!result.emplace(*std::move(name), *std::move(expanded)).second) {
        return absl::InvalidArgumentError(
            "two of its keys are the same once references are replaced");
      }
    }
    return result;
  }
  static absl::Status CheckRules(const Rules& rules) {
    absl::Status status = CheckSeparator(rules.key_value_separator);
    if (!status.ok()) return status;
    return Element::CheckRules(rules.item);
  }
  static std::vector<std::string> RuleLines(const Rules& rules) {
    std::vector<std::string> lines = LengthLines(rules.min_length);
    AppendLines("value", Element::RuleLines(rules.item), lines);
    return lines;
  }
  static std::vector<std::string> FormLines(const Rules& rules) {
    std::vector<std::string> lines;
    if (rules.bounds) lines.push_back("stands in {}");
    if (rules.key_value_separator != ":") {
      lines.push_back(absl::StrCat("`", rules.key_value_separator,
                                   "` between a key and its value"));
    }
    AppendLines("value", Element::FormLines(rules.item), lines);
    return lines;
  }
  static bool Equal(const Dict<T>& a, const Dict<T>& b) {
    if (a.size() != b.size()) return false;
    auto other = b.begin();
    for (const auto& [key, item] : a) {
      if (key != other->first || !Element::Equal(item, other->second)) {
        return false;
      }
      ++other;
    }
    return true;
  }
};

}  // namespace internal

// Reads a value outside of any option. InvalidArgument says what is wrong, with
// the text if it is an item's.
template <typename T>
absl::StatusOr<T> ParseValue(absl::string_view text,
                             const TypeRules<T>& rules = {}) {
  using Type = internal::TypeOf<T>;
  const auto check = [](const typename Type::Item&) {
    return absl::OkStatus();
  };
  return Type::Parse(text, rules, {.check = check, .hide = true});
}

// What `ParseValue` reads back as the same value, unless it holds what ends it.
template <typename T>
std::string PrintValue(const T& value, const TypeRules<T>& rules = {}) {
  return internal::TypeOf<T>::Print(value, rules);
}

}  // namespace bergen::config

#endif  // CONFIG_VALUE_H_
