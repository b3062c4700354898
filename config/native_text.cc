// SPDX-License-Identifier: Apache-2.0

#include "config/native_text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "config/regex.h"
#include "nlohmann/json.hpp"

namespace bergen::config {
namespace {

// PyYAML's `best_width`.
constexpr size_t kWidth = 80;
// Longer keys get a line of their own.
constexpr size_t kMaxSimpleKey = 128;
constexpr char32_t kReplacement = 0xfffd;
constexpr int kIndent = 2;

NativeValue::Dict Sorted(NativeValue::Dict dict) {
  // The order of UTF-8's bytes is that of the code points.
  std::sort(dict.begin(), dict.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return dict;
}

std::string JsonString(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true,
                                   nlohmann::json::error_handler_t::replace);
}

std::string JsonFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return ValueType<double>::Print(value);
}

std::string YamlFloat(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
  std::string text = ValueType<double>::Print(value);
  const size_t exponent = text.find('e');
  if (exponent != text.npos && !absl::StrContains(text, '.')) {
    text.insert(exponent, ".0");
  }
  return text;
}

// Code points of UTF-8; what is not UTF-8 becomes `kReplacement`.
std::u32string Decode(const std::string& text) {
  std::u32string decoded;
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int more = first < 0x80                     ? 0
                     : first >= 0xc2 && first <= 0xdf ? 1
                     : first >= 0xe0 && first <= 0xef ? 2
                     : first >= 0xf0 && first <= 0xf4 ? 3
                                                      : -1;
    char32_t point = more <= 0 ? first : first & (0x3f >> more);
    bool good = more >= 0;
    for (int k = 1; good && k <= more; ++k) {
      const size_t at = i + static_cast<size_t>(k);
      good = at < text.size() &&
             (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
      if (good) {
        point = (point << 6) | (static_cast<unsigned char>(text[at]) & 0x3f);
      }
    }
    decoded += good ? point : kReplacement;
    i += good ? static_cast<size_t>(more) + 1 : 1;
  }
  return decoded;
}

bool IsBreak(char32_t c) {
  return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool IsWhitespace(char32_t c) {
  return c == 0 || c == ' ' || c == '\t' || c == '\r' || IsBreak(c);
}

bool IsOneOf(char32_t c, absl::string_view characters) {
  return c < 0x80 &&
         characters.find(static_cast<char>(c)) != absl::string_view::npos;
}

// Whether YAML 1.1 would read the text as something else than text.
class Resolver {
 public:
  bool IsText(const std::string& text) const {
    return !other_.Search(text, /*ignore_case=*/false);
  }

 private:
  const Regex other_ = std::string(
      "\\A(?:"
      "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|"
      "OFF|"
      "[-+]?[0-9][0-9_]*\\.[0-9_]*(?:[eE][-+][0-9]+)?|"
      "\\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|"
      "[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\\.[0-9_]*|"
      "[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)|"
      "[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|"
      "[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+|"
      "<<|=|!|&|\\*|~|null|Null|NULL|"
      "[0-9]{4}-[0-9]{2}-[0-9]{2}|"
      "[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \\t]+)[0-9][0-9]?"
      ":[0-9]{2}:[0-9]{2}(?:\\.[0-9]*)?"
      "(?:[ \\t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?"
      "|)\\z");
};

// Source: yaml.emitter.Emitter.analyze_scalar.
struct Analysis {
  bool multiline = false;
  bool plain = true;
  bool single_quoted = true;
};

Analysis Analyze(const std::u32string& text) {
  if (text.empty()) return {};
  const std::u32string_view start = std::u32string_view(text).substr(0, 3);
  bool indicators = start == U"---" || start == U"...";
  bool special = false;
  bool breaks = false;
  bool space_then_break = false;
  bool break_then_space = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool ends = i + 1 == text.size() || IsWhitespace(text[i + 1]);
    if (i == 0) {
      indicators |=
          IsOneOf(c, "#,[]{}&*!|>'\"%@`") || (IsOneOf(c, "?:-") && ends);
    } else {
      indicators |=
          (c == ':' && ends) || (c == '#' && IsWhitespace(text[i - 1]));
    }
    breaks |= IsBreak(c);
    special |= c != '\n' && (c < 0x20 || c > 0x7e);
    break_then_space |= i > 0 && c == ' ' && IsBreak(text[i - 1]);
    space_then_break |= i > 0 && IsBreak(c) && text[i - 1] == ' ';
  }
  const auto blank = [](char32_t c) { return c == ' ' || IsBreak(c); };
  return {.multiline = breaks,
          .plain = !indicators && !special && !breaks && !blank(text.front()) &&
                   !blank(text.back()),
          .single_quoted = !special && !break_then_space && !space_then_break};
}

// Source: yaml.emitter.Emitter, for documents in block style.
class YamlWriter {
 public:
  std::string Write(const NativeValue& value) {
    Value(value, /*indent=*/0, /*in_dict=*/false);
    if (text_.empty() || text_.back() != '\n') Break();
    return std::move(text_);
  }

