// SPDX-License-Identifier: Apache-2.0

#include "config/ini.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/numeric/bits.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "config/blanks.h"
#include "config/option.h"

namespace bergen::config {
namespace {

// Of a line that is quoted in a message.
constexpr size_t kLongestQuote = 60;

// Length of the UTF-8 sequence at the start of `text`; 0 if it is none.
size_t SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return 1;
  size_t length = 0;
  uint32_t code = 0;
  uint32_t smallest = 0;
  if ((byte(0) & 0xe0) == 0xc0) {
    length = 2, code = byte(0) & 0x1f, smallest = 0x80;
  } else if ((byte(0) & 0xf0) == 0xe0) {
    length = 3, code = byte(0) & 0x0f, smallest = 0x800;
  } else if ((byte(0) & 0xf8) == 0xf0) {
    length = 4, code = byte(0) & 0x07, smallest = 0x10000;
  }
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return code < smallest || code > 0x10ffff || surrogate ? 0 : length;
}

// Skips bytes that are ASCII, eight at a time.
void SkipAscii(absl::string_view& text) {
  uint64_t word = 0;
  while (text.size() >= sizeof(word)) {
    std::memcpy(&word, text.data(), sizeof(word));
    if ((word & 0x8080808080808080) != 0) return;
    text.remove_prefix(sizeof(word));
  }
}

bool IsUtf8(absl::string_view text) {
  while (true) {
    SkipAscii(text);
    if (text.empty()) return true;
    const size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
}

bool IsAscii(absl::string_view text) {
  SkipAscii(text);
  return text.size() < sizeof(uint64_t) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

// Judged by the first of them.
size_t ExpectedLines(absl::string_view text) {
  constexpr size_t kSample = 8192;
  const absl::string_view sample = text.substr(0, kSample);
  const size_t lines = std::count(sample.begin(), sample.end(), '\n') + 1;
  if (sample.size() == text.size()) return lines;
  return lines * (text.size() / kSample + 1);
}

// Takes off one pair of quotes around `value`, if there are no others inside.
absl::string_view Unquoted(absl::string_view value) {
  if (value.size() < 2 || value.front() != value.back()) return value;
  if (value.front() != '"' && value.front() != '\'') return value;
  const absl::string_view inside = value.substr(1, value.size() - 2);
  return inside.find(value.front()) == inside.npos ? inside : value;
}

// The lowest bit of the result is in the first byte of `word` that is `byte`;
// what is above that bit means nothing.
uint64_t FindByte(uint64_t word, char byte) {
  constexpr uint64_t kEach = 0x0101010101010101u;
  const uint64_t zero_there = word ^ (kEach * static_cast<uint8_t>(byte));
  return (zero_there - kEach) & ~zero_there & (kEach * 0x80);
}

size_t FindSeparator(absl::string_view line) {
  size_t i = 0;
  for (uint64_t word = 0; i + sizeof(word) <= line.size(); i += sizeof(word)) {
    std::memcpy(&word, line.data() + i, sizeof(word));
    const uint64_t found = FindByte(word, '=') | FindByte(word, ':');
    if (found != 0) return i + absl::countr_zero(found) / 8;
  }
  for (; i < line.size(); ++i) {
    if (line[i] == '=' || line[i] == ':') return i;
  }
  return line.npos;
}

// Whether `text` looks like the name of an option rather than like a value.
bool IsName(absl::string_view text) {
  return !text.empty() && absl::ascii_isalpha(text[0]) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
         });
}

std::string Quote(absl::string_view text) {
  size_t length = std::min(text.size(), kLongestQuote);
  // Not in the middle of a character.
  while (length < text.size() && (text[length] & 0xc0) == 0x80) --length;
  return absl::StrCat(": \"", absl::Utf8SafeCHexEscape(text.substr(0, length)),
                      length == text.size() ? "" : "...", "\"");
}

// The end of a message about `line`: the line without what may be a value, or
// nothing if all of it may be one.
std::string QuoteName(absl::string_view line) {
  const absl::string_view start = StripBlanksAtStart(line);
  const absl::string_view indent = line.substr(0, line.size() - start.size());
  const size_t separator = FindSeparator(start);
  if (separator != start.npos) {
    const absl::string_view key = start.substr(0, separator);
    if (!key.empty() && !IsName(StripBlanksAtEnd(key))) return "";
    return Quote(
        absl::StrCat(indent, start.substr(0, separator + 1), " ", kMask));
  }
  const absl::string_view word = start.substr(0, start.find_first_of(" \t"));
  if (word.size() == start.size() || !IsName(word)) return "";
  return Quote(absl::StrCat(indent, word, " ", kMask));
}

// One file, line by line.
class Parser {
 public:
  // The text is kept by `document`.
  Parser(absl::string_view text, Document& document)
      : text_(text),
        has_returns_(text.find('\r') != text.npos),
        is_ascii_(IsAscii(text)),
        document_(&document) {}

