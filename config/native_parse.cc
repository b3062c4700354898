// SPDX-License-Identifier: Apache-2.0

#include "config/native_parse.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "yaml-cpp/anchor.h"
#include "yaml-cpp/emitterstyle.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace bergen::config {
namespace {

using Json = nlohmann::json;

absl::Status Error(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

absl::Status TooLarge(absl::string_view number) {
  return Error(absl::StrCat("the number ", number, " is too large"));
}

// Builds a value from what a parser finds.
class Builder {
 public:
  // A value that consists of `values`, of which one is counted here.
  absl::Status Add(NativeValue value, size_t values = 1) {
    absl::Status status = Enter();
    if (status.ok()) Put(std::move(value), values);
    return status;
  }

  // Counts values that are not added.
  absl::Status Spend(size_t values) {
    values_ += values;
    if (values_ <= kMaxNativeValues) return absl::OkStatus();
    return Error(absl::StrCat("more than ", kMaxNativeValues, " values"));
  }

  // An empty list or dict, to which everything up to `Close` belongs.
  absl::Status Open(NativeValue value) {
    absl::Status status = Enter();
    if (status.ok()) open_.push_back({.value = std::move(value)});
    return status;
  }

  void Close() {
    NativeValue value = std::move(open_.back().value);
    const size_t values = open_.back().values;
    open_.pop_back();
    Put(std::move(value), values);
  }

  // Of the next value; only inside a dict.
  absl::Status Key(const std::string& key) {
    Frame& frame = open_.back();
    if (!frame.keys.insert(key).second) {
      return Error(absl::StrCat("the key ", key, " is repeated"));
    }
    frame.key = key;
    return absl::OkStatus();
  }

  bool WantsKey() const {
    return !open_.empty() && !open_.back().key &&
           std::holds_alternative<NativeValue::Dict>(open_.back().value.value);
  }

  size_t depth() const { return open_.size(); }

  // The last value that was complete, and how many values it consists of.
  const NativeValue& last() const {
    if (open_.empty()) return root_;
    const NativeValue& value = open_.back().value;
    if (const auto* list = std::get_if<NativeValue::List>(&value.value)) {
      return list->back();
    }
    return std::get<NativeValue::Dict>(value.value).back().second;
  }
  size_t last_values() const { return last_values_; }

  NativeValue Take() && { return std::move(root_); }

 private:
  struct Frame {
    NativeValue value;  // A list or a dict.
    std::optional<std::string> key;
    std::set<std::string> keys;
    size_t values = 1;
  };

  absl::Status Enter() {
    if (open_.size() > kMaxNativeDepth) {
      return Error(absl::StrCat("nested more than ", kMaxNativeDepth, " deep"));
    }
    return Spend(1);
  }

  void Put(NativeValue value, size_t values) {
    last_values_ = values;
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = open_.back();
    frame.values += values;
    if (auto* list = std::get_if<NativeValue::List>(&frame.value.value)) {
      list->push_back(std::move(value));
    } else {
      std::get<NativeValue::Dict>(frame.value.value)
          .emplace_back(*std::move(frame.key), std::move(value));
      frame.key.reset();
    }
  }

  NativeValue root_;
  std::vector<Frame> open_;
  size_t values_ = 0;
  size_t last_values_ = 0;
};

// --- JSON ---

class JsonReader : public nlohmann::json_sax<Json> {
 public:
  absl::StatusOr<NativeValue> Take(bool good) && {
    if (!status_.ok()) return status_;
    if (!good) return Error("not JSON");
    return std::move(builder_).Take();
  }

  bool null() override { return Note(builder_.Add({})); }
  bool boolean(bool value) override { return Note(builder_.Add({value})); }
  bool number_integer(int64_t value) override {
    return Note(builder_.Add({value}));
  }
  bool number_unsigned(uint64_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Note(TooLarge(absl::StrCat(value)));
    }
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_float(double value, const std::string& text) override {
    // The parser's own answer to an integer that does not fit.
    if (text.find_first_of(".eE") == text.npos) return Note(TooLarge(text));
    return Note(builder_.Add({value}));
  }
  bool string(std::string& text) override {
    return Note(builder_.Add({std::move(text)}));
  }
  bool binary(Json::binary_t&) override { return Note(Error("not JSON")); }
  bool start_object(size_t) override {
    return Note(builder_.Open({NativeValue::Dict{}}));
  }
  bool start_array(size_t) override {
    return Note(builder_.Open({NativeValue::List{}}));
  }
  bool end_object() override { return end_array(); }
  bool end_array() override {
    builder_.Close();
    return true;
  }
  bool key(std::string& key) override { return Note(builder_.Key(key)); }
  bool parse_error(size_t, const std::string&,
                   const Json::exception& error) override {
    return Note(Error(error.what()));
  }

 private:
  // Whether to go on.
  bool Note(const absl::Status& status) {
    status_.Update(status);
    return status.ok();
  }

  Builder builder_;
  absl::Status status_;
};

absl::StatusOr<NativeValue> ParseJson(absl::string_view text) {
  JsonReader reader;
  const bool good = Json::sax_parse(text.begin(), text.end(), &reader);
  return std::move(reader).Take(good);
}

// --- YAML ---

bool IsInteger(absl::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    text.remove_prefix(1);
  }
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

bool IsFloat(absl::string_view text) {
  // absl::SimpleAtod takes `nan`, `inf` and hexadecimal digits, which are text.
  return text.find_first_not_of("0123456789.eE+-") == text.npos &&
         text.find_first_of("0123456789") != text.npos;
}

// What a scalar without quotes is.
absl::StatusOr<NativeValue> PlainScalar(const std::string& text) {
  if (text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return NativeValue();
  }
  if (text == "true" || text == "True" || text == "TRUE") {
    return NativeValue{true};
  }
  if (text == "false" || text == "False" || text == "FALSE") {
    return NativeValue{false};
  }
  if (IsInteger(text)) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) return TooLarge(text);
    return NativeValue{number};
  }
  double number = 0;
  if (IsFloat(text) && absl::SimpleAtod(text, &number)) {
    return NativeValue{number};
  }
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == ".nan") return NativeValue{std::nan("")};
  if (lower == ".inf" || lower == "+.inf") return NativeValue{HUGE_VAL};
  if (lower == "-.inf") return NativeValue{-HUGE_VAL};
  return NativeValue{text};
}

