// SPDX-License-Identifier: Apache-2.0
//
// Which bytes may stand where in HTTP.
//
//   if (!ConsistsOf<IsTokenCharacter>(name)) return ...;

#ifndef WSGI_CHARACTERS_H_
#define WSGI_CHARACTERS_H_

#include <array>

#include "absl/strings/string_view.h"

namespace bergen::wsgi {

namespace internal {

// Letters, digits and `others`.
constexpr std::array<bool, 256> CharacterTable(const char* others) {
  std::array<bool, 256> table = {};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = true;
  for (; *others != '\0'; ++others) {
    table[static_cast<unsigned char>(*others)] = true;
  }
  return table;
}

inline constexpr std::array<bool, 256> kToken =
    CharacterTable("!#$%&'*+-.^_`|~");
inline constexpr std::array<bool, 256> kHost =
    CharacterTable("-._~%!$&'()*+,;=:");

}  // namespace internal

// Of methods and names of headers. Source: RFC 9110, 5.6.2.
inline bool IsTokenCharacter(char c) {
  return internal::kToken[static_cast<unsigned char>(c)];
}

// Of a host, the brackets of an address apart, and its port. Source:
// RFC 3986, 3.2.2.
inline bool IsHostCharacter(char c) {
  return internal::kHost[static_cast<unsigned char>(c)];
}

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Of values of headers: all but control characters, tabs excepted.
// Source: RFC 9110, 5.5.
inline bool IsValueCharacter(char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

// True also if `text` is empty.
template <bool (*kIsAllowed)(char)>
bool ConsistsOf(absl::string_view text) {
  for (const char c : text) {
    if (!kIsAllowed(c)) return false;
  }
  return true;
}

}  // namespace bergen::wsgi

#endif  // WSGI_CHARACTERS_H_
