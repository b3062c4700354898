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
// Source: oslo_config.cfg.Opt. Differences: an option has no flag of its own on
// the command line, and equality covers every field.

#ifndef CONFIG_OPTION_H_
#define CONFIG_OPTION_H_

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "config/handle.h"
#include "config/value.h"

namespace bergen::config {

// The group of options that have none; its section is `[DEFAULT]`.
inline constexpr absl::string_view kDefaultGroup = "DEFAULT";

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

  friend bool operator==(const DeprecatedName&,
                         const DeprecatedName&) = default;
};

// The option will go away. Both members may be empty.
struct Removal {
  std::string reason;
  std::string since;

  friend bool operator==(const Removal&, const Removal&) = default;
};

// `T` is any type with a `ValueType<T>`: std::string, int64_t, double, bool,
// Port and vectors of these.
template <typename T>
struct Option {
  using Item = typename ValueType<T>::Item;

  // Letters, digits and `_`; `-` means `_`.
  std::string name;
  // Without one the option is unset until a source gives a value.
  std::optional<T> default_value;
  std::string help;
  // Inclusive; only for numbers. For a list: of each item.
  std::optional<Item> min;
  std::optional<Item> max;
  // If there are any, the only values allowed. For a list: of each item.
  std::vector<Choice<Item>> choices;
  // Shown in samples instead of a default that differs between machines.
  std::optional<std::string> sample_default;
  // A load fails unless the option has a value.
  bool required = false;
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

// What an option says about itself, as text: for documentation, schemas and
// messages. A secret's default is masked.
struct OptionDescription {
  std::string name;  // With `_` for `-`.
  std::string type_name;
  std::string help;
  std::optional<std::string> default_text;
  std::optional<std::string> min;
  std::optional<std::string> max;
  std::vector<Choice<std::string>> choices;
  std::optional<std::string> sample_default;
  bool required = false;
  bool secret = false;
  bool is_mutable = false;
  bool advanced = false;
  bool literal = false;
  std::vector<DeprecatedName> deprecated_names;
  std::optional<Removal> removal;
};

// Stands for a secret value wherever it would be printed.
inline constexpr absl::string_view kMask = "****";

namespace internal {

// Turns text with references into text without.
using ExpandText =
    absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view)>;

// An option whose type is known only to the derived class.
class ErasedOption {
 public:
  virtual ~ErasedOption() = default;

  virtual const std::type_info& type() const = 0;
  virtual bool Equals(const ErasedOption& other) const = 0;
  // Whether the fields fit together.
  virtual absl::Status CheckDefinition() const = 0;
  virtual AnyValue Default() const = 0;
  // Null for "unset". `hide` keeps the text out of the error.
  virtual absl::StatusOr<AnyValue> Parse(absl::string_view text,
                                         bool hide) const = 0;
  // `value` is not null here and below.
  virtual absl::Status Check(const AnyValue& value, bool hide) const = 0;
  virtual std::string Print(const AnyValue& value) const = 0;
  virtual bool ValuesEqual(const AnyValue& a, const AnyValue& b) const = 0;
  // Expands the text in a value that code gave: strings, items of lists.
  virtual absl::StatusOr<AnyValue> Expand(const AnyValue& value,
                                          ExpandText expand) const = 0;

  const OptionDescription& description() const { return description_; }

 protected:
  OptionDescription description_;
};

template <typename T>
class TypedOption final : public ErasedOption {
 public:
  using Type = ValueType<T>;
  using Item = typename Type::Item;

  explicit TypedOption(Option<T> option) : option_(std::move(option)) {
    option_.name = absl::StrReplaceAll(option_.name, {{"-", "_"}});
    for (DeprecatedName& old : option_.deprecated_names) {
      old.name = absl::StrReplaceAll(old.name, {{"-", "_"}});
    }
    if constexpr (std::is_same_v<Item, Port>) {
      if (!option_.min) option_.min = Port{0};
      if (!option_.max) option_.max = Port{65535};
    }
    Describe();
  }

  const std::type_info& type() const override { return typeid(T); }

  bool Equals(const ErasedOption& other) const override {
    return type() == other.type() &&
           option_ == static_cast<const TypedOption&>(other).option_;
  }

  absl::Status CheckDefinition() const override {
    if (!Type::kIsNumber && (option_.min || option_.max)) {
      return absl::InvalidArgumentError("only a number may have bounds");
    }
    if (option_.min && option_.max && *option_.max < *option_.min) {
      return absl::InvalidArgumentError("its maximum is below its minimum");
    }
    for (const Choice<Item>& choice : option_.choices) {
      const absl::Status status = CheckBounds(choice.value, option_.secret);
      if (!status.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("a choice ", status.message()));
      }
    }
    const AnyValue value = Default();
    // A default with references has its final form only later.
    if (!value || HasReference(value.As<T>())) {
      return absl::OkStatus();
    }
    absl::Status status = Check(value, option_.secret);
    if (status.ok()) return status;
    return absl::InvalidArgumentError(
        absl::StrCat("its default ", status.message()));
  }

  AnyValue Default() const override {
    if (!option_.default_value) return nullptr;
    return AnyValue::Of<T>(*option_.default_value);
  }