// Errors are thrown, because nothing else ends the parser.
class YamlReader : public YAML::EventHandler {
 public:
  NativeValue Take() && { return std::move(builder_).Take(); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(mark, anchor, {});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& text) override {
    if (builder_.WantsKey()) {
      Check(mark, builder_.Key(text));
      return;
    }
    // Of quoted text the tag is `!`.
    absl::StatusOr<NativeValue> value = NativeValue{text};
    if (tag == "?") value = PlainScalar(text);
    Check(mark, value.status());
    Add(mark, anchor, *std::move(value));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    CheckNoKey(mark);
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      throw YAML::ParserException(mark, "an alias of what it is part of");
    }
    const Anchored& anchored = it->second;
    if (builder_.depth() + Depth(anchored.value) > kMaxNativeDepth + 1) {
      throw YAML::ParserException(
          mark, absl::StrCat("nested more than ", kMaxNativeDepth, " deep"));
    }
    Check(mark, builder_.Spend(anchored.values - 1));
    Check(mark, builder_.Add(anchored.value, anchored.values));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, anchor, {NativeValue::List{}});
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, anchor, {NativeValue::Dict{}});
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override { Close(); }

 private:
  struct Anchored {
    NativeValue value;
    size_t values;
  };

  static void Check(const YAML::Mark& mark, const absl::Status& status) {
    if (!status.ok()) {
      throw YAML::ParserException(mark, std::string(status.message()));
    }
  }

  void CheckNoKey(const YAML::Mark& mark) const {
    if (builder_.WantsKey()) {
      throw YAML::ParserException(mark, "a key must be text");
    }
  }

  // How many lists and dicts are in each other, and 1.
  static size_t Depth(const NativeValue& value) {
    size_t depth = 0;
    if (const auto* list = std::get_if<NativeValue::List>(&value.value)) {
      for (const NativeValue& item : *list) {
        depth = std::max(depth, Depth(item));
      }
    } else if (const auto* dict =
                   std::get_if<NativeValue::Dict>(&value.value)) {
      for (const auto& entry : *dict) {
        depth = std::max(depth, Depth(entry.second));
      }
    }
    return depth + 1;
  }

  void Add(const YAML::Mark& mark, YAML::anchor_t anchor, NativeValue value) {
    CheckNoKey(mark);
    Check(mark, builder_.Add(std::move(value)));
    Remember(mark, anchor);
  }

  void Open(const YAML::Mark& mark, YAML::anchor_t anchor, NativeValue value) {
    CheckNoKey(mark);
    Check(mark, builder_.Open(std::move(value)));
    open_.emplace_back(mark, anchor);
  }

  void Close() {
    builder_.Close();
    const auto [mark, anchor] = open_.back();
    open_.pop_back();
    Remember(mark, anchor);
  }

  // Of what is complete now.
  void Remember(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) return;
    Check(mark, builder_.Spend(builder_.last_values()));
    anchors_[anchor] = {builder_.last(), builder_.last_values()};
  }

  Builder builder_;
  std::vector<std::pair<YAML::Mark, YAML::anchor_t>> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
};

absl::StatusOr<NativeValue> ParseYaml(absl::string_view text) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    YamlReader reader;
    parser.HandleNextDocument(reader);
    YamlReader second;
    if (parser.HandleNextDocument(second)) {
      return Error("more than one document");
    }
    return std::move(reader).Take();
  } catch (const YAML::Exception& error) {
    return Error(absl::StrCat("line ", error.mark.line + 1, ": ", error.msg));
  }
}

}  // namespace

absl::StatusOr<NativeValue> ParseNative(absl::string_view text) {
  const absl::string_view begin = absl::StripLeadingAsciiWhitespace(text);
  const bool is_json =
      !begin.empty() && (begin.front() == '{' || begin.front() == '[');
  return is_json ? ParseJson(text) : ParseYaml(text);
}

}  // namespace bergen::config
