// SPDX-License-Identifier: Apache-2.0

#include "config/schema.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "config/option.h"
#include "config/units.h"
#include "config/value.h"
#include "nlohmann/json.hpp"

namespace bergen::config {
namespace {

using Json = nlohmann::ordered_json;

// Of the file; a reader refuses any other.
constexpr int64_t kVersion = 1;

Json ToJson(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

// Reads members of one object; remembers whether any had the wrong type.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {
    good_ = object.is_object();
  }

  std::optional<std::string> OptionalText(const char* key) {
    const Json* const member = Find(key);
    if (!member || member->is_null()) return std::nullopt;
    if (!member->is_string()) return Fail(), std::nullopt;
    return member->get<std::string>();
  }
  std::string Text(const char* key) {
    const std::optional<std::string> text = OptionalText(key);
    if (!text) Fail();
    return text.value_or("");
  }
  bool Flag(const char* key) {
    const Json* const member = Find(key);
    if (!member || !member->is_boolean()) return Fail(), false;
    return member->get<bool>();
  }
  // The elements of an array.
  std::vector<Json> Array(const char* key) {
    const Json* const member = Find(key);
    if (!member || !member->is_array()) return Fail(), std::vector<Json>();
    return {member->begin(), member->end()};
  }

  // The elements of an array of text that may be missing.
  std::vector<std::string> OptionalTexts(const char* key) {
    std::vector<std::string> texts;
    if (!Find(key)) return texts;
    for (const Json& text : Array(key)) {
      if (!text.is_string()) return Fail(), texts;
      texts.push_back(text);
    }
    return texts;
  }

  void Fail() { good_ = false; }
  bool good() const { return good_; }

 private:
  const Json* Find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }

  const Json& object_;
  bool good_;
};

// Whether `a` is less than `b` as quantities of type `T`, if both are.
template <typename T>
std::optional<bool> LessAs(const std::string& a, const std::string& b) {
  const absl::StatusOr<T> value_a = ParseValue<T>(a);
  const absl::StatusOr<T> value_b = ParseValue<T>(b);
  if (!value_a.ok() || !value_b.ok()) return std::nullopt;
  return *value_a < *value_b;
}

// Whether `a` is less than `b`; both are what an option printed.
bool Less(const std::string& a, const std::string& b) {
  int64_t whole_a = 0;
  int64_t whole_b = 0;
  if (absl::SimpleAtoi(a, &whole_a) && absl::SimpleAtoi(b, &whole_b)) {
    return whole_a < whole_b;
  }
  double number_a = 0;
  double number_b = 0;
  if (absl::SimpleAtod(a, &number_a) && absl::SimpleAtod(b, &number_b)) {
    return number_a < number_b;
  }
  return LessAs<absl::Duration>(a, b).value_or(
      LessAs<ByteSize>(a, b).value_or(false));
}

// A rule as the types write it: "each item: at most 64 characters".
struct Rule {
  absl::string_view part;   // "each item: ", perhaps several of them.
  absl::string_view start;  // Up to the number or the list.
  absl::string_view end;    // After the number.
  int64_t number = 0;
  std::vector<absl::string_view> list;
};

constexpr absl::string_view kAtMost = "at most ";
constexpr absl::string_view kAtLeast = "at least ";
constexpr absl::string_view kOneOf = "its scheme is one of ";

Rule SplitRule(absl::string_view text) {
  Rule rule;
  absl::string_view rest = text;
  while (absl::ConsumePrefix(&rest, "each item: ") ||
         absl::ConsumePrefix(&rest, "each value: ")) {
  }
  rule.part = text.substr(0, text.size() - rest.size());
  for (const absl::string_view start : {kAtMost, kAtLeast}) {
    if (!absl::StartsWith(rest, start)) continue;
    rule.start = start;
    rest.remove_prefix(start.size());
    const absl::string_view number = rest.substr(0, rest.find(' '));
    rule.end = rest.substr(number.size());
    if (absl::SimpleAtoi(number, &rule.number)) return rule;
  }
  if (absl::StartsWith(rest, kOneOf)) {
    rule.start = kOneOf;
    rule.list = absl::StrSplit(rest.substr(kOneOf.size()), ", ");
    return rule;
  }
  rule.start = rest;
  return rule;
}

