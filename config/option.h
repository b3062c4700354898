// SPDX-License-Identifier: Apache-2.0
//
// An option as a value: what it is called, what it may be, what it is for. A
// module lists its options in a function and registers the same objects.
//
//   const Option<int64_t> kWorkers = {
//       .name = "workers", .default_value = 2, .help = "Worker processes.",
//       .min = 1};
//
//   OptionList ListOpts() {
//     return {{.name = "demo", .options = {kWorkers, kGreeting}}};
//   }
//
// Source: oslo_config.cfg.Opt. Differences: equality covers every field; units,
// lists in lists and the like are types; and an option does not change, so that
// registering it again after a warning is still the same option.

#ifndef CONFIG_OPTION_H_
#define CONFIG_OPTION_H_

#include <sys/single_threaded.h>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "config/blanks.h"
#include "config/handle.h"
#include "config/value.h"

namespace bergen::config {

// The group of options that have none; its section is `[DEFAULT]`.
inline constexpr absl::string_view kDefaultGroup = "DEFAULT";

// How an option's name stands in files: `_` for `-`.
std::string Dest(absl::string_view name);

// One of the values an option may have. An empty description says nothing.
template <typename T>
struct Choice {
  T value;
  std::string description;

  friend bool operator==(const Choice&, const Choice&) = default;
};

// An earlier name of an option, where `-` means `_`; an empty member is the
// option's own.
struct DeprecatedName {
  std::string name;
  std::string group;

  // Group and name, of an option of that group and name. Views of the arguments
  // and of this.
  std::pair<absl::string_view, absl::string_view> InFull(
      absl::string_view own_group, absl::string_view own_name) const {
    return {group.empty() ? own_group : group, name.empty() ? own_name : name};
  }

  friend bool operator==(const DeprecatedName&,
                         const DeprecatedName&) = default;
};

// The option will go away. Both members may be empty.
struct Removal {
  std::string reason;
  std::string since;

  friend bool operator==(const Removal&, const Removal&) = default;
};

// The only values that an option allows, if any were given.
template <typename T>
class Choices {
 public:
  Choices() = default;
  Choices(std::initializer_list<Choice<T>> choices)
      : Choices(std::vector<Choice<T>>(choices)) {}
  // An empty vector is an error when the option is registered, so that a
  // computed list cannot allow everything by accident.
  Choices(std::vector<Choice<T>> choices)  // NOLINT: reads as a list
      : given_(true), choices_(std::move(choices)) {}

  bool given() const { return given_; }
  bool empty() const { return choices_.empty(); }
  size_t size() const { return choices_.size(); }
  auto begin() const { return choices_.begin(); }
  auto end() const { return choices_.end(); }

  friend bool operator==(const Choices&, const Choices&) = default;

 private:
  bool given_ = false;
  std::vector<Choice<T>> choices_;
};

// What samples show instead of a default: text, as it is, or a value.
template <typename T>
class SampleDefault {
 public:
  template <typename U>
  requires std::is_convertible_v<const U&, absl::string_view> SampleDefault(
      const U& text)  // NOLINT: reads as text
      : text_(absl::string_view(text)) {}
  SampleDefault(T value)  // NOLINT: reads as a value
      requires(!std::is_convertible_v<T, absl::string_view>)
      : value_(std::move(value)) {}

  // Exactly one of them is there.
  const std::optional<std::string>& text() const { return text_; }
  const std::optional<T>& value() const { return value_; }

  friend bool operator==(const SampleDefault&, const SampleDefault&) = default;

 private:
  std::optional<std::string> text_;
  std::optional<T> value_;
};

// `T` is any type with a `ValueType<T>`: std::string, int64_t, double, bool,
// Port; addresses and names of config/host.h; Uri, Range, absl::Duration and
// ByteSize of config/units.h; enumerations by config/enum_value.h; a program's
// own; std::vector and Dict of any of these and of each other; Multi of any of
// these.
template <typename T>
struct Option {
  using Item = typename internal::TypeOf<T>::Item;