 private:
  // Writes what stands behind `- ` or `key:` of a collection at `indent`, or
  // the document.
  void Value(const NativeValue& value, int indent, bool in_dict) {
    const auto* const list = std::get_if<NativeValue::List>(&value.value);
    const auto* const dict = std::get_if<NativeValue::Dict>(&value.value);
    const char* const blank = in_dict ? " " : "";
    if (list && list->empty()) return Put(absl::StrCat(blank, "[]"));
    if (dict && dict->empty()) return Put(absl::StrCat(blank, "{}"));
    if (list) {
      for (const NativeValue& item : *list) {
        LineAt(indent);
        Put("- ");
        const bool is_dict =
            std::holds_alternative<NativeValue::Dict>(item.value);
        const bool is_list =
            std::holds_alternative<NativeValue::List>(item.value);
        Value(item, is_dict || is_list ? indent + kIndent : indent, false);
      }
      return;
    }
    if (dict) return Pairs(Sorted(*dict), indent);
    Put(blank);
    Scalar(value, indent + kIndent);
  }

  void Pairs(const NativeValue::Dict& dict, int indent) {
    for (const auto& [key, value] : dict) {
      LineAt(indent);
      const std::u32string decoded = Decode(key);
      const bool simple = !key.empty() && decoded.size() < kMaxSimpleKey &&
                          !Analyze(decoded).multiline;
      if (!simple) Put("? ");
      Text(key, indent + kIndent, simple);
      if (!simple) LineAt(indent);
      Put(":");
      const bool is_list =
          std::holds_alternative<NativeValue::List>(value.value);
      const bool is_dict =
          std::holds_alternative<NativeValue::Dict>(value.value);
      if (!simple && (is_list || is_dict)) {
        Put(" ");
        Value(value, indent + kIndent, /*in_dict=*/false);
        continue;
      }
      // A list in a dict is not indented, another dict is.
      Value(value, is_dict ? indent + kIndent : indent, /*in_dict=*/true);
    }
  }

  void Scalar(const NativeValue& value, int indent) {
    if (const auto* const text = std::get_if<std::string>(&value.value)) {
      Text(*text, indent, /*is_key=*/false);
    } else if (const auto* const flag = std::get_if<bool>(&value.value)) {
      Put(*flag ? "true" : "false");
    } else if (const auto* const whole = std::get_if<int64_t>(&value.value)) {
      Put(absl::StrCat(*whole));
    } else if (const auto* const real = std::get_if<double>(&value.value)) {
      Put(YamlFloat(*real));
    } else {
      Put("null");
    }
  }

  void Text(const std::string& text, int indent, bool is_key) {
    const std::u32string decoded = Decode(text);
    const Analysis analysis = Analyze(decoded);
    const bool awkward_key = is_key && (text.empty() || analysis.multiline);
    if (analysis.plain && !awkward_key && resolver_.IsText(text)) {
      Plain(decoded, indent, !is_key);
    } else if (analysis.single_quoted && !(is_key && analysis.multiline)) {
      SingleQuoted(decoded, indent, !is_key);
    } else {
      DoubleQuoted(decoded, indent, !is_key);
    }
  }

  void Plain(const std::u32string& text, int indent, bool fold) {
    for (size_t i = 0; i < text.size(); ++i) {
      size_t end = i;
      while (end < text.size() && text[end] == ' ') ++end;
      if (end == i) {
        Put(text[i]);
        continue;
      }
      if (end == i + 1 && column_ > kWidth && fold) {
        NewLine(indent);
      } else {
        for (; i < end; ++i) Put(' ');
      }
      i = end - 1;
    }
  }