  absl::StatusOr<AnyValue> Parse(absl::string_view text,
                                 bool hide) const override {
    if constexpr (Type::kEmptyIsUnset) {
      if (absl::StripAsciiWhitespace(text).empty()) return AnyValue();
    }
    absl::StatusOr<T> parsed = Type::Parse(text);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          hide ? std::string(parsed.status().message())
               : absl::StrCat(parsed.status().message(), ": \"", text, "\""));
    }
    AnyValue value = AnyValue::Of<T>(*std::move(parsed));
    absl::Status status = Check(value, hide);
    if (!status.ok()) return status;
    return value;
  }

  absl::Status Check(const AnyValue& value, bool hide) const override {
    const T& typed = value.As<T>();
    if constexpr (std::is_same_v<T, Item>) {
      return CheckItem(typed, hide);
    } else {
      for (const Item& item : typed) {
        absl::Status status = CheckItem(item, hide);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    }
  }

  std::string Print(const AnyValue& value) const override {
    return Type::Print(value.As<T>());
  }

  bool ValuesEqual(const AnyValue& a, const AnyValue& b) const override {
    return a.As<T>() == b.As<T>();
  }

  absl::StatusOr<AnyValue> Expand(const AnyValue& value,
                                  ExpandText expand) const override {
    const T& typed = value.As<T>();
    if (!HasReference(typed)) return value;
    if constexpr (std::is_same_v<T, std::string>) {
      absl::StatusOr<std::string> text = expand(typed);
      if (!text.ok()) return text.status();
      return AnyValue::Of<T>(*std::move(text));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      T items;
      for (const std::string& item : typed) {
        absl::StatusOr<std::string> text = expand(item);
        if (!text.ok()) return text.status();
        items.push_back(*std::move(text));
      }
      return AnyValue::Of<T>(std::move(items));
    } else {
      return value;
    }
  }

 private:
  bool HasReference(const T& value) const {
    if (option_.literal) return false;
    if constexpr (std::is_same_v<T, std::string>) {
      return value.find('$') != std::string::npos;
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      for (const std::string& item : value) {
        if (item.find('$') != std::string::npos) return true;
      }
    }
    return false;
  }

  absl::Status CheckItem(const Item& item, bool hide) const {
    if (option_.choices.empty()) return CheckBounds(item, hide);
    std::string allowed;
    for (const Choice<Item>& choice : option_.choices) {
      if (choice.value == item) return absl::OkStatus();
      absl::StrAppend(&allowed, allowed.empty() ? "" : ", ",
                      ValueType<Item>::Print(choice.value));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("must be one of ", allowed, Got(item, hide)));
  }

  absl::Status CheckBounds(const Item& item, bool hide) const {
    if constexpr (std::is_floating_point_v<Item>) {
      if (std::isnan(item) && (option_.min || option_.max)) {
        return absl::InvalidArgumentError("must be a number, got nan");
      }
    }
    if (option_.min && item < *option_.min) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be at least ",
                       ValueType<Item>::Print(*option_.min), Got(item, hide)));
    }
    if (option_.max && *option_.max < item) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be at most ", ValueType<Item>::Print(*option_.max),
                       Got(item, hide)));
    }
    return absl::OkStatus();
  }

  static std::string Got(const Item& item, bool hide) {
    if (hide) return "";
    const char* quote = std::is_same_v<Item, std::string> ? "\"" : "";
    return absl::StrCat(", got ", quote, ValueType<Item>::Print(item), quote);
  }

  void Describe() {
    description_ = {.name = option_.name,
                    .type_name = std::string(Type::kName),
                    .help = option_.help,
                    .sample_default = option_.sample_default,
                    .required = option_.required,
                    .secret = option_.secret,
                    .is_mutable = option_.is_mutable,
                    .advanced = option_.advanced,
                    .literal = option_.literal,
                    .deprecated_names = option_.deprecated_names,
                    .removal = option_.removal};
    if (option_.default_value) {
      description_.default_text = option_.secret
                                      ? std::string(kMask)
                                      : Type::Print(*option_.default_value);
    }
    if (option_.min) description_.min = ValueType<Item>::Print(*option_.min);
    if (option_.max) description_.max = ValueType<Item>::Print(*option_.max);
    for (const Choice<Item>& choice : option_.choices) {
      description_.choices.push_back(
          {ValueType<Item>::Print(choice.value), choice.description});
    }
  }

  Option<T> option_;
};

}  // namespace internal

// An option of any type. Immutable, cheap to copy.
class AnyOption {
 public:
  template <typename T>
  AnyOption(Option<T> option)  // NOLINT: lists mix options of many types
      : erased_(std::make_shared<const internal::TypedOption<T>>(
            std::move(option))) {}

  const OptionDescription& description() const {
    return erased_->description();
  }

  // Whether `text` is a value of this option; InvalidArgument says why not,
  // without the text if the option is secret.
  absl::Status CheckText(absl::string_view text) const {
    return erased_->Parse(text, description().secret).status();
  }

  // Same type, and every field is equal.
  friend bool operator==(const AnyOption& a, const AnyOption& b) {
    return a.erased_->Equals(*b.erased_);
  }

  // For this library only.
  const internal::ErasedOption& erased() const { return *erased_; }

 private:
  std::shared_ptr<const internal::ErasedOption> erased_;
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