  // Letters, digits and `_`; `-` means `_`, except on the command line.
  std::string name;
  // Without one the option is unset until a source gives a value.
  std::optional<T> default_value;
  // Instead, as it would stand in a file: for a number that refers to another
  // option, `$workers`.
  std::string default_text;
  std::string help;
  // Rules that only some types have.
  TypeRules<T> type;
  // Inclusive; only for numbers and quantities. For lists, dicts and multi
  // options: of each innermost item or value; for ranges: of both ends.
  std::optional<Item> min;
  std::optional<Item> max;
  // For lists and so on: as above.
  Choices<Item> choices;
  // Shown in samples instead of a default that differs between machines.
  std::optional<SampleDefault<T>> sample_default;
  // In documentation instead of the type's own name.
  std::string type_name;
  // Stands for the value in the help of the command line.
  std::string metavar;
  // A letter or digit: `-x` on the command line, in any group. 0 is none.
  char short_name = 0;
  // There is a flag `--[group-]name` on the command line.
  bool cli = false;
  // The command line gives the value by position instead. Implies `cli`, and
  // `required` unless that is false; not for booleans.
  bool positional = false;
  // A load fails unless the option has a value.
  std::optional<bool> required;
  // The value never appears in messages, dumps or documentation.
  bool secret = false;
  // `Registry::Mutate` may change the value.
  bool is_mutable = false;
  // Documented after the others.
  bool advanced = false;
  // `$` has no meaning in this option's values; for passwords.
  bool literal = false;
  std::vector<DeprecatedName> deprecated_names;
  std::optional<Removal> removal;

  friend bool operator==(const Option&, const Option&) = default;
};

// What an option says about itself, for documentation, schemas and messages. A
// secret's default is masked; its sample is not, as it is made to be shown.
struct OptionDescription {
  std::string name;        // With `_` for `-`.
  std::string given_name;  // As the program wrote it.
  std::string type_name;
  TypeKind kind = TypeKind::kOther;
  bool is_multi = false;
  // What the rules of the type forbid, for people: "at most 64 characters".
  std::vector<std::string> rules;
  // How else the rules of the type have the text read: "may stand in quotes".
  std::vector<std::string> form;
  // Of a quantity, for people: "s, min; a plain number is in s".
  std::string units;
  std::string help;
  std::optional<std::string> default_text;
  // Null when unset. A default that is text with references is that text.
  NativeValue default_value;
  // What stands behind `name =` in a file; of a multi option for each value.
  // Empty if there is no default.
  std::vector<std::string> default_lines;
  // Of lists and dicts: of each innermost item; of ranges: of both ends.
  std::optional<std::string> min;
  std::optional<std::string> max;
  std::vector<Choice<std::string>> choices;
  // The same as values.
  NativeValue min_value;
  NativeValue max_value;
  std::vector<Choice<NativeValue>> choice_values;
  std::optional<std::string> sample_default;
  NativeValue sample_value;
  std::vector<std::string> sample_lines;
  std::string metavar;
  char short_name = 0;
  bool cli = false;
  bool positional = false;
  bool required = false;
  bool secret = false;
  bool is_mutable = false;
  bool advanced = false;
  bool literal = false;
  // With `_` for `-`, those that had a `-` after the others, as they are looked
  // up.
  std::vector<DeprecatedName> deprecated_names;
  std::optional<Removal> removal;
};

// Stands for a secret value wherever it would be printed.
inline constexpr absl::string_view kMask = "****";

namespace internal {

// An option whose type is known only to the derived class. Its own cost is that
// of its fields: what is only for people is made when it is asked for.
class ErasedOption {
 public:
  virtual ~ErasedOption();