// Whether a value that `before` allows is allowed by `after` too.
bool IsLooser(absl::string_view before, absl::string_view after) {
  const Rule was = SplitRule(before);
  const Rule is = SplitRule(after);
  if (was.part != is.part || was.start != is.start || was.end != is.end) {
    return false;
  }
  if (is.start == kAtMost) return was.number <= is.number;
  if (is.start == kAtLeast) return was.number >= is.number;
  return std::all_of(
      was.list.begin(), was.list.end(), [&](absl::string_view item) {
        return std::find(is.list.begin(), is.list.end(), item) != is.list.end();
      });
}

std::string FormText(const std::vector<std::string>& form) {
  if (form.empty()) return "plain";
  return absl::StrCat("\"", absl::StrJoin(form, "; "), "\"");
}

std::string OrNone(const std::optional<std::string>& text) {
  return text ? absl::StrCat("\"", *text, "\"") : "none";
}

}  // namespace

Schema Schema::Of(const Listing& listing) {
  Schema schema;
  for (const Listing::Group& group : listing.groups()) {
    for (const Listing::Block& block : group.blocks) {
      for (const AnyOption& any : block.options) {
        const OptionDescription& option = any.description();
        Item item = {.type = option.type_name,
                     .sample_default = option.sample_default,
                     .min = option.min,
                     .max = option.max,
                     .choices = {},
                     .rules = option.rules,
                     .form = option.form,
                     .required = option.required,
                     .is_mutable = option.is_mutable,
                     .literal = option.literal};
        // It may differ between machines.
        if (!option.sample_default) item.default_text = option.default_text;
        for (const Choice<std::string>& choice : option.choices) {
          item.choices.push_back(choice.value);
        }
        for (const DeprecatedName& old : option.deprecated_names) {
          const auto [old_group, old_name] =
              old.InFull(group.name, option.name);
          item.deprecated_names.emplace_back(old_group, old_name);
        }
        schema.items_.emplace(Name(group.name, option.name), std::move(item));
      }
    }
  }
  return schema;
}

absl::StatusOr<Schema> Schema::FromJson(absl::string_view text) {
  const Json root = Json::parse(text.begin(), text.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (root.is_discarded()) return absl::InvalidArgumentError("not JSON");
  const auto version = root.is_object() ? root.find("schema") : root.end();
  if (version == root.end() || *version != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("its member \"schema\" must be ", kVersion));
  }
  Reader reader(root);
  Schema schema;
  for (const Json& element : reader.Array("options")) {
    Reader option(element);
    const Name name = {option.Text("group"), option.Text("name")};
    Item item = {.type = option.Text("type"),
                 .default_text = option.OptionalText("default"),
                 .sample_default = option.OptionalText("sample_default"),
                 .min = option.OptionalText("min"),
                 .max = option.OptionalText("max"),
                 .required = option.Flag("required"),
                 .is_mutable = option.Flag("mutable"),
                 .literal = option.Flag("literal")};
    for (const Json& choice : option.Array("choices")) {
      if (!choice.is_string()) option.Fail();
      if (choice.is_string()) item.choices.push_back(choice);
    }
    item.rules = option.OptionalTexts("rules");
    item.form = option.OptionalTexts("form");
    for (const Json& old : option.Array("deprecated_names")) {
      Reader names(old);
      item.deprecated_names.emplace_back(names.Text("group"),
                                         names.Text("name"));
      if (!names.good()) option.Fail();
    }
    if (!option.good()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name.first, ".", name.second,
                       ": a member is missing or has the wrong type"));
    }
    schema.items_.emplace(name, std::move(item));
  }
  if (!reader.good()) {
    return absl::InvalidArgumentError("there is no array \"options\"");
  }
  return schema;
}