  absl::Status Run() {
    document_->Reserve(ExpectedLines(text_));
    while (!text_.empty()) Feed(NextLine());
    EndValue();
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  // A line ends in a newline, a carriage return, or both.
  absl::string_view NextLine() {
    size_t end = std::min(text_.find('\n'), text_.size());
    size_t next = end + 1;
    if (has_returns_) {
      const size_t carriage_return = text_.substr(0, end).find('\r');
      if (carriage_return != text_.npos && carriage_return + 1 < end) {
        end = carriage_return;
        next = end + 1;
      }
    }
    const absl::string_view line = text_.substr(0, end);
    text_.remove_prefix(std::min(next, text_.size()));
    return line;
  }

  void Feed(absl::string_view line) {
    ++line_;
    if (!is_ascii_ && !IsUtf8(line)) {
      EndValue();
      return Fail("not UTF-8", "");
    }
    line = StripBlanksAtEnd(line);
    if (line.empty()) return EndValue();
    if (line[0] == ' ' || line[0] == '\t') return Continue(line);
    // Otherwise the line may be a part of the value, without its blank.
    const bool may_quote = !in_value_;
    EndValue();
    if (line[0] == '#' || line[0] == ';') return;
    if (line[0] == '[') return BeginSection(line, may_quote);
    Assign(line, may_quote);
  }

  void Fail(absl::string_view reason, absl::string_view quote) {
    errors_.push_back(
        absl::StrCat(document_->where(), ":", line_, ": ", reason, quote));
  }

  void Continue(absl::string_view line) {
    if (!in_value_) {
      return Fail("a line that begins with a blank must follow an assignment",
                  has_value_ ? "" : QuoteName(line));
    }
    if (!is_joined_) {
      joined_ = std::string(value_.text);
      is_joined_ = true;
    }
    absl::StrAppend(&joined_, "\n", StripBlanksAtStart(line));
  }

  void BeginSection(absl::string_view line, bool may_quote) {
    const bool good = line.size() >= 3 && line.back() == ']';
    if (!good) {
      Fail("a section is written [name]", may_quote ? Quote(line) : "");
    }
    has_value_ = false;
    value_.group = good ? line.substr(1, line.size() - 2) : line;
  }

  void Assign(absl::string_view line, bool may_quote) {
    const size_t separator = FindSeparator(line);
    if (separator == line.npos) {
      return Fail("neither key = value nor [section]",
                  may_quote ? QuoteName(line) : "");
    }
    const absl::string_view key = StripBlanks(line.substr(0, separator));
    if (key.empty()) {
      return Fail("there is no key before the separator", QuoteName(line));
    }
    if (value_.group.empty()) {
      Fail("an assignment before the first [section]", QuoteName(line));
    }
    value_.name = key;
    value_.text = Unquoted(StripBlanksAtStart(line.substr(separator + 1)));
    value_.line = line_;
    in_value_ = has_value_ = true;
  }

  void EndValue() {
    if (!in_value_) return;
    in_value_ = false;
    if (is_joined_) {
      is_joined_ = false;
      value_.text = document_->Keep(std::move(joined_));
    }
    document_->Add(value_);
  }

  absl::string_view text_;  // What is left.
  const bool has_returns_;
  const bool is_ascii_;
  Document* const document_;
  int line_ = 0;
  // The group is the current section, empty before the first; the rest is of
  // the current assignment.
  RawValue value_;
  bool has_value_ = false;  // There is an assignment in this section.
  bool in_value_ = false;   // The assignment may be continued.
  bool is_joined_ = false;  // It has been: its text is `joined_`.
  std::string joined_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::StatusOr<Document> ParseIni(std::string text, std::string file) {
  Document document(std::move(file));
  absl::string_view kept = document.Keep(std::move(text));
  absl::ConsumePrefix(&kept, "\xef\xbb\xbf");
  absl::Status status = Parser(kept, document).Run();
  if (!status.ok()) return status;
  return document;
}

}  // namespace bergen::config