  // Counted by `AnyOption`, which takes half the memory of a shared_ptr: there
  // are as many as options. As with that, an atomic addition, which makes the
  // processor wait for its memory, is left out while there is one thread.
  void Hold() const {
    if (__libc_single_threaded) {
      holders_.store(holders_.load(std::memory_order_relaxed) + 1,
                     std::memory_order_relaxed);
    } else {
      holders_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void Release() const {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // The fields that do not depend on the type, without making a description.
  const std::string& name() const { return *name_; }
  bool required() const { return required_; }
  bool secret() const { return secret_; }
  bool is_mutable() const { return is_mutable_; }
  bool literal() const { return literal_; }
  bool cli() const { return cli_; }
  bool positional() const { return positional_; }
  // 0 for none.
  char short_name() const { return short_name_; }
  // As the program wrote it.
  virtual const std::string& given_name() const = 0;
  bool is_multi() const { return is_multi_; }
  bool has_removal() const { return has_removal_; }
  bool has_old_names() const { return has_old_names_; }
  // Whether there are bounds, choices or rules, which parsing reads.
  bool has_limits() const { return has_limits_; }
  // As in the description.
  const std::vector<DeprecatedName>& deprecated_names() const {
    return *deprecated_names_;
  }
  virtual const std::optional<Removal>& removal() const = 0;
  // Empty if there is none; otherwise there is no default value.
  virtual const std::string& default_text() const = 0;
  // Null for "none".
  const AnyValue& default_value() const { return default_; }
  // Whether the default, if any, is a value as it is: neither a text nor with
  // references.
  bool has_plain_default() const { return has_plain_default_; }
  // Whether the name is one and the fields fit together.
  const absl::Status& definition_status() const { return definition_status_; }

  // Made by the first call, and then kept. Thread-safe.
  const OptionDescription& description() const;

  virtual const std::type_info& type() const = 0;
  virtual absl::string_view type_name() const = 0;
  virtual TypeKind kind() const = 0;
  // Same type, and every field is equal.
  virtual bool Equals(const ErasedOption& other) const = 0;
  // The value of one text, or of all texts of a multi option. Null for "unset".
  // `hide` keeps the text out of the error.
  virtual absl::StatusOr<AnyValue> Parse(
      absl::Span<const absl::string_view> texts, bool hide) const = 0;
  // `value` is not null here and below.
  virtual absl::Status Check(const AnyValue& value, bool hide) const = 0;
  virtual std::string Print(const AnyValue& value) const = 0;
  virtual NativeValue ToNative(const AnyValue& value) const = 0;
  virtual bool ValuesEqual(const AnyValue& a, const AnyValue& b) const = 0;
  // A copy for a value that changes while it is read (`AnyValue::Apart`).
  virtual AnyValue Apart(const AnyValue& value) const = 0;
  // Expands the text in a value that code gave: strings, items of lists, keys
  // and values of dicts. The result has to be checked.
  virtual absl::StatusOr<AnyValue> Expand(const AnyValue& value,
                                          ExpandText expand) const = 0;

 protected:
  // Takes the fields of `option`, which lives as long as this, and its default,
  // which it has no more.
  template <typename T>
  void Adopt(const Option<T>& option, AnyValue default_value, bool is_multi) {
    default_ = std::move(default_value);
    name_ = &option.name;
    deprecated_names_ = &option.deprecated_names;
    required_ = option.required.value_or(option.positional);
    secret_ = option.secret;
    is_mutable_ = option.is_mutable;
    literal_ = option.literal;
    cli_ = option.cli || option.positional;
    positional_ = option.positional;
    short_name_ = option.short_name;
    is_multi_ = is_multi;
    has_removal_ = option.removal.has_value();
    has_old_names_ = !option.deprecated_names.empty();
    has_limits_ = option.min || option.max || option.choices.given() ||
                  !(option.type == TypeRules<T>());
    NormaliseNames();
  }

  // What is found out once, and no more when the option is registered.
  void SetDefinition(absl::Status status, bool has_plain_default) {
    definition_status_ = std::move(status);
    has_plain_default_ = has_plain_default;
  }

  virtual void Describe(OptionDescription& description) const = 0;

  absl::Status CheckNames(char short_name) const;

 private:
  // Of the few options that have a `-` in them.
  struct Names {
    std::string name;
    std::vector<DeprecatedName> deprecated_names;
  };

  void NormaliseNames();

  // Together in the first cache line, since registering reads them and hardly
  // anything else.
  mutable std::atomic<uint32_t> holders_ = 0;
  bool required_ : 1 = false;
  bool secret_ : 1 = false;
  bool is_mutable_ : 1 = false;
  bool literal_ : 1 = false;
  bool cli_ : 1 = false;
  bool positional_ : 1 = false;
  bool is_multi_ : 1 = false;
  bool has_plain_default_ : 1 = false;
  bool has_removal_ : 1 = false;
  bool has_old_names_ : 1 = false;
  bool has_limits_ : 1 = false;
  char short_name_ = 0;
  AnyValue default_;
  absl::Status definition_status_;
  const std::string* name_ = nullptr;
  const std::vector<DeprecatedName>* deprecated_names_ = nullptr;
  std::unique_ptr<const Names> names_;
  mutable absl::once_flag described_;
  mutable std::unique_ptr<const OptionDescription> description_;
};

// The rules of what bounds and choices are about.
template <typename Rules>
const auto& InnerRules(const Rules& rules) {
  if constexpr (requires { rules.item; }) {
    return InnerRules(rules.item);
  } else {
    return rules;
  }
}

template <typename T>
inline constexpr bool kIsMulti = false;
template <typename T>
inline constexpr bool kIsMulti<Multi<T>> = true;

template <typename T>
class TypedOption final : public ErasedOption {
 public:
  using Type = TypeOf<T>;
  using Item = typename Type::Item;

  explicit TypedOption(Option<T>&& option) : option_(std::move(option)) {
    if constexpr (std::is_same_v<Item, Port>) {
      if (!option_.min) option_.min = Port{0};
      if (!option_.max) option_.max = Port{65535};
    }
    AnyValue value;
    if (option_.default_value) {
      value = AnyValue::Of<T>(*std::move(option_.default_value));
      option_.default_value = std::nullopt;
    }
    Adopt(option_, std::move(value), kIsMulti<T>);
    SetDefinition(
        CheckDefinition(),
        option_.default_text.empty() &&
            !(default_value() && HasReference(Typed(default_value()))));
  }

  const std::type_info& type() const override { return typeid(T); }

  absl::string_view type_name() const override {
    if (!option_.type_name.empty()) return option_.type_name;
    return ValueType<T>::kName;
  }

  TypeKind kind() const override { return Type::Kind(); }

  const std::string& given_name() const override { return option_.name; }
  const std::optional<Removal>& removal() const override {
    return option_.removal;
  }
  const std::string& default_text() const override {
    return option_.default_text;
  }

  bool Equals(const ErasedOption& other) const override {
    if (type() != other.type()) return false;
    const auto& theirs = static_cast<const TypedOption&>(other);
    if (!(option_ == theirs.option_)) return false;
    const AnyValue& a = default_value();
    const AnyValue& b = theirs.default_value();
    if (!a || !b) return !a && !b;
    return ValuesEqual(a, b);
  }

  absl::StatusOr<AnyValue> Parse(absl::Span<const absl::string_view> texts,
                                 bool hide) const override {
    // Made anew they are there sooner than read from memory, where they are far
    // from the rest.
    if (!has_limits()) return ParseBy(TypeRules<T>(), texts, hide);
    return ParseBy(option_.type, texts, hide);
  }

  absl::Status Check(const AnyValue& value, bool hide) const override {
    const auto check = [&](const Item& item) { return CheckItem(item, hide); };
    return Type::Check(Typed(value), option_.type,
                       {.check = check, .hide = hide});
  }

  std::string Print(const AnyValue& value) const override {
    return Type::Print(Typed(value), option_.type);
  }

  NativeValue ToNative(const AnyValue& value) const override {
    return Type::ToNative(Typed(value));
  }

  bool ValuesEqual(const AnyValue& a, const AnyValue& b) const override {
    return Type::Equal(Typed(a), Typed(b));
  }

  AnyValue Apart(const AnyValue& value) const override {
    return AnyValue::Apart<T>(Typed(value));
  }

  absl::StatusOr<AnyValue> Expand(const AnyValue& value,
                                  ExpandText expand) const override {
    if (!HasReference(Typed(value))) return value;
    absl::StatusOr<T> expanded = Type::Expand(Typed(value), expand);
    if (!expanded.ok()) return expanded.status();
    return AnyValue::Of<T>(*std::move(expanded));
  }

 private:
  absl::StatusOr<AnyValue> ParseBy(const TypeRules<T>& rules,
                                   absl::Span<const absl::string_view> texts,
                                   bool hide) const {
    const auto check = [&](const Item& item) { return CheckItem(item, hide); };
    const ParseContext<Item> context = {.check = check, .hide = hide};
    if constexpr (kIsMulti<T>) {
      T values;
      for (const absl::string_view text : texts) {
        auto value = Type::ParseOne(text, rules, context);
        if (!value.ok()) {
          if (texts.size() == 1) return value.status();
          return Within(absl::StrCat("value ", values.size() + 1),
                        value.status());
        }
        values.push_back(*std::move(value));
      }
      return AnyValue::Of<T>(std::move(values));
    } else {
      const absl::string_view text = texts.empty() ? "" : texts.back();
      if constexpr (Type::EmptyIsUnset()) {
        if (StripBlanks(text).empty()) return AnyValue();
      }
      absl::StatusOr<T> value = Type::Parse(text, rules, context);
      if (!value.ok()) return value.status();
      return AnyValue::Of<T>(*std::move(value));
    }
  }

  static const T& Typed(const AnyValue& value) { return value.As<T>(); }

  bool HasReference(const T& value) const {
    return !option_.literal && Type::HasReference(value);
  }

  absl::Status CheckDefinition() const {
    absl::Status status = CheckNames(option_.short_name);
    if (status.ok()) status = Type::CheckRules(option_.type);
    if (status.ok()) status = CheckLimits();
    if (!status.ok()) return status;
    if (std::is_same_v<T, bool> && option_.positional) {
      return absl::InvalidArgumentError("a boolean cannot be positional");
    }
    status = CheckDefault();
    if (status.ok()) return status;
    return absl::InvalidArgumentError(
        absl::StrCat("its default ", status.message()));
  }

  // Bounds and choices by themselves.
  absl::Status CheckLimits() const {
    if (!Type::HasBounds() && (option_.min || option_.max)) {
      return absl::InvalidArgumentError("its type has no bounds");
    }
    if constexpr (std::is_floating_point_v<Item>) {
      if ((option_.min && std::isnan(*option_.min)) ||
          (option_.max && std::isnan(*option_.max))) {
        return absl::InvalidArgumentError("a bound must be a number");
      }
    }
    if (option_.min && option_.max && *option_.max < *option_.min) {
      return absl::InvalidArgumentError("its maximum is below its minimum");
    }
    if (option_.choices.given() && option_.choices.empty()) {
      return absl::InvalidArgumentError("its list of choices is empty");
    }
    for (const Choice<Item>& choice : option_.choices) {
      absl::Status status = CheckBounds(choice.value, option_.secret);
      if (status.ok()) status = CheckRulesOf(choice.value);
      if (!status.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("a choice ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckRulesOf(const Item& choice) const {
    const auto& rules = InnerRules(option_.type);
    if constexpr (requires { rules.regex; }) {
      if (!rules.regex.empty()) {
        return absl::InvalidArgumentError("excludes a regex");
      }
    }
    if constexpr (std::is_same_v<decltype(rules), const TypeRules<Item>&>) {
      const auto any = [](const Item&) { return absl::OkStatus(); };
      return TypeOf<Item>::Check(choice, rules,
                                 {.check = any, .hide = option_.secret});
    } else {
      return absl::OkStatus();
    }
  }

  // A default with references has its final form only later.
  absl::Status CheckDefault() const {
    if (!option_.default_text.empty()) {
      if (default_value()) {
        return absl::InvalidArgumentError("is given twice");
      }
      if (!option_.literal && absl::StrContains(option_.default_text, '$')) {
        return absl::OkStatus();
      }
      const absl::string_view text = option_.default_text;
      return Parse({text}, option_.secret).status();
    }
    const AnyValue& value = default_value();
    if (!value || HasReference(Typed(value))) return absl::OkStatus();
    return Check(value, option_.secret);
  }

  absl::Status CheckItem(const Item& item, bool hide) const {
    if (!has_limits()) return absl::OkStatus();
    if (!option_.choices.given()) return CheckBounds(item, hide);
    std::string allowed;
    for (const Choice<Item>& choice : option_.choices) {
      if (IsChoice(choice.value, item)) return absl::OkStatus();
      absl::StrAppend(&allowed, allowed.empty() ? "" : ", ",
                      ValueType<Item>::Print(choice.value));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("must be one of ", allowed, Got(item, hide)));
  }

  bool IsChoice(const Item& choice, const Item& item) const {
    if constexpr (std::is_same_v<Item, std::string>) {
      if (InnerRules(option_.type).ignore_case) {
        return absl::EqualsIgnoreCase(choice, item);
      }
    }
    return choice == item;
  }

  absl::Status CheckBounds(const Item& item, bool hide) const {
    if constexpr (Type::HasBounds()) {
      if constexpr (std::is_floating_point_v<Item>) {
        if (std::isnan(item) && (option_.min || option_.max)) {
          return absl::InvalidArgumentError("must be a number, got nan");
        }
      }
      if (option_.min && item < *option_.min) {
        return absl::InvalidArgumentError(absl::StrCat(
            "must be at least ", ValueType<Item>::Print(*option_.min),
            Got(item, hide)));
      }
      if (option_.max && *option_.max < item) {
        return absl::InvalidArgumentError(absl::StrCat(
            "must be at most ", ValueType<Item>::Print(*option_.max),
            Got(item, hide)));
      }
    }
    return absl::OkStatus();
  }

  static std::string Got(const Item& item, bool hide) {
    if (hide) return "";
    const std::string text = ValueType<Item>::Print(item);
    return absl::StrCat(", got ", Type::HasBounds() ? text : Quoted(text));
  }

  void Describe(OptionDescription& description) const override {
    description = {.name = name(),
                   .given_name = option_.name,
                   .type_name = std::string(type_name()),
                   .kind = Type::Kind(),
                   .is_multi = is_multi(),
                   .rules = Type::RuleLines(option_.type),
                   .form = Type::FormLines(option_.type),
                   .help = option_.help,
                   .metavar = option_.metavar,
                   .short_name = option_.short_name,
                   .cli = cli(),
                   .positional = option_.positional,
                   .required = required(),
                   .secret = option_.secret,
                   .is_mutable = option_.is_mutable,
                   .advanced = option_.advanced,
                   .literal = option_.literal,
                   .deprecated_names = deprecated_names(),
                   .removal = option_.removal};
    if constexpr (requires { ValueType<Item>::kUnits; }) {
      description.units = std::string(ValueType<Item>::kUnits);
    }
    if (const AnyValue& value = default_value()) {
      description.default_text = Print(value);
      description.default_value = ToNative(value);
      description.default_lines = Lines(Typed(value));
    } else if (!option_.default_text.empty()) {
      description.default_text = option_.default_text;
      description.default_value = {option_.default_text};
      description.default_lines = {option_.default_text};
    }
    if (option_.sample_default && option_.sample_default->text()) {
      description.sample_default = option_.sample_default->text();
      description.sample_value = {*description.sample_default};
      description.sample_lines = {*description.sample_default};
    } else if (option_.sample_default) {
      const T& sample = *option_.sample_default->value();
      description.sample_default = Type::Print(sample, option_.type);
      description.sample_value = Type::ToNative(sample);
      description.sample_lines = Lines(sample);
    }
    if (option_.min) {
      description.min = ValueType<Item>::Print(*option_.min);
      description.min_value = TypeOf<Item>::ToNative(*option_.min);
    }
    if (option_.max) {
      description.max = ValueType<Item>::Print(*option_.max);
      description.max_value = TypeOf<Item>::ToNative(*option_.max);
    }
    Choices<Item> choices = option_.choices;
    if constexpr (requires { ValueType<Item>::AllChoices(); }) {
      if (!choices.given()) choices = ValueType<Item>::AllChoices();
    }
    for (const Choice<Item>& choice : choices) {
      description.choices.push_back(
          {ValueType<Item>::Print(choice.value), choice.description});
      description.choice_values.push_back(
          {TypeOf<Item>::ToNative(choice.value), choice.description});
    }
  }

  std::vector<std::string> Lines(const T& value) const {
    if constexpr (kIsMulti<T>) {
      std::vector<std::string> lines;
      for (const auto& item : value) {
        lines.push_back(Type::Element::Print(item, option_.type.item));
      }
      return lines;
    } else {
      return {Type::Print(value, option_.type)};
    }
  }

  Option<T> option_;  // Without its default value.
};

}  // namespace internal

// An option of any type. Immutable, cheap to copy.
class AnyOption {
 public:
  template <typename T>
  AnyOption(Option<T> option)  // NOLINT: lists mix options of many types
      : AnyOption(new internal::TypedOption<T>(std::move(option))) {}

  AnyOption(const AnyOption& other) : AnyOption(other.erased_) {}
  AnyOption(AnyOption&& other) noexcept
      : erased_(std::exchange(other.erased_, nullptr)) {}
  AnyOption& operator=(AnyOption other) noexcept {
    std::swap(erased_, other.erased_);
    return *this;
  }
  ~AnyOption() {
    if (erased_) erased_->Release();
  }

  // Made by the first call, and then kept: for documentation and tools.
  const OptionDescription& description() const {
    return erased_->description();
  }

  // The option's name with `_` for `-`.
  const std::string& name() const { return erased_->name(); }

  // Whether `text` is a value of this option; InvalidArgument says why not,
  // without the text if the option is secret.
  absl::Status CheckText(absl::string_view text) const {
    return erased_->Parse({text}, erased_->secret()).status();
  }

  // Same type, and every field is equal.
  friend bool operator==(const AnyOption& a, const AnyOption& b) {
    return a.erased_->Equals(*b.erased_);
  }

  // For this library only.
  const internal::ErasedOption& erased() const { return *erased_; }

 private:
  explicit AnyOption(const internal::ErasedOption* erased) : erased_(erased) {
    if (erased_) erased_->Hold();
  }

  const internal::ErasedOption* erased_;  // Null only after a move.
};

// The options of one section; `kDefaultGroup` is the unnamed one.
struct OptionGroup {
  std::string name;
  std::string help;
  std::vector<AnyOption> options;
};

// What a module's `ListOpts()` returns.
using OptionList = std::vector<OptionGroup>;

}  // namespace bergen::config

#endif  // CONFIG_OPTION_H_