std::string Schema::ToJson() const {
  Json options = Json::array();
  for (const auto& [name, item] : items_) {
    Json old_names = Json::array();
    for (const Name& old : item.deprecated_names) {
      old_names.push_back({{"group", old.first}, {"name", old.second}});
    }
    Json option = {{"group", name.first},
                   {"name", name.second},
                   {"type", item.type},
                   {"default", config::ToJson(item.default_text)},
                   {"sample_default", config::ToJson(item.sample_default)},
                   {"min", config::ToJson(item.min)},
                   {"max", config::ToJson(item.max)},
                   {"choices", item.choices},
                   {"required", item.required},
                   {"mutable", item.is_mutable},
                   {"literal", item.literal},
                   {"deprecated_names", std::move(old_names)}};
    // Most options have none.
    if (!item.rules.empty()) option["rules"] = item.rules;
    if (!item.form.empty()) option["form"] = item.form;
    options.push_back(std::move(option));
  }
  const Json root = {{"schema", kVersion}, {"options", std::move(options)}};
  // Text that is not UTF-8 must not throw.
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> Schema::BrokenBy(const Schema& newer) const {
  std::map<Name, const Item*> reachable;
  for (const auto& [name, item] : newer.items_) {
    for (const Name& old : item.deprecated_names) reachable[old] = &item;
  }
  for (const auto& [name, item] : newer.items_) reachable[name] = &item;

  std::vector<std::string> reasons;
  const auto add = [&](const Name& name, absl::string_view reason) {
    reasons.push_back(absl::StrCat(name.first, ".", name.second, ": ", reason));
  };
  for (const auto& [name, item] : items_) {
    const auto found = reachable.find(name);
    if (found == reachable.end()) {
      add(name, "is gone, and no option has it as a deprecated name");
      continue;
    }
    for (const std::string& reason : Differences(item, *found->second)) {
      add(name, reason);
    }
    for (const Name& old : item.deprecated_names) {
      if (!reachable.contains(old)) {
        add(name, absl::StrCat("its deprecated name ", old.first, ".",
                               old.second, " is gone"));
      }
    }
  }
  for (const auto& [name, item] : newer.items_) {
    const bool renamed =
        std::any_of(item.deprecated_names.begin(), item.deprecated_names.end(),
                    [&](const Name& old) { return items_.contains(old); });
    if (!items_.contains(name) && !renamed && item.required &&
        !item.default_text && !item.sample_default) {
      add(name, "is new and required, and has no default");
    }
  }
  return reasons;
}

std::vector<std::string> Schema::Differences(const Item& before,
                                             const Item& after) {
  std::vector<std::string> reasons;
  if (before.type != after.type) {
    reasons.push_back(
        absl::StrCat("its type was ", before.type, ", now it is ", after.type));
    return reasons;  // Nothing else can be compared.
  }
  if (after.min && (!before.min || Less(*before.min, *after.min))) {
    reasons.push_back(absl::StrCat("its minimum was ", OrNone(before.min),
                                   ", now it is ", OrNone(after.min)));
  }
  if (after.max && (!before.max || Less(*after.max, *before.max))) {
    reasons.push_back(absl::StrCat("its maximum was ", OrNone(before.max),
                                   ", now it is ", OrNone(after.max)));
  }
  for (const std::string& rule : after.rules) {
    const bool is_new = std::none_of(
        before.rules.begin(), before.rules.end(),
        [&](const std::string& old) { return IsLooser(old, rule); });
    if (is_new) {
      reasons.push_back(absl::StrCat("it has a new rule: ", rule));
    }
  }
  if (before.form != after.form) {
    reasons.push_back(absl::StrCat("its form was ", FormText(before.form),
                                   ", now it is ", FormText(after.form)));
  }
  if (before.choices.empty() && !after.choices.empty()) {
    reasons.push_back("any value was allowed, now there are choices");
  }
  const std::set<std::string> allowed(after.choices.begin(),
                                      after.choices.end());
  for (const std::string& choice : before.choices) {
    if (!allowed.empty() && !allowed.contains(choice)) {
      reasons.push_back(absl::StrCat("its choice \"", choice, "\" is gone"));
    }
  }
  const bool varies = before.sample_default || after.sample_default;
  if (!varies && before.default_text != after.default_text) {
    reasons.push_back(absl::StrCat("its default was ",
                                   OrNone(before.default_text), ", now it is ",
                                   OrNone(after.default_text)));
  }
  if (!before.required && after.required) {
    reasons.push_back("it was not required, now it is");
  }
  if (before.is_mutable && !after.is_mutable) {
    reasons.push_back("it was mutable, now it is not");
  }
  if (before.literal != after.literal) {
    reasons.push_back("the meaning of $ in its value has changed");
  }
  return reasons;
}

}  // namespace bergen::config
