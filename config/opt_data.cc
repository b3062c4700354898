// SPDX-License-Identifier: Apache-2.0

#include "config/opt_data.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "config/host.h"
#include "config/native_parse.h"
#include "config/option.h"
#include "config/units.h"
#include "config/uri.h"
#include "config/value.h"

namespace bergen::config {
namespace {

using NativeDict = NativeValue::Dict;
using NativeList = NativeValue::List;

// A member of a dict, or null.
const NativeValue& Member(const NativeDict& dict, absl::string_view name) {
  static const NativeValue* const null = new NativeValue();
  for (const auto& [key, value] : dict) {
    if (key == name) return value;
  }
  return *null;
}

absl::Status Wrong(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

// A scalar as it stands in a file; nullopt of null, lists and dicts.
std::optional<std::string> FileText(const NativeValue& value) {
  if (const auto* flag = std::get_if<bool>(&value.value)) {
    return PrintValue(*flag);
  }
  if (const auto* number = std::get_if<int64_t>(&value.value)) {
    return PrintValue(*number);
  }
  if (const auto* number = std::get_if<double>(&value.value)) {
    return PrintValue(*number);
  }
  if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
  return std::nullopt;
}

// Reads members of one option, and remembers the first that is wrong.
class OptionReader {
 public:
  explicit OptionReader(const NativeDict& data) : data_(data) {}

  const absl::Status& status() const { return status_; }

  // Empty if there is none.
  std::string Text(absl::string_view name) { return TextIn(data_, name); }

  bool Flag(absl::string_view name) {
    const NativeValue& value = Member(data_, name);
    if (value.is_null()) return false;
    const auto* flag = std::get_if<bool>(&value.value);
    if (!flag) Fail(name, "must be true or false");
    return flag && *flag;
  }

  // An option of values of type `T`, which are never lists.
  template <typename T>
  Option<T> Read() {
    Option<T> option = ReadCommon<T>();
    ReadLimits(option);
    const NativeValue& value = Member(data_, "default");
    const auto text = FileText(value);
    if (!text && !value.is_null()) Fail("default", "must be one value");
    if (text && !IsMasked(option.secret, *text)) {
      if constexpr (std::is_same_v<T, std::string>) {
        option.default_value = *text;
      } else {
        absl::StatusOr<T> value = ParseValue<T>(*text);
        if (value.ok()) {
          option.default_value = *std::move(value);
        } else {
          option.default_text = *text;
        }
      }
    }
    ReadSample<T>(option);
    return option;
  }

  template <typename T>
  Option<Multi<T>> ReadMulti() {
    Option<Multi<T>> option = ReadCommon<Multi<T>>();
    ReadLimits(option);
    option.default_value = Values<T>("default", option.secret);
    if (auto sample = Values<T>("sample_default", false)) {
      option.sample_default = SampleDefault<Multi<T>>(*std::move(sample));
    }
    return option;
  }

  Option<std::vector<std::string>> ReadList() {
    Option<std::vector<std::string>> option =
        ReadCommon<std::vector<std::string>>();
    option.default_value = Texts("default", option.secret);
    if (const auto texts = Texts("sample_default", false)) {
      option.sample_default = SampleDefault<std::vector<std::string>>(*texts);
    }
    return option;
  }

  // As text, because the separator is not known.
  Option<std::string> ReadDict() {
    Option<std::string> option = ReadCommon<std::string>();
    if (auto text = DictText("default");
        text && !IsMasked(option.secret, *text)) {
      option.default_value = *std::move(text);
    }
    if (auto text = DictText("sample_default")) {
      option.sample_default = SampleDefault<std::string>(*text);
    }
    return option;
  }

 private:
  void Fail(absl::string_view name, absl::string_view what) {
    if (status_.ok()) status_ = Wrong(name, what);
  }

  std::string TextIn(const NativeDict& dict, absl::string_view name) {
    const NativeValue& value = Member(dict, name);
    if (value.is_null()) return "";
    const auto text = FileText(value);
    if (!text) Fail(name, "must be text");
    return text.value_or("");
  }

  static bool IsMasked(bool secret, absl::string_view text) {
    return secret && text == kMask;
  }

  // `k:v,...`, or text that stands for it.
  std::optional<std::string> DictText(absl::string_view name) {
    const NativeValue& value = Member(data_, name);
    const auto* dict = std::get_if<NativeDict>(&value.value);
    if (!dict) {
      auto text = FileText(value);
      if (!text && !value.is_null()) Fail(name, "must be a dict");
      return text;
    }
    Dict<std::string> items;
    for (const auto& [key, item] : *dict) {
      items.emplace(key, FileText(item).value_or(""));
    }
    return PrintValue(items);
  }

  template <typename T>
  std::optional<Multi<T>> Values(absl::string_view name, bool secret) {
    const auto texts = Texts(name, secret);
    if (!texts) return std::nullopt;
    Multi<T> values;
    for (const std::string& text : *texts) {
      absl::StatusOr<T> value = ParseValue<T>(text);
      if (!value.ok()) {
        Fail(name, value.status().message());
        return std::nullopt;
      }
      values.push_back(*std::move(value));
    }
    return values;
  }

  // A list of scalars, or one scalar; nullopt if there is no value.
  std::optional<std::vector<std::string>> Texts(absl::string_view name,
                                                bool secret) {
    const NativeValue& value = Member(data_, name);
    if (value.is_null()) return std::nullopt;
    if (const auto text = FileText(value)) {
      if (IsMasked(secret, *text)) return std::nullopt;
      return std::vector<std::string>{*text};
    }
    const auto* list = std::get_if<NativeList>(&value.value);
    if (!list) {
      Fail(name, "must be a list");
      return std::nullopt;
    }
    std::vector<std::string> texts;
    for (const NativeValue& item : *list) {
      texts.push_back(FileText(item).value_or(""));
    }
    return texts;
  }

  template <typename T>
  Option<T> ReadCommon() {
    Option<T> option;
    // oslo.config's files know an option by its `dest`.
    option.name = Text("name");
    const std::string dest = Text("dest");
    if (!dest.empty() && dest != Dest(option.name)) option.name = dest;
    option.help = Text("help");
    option.metavar = Text("metavar");
    const std::string type_name = Text("type");
    if (type_name != internal::TypedOption<T>(Option<T>()).type_name()) {
      option.type_name = type_name;
    }
    const std::string letter = Text("short");
    if (letter.size() == 1) option.short_name = letter[0];
    option.positional = Flag("positional");
    option.required = Flag("required");
    option.secret = Flag("secret");
    option.is_mutable = Flag("mutable");
    option.advanced = Flag("advanced");
    if (Flag("deprecated_for_removal")) {
      option.removal = Removal{.reason = Text("deprecated_reason"),
                               .since = Text("deprecated_since")};
    }
    ReadOldNames(option.deprecated_names);
    return option;
  }

  void ReadOldNames(std::vector<DeprecatedName>& names) {
    const NativeValue& value = Member(data_, "deprecated_opts");
    if (value.is_null()) return;
    const auto* list = std::get_if<NativeList>(&value.value);
    if (!list) return Fail("deprecated_opts", "must be a list");
    for (const NativeValue& item : *list) {
      const auto* old = std::get_if<NativeDict>(&item.value);
      if (!old) return Fail("deprecated_opts", "must be dicts");
      names.push_back(
          {.name = TextIn(*old, "name"), .group = TextIn(*old, "group")});
    }
  }

  // A value of the innermost type from the data.
  template <typename Item>
  std::optional<Item> ItemOf(const NativeValue& value, absl::string_view name) {
    const auto text = FileText(value);
    absl::StatusOr<Item> item = absl::InvalidArgumentError("must be one value");
    if (text) item = ParseValue<Item>(*text);
    if (item.ok()) return *std::move(item);
    Fail(name, item.status().message());
    return std::nullopt;
  }

  template <typename T>
  void ReadLimits(Option<T>& option) {
    using Item = typename Option<T>::Item;
    if constexpr (internal::TypeOf<T>::HasBounds()) {
      const NativeValue& min = Member(data_, "min");
      const NativeValue& max = Member(data_, "max");
      if (!min.is_null()) option.min = ItemOf<Item>(min, "min");
      if (!max.is_null()) option.max = ItemOf<Item>(max, "max");
    }
    const NativeValue& value = Member(data_, "choices");
    const auto* list = std::get_if<NativeList>(&value.value);
    if (!list && !value.is_null()) return Fail("choices", "must be a list");
    if (!list || list->empty()) return;
    std::vector<Choice<Item>> choices;
    for (const NativeValue& entry : *list) {
      const auto* pair = std::get_if<NativeList>(&entry.value);
      if (!pair || pair->size() != 2) {
        return Fail("choices", "must be pairs of value and description");
      }
      // oslo.config's "unset", which every option may be.
      if ((*pair)[0].is_null()) continue;
      auto choice = ItemOf<Item>((*pair)[0], "choices");
      if (!choice) return;
      choices.push_back(
          {*std::move(choice), FileText((*pair)[1]).value_or("")});
    }
    if (choices.empty()) return;
    option.choices = std::move(choices);
    if constexpr (std::is_same_v<T, std::string>) {
      option.type.ignore_case = true;
    } else if constexpr (std::is_same_v<T, Multi<std::string>>) {
      option.type.item.ignore_case = true;
    }
  }

  template <typename T>
  void ReadSample(Option<T>& option) {
    const NativeValue& value = Member(data_, "sample_default");
    if (const auto text = FileText(value)) {
      option.sample_default = SampleDefault<T>(*text);
    }
  }

  const NativeDict& data_;
  absl::Status status_;
};

// An option of that one of these types that is called `type`.
template <typename... T>
std::optional<AnyOption> ReadKnown(OptionReader& reader,
                                   const std::string& type, bool is_list) {
  std::optional<AnyOption> option;
  const auto try_one = [&]<typename One>(const One*) {
    if (type != ValueType<One>::kName) return false;
    if (is_list) {
      option = reader.ReadMulti<One>();
    } else {
      option = reader.Read<One>();
    }
    return true;
  };
  (try_one(static_cast<const T*>(nullptr)) || ...);
  return option;
}

absl::StatusOr<AnyOption> ReadOption(const NativeDict& data) {
  OptionReader reader(data);
  const std::string type = reader.Text("type");
  const bool is_list =
      std::holds_alternative<NativeList>(Member(data, "default").value);
  const auto read = [&]() -> AnyOption {
    if (type == ValueType<Multi<std::string>>::kName) {
      return reader.ReadMulti<std::string>();
    }
    if (type == "list value") return reader.ReadList();
    if (type == "dict value") return reader.ReadDict();
    if (const auto known =
            ReadKnown<bool, int64_t, double, Port, IpAddress, Hostname,
                      HostAddress, HostDomain, Uri, absl::Duration, ByteSize>(
                reader, type, is_list)) {
      return *known;
    }
    if (is_list) return reader.ReadMulti<std::string>();
    return reader.Read<std::string>();
  };
  AnyOption option = read();
  if (!reader.status().ok()) return reader.status();
  absl::Status status = option.erased().definition_status();
  if (!status.ok()) return status;
  return option;
}

// The group `name` of the module, which is added if it is not there.
OptionGroup& GroupOf(absl::string_view name_space, const std::string& name,
                     const std::string& help,
                     std::vector<ModuleOptions>& modules) {
  ModuleOptions* module = nullptr;
  for (ModuleOptions& other : modules) {
    if (other.name_space == name_space) module = &other;
  }
  if (!module) {
    modules.push_back({.name_space = std::string(name_space)});
    module = &modules.back();
  }
  if (module->groups.empty() || module->groups.back().name != name) {
    module->groups.push_back({.name = name, .help = help});
  }
  return module->groups.back();
}

}  // namespace

absl::StatusOr<std::vector<ModuleOptions>> ParseOptData(
    absl::string_view text) {
  const absl::StatusOr<NativeValue> data = ParseNative(text);
  if (!data.ok()) return data.status();
  const auto* root = std::get_if<NativeDict>(&data->value);
  if (!root) return absl::InvalidArgumentError("must be a dict");
  const auto* groups = std::get_if<NativeDict>(&Member(*root, "options").value);
  if (!groups) return Wrong("options", "must be a dict");

  std::vector<ModuleOptions> modules;
  for (const auto& [name, value] : *groups) {
    const std::string place = absl::StrCat("options.", name);
    const auto* group = std::get_if<NativeDict>(&value.value);
    if (!group) return Wrong(place, "must be a dict");
    const auto* options =
        std::get_if<NativeList>(&Member(*group, "opts").value);
    if (!options) return Wrong(absl::StrCat(place, ".opts"), "must be a list");
    const std::string help = FileText(Member(*group, "help")).value_or("");
    for (size_t i = 0; i < options->size(); ++i) {
      const std::string item = absl::StrCat(place, ".opts[", i, "]");
      const auto* option = std::get_if<NativeDict>(&(*options)[i].value);
      if (!option) return Wrong(item, "must be a dict");
      absl::StatusOr<AnyOption> read = ReadOption(*option);
      if (!read.ok()) return Wrong(item, read.status().message());
      GroupOf(FileText(Member(*option, "namespace")).value_or(""), name, help,
              modules)
          .options.push_back(*std::move(read));
    }
  }
  return modules;
}

}  // namespace bergen::config
