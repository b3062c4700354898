// SPDX-License-Identifier: Apache-2.0

#include "wsgi/paste_ini.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bergen::wsgi {
namespace {

constexpr absl::string_view kDefaultSection = "DEFAULT";

// Of the character that begins with `lead`; 0 if none does.
size_t SizeOfCharacter(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

bool IsTail(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The size of the character at the beginning of `text`, 0 if it is malformed.
size_t CharacterSize(absl::string_view text) {
  const auto at = [text](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const size_t size = SizeOfCharacter(at(0));
  if (size == 0 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (!IsTail(text[i])) return 0;
  }
  // Longer than need be, half a pair, or beyond the last.
  if (at(0) == 0xe0 && at(1) < 0xa0) return 0;
  if (at(0) == 0xed && at(1) >= 0xa0) return 0;
  if (at(0) == 0xf0 && at(1) < 0x90) return 0;
  if (at(0) == 0xf4 && at(1) >= 0x90) return 0;
  return size;
}

// What Python calls white space. `character` is one, well-formed.
bool IsSpace(absl::string_view character) {
  if (character.size() == 1) {
    const char c = character[0];
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
  }
  if (character.size() == 2) {
    return character == "\u0085" || character == "\u00a0";
  }
  return character == "\u1680" || character == "\u2028" ||
         character == "\u2029" || character == "\u202f" ||
         character == "\u205f" || character == "\u3000" ||
         (character >= "\u2000" && character <= "\u200a" &&
          character.size() == 3);
}

// The size of the space that `text` ends with, 0 if it ends otherwise.
size_t TrailingSpace(absl::string_view text) {
  size_t begin = text.size();
  while (begin > 0) {
    --begin;
    if (!IsTail(text[begin])) break;
  }
  const absl::string_view last = text.substr(begin);
  return !last.empty() && IsSpace(last) ? last.size() : 0;
}

absl::string_view StripTrailing(absl::string_view text) {
  while (const size_t size = TrailingSpace(text)) text.remove_suffix(size);
  return text;
}

// Returns how many characters it takes off.
size_t StripLeading(absl::string_view& text) {
  size_t count = 0;
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    if (!IsSpace(text.substr(0, size))) break;
    text.remove_prefix(size);
    ++count;
  }
  return count;
}

absl::string_view Strip(absl::string_view text) {
  StripLeading(text);
  return StripTrailing(text);
}

// Takes the first line off, without its end.
absl::string_view TakeLine(absl::string_view& text) {
  const size_t end = text.find_first_of("\r\n");
  const absl::string_view line = text.substr(0, end);
  text.remove_prefix(line.size());
  if (!absl::ConsumePrefix(&text, "\r\n") && !text.empty()) {
    text.remove_prefix(1);
  }
  return line;
}

class Parser {
 public:
  explicit Parser(absl::string_view file) {
    ini_.file = std::string(file);
    ini_.defaults.name = std::string(kDefaultSection);
  }

  absl::StatusOr<PasteIni> Parse(absl::string_view text) {
    absl::ConsumePrefix(&text, "\ufeff");
    while (!text.empty()) {
      ++line_;
      if (!TakeOne(TakeLine(text))) break;
    }
    if (!errors_.empty()) {
      return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
    }
    for (PasteSection& section : ini_.sections) EndValues(section);
    EndValues(ini_.defaults);
    return std::move(ini_);
  }

 private:
  static constexpr size_t kNone = std::numeric_limits<size_t>::max();

  // False if what follows makes no sense.
  bool TakeOne(absl::string_view line) {
    for (size_t at = 0; at < line.size();) {
      const size_t size = CharacterSize(line.substr(at));
      if (size == 0) {
        Error("not UTF-8");
        return false;
      }
      at += size;
    }
    const size_t indent = StripLeading(line);
    line = StripTrailing(line);
    if (absl::StartsWith(line, "#") || absl::StartsWith(line, ";")) return true;
    if (line.empty()) {
      if (option_ != kNone) Continue("");
      return true;
    }
    if (option_ != kNone && indent > indent_) {
      Continue(line);
      return true;
    }
    indent_ = indent;
    // At least one character in the brackets; what follows them is ignored.
    const size_t close = line.rfind(']');
    if (line[0] == '[' && close != line.npos && close > 1) {
      return BeginSection(line.substr(1, close - 1));
    }
    if (section_ == kNone && !in_defaults_) {
      Error("an option before the first [section]");
      return false;
    }
    return BeginOption(line);
  }

  bool BeginSection(absl::string_view name) {
    option_ = kNone;
    in_defaults_ = name == kDefaultSection;
    if (in_defaults_) return true;
    section_ = ini_.sections.size();
    const auto [known, is_new] = section_lines_.emplace(name, line_);
    if (!is_new) {
      Error(
          absl::StrCat("section [", name, "] is also on line ", known->second));
      return false;
    }
    ini_.sections.push_back({std::string(name), line_, {}});
    return true;
  }

  bool BeginOption(absl::string_view line) {
    const size_t separator = line.find_first_of("=:");
    if (separator == line.npos) {
      Error(absl::StrCat("neither [section] nor name = value: \"",
                         absl::Utf8SafeCEscape(line), "\""));
      return true;
    }
    const std::string name(StripTrailing(line.substr(0, separator)));
    if (name.empty()) {
      Error("no name before the value");
      return true;
    }
    PasteSection& section = Section();
    const auto [known, is_new] =
        option_lines_.emplace(std::make_pair(section.name, name), line_);
    if (!is_new) {
      Error(absl::StrCat("option \"", name, "\" of section [", section.name,
                         "] is also on line ", known->second));
      return false;
    }
    option_ = section.options.size();
    section.options.push_back(
        {name, std::string(Strip(line.substr(separator + 1))), line_});
    return true;
  }

  void Continue(absl::string_view line) {
    absl::StrAppend(&Section().options[option_].text, "\n", line);
  }

  static void EndValues(PasteSection& section) {
    for (PasteOption& option : section.options) {
      option.text.resize(StripTrailing(option.text).size());
    }
  }

  PasteSection& Section() {
    return in_defaults_ ? ini_.defaults : ini_.sections[section_];
  }

  void Error(absl::string_view what) {
    errors_.push_back(absl::StrCat(ini_.file, ":", line_, ": ", what));
  }

  PasteIni ini_;
  int line_ = 0;
  size_t section_ = kNone;
  bool in_defaults_ = false;
  size_t option_ = kNone;  // That a line may continue.
  size_t indent_ = 0;      // Of its line, in characters.
  absl::flat_hash_map<std::string, int> section_lines_;
  absl::flat_hash_map<std::pair<std::string, std::string>, int> option_lines_;
  std::vector<std::string> errors_;
};

class Interpolator {
 public:
  Interpolator(const PasteSection& section, const PasteSection& defaults)
      : section_(&section), defaults_(&defaults) {}

  absl::Status Append(absl::string_view text, int depth) {
    if (depth > kMaxInterpolationDepth) {
      return absl::InvalidArgumentError(
          absl::StrCat("values refer to values more than ",
                       kMaxInterpolationDepth, " deep"));
    }
    while (!text.empty()) {
      const size_t percent = std::min(text.find('%'), text.size());
      if (absl::Status added = AppendText(text.substr(0, percent));
          !added.ok()) {
        return added;
      }
      text.remove_prefix(percent);
      if (text.empty()) break;
      if (absl::ConsumePrefix(&text, "%%")) {
        if (absl::Status added = AppendText("%"); !added.ok()) return added;
        continue;
      }
      const size_t close = text.find(')');
      if (!absl::StartsWith(text, "%(") || close == text.npos || close == 2 ||
          text.substr(close + 1, 1) != "s") {
        return absl::InvalidArgumentError(absl::StrCat(
            "neither %% nor %(name)s: \"", absl::Utf8SafeCEscape(text), "\""));
      }
      const absl::string_view name = text.substr(2, close - 2);
      text.remove_prefix(close + 2);
      if (absl::Status added = AppendValue(name, depth); !added.ok()) {
        return added;
      }
    }
    return absl::OkStatus();
  }

  std::string Take() { return std::move(out_); }

 private:
  absl::Status AppendValue(absl::string_view name, int depth) {
    if (++count_ > kMaxInterpolations) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kMaxInterpolations, " references"));
    }
    const PasteOption* option = section_->Find(name);
    if (option == nullptr) option = defaults_->Find(name);
    if (option == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "%(", absl::Utf8SafeCEscape(name), ")s: no such option in section [",
          section_->name, "] or [", defaults_->name, "]"));
    }
    if (!absl::StrContains(option->text, '%')) return AppendText(option->text);
    return Append(option->text, depth + 1);
  }

  absl::Status AppendText(absl::string_view text) {
    if (text.size() > kMaxInterpolatedSize - out_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("longer than ", kMaxInterpolatedSize, " bytes"));
    }
    out_.append(text.data(), text.size());
    return absl::OkStatus();
  }

  const PasteSection* section_;
  const PasteSection* defaults_;
  int count_ = 0;
  std::string out_;
};

}  // namespace

const PasteOption* PasteSection::Find(absl::string_view name) const {
  const auto found =
      std::find_if(options.begin(), options.end(),
                   [name](const PasteOption& o) { return o.name == name; });
  return found == options.end() ? nullptr : &*found;
}

PasteOption* PasteSection::Find(absl::string_view name) {
  return const_cast<PasteOption*>(std::as_const(*this).Find(name));
}

absl::StatusOr<PasteIni> ParsePasteIni(absl::string_view text,
                                       absl::string_view file) {
  return Parser(file).Parse(text);
}

absl::StatusOr<std::string> Interpolate(const PasteSection& section,
                                        const PasteSection& defaults,
                                        const PasteOption& option) {
  Interpolator interpolator(section, defaults);
  if (absl::Status added = interpolator.Append(option.text, 1); !added.ok()) {
    return added;
  }
  return interpolator.Take();
}

}  // namespace bergen::wsgi