  void SingleQuoted(const std::u32string& text, int indent, bool fold) {
    Put("'");
    for (size_t i = 0; i < text.size();) {
      size_t end = i;
      if (text[i] == ' ') {
        while (end < text.size() && text[end] == ' ') ++end;
        if (end == i + 1 && column_ > kWidth && fold && i != 0 &&
            end != text.size()) {
          NewLine(indent);
        } else {
          for (size_t k = i; k < end; ++k) Put(' ');
        }
      } else if (IsBreak(text[i])) {
        while (end < text.size() && IsBreak(text[end])) ++end;
        if (text[i] == '\n') Break();
        for (size_t k = i; k < end; ++k) Break();
        NewLine(indent);
      } else {
        end = i + 1;
        if (text[i] == '\'') Put("'");
        Put(text[i]);
      }
      i = end;
    }
    Put("'");
  }

  void DoubleQuoted(const std::u32string& text, int indent, bool fold) {
    Put("\"");
    size_t start = 0;
    const auto put_until = [&](size_t end) {
      for (; start < end; ++start) Put(text[start]);
    };
    for (size_t end = 0; end <= text.size(); ++end) {
      const bool at_end = end == text.size();
      const char32_t c = at_end ? 0 : text[end];
      const bool escape =
          at_end || c == '"' || c == '\\' || c < 0x20 || c > 0x7e;
      if (escape) {
        put_until(end);
        if (!at_end) {
          Put(Escaped(c));
          start = end + 1;
        }
      }
      if (0 < end && end + 1 < text.size() && (c == ' ' || start >= end) &&
          column_ + end - start > kWidth && fold) {
        put_until(end);
        Put("\\");
        NewLine(indent);
        if (text[start] == ' ') Put("\\");
      }
    }
    Put("\"");
  }

  static std::string Escaped(char32_t c) {
    constexpr absl::string_view kCharacters("\0\a\b\t\n\v\f\r\x1b\"\\", 11);
    constexpr absl::string_view kNames = "0abtnvfre\"\\";
    if (c < 0x80) {
      const size_t at = kCharacters.find(static_cast<char>(c));
      if (at != kCharacters.npos)
        return absl::StrCat("\\", kNames.substr(at, 1));
    }
    if (c == 0x85) return "\\N";
    if (c == 0xa0) return "\\_";
    if (c == 0x2028) return "\\L";
    if (c == 0x2029) return "\\P";
    const auto code = static_cast<uint32_t>(c);
    if (c <= 0xff) return absl::StrFormat("\\x%02X", code);
    if (c <= 0xffff) return absl::StrFormat("\\u%04X", code);
    return absl::StrFormat("\\U%08X", code);
  }

  void Put(absl::string_view ascii) {
    absl::StrAppend(&text_, ascii);
    column_ += ascii.size();
  }
  // Everything beyond ASCII is escaped.
  void Put(char32_t c) {
    text_ += static_cast<char>(c);
    ++column_;
  }
  void Break() {
    text_ += '\n';
    column_ = 0;
  }
  void NewLine(int indent) {
    if (column_ > 0) Break();
    Put(std::string(static_cast<size_t>(indent), ' '));
  }
  // Begins an element of a collection; the first may follow a `- ` or `: `.
  void LineAt(int indent) {
    const bool inline_start = column_ == static_cast<size_t>(indent) &&
                              (column_ == 0 || absl::EndsWith(text_, "- ") ||
                               absl::EndsWith(text_, ": "));
    if (!inline_start) NewLine(indent);
  }

  const Resolver resolver_;
  std::string text_;
  size_t column_ = 0;
};

}  // namespace

std::string WriteJson(const NativeValue& value) {
  if (const auto* const text = std::get_if<std::string>(&value.value)) {
    return JsonString(*text);
  }
  if (const auto* const flag = std::get_if<bool>(&value.value)) {
    return *flag ? "true" : "false";
  }
  if (const auto* const whole = std::get_if<int64_t>(&value.value)) {
    return absl::StrCat(*whole);
  }
  if (const auto* const real = std::get_if<double>(&value.value)) {
    return JsonFloat(*real);
  }
  std::string text;
  if (const auto* const list = std::get_if<NativeValue::List>(&value.value)) {
    for (const NativeValue& item : *list) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", WriteJson(item));
    }
    return absl::StrCat("[", text, "]");
  }
  if (const auto* const dict = std::get_if<NativeValue::Dict>(&value.value)) {
    for (const auto& [key, item] : Sorted(*dict)) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", JsonString(key), ": ",
                      WriteJson(item));
    }
    return absl::StrCat("{", text, "}");
  }
  return "null";
}

std::string WriteYaml(const NativeValue& value) {
  return YamlWriter().Write(value);
}

}  // namespace bergen::config
