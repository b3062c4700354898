// SPDX-License-Identifier: Apache-2.0

#include "config/ini.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bergen::config {
namespace {

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

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Takes off one pair of quotes around `value`, if there are no others inside.
absl::string_view Unquoted(absl::string_view value) {
  if (value.size() < 2 || value.front() != value.back()) return value;
  if (value.front() != '"' && value.front() != '\'') return value;
  const absl::string_view inside = value.substr(1, value.size() - 2);
  return inside.find(value.front()) == inside.npos ? inside : value;
}

// One file, line by line.
class Parser {
 public:
  explicit Parser(absl::string_view file) : file_(file) {}

  void Feed(absl::string_view line) {
    ++line_;
    line = absl::StripTrailingAsciiWhitespace(line);
    if (!IsUtf8(line)) {
      Fail("not UTF-8");
    } else if (line.empty() || line[0] == '#' || line[0] == ';') {
      in_value_ = false;
    } else if (line[0] == ' ' || line[0] == '\t') {
      Continue(absl::StripLeadingAsciiWhitespace(line));
    } else if (line[0] == '[') {
      BeginSection(line);
    } else {
      Assign(line);
    }
  }

  absl::StatusOr<std::vector<IniAssignment>> Finish() {
    if (errors_.empty()) return std::move(assignments_);
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  void Fail(absl::string_view what) {
    in_value_ = false;
    errors_.push_back(absl::StrCat(file_, ":", line_, ": ", what));
  }

  void Continue(absl::string_view line) {
    if (!in_value_) {
      return Fail("a line that begins with a blank must follow an assignment");
    }
    absl::StrAppend(&assignments_.back().value, "\n", line);
  }

  void BeginSection(absl::string_view line) {
    in_value_ = false;
    if (line.size() < 3 || line.back() != ']') {
      return Fail("a section is written [name]");
    }
    section_ = std::string(line.substr(1, line.size() - 2));
  }

  void Assign(absl::string_view line) {
    const size_t separator = line.find_first_of("=:");
    if (separator == line.npos) {
      return Fail("neither key = value nor [section]");
    }
    const absl::string_view key =
        absl::StripAsciiWhitespace(line.substr(0, separator));
    if (key.empty()) return Fail("there is no key before the separator");
    if (section_.empty()) {
      return Fail(absl::StrCat(key, ": stands before the first [section]"));
    }
    assignments_.push_back(
        {.section = section_,
         .key = std::string(key),
         .value = std::string(
             Unquoted(absl::StripAsciiWhitespace(line.substr(separator + 1)))),
         .line = line_});
    in_value_ = true;
  }

  const absl::string_view file_;
  int line_ = 0;
  std::string section_;    // Empty before the first.
  bool in_value_ = false;  // The last assignment may be continued.
  std::vector<IniAssignment> assignments_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::StatusOr<std::vector<IniAssignment>> ParseIni(absl::string_view text,
                                                    absl::string_view file) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  Parser parser(file);
  for (absl::string_view line : absl::StrSplit(text, '\n')) parser.Feed(line);
  return parser.Finish();
}

}  // namespace bergen::config
