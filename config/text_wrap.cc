// SPDX-License-Identifier: Apache-2.0

#include "config/text_wrap.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "absl/strings/ascii.h"

namespace bergen::config {
namespace {

constexpr size_t kTabWidth = 8;

bool IsBlank(char c) {
  return absl::ascii_isspace(static_cast<unsigned char>(c));
}
bool IsLetter(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool IsWordCharacter(char c) {
  return IsLetter(c) || absl::ascii_isdigit(static_cast<unsigned char>(c));
}
// What may stand before a dash.
bool IsWordOrPunctuation(char c) {
  return IsWordCharacter(c) ||
         absl::string_view("!\"'&.,?").find(c) != absl::string_view::npos;
}

// A piece of text that is not broken.
struct Chunk {
  std::string text;
  size_t width = 0;  // In characters, of which UTF-8 may take several bytes.
};

// Splits a text where lines may be broken.
class Splitter {
 public:
  explicit Splitter(absl::string_view text) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\t') {
        do {
          Add(" ", ' ');
        } while (text_.size() % kTabWidth != 0);
      } else if ((byte & 0xc0) == 0x80 && !characters_.empty()) {
        characters_.back() += c;
      } else {
        Add(std::string(1, c), byte < 0x80 ? c : 'x');
      }
    }
  }

  std::deque<Chunk> Split() const {
    std::deque<Chunk> chunks;
    for (size_t begin = 0; begin < text_.size();) {
      const size_t end = ChunkEnd(begin);
      Chunk chunk = {.width = end - begin};
      for (size_t i = begin; i < end; ++i) chunk.text += characters_[i];
      chunks.push_back(std::move(chunk));
      begin = end;
    }
    return chunks;
  }

 private:
  void Add(std::string character, char kind) {
    characters_.push_back(std::move(character));
    text_ += kind;
  }
  bool Letter(size_t i) const { return i < text_.size() && IsLetter(text_[i]); }
  bool Hyphen(size_t i) const { return i < text_.size() && text_[i] == '-'; }

  // End of the dash of two or more hyphens at `i` between words; 0 if there is
  // none.
  size_t DashEnd(size_t i) const {
    if (i == 0 || !IsWordOrPunctuation(text_[i - 1])) return 0;
    size_t end = i;
    while (Hyphen(end)) ++end;
    const bool word_follows = end < text_.size() && IsWordCharacter(text_[end]);
    return end - i >= 2 && word_follows ? end : 0;
  }

  // Whether the hyphen at `i` joins two parts of a word that are long enough.
  bool JoinsLetters(size_t i) const {
    const bool before =
        (i >= 2 && Letter(i - 1) && Letter(i - 2)) ||
        (i >= 3 && Letter(i - 1) && Hyphen(i - 2) && Letter(i - 3));
    const bool after =
        Letter(i + 1) && (Letter(i + 2) || (Hyphen(i + 2) && Letter(i + 3)));
    return before && after;
  }

  size_t ChunkEnd(size_t begin) const {
    size_t end = begin;
    while (end < text_.size() && IsBlank(text_[end])) ++end;
    if (end > begin) return end;
    if (const size_t dash_end = DashEnd(begin)) return dash_end;
    for (end = begin + 1; end < text_.size(); ++end) {
      if (Hyphen(end) && JoinsLetters(end)) return end + 1;
      if (IsBlank(text_[end]) || DashEnd(end)) return end;
    }
    return end;
  }

  std::vector<std::string> characters_;
  std::string text_;  // One byte a character; a letter for all beyond ASCII.
};

}  // namespace

std::vector<std::string> WrapText(absl::string_view text,
                                  absl::string_view prefix, int width) {
  std::deque<Chunk> chunks = Splitter(text).Split();
  const size_t room = static_cast<size_t>(std::max(width, 0)) > prefix.size()
                          ? static_cast<size_t>(width) - prefix.size()
                          : 1;
  std::vector<std::string> lines;
  while (!chunks.empty()) {
    if (!lines.empty() && IsBlank(chunks.front().text[0])) chunks.pop_front();
    std::vector<Chunk> line;
    size_t used = 0;
    while (!chunks.empty() && (used + chunks.front().width <= room ||
                               (line.empty() && chunks.front().width > room))) {
      used += chunks.front().width;
      line.push_back(std::move(chunks.front()));
      chunks.pop_front();
    }
    if (!line.empty() && IsBlank(line.back().text[0])) line.pop_back();
    if (line.empty()) continue;
    lines.emplace_back(prefix);
    for (const Chunk& chunk : line) lines.back() += chunk.text;
  }
  return lines;
}

}  // namespace bergen::config
